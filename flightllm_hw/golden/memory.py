# SPDX-License-Identifier: Apache-2.0
"""A memory image that knows which of its beats were written when, and which bytes are bad."""

import numpy as np
import numpy.typing as npt

from flightllm_hw.isa.errors import Detail

__all__ = ["Image", "UnitError"]

_BURST_BYTES, _BURST_BEATS = 512, 16
"""The largest burst; bursts end at its multiples."""


class UnitError(Exception):
    """What a unit cannot do.

    Parameters
    ----------
    detail : Detail
    address : int
        Byte address from the image's first byte on.
    lane : int or None
        Whose image; None for the host's.
    text : str
        A sentence.
    """

    def __init__(self, detail: Detail, address: int = 0, lane: int | None = None,
                 text: str = "") -> None:
        super().__init__(text)
        self.detail = detail
        self.address = address
        self.lane = lane


class Image:
    """Bytes of memory from address 0 on; as many as the window of the port that sees them.

    Parameters
    ----------
    size : int
        Bytes.
    beat : int
        Bytes of the port's beat; ``size`` is a multiple of it.
    lane : int, optional
        Whose it is; the host's without one.

    Attributes
    ----------
    data : ndarray of uint8, (size,)
    failing : list of (range, Detail)
        Bytes that cannot be had, and what they answer with.
    """

    def __init__(self, size: int, beat: int, lane: int | None = None) -> None:
        self.data = np.zeros(size, np.uint8)
        self.beat = beat
        self.lane = lane
        self.failing: list[tuple[range, Detail]] = []
        self._written = np.zeros(-(-size // beat), np.int64)
        self._writes = 0

    # For whoever fills and reads the image: no errors but his own.

    def write(self, address: int, values: npt.NDArray[np.uint8]) -> None:
        """Write bytes.

        Raises
        ------
        IndexError
            If they reach beyond the image.
        """
        self._check(address, len(values))
        self.data[address:address + len(values)] = values
        self.touch(address, len(values))

    def adopt(self, data: npt.NDArray[np.uint8]) -> None:
        """Take ``data`` for all bytes, and write to it from now on: there is no second copy.

        Raises
        ------
        ValueError
            If these are more or fewer.
        """
        if data.shape != self.data.shape or data.dtype != np.uint8:
            raise ValueError(f"Memory has {len(self.data)} bytes, not {data.nbytes}")
        self.data = data
        self.touch(0, len(data))

    def touch(self, address: int, count: int) -> None:
        """Bytes of ``data`` were written."""
        self._writes += 1
        self._written[address // self.beat:-(-(address + count) // self.beat)] = self._writes

    def read(self, address: int, count: int) -> npt.NDArray[np.uint8]:
        """Bytes; not to be written to.

        Raises
        ------
        IndexError
            If they reach beyond the image.
        """
        self._check(address, count)
        return self.data[address:address + count]

    def version(self, address: int, count: int) -> int:
        """A number that is another one after anything of these bytes was written."""
        return int(self._written[address // self.beat:-(-(address + count) // self.beat)].max())

    def fail(self, addresses: range, response: Detail) -> None:
        """Let bytes answer reads and writes with an error: a beat's or a burst's that holds any."""
        self.failing.append((addresses, response))

    def _check(self, address: int, count: int) -> None:
        if count < 1 or address < 0 or address + count > len(self.data):
            raise IndexError(f"Memory has {len(self.data)} bytes, none at {address} to"
                             f" {address + count - 1}")

    # For the units: faults.

    def inside(self, address: int, count: int) -> bool:
        """Whether all beats of these bytes are in the window."""
        return address + count + (-(address + count) % self.beat) <= len(self.data)

    def load(self, address: int, count: int) -> npt.NDArray[np.uint8]:
        """Bytes that a descriptor reads.

        Raises
        ------
        UnitError
            OUTSIDE at the first byte, or the first bad beat's.
        """
        self.window(address, count)
        bad = self.first_failing(address, count)
        if bad is not None:
            raise self.fault(bad[1], bad[0])
        return self.data[address:address + count]

    def store(self, address: int, values: npt.NDArray[np.uint8]) -> None:
        """Write the bytes of a descriptor.

        Raises
        ------
        UnitError
            OUTSIDE at the first byte, or the first bad burst's.
        """
        self.window(address, len(values))
        self.check_bursts(address, len(values))
        self.data[address:address + len(values)] = values
        self.touch(address, len(values))

    def window(self, address: int, count: int) -> None:
        """Complain of a descriptor that is not wholly in the window."""
        if not self.inside(address, count):
            raise self.fault(Detail.OUTSIDE, address)

    def check_bursts(self, address: int, count: int) -> None:
        """Complain of the first burst of a descriptor's with a bad beat."""
        bad = self.first_failing(address, count)
        if bad is not None:
            burst = min(_BURST_BYTES, _BURST_BEATS * self.beat)
            raise self.fault(bad[1], max(address // self.beat * self.beat,
                                         bad[0] // burst * burst))

    def first_failing(self, address: int, count: int) -> tuple[int, Detail] | None:
        """The first bad beat of these bytes: its address and response."""
        first, beyond = address // self.beat, -(-(address + count) // self.beat)
        found = [(max(first, bad.start // self.beat) * self.beat, response)
                 for bad, response in self.failing
                 if bad.start // self.beat < beyond and -(-bad.stop // self.beat) > first]
        return min(found, default=None)

    def fault(self, detail: Detail, address: int) -> UnitError:
        """The fault of this image."""
        return UnitError(detail, address, self.lane, f"{detail.name} at {address:#x} of"
                     f" {'the host' if self.lane is None else f'lane {self.lane}'}")
