# SPDX-License-Identifier: Apache-2.0
"""Passes and products as programs want them: what is usual is left out."""

from collections.abc import Iterable, Sequence
from typing import Any

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.emit import Code, Op, Piece
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.isa.table import Bank
from flightllm_hw.isa.vector import Factor, Function, Output, Reduce, Step, Tap, Wait

__all__ = ["SCALE", "Passes", "product"]

SCALE: dict[str, Any] = {"reduce": Reduce.ABSMAX, "step": Step.OVER, "k1": 127.0}
"""The reduction that gives the scale of codes."""


class Passes:
    """Writes passes to a program.

    Parameters
    ----------
    code : Code
    buffer : Buffer
    """

    def __init__(self, code: Code, buffer: Buffer) -> None:
        self.code = code
        self.buffer = buffer

    def emit(self, after: Iterable[Op | None] = (), **fields: Any) -> Op:
        """A pass that waits for all before it, and takes elements at the pipeline's end.

        ``scalar`` makes that scalar the first factor.
        """
        if "scalar" in fields:
            fields |= {"first": Factor.SCALAR, "s": fields.pop("scalar")}
        usual = {"function": Function.IDENTITY, "output_tap": Tap.PRODUCT,
                 "reduce_tap": Tap.PRODUCT, "order": Wait.DRAIN}
        return self.code.emit("MISC.PASS", after=after, **usual | fields)

    def quantize(self, a: int, step: int, elements: int, *, scale: bool,
                 after: Op | None = None, tokens: int | None = None) -> Op:
        """Codes of all tokens' vectors, or of fewer, to all lanes; ``scale``: make theirs first."""
        b = self.buffer
        segments = b.tile if tokens is None else tokens
        own: dict[str, Any] = {"a": a, "a_step": step, "segments": segments,
               "limit": elements, "rows": -(-elements // b.split.config.sfu.width)}
        place: dict[str, Any] = b.place
        if scale:
            self.emit(after=[after], **own, d=b.unit, d_step=1, **SCALE)
        return self.emit(**own, output=Output.CODES, z=b.unit, z_step=1, scales=Bank.Z,
                         stride=b.stride, order=Wait.CHAIN, **place)


def product(code: Code, buffer: Buffer, shape: MatrixShape, tokens: int, *,
            after: Iterable[Op | None], tape: Sequence[Piece] = (), **fields: Any) -> Op:
    """An MV or MM of ``tokens``; ``fields`` may say other things of the matrix."""
    usual = _matrix_fields(shape) | {"tokens": tokens, "stride": buffer.stride} | buffer.place
    return code.emit("MV" if tokens == 1 else "MM", after=after, tape=tape, **usual | fields)


def _matrix_fields(shape: MatrixShape) -> dict[str, Any]:
    """The fields of an MV or MM that say what its matrix is."""
    return {name: getattr(shape, name) for name in MatrixShape.__dataclass_fields__}
