# SPDX-License-Identifier: Apache-2.0
"""The special function unit as numpy: passes over a vector buffer, bit-exact.

Everything of a pass is read before anything of it is written; programs see to it that this is no
different from the hardware's order (:class:`~flightllm_hw.isa.vector.Wait`). Scalars alone are read
segment after segment, as the hardware waits for them; where no segment reads what an earlier one
has made, all segments are computed at once.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import SfuConfig
from flightllm_hw.formats.arithmetic import bits, from_bits, multiply, one_nan
from flightllm_hw.formats.fp32 import flush_bits
from flightllm_hw.golden.elements import added, apply, factored, quantize, reduce, rotate
from flightllm_hw.isa.vector import Arrange, LastFactor, Output, Reduce, Tap, VectorPass

__all__ = ["Codes", "VectorMachine"]

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Codes:
    """What a pass gave as codes.

    Parameters
    ----------
    codes : ndarray of int8, (segments, elements)
    z, made : ndarray of uint32, (segments,)
        Bits of each segment's z, and of its reduction (those of d without one).
    """

    codes: npt.NDArray[np.int8]
    z: npt.NDArray[np.uint32]
    made: npt.NDArray[np.uint32]


class VectorMachine:
    """A vector buffer, scalars, and what passes do with them.

    Parameters
    ----------
    config : SfuConfig

    Attributes
    ----------
    buffer : ndarray of float32, (rows, width)
    scalars : ndarray of uint32, (scalars,)
        Bits of FP32, or an integer where ``ARGMAX`` has written.
    codes : list of ndarray of int8, (rows, width)
        What passes of :meth:`run` gave as codes, segment after segment.
    out : list of ndarray of float32, (rows, width)
        What they gave as FP32.
    """

    def __init__(self, config: SfuConfig) -> None:
        self.config = config
        self.buffer = np.zeros((config.rows, config.width), np.float32)
        self.scalars = np.zeros(config.scalars, np.uint32)
        self.codes: list[npt.NDArray[np.int8]] = []
        self.out: list[Floats] = []

    def run(self, *passes: VectorPass) -> None:
        """Execute passes, one after the other, and keep what they give."""
        for p in passes:
            given = self.execute(p)
            if given is not None:
                self.codes += [codes.reshape(p.rows, -1) for codes in given.codes]

    def execute(self, p: VectorPass) -> Codes | None:
        """Execute a pass; its codes, if it gives any."""
        segments = np.arange(p.segments)
        a = self.buffer[self._rows(p, p.a, p.a_step)].reshape(p.segments, -1)
        b = self.buffer[self._rows(p, p.b, p.b_step, p.b_still)].reshape(p.segments, -1)
        if p.segments == 1 or p.reduce is Reduce.NONE or not _feeds(
                self.config.scalars, p.segments, (p.d, p.d_step), (p.s, p.s_step),
                (p.z, p.z_step)):
            return self._segments(p, segments, a, b)
        given = [self._segments(p, segments[n:n + 1], a[n:n + 1], b[n:n + 1])
                 for n in range(p.segments)]
        if given[0] is None:
            return None
        some = [codes for codes in given if codes is not None]
        return Codes(*(np.concatenate([getattr(codes, name) for codes in some])
                       for name in ("codes", "z", "made")))

    def _rows(self, p: VectorPass, first: int, step: int, still: bool = False) -> Integers:
        """Segments' rows in the order in which they go, (segments, rows)."""
        return _rows(self.config.rows, p.segments, p.rows, p.arrange, first, step, still)

    def _scalars_at(self, at: int, step: int, segments: Integers) -> Integers:
        return (at + step * segments) % self.config.scalars

    def _segments(self, p: VectorPass, segments: Integers, a: Floats, b: Floats) -> Codes | None:
        """All of these segments at once; operands (segments, elements)."""
        s = from_bits(self.scalars[self._scalars_at(p.s, p.s_step, segments)])[:, None]
        z = from_bits(self.scalars[self._scalars_at(p.z, p.z_step, segments)])[:, None]
        if p.arrange is Arrange.PLAIN:
            x = added(p, factored(p, a, b, s), b, s)
        else:
            x = rotate(1 if p.arrange is Arrange.PAIRS else self.config.width, a, b)
        function = apply(p.function, x)
        last = {LastFactor.B: b, LastFactor.SCALAR: s, LastFactor.ITSELF: function}
        product = (one_nan(from_bits(flush_bits(bits(function)))) if p.last is LastFactor.ONE
                   else multiply(function, last[p.last]))

        limits = p.limit + segments * p.limit_step
        counts = np.arange(a.shape[1]) < limits[:, None]
        if not counts.all():
            function, product = (np.where(counts, x, np.float32(0)) for x in (function, product))
        taps = {Tap.FUNCTION: function, Tap.PRODUCT: product}
        rows = taps[p.output_tap].reshape(len(segments), p.rows, -1)
        if p.output is Output.BUFFER:
            self.buffer[self._rows(p, p.o, p.o_step)[segments]] = rows
        elif p.output is Output.OUT:
            self.out += list(rows)
        at = self._scalars_at(p.d, p.d_step, segments)
        made = self.scalars[at]
        if p.reduce is not Reduce.NONE:
            made = reduce(p, taps[p.reduce_tap], counts, z[:, 0])
            self.scalars[at] = made
        if p.output is not Output.CODES:
            return None
        return Codes(quantize(product, z), z[:, 0].view(np.uint32), made)


@lru_cache(maxsize=4096)
def _rows(size: int, segments: int, rows: int, arrange: Arrange, first: int, step: int,
          still: bool) -> Integers:
    """Rows of a buffer of ``size``; not to be written to."""
    order = np.arange(rows)
    if arrange is Arrange.HALVES:
        order = order.reshape(2, -1).T.ravel()
    if still:
        order[:] = 0
    at: Integers = (first + step * np.arange(segments)[:, None] + order) % size
    return at


@lru_cache(maxsize=4096)
def _feeds(size: int, segments: int, made: tuple[int, int], *read: tuple[int, int]) -> bool:
    """Whether a segment may read a scalar that an earlier one has made; both: first and step."""
    n = np.arange(segments)
    from_made = (made[0] + made[1] * n) % size
    return any(bool(np.triu(from_made[:, None] == (at + step * n) % size, 1).any())
               for at, step in read)
