# SPDX-License-Identifier: Apache-2.0
"""The special function unit as numpy: passes over a vector buffer, bit-exact.

Everything of a pass is read before anything of it is written; programs see to it that this is no
different from the hardware's order (:class:`~flightllm_hw.isa.vector.Wait`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import SfuConfig
from flightllm_hw.formats import functions
from flightllm_hw.formats.arithmetic import add, bits, divide, from_bits, greater, multiply
from flightllm_hw.formats.reduction import tree_sum
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
    VectorPass,
)

__all__ = ["VectorMachine"]

Floats = npt.NDArray[np.float32]

_FUNCTIONS = {
    Function.EXP: functions.exp, Function.SIGMOID: functions.sigmoid,
    Function.SILU: functions.silu, Function.GELU: functions.gelu,
}


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
        What passes gave as codes, segment after segment.
    code_scales : list of (uint32, uint32)
        For each of them the bits of z, and of the segment's reduction (those of d without one).
    out : list of ndarray of float32, (rows, width)
        What passes gave as FP32.
    """

    def __init__(self, config: SfuConfig) -> None:
        self.config = config
        self.buffer = np.zeros((config.rows, config.width), np.float32)
        self.scalars = np.zeros(config.scalars, np.uint32)
        self.codes: list[npt.NDArray[np.int8]] = []
        self.code_scales: list[tuple[np.uint32, np.uint32]] = []
        self.out: list[Floats] = []

    def run(self, *passes: VectorPass) -> None:
        """Execute passes, one after the other."""
        for p in passes:
            operands = [self._operands(p, segment) for segment in range(p.segments)]
            for segment, (a, b) in enumerate(operands):
                self._segment(p, segment, a, b)

    def _rows(self, p: VectorPass, first: int) -> npt.NDArray[np.int64]:
        """A segment's rows in the order in which they go."""
        order = np.arange(p.rows)
        if p.arrange is Arrange.HALVES:
            order = order.reshape(2, -1).T.ravel()
        return (first + order) % self.config.rows

    def _operands(self, p: VectorPass, segment: int) -> tuple[Floats, Floats]:
        a = self.buffer[self._rows(p, p.a + segment * p.a_step)]
        first = p.b + segment * p.b_step
        b = self.buffer[np.full(p.rows, first % self.config.rows) if p.b_still
                        else self._rows(p, first)]
        return a.ravel(), b.ravel()

    def _scalar(self, at: int, step: int, segment: int) -> np.float32:
        value: np.float32 = from_bits(self.scalars)[(at + step * segment) % self.config.scalars]
        return value

    def _segment(self, p: VectorPass, segment: int, a: Floats, b: Floats) -> None:
        s = self._scalar(p.s, p.s_step, segment)
        z = self._scalar(p.z, p.z_step, segment)
        one, k1 = np.float32(1), np.float32(p.k1)
        if p.arrange is Arrange.PLAIN:
            x = multiply(a, np.asarray({Factor.ONE: one, Factor.B: b, Factor.SCALAR: s,
                                        Factor.CONSTANT: k1}[p.first]))
            x = add(x, np.asarray({Addend.NONE: np.float32(-0.0), Addend.B: b, Addend.SCALAR: s,
                                   Addend.MINUS_SCALAR: -s}[p.addend]))
        else:
            x = _rotate(1 if p.arrange is Arrange.PAIRS else self.config.width, a, b)
        function = _apply(p.function, x)
        last = {LastFactor.ONE: one, LastFactor.B: b, LastFactor.SCALAR: s,
                LastFactor.ITSELF: function}[p.last]
        product = multiply(function, np.asarray(last))

        counts = np.arange(len(a)) < p.limit + segment * p.limit_step
        taps = {Tap.FUNCTION: np.where(counts, function, np.float32(0)),
                Tap.PRODUCT: np.where(counts, product, np.float32(0))}
        rows = taps[p.output_tap].reshape(p.rows, -1)
        match p.output:
            case Output.BUFFER:
                self.buffer[self._rows(p, p.o + segment * p.o_step)] = rows
            case Output.CODES:
                self.codes.append(_quantize(taps[Tap.PRODUCT], z).reshape(p.rows, -1))
            case Output.OUT:
                self.out.append(rows)
        if p.reduce is not Reduce.NONE:
            at = (p.d + p.d_step * segment) % self.config.scalars
            self.scalars[at] = _reduce(p, taps[p.reduce_tap], counts, z)
        if p.output is Output.CODES:
            made = self._scalar(p.d, p.d_step, segment)
            self.code_scales.append((np.uint32(z.view(np.uint32)),
                                     np.uint32(made.view(np.uint32))))


def _quantize(x: Floats, z: np.float32) -> npt.NDArray[np.int8]:
    """Codes round-half-even(x / z), saturated; 0 where z is 0 or anything is NaN."""
    quotient = divide(x, np.asarray(z))
    quotient = np.where(np.isnan(quotient) | (bits(np.asarray(z)) << 1 >> 24 == 0),
                        np.float32(0), quotient)
    return np.clip(np.rint(quotient), -127, 127).astype(np.int8)


def _rotate(distance: int, a: Floats, b: Floats) -> Floats:
    """Elements ``distance`` apart are pairs; cosines and sines lie in their places."""
    x, y = np.moveaxis(a.reshape(-1, 2, distance), 1, 0)
    cos, sin = np.moveaxis(b.reshape(-1, 2, distance), 1, 0)
    rotated = np.stack([add(multiply(x, cos), -multiply(y, sin)),
                        add(multiply(y, cos), multiply(x, sin))], 1)
    return rotated.ravel()


def _apply(function: Function, x: Floats) -> Floats:
    if function is Function.ABSOLUTE:
        return from_bits(bits(x) & np.uint32(0x7FFF_FFFF))
    if function is Function.RELU:
        # NaN stays; zeros are positive.
        return np.where(greater(x, np.float32(0)), x, np.float32(0)).astype(np.float32)
    return _FUNCTIONS[function](x) if function in _FUNCTIONS else x


def _reduce(p: VectorPass, x: Floats, counts: npt.NDArray[np.bool_], z: np.float32) -> Any:
    """Bits of what a segment comes to."""
    if p.reduce is Reduce.SUM:
        value = tree_sum(x)
    else:
        if p.reduce is Reduce.ABSMAX:
            x = np.where(counts, np.abs(x), np.float32(0))
        else:
            x = np.where(counts, x, np.float32(-np.inf))
        # The first of the greatest; NaN is greater than all.
        order = np.where(np.isnan(x), np.inf, x)
        at = int(np.argmax(np.isnan(x)) if np.isnan(x).any() else np.argmax(order))
        if p.reduce is Reduce.ARGMAX:
            return np.uint32(at)
        value = add(x[at], np.float32(0))
    k1, k2 = np.float32(p.k1), np.float32(p.k2)
    value = np.atleast_1d(value)
    match p.step:
        case Step.OVER:
            value = divide(value, k1)
        case Step.UNDER:
            value = divide(z, value)
        case Step.KEEP:
            pass
        case _:
            value = add(multiply(value, k1), k2)
            if p.step is Step.RECIPROCAL:
                value = functions.reciprocal(value)
            elif p.step is Step.ROOT:
                value = functions.rsqrt(value)
    return bits(value).item()
