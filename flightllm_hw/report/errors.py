# SPDX-License-Identifier: Apache-2.0
"""What a report refuses."""

__all__ = ["ReportError"]


class ReportError(Exception):
    """What cannot be reported on; a sentence."""
