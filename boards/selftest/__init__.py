# SPDX-License-Identifier: Apache-2.0
"""A first design for a card: it blinks, and says which of the card's clocks run and how fast."""

from .top import SelfTest

__all__ = ["SelfTest"]
