# SPDX-License-Identifier: Apache-2.0
"""How a program ended."""

from dataclasses import dataclass
from enum import IntEnum

from flightllm_hw.isa.errors import Detail, Error

__all__ = ["Stop", "Stopped"]


class Stop(IntEnum):
    """How a program has ended: at its end, with an error, or not yet."""

    END = 0
    ERROR = 1
    LIMIT = 2


@dataclass(frozen=True)
class Stopped:
    """Where and why a program ended: what the hardware reports.

    Parameters
    ----------
    reason : Stop
        ``LIMIT``: as many instructions were taken as were asked for.
    pc : int
        Number of the instruction: the next one for ``LIMIT``, else that which stopped it.
    error : Error
    detail : Detail
    address : int
        Byte address, counted from the first byte of the memory's window. The hardware adds the
        window's base: the host's, or that of ``lane``. Both are zero where memory is not at fault.
    lane : int or None
        Whose memory it is; None: the host's, or none.
    text : str
        A sentence.
    """

    reason: Stop
    pc: int
    error: Error = Error.NONE
    detail: Detail = Detail.NONE
    address: int = 0
    lane: int | None = None
    text: str = ""
