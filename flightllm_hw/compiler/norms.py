# SPDX-License-Identifier: Apache-2.0
"""The norms before matrices: RMSNorm of a Llama, LayerNorm of an OPT.

::

    RMSNorm      x += ─► r                        codes of x r w
    LayerNorm    x += ─► m, (x - m)^2 ─► r        codes of (x - m) w r + b

Whatever writes x also measures it: r = 1 / sqrt(mean square + eps) of RMSNorm, m = the mean of
LayerNorm.
"""

from typing import Any

from flightllm_hw.compiler.emit import Op
from flightllm_hw.compiler.passes import SCALE, Passes
from flightllm_hw.isa.table import Unit
from flightllm_hw.isa.vector import Addend, LastFactor, Output, Reduce, Step, Tap, Wait

__all__ = ["Norms"]


class Norms:
    """Writes norms to a program.

    Parameters
    ----------
    passes : Passes
    """

    def __init__(self, passes: Passes) -> None:
        self.passes, self.buffer = passes, passes.buffer
        self.split, self.model = self.buffer.split, self.buffer.split.model
        self.mean: dict[str, Any] = {"reduce": Reduce.SUM, "k1": 1 / self.model.dim, "d_step": 1}
        self.root: dict[str, Any] = {**self.mean, "last": LastFactor.ITSELF, "step": Step.ROOT,
                                     "k2": self.model.eps}

    @property
    def measured(self) -> dict[str, Any]:
        """A pass's reduction of x to what the norm needs of it."""
        if self.split.centred:
            return {**self.mean, "step": Step.AFFINE, "d": self.buffer.root}
        return {**self.root, "d": self.buffer.root}

    def residual(self, added: Op, step: int) -> Op:
        """Adds what lies in ``shared``, a product or positions, to x, and measures that."""
        b = self.buffer
        return self.passes.emit(
            after=[added], a=b.x, a_step=b.dim, b=b.shared, b_step=step, o=b.x, o_step=b.dim,
            segments=b.tile, rows=b.dim, limit=self.model.dim, addend=Addend.B,
            output=Output.BUFFER, output_tap=Tap.FUNCTION, **self.measured)

    def ahead(self) -> None:
        """Codes of x for the next layer, which waits for them."""
        self.passes.code.carry(self.codes(self.buffer.attention_norm, self.buffer.tile))

    def codes_ahead(self) -> None:
        """Waits for the next tile's."""
        self.passes.code.carried(Unit.VECTOR)

    def codes(self, weight: int, tokens: int, after: Op | None = None) -> Op:
        """Codes of the last tokens' normed x to all lanes."""
        b, dim = self.buffer, self.model.dim
        skipped = b.tile - tokens
        own: dict[str, Any] = {"a_step": b.dim, "o": b.shared, "o_step": b.dim, "rows": b.dim,
                               "segments": tokens, "limit": dim, "order": Wait.CHAIN}
        x, root = b.x + skipped * b.dim, b.root + skipped
        end: dict[str, Any] = {"s_step": 1, "output": Output.BUFFER, "d": b.unit, "d_step": 1,
                               **SCALE, **own}
        if self.split.centred:
            deviation = b.deviation + skipped
            centred: dict[str, Any] = {"a": x, "addend": Addend.MINUS_SCALAR, "s": root,
                                       "s_step": 1, **own}
            self.passes.emit(after=[after], **centred, **self.root, d=deviation)
            self.passes.emit(**centred, b=weight, last=LastFactor.B, output=Output.BUFFER)
            self.passes.emit(a=b.shared, b=weight + b.dim, scalar=deviation, addend=Addend.B,
                             **end)
        else:
            self.passes.emit(after=[after], a=x, b=weight, scalar=root, last=LastFactor.B, **end)
        return self.passes.quantize(b.shared, b.dim, dim, scale=False, tokens=tokens)
