# SPDX-License-Identifier: Apache-2.0
"""Operations of the special function unit as lists of passes.

Vectors lie in the vector buffer from a row on; those of several segments (tokens, heads) one behind
the other, ceil(n / W) rows each. Norm weights, gates' partners and tables are vectors like others.
Scalars are named by their number; an operation over S segments takes S from each on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from flightllm_hw.config import SfuConfig
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
    Wait,
)

__all__ = ["Operations"]

Passes = list[VectorPass]


@dataclass(frozen=True)
class Operations:
    """Passes for segments of ``n`` elements; every operation waits for what came before it.

    Parameters
    ----------
    config : SfuConfig
    n : int
        Elements of a segment.
    segments : int
        Segments: tokens, or heads.
    """

    config: SfuConfig
    n: int
    segments: int = 1

    @property
    def rows(self) -> int:
        """Rows of a segment."""
        return -(-self.n // self.config.width)

    def _pass(self, **fields: Any) -> VectorPass:
        rows = {name: self.rows for name in ("a_step", "o_step")}
        return VectorPass(**{"segments": self.segments, "rows": self.rows, "limit": self.n,
                             "s_step": 1, "z_step": 1, "d_step": 1, "wait": Wait.CHAIN,
                             **rows, **fields})

    # Norms.

    def rms_norm(self, x: int, weight: int, o: int, *, eps: float, scalar: int) -> Passes:
        """o = x / sqrt(mean(x^2) + eps) * weight, in that order of products; 2 passes."""
        return [
            self._pass(a=x, last=LastFactor.ITSELF, reduce=Reduce.SUM, step=Step.ROOT,
                       k1=1 / self.n, k2=eps, d=scalar),
            *self.normalize(x, weight, o, scalar=scalar),
        ]

    def normalize(self, x: int, weight: int, o: int, *, scalar: int) -> Passes:
        """o = x * scalar * weight: what is left of RMSNorm behind :meth:`residual`; 1 pass."""
        return [self._pass(a=x, b=weight, o=o, first=Factor.SCALAR, s=scalar, last=LastFactor.B,
                           output=Output.BUFFER)]

    def residual(self, x: int, y: int, o: int, *, eps: float, scalar: int) -> Passes:
        """o = x + y, and the scalar 1 / sqrt(mean(o^2) + eps) of RMSNorm; 1 pass."""
        return [self._pass(a=x, b=y, b_step=self.rows, o=o, addend=Addend.B,
                           last=LastFactor.ITSELF, output=Output.BUFFER, output_tap=Tap.FUNCTION,
                           reduce=Reduce.SUM, step=Step.ROOT, k1=1 / self.n, k2=eps, d=scalar)]

    def layer_norm(self, x: int, weight: int, bias: int, o: int, *, eps: float, mean: int,
                   deviation: int) -> Passes:
        """o = (x - mean) * weight / sqrt(mean((x - mean)^2) + eps) + bias; 4 passes."""
        square = {"last": LastFactor.ITSELF, "step": Step.ROOT}
        return self._centred(x, weight, bias, o, eps, mean, deviation, square)

    def l1_norm(self, x: int, weight: int, bias: int, o: int, *, eps: float, mean: int,
                deviation: int) -> Passes:
        """o = (x - mean) * weight / (mean(|x - mean|) + eps) + bias; 4 passes."""
        magnitude = {"function": Function.ABSOLUTE, "step": Step.RECIPROCAL}
        return self._centred(x, weight, bias, o, eps, mean, deviation, magnitude)

    def _centred(self, x: int, weight: int, bias: int, o: int, eps: float, mean: int,
                 deviation: int, measure: dict[str, Any]) -> Passes:
        centre = {"a": x, "addend": Addend.MINUS_SCALAR, "s": mean}
        return [
            self._pass(a=x, reduce=Reduce.SUM, step=Step.AFFINE, k1=1 / self.n, d=mean),
            self._pass(**centre, **measure, reduce=Reduce.SUM, k1=1 / self.n, k2=eps, d=deviation),
            self._pass(**centre, b=weight, last=LastFactor.B, o=o, output=Output.BUFFER),
            self._pass(a=o, b=bias, o=o, first=Factor.SCALAR, s=deviation, addend=Addend.B,
                       output=Output.BUFFER),
        ]

    # Attention.

    def softmax(self, x: int, o: int, *, maximum: int, total: int, scale: float = 1.0,
                limit: int | None = None, causal: bool = False,
                mask: int | None = None) -> Passes:
        """o = exp(t - max(t)) / sum(exp(t - max(t))), t = x * scale (+ mask); 3 passes.

        The first segment has ``limit`` elements, each one more has one more if ``causal``; the
        others are zero. ``mask`` is a vector for every segment.
        """
        which = {"limit": self.n if limit is None else limit, "limit_step": int(causal)}
        masked = {} if mask is None else {"b": mask, "b_step": self.rows, "addend": Addend.B}
        return [
            self._pass(**which, **masked, a=x, first=Factor.CONSTANT, k1=scale, o=o,
                       output=Output.BUFFER, reduce=Reduce.MAX, d=maximum),
            self._pass(**which, a=o, addend=Addend.MINUS_SCALAR, s=maximum, o=o,
                       function=Function.EXP, output=Output.BUFFER, reduce=Reduce.SUM,
                       step=Step.RECIPROCAL, d=total),
            self._pass(**which, a=o, o=o, first=Factor.SCALAR, s=total, output=Output.BUFFER),
        ]

    def maximum(self, x: int, *, scalar: int, scale: float = 1.0, limit: int | None = None,
                causal: bool = False) -> Passes:
        """The greatest x * scale, for :meth:`attention_codes`; 1 pass."""
        return [self._pass(a=x, first=Factor.CONSTANT, k1=scale, reduce=Reduce.MAX, d=scalar,
                           limit=self.n if limit is None else limit, limit_step=int(causal))]

    def attention_codes(self, x: int, value_scales: int, *, maximum: int, unit: int, total: int,
                        scale: float = 1.0, limit: int | None = None,
                        causal: bool = False) -> Passes:
        """Codes round(e * s_v / c), e = exp(x * scale - maximum), and c / sum(e); 1 pass.

        ``unit`` is c, the greatest s_v over 127; ``value_scales`` is one vector for all segments.
        """
        return [self._pass(
            a=x, first=Factor.CONSTANT, k1=scale, addend=Addend.MINUS_SCALAR, s=maximum,
            function=Function.EXP, b=value_scales, last=LastFactor.B, output=Output.CODES, z=unit,
            z_step=0, reduce=Reduce.SUM, reduce_tap=Tap.FUNCTION, step=Step.UNDER, d=total,
            limit=self.n if limit is None else limit, limit_step=int(causal))]

    def rope(self, x: int, table: int, o: int, *, halves: bool = False) -> Passes:
        """Rotates pairs by the table's cosines and sines; 1 pass.

        Adjacent pairs (2i, 2i + 1): the table is cos_0, sin_0, cos_1, ... With ``halves`` pairs are
        (i, i + n / 2), and the table is all cosines, then all sines.

        Raises
        ------
        ValueError
            If n is not even, or its halves are no rows.
        """
        unit = 2 * self.config.width if halves else 2
        if self.n % unit:
            raise ValueError(f"RoPE needs a multiple of {unit} elements, not {self.n!r}")
        return [self._pass(a=x, b=table, o=o, output=Output.BUFFER,
                           arrange=Arrange.HALVES if halves else Arrange.PAIRS)]

    # Element by element.

    def activate(self, function: Function, x: int, o: int, *, gate: int | None = None) -> Passes:
        """o = function(x), times ``gate`` where there is one; 1 pass."""
        gated = {} if gate is None else {"b": gate, "b_step": self.rows, "last": LastFactor.B}
        return [self._pass(a=x, o=o, function=function, output=Output.BUFFER, **gated)]

    def add(self, x: int, y: int, o: int) -> Passes:
        """o = x + y; 1 pass."""
        return [self._pass(a=x, b=y, b_step=self.rows, o=o, addend=Addend.B,
                           output=Output.BUFFER)]

    def multiply(self, x: int, y: int, o: int) -> Passes:
        """o = x * y; 1 pass."""
        return [self._pass(a=x, b=y, b_step=self.rows, o=o, first=Factor.B, output=Output.BUFFER)]

    def scale(self, x: int, o: int, factor: float) -> Passes:
        """o = x * factor; 1 pass."""
        return [self._pass(a=x, o=o, first=Factor.CONSTANT, k1=factor, output=Output.BUFFER)]

    def quantize(self, x: int, *, scalar: int) -> Passes:
        """Codes and the scale absmax / 127 of every segment; 2 passes."""
        return [
            self._pass(a=x, reduce=Reduce.ABSMAX, step=Step.OVER, k1=127.0, d=scalar),
            self._pass(a=x, output=Output.CODES, z=scalar),
        ]

    def argmax(self, x: int, *, scalar: int) -> Passes:
        """The place of the greatest element; 1 pass."""
        return [self._pass(a=x, reduce=Reduce.ARGMAX, d=scalar)]

    def reduced(self, passes: Sequence[VectorPass], reduce: Reduce, *, scalar: int,
                step: Step = Step.KEEP, k1: float = 1.0) -> Passes:
        """The same passes, whose last also reduces what it gives: a pass less.

        Raises
        ------
        ValueError
            If the last pass reduces already, or needs the constant itself.
        """
        *before, last = passes
        if last.reduce is not Reduce.NONE or last.first is Factor.CONSTANT:
            raise ValueError("Pass has no reduction to spare")
        return [*before, replace(last, reduce=reduce, reduce_tap=last.output_tap, step=step, k1=k1,
                                 d=scalar)]
