# SPDX-License-Identifier: Apache-2.0
"""Why a program was stopped: the codes that hardware, golden machine and host have in common.

A report has four parts: the ``Error``, a unit's own ``Detail`` of it, the number of the instruction
at fault, and a byte address where memory is at fault.
"""

from enum import IntEnum

from flightllm_hw.isa.encoding import Reason
from flightllm_hw.isa.table import Unit

__all__ = ["FETCH", "UNIT", "Detail", "Error"]

FETCH, UNIT = 16, 24
"""Errors from here on are the details of a fetch, and errors of units."""


class Detail(IntEnum):
    """What a unit, or a memory port, has against it. Memory's responses are 4 + their AXI code.

    ``MISALIGNED``: an address is no multiple of the beat. ``OUTSIDE``: something is not wholly in
    its window. ``TRUNCATED``: a tape ended before its matrix did. ``OPERATION``: the unit cannot
    carry the instruction out, whatever memory holds.
    """

    NONE = 0
    MISALIGNED = 1
    OUTSIDE = 2
    TRUNCATED = 3
    OPERATION = 4
    EXOKAY = 5
    SLVERR = 6
    DECERR = 7


class Error(IntEnum):
    """Why a program was stopped.

    ``KIND`` to ``PATCH``: it is no instruction (:class:`~flightllm_hw.isa.encoding.Reason`).
    ``LOOPS``: loops are too deep. ``OVERFLOW``: more than 255 tokens from one unit to another.
    ``WATCHDOG``: nothing has moved for too long. ``CANCELLED``: somebody wished so.
    ``MISALIGNED`` to ``DECERR``: it could not be read (16 + :class:`Detail`). ``MEMORY``,
    ``LANES``, ``VECTOR``: that unit's error, which the detail tells (24 +
    :class:`~flightllm_hw.isa.table.Unit`).
    """

    NONE = 0
    KIND = Reason.KIND
    ZERO = Reason.ZERO
    TOKENS = Reason.TOKENS
    VALUE = Reason.VALUE
    PATCH = Reason.PATCH
    LOOPS = 8
    OVERFLOW = 9
    WATCHDOG = 10
    CANCELLED = 11
    MISALIGNED = FETCH + Detail.MISALIGNED
    OUTSIDE = FETCH + Detail.OUTSIDE
    EXOKAY = FETCH + Detail.EXOKAY
    SLVERR = FETCH + Detail.SLVERR
    DECERR = FETCH + Detail.DECERR
    MEMORY = UNIT + Unit.MEMORY
    LANES = UNIT + Unit.LANES
    VECTOR = UNIT + Unit.VECTOR
