# SPDX-License-Identifier: Apache-2.0
"""What cannot be measured raises: one sentence that a user can act on."""

__all__ = ["BenchError"]


class BenchError(Exception):
    """What was asked for cannot be; a sentence."""
