# SPDX-License-Identifier: Apache-2.0
"""The cards: one file each, and the only place that knows a card's facts."""

from .card import CARDS, Card, MemoryChannels, card

__all__ = ["CARDS", "Card", "MemoryChannels", "card"]
