# SPDX-License-Identifier: Apache-2.0
"""Vector passes: what the special function unit does with every element of a vector.

All of its operations (norms, softmax, RoPE, ...) are short lists of passes, and a pass is one walk
over the vector buffer, W elements a cycle, through one pipeline::

    a ──(x)──(+)── function ──(x)──┬──► FP32 to the vector buffer
         │    │                │   ├──► int8 codes
       first addend          last  └──► reduction ──► scalar step ──► a scalar

A vector is cut into segments (tokens, heads), each with scalars of its own.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flightllm_hw.config import SfuConfig

__all__ = ["Addend", "Arrange", "Factor", "Function", "LastFactor", "Output", "Reduce", "Step",
           "Tap", "VectorPass", "Wait", "encode", "widths"]


class Arrange(IntEnum):
    """How elements meet: each on its own, or in pairs that a rotation mixes (RoPE).

    ``PAIRS``: elements 2i and 2i + 1; b holds cos_i and sin_i in their places.
    ``HALVES``: elements i and i + n/2 of a segment; b holds cosines first, sines then.
    Rows go in the order 0, R/2, 1, R/2 + 1, ...; codes, sums and the limit follow that order.
    The rotation of (x, y): x cos - y sin, y cos + x sin.
    """

    PLAIN = 0
    PAIRS = 1
    HALVES = 2


class Factor(IntEnum):
    """The first factor: 1, element b, scalar s or constant k1. A rotation has its own."""

    ONE = 0
    B = 1
    SCALAR = 2
    CONSTANT = 3


class Addend(IntEnum):
    """What is added: nothing, element b, s or -s. A rotation adds its other product."""

    NONE = 0
    B = 1
    SCALAR = 2
    MINUS_SCALAR = 3


class Function(IntEnum):
    """The function in the middle."""

    EXP = 0
    SIGMOID = 1
    SILU = 2
    GELU = 3
    IDENTITY = 4
    ABSOLUTE = 5
    RELU = 6


class LastFactor(IntEnum):
    """The last factor: 1, element b, scalar s, or what the function gave once more."""

    ONE = 0
    B = 1
    SCALAR = 2
    ITSELF = 3


class Tap(IntEnum):
    """Where in the pipeline an element is taken: behind the function, or behind the last factor."""

    FUNCTION = 0
    PRODUCT = 1


class Output(IntEnum):
    """Where elements go.

    Nowhere; to the vector buffer; out as int8 codes, round-half-even(product / z), saturated to
    [-127, 127]; out as FP32.
    """

    NONE = 0
    BUFFER = 1
    CODES = 2
    OUT = 3


class Reduce(IntEnum):
    """What a segment comes to. ``ARGMAX`` gives the place of the first maximum, an integer."""

    NONE = 0
    SUM = 1
    MAX = 2
    ABSMAX = 3
    ARGMAX = 4


class Step(IntEnum):
    """What a reduction v becomes before it is a scalar.

    ``KEEP``: v. ``AFFINE``: v k1 + k2. ``RECIPROCAL``: 1 / (v k1 + k2). ``ROOT``:
    1 / sqrt(v k1 + k2). ``OVER``: v / k1. ``UNDER``: z / v. ``ARGMAX`` is always kept.
    """

    KEEP = 0
    AFFINE = 1
    RECIPROCAL = 2
    ROOT = 3
    OVER = 4
    UNDER = 5


class Wait(IntEnum):
    """What of the vector buffer a pass waits for.

    ``NONE``: nothing. ``CHAIN``: of what the pass before writes, its row n reads what that wrote in
    its rows up to n, and of earlier passes anything. ``DRAIN``: all that came before. Scalars need
    no wait: a segment starts when those that it reads are there.
    """

    NONE = 0
    CHAIN = 1
    DRAIN = 2


@dataclass(frozen=True, kw_only=True)
class VectorPass:
    """One pass. Rows are rows of W elements; vectors and segments begin at a row.

    Parameters
    ----------
    a, b, o : int
        First rows of the operands and of the output.
    a_step, b_step, o_step : int
        Rows from a segment to the next.
    b_still : bool
        All rows of a segment meet the same row of b.
    segments : int
        How many, at least 1.
    rows : int
        Rows of a segment, at least 1; even for ``HALVES``.
    limit : int
        Elements of the first segment that count. The others are left out of reductions, and come
        out as zeros.
    limit_step : int
        0 or 1: how many more count in each segment than in the one before.
    s, z, d : int
        Scalars: s, z, and where the reduction goes.
    s_step, z_step, d_step : int
        0 or 1: from a segment to the next.
    k1, k2 : float
        Constants.
    """

    a: int = 0
    b: int = 0
    o: int = 0
    a_step: int = 0
    b_step: int = 0
    o_step: int = 0
    b_still: bool = False
    segments: int = 1
    rows: int = 1
    limit: int = 0
    limit_step: int = 0
    arrange: Arrange = Arrange.PLAIN
    first: Factor = Factor.ONE
    addend: Addend = Addend.NONE
    function: Function = Function.IDENTITY
    last: LastFactor = LastFactor.ONE
    output: Output = Output.NONE
    output_tap: Tap = Tap.PRODUCT
    reduce: Reduce = Reduce.NONE
    reduce_tap: Tap = Tap.PRODUCT
    step: Step = Step.KEEP
    s: int = 0
    z: int = 0
    d: int = 0
    s_step: int = 0
    z_step: int = 0
    d_step: int = 0
    k1: float = 1.0
    k2: float = 0.0
    wait: Wait = Wait.NONE

    def __post_init__(self) -> None:
        if not 1 <= self.segments <= 1 << SEGMENT_BITS:
            raise ValueError(f"Pass segments must be in 1..{1 << SEGMENT_BITS},"
                             f" not {self.segments!r}")
        if self.rows < 1 or (self.arrange is Arrange.HALVES and self.rows % 2):
            raise ValueError(f"Pass rows must be at least 1, and even for HALVES, not"
                             f" {self.rows!r}")


SEGMENT_BITS = 8
"""Width of a segment's number."""


def widths(config: SfuConfig) -> dict[str, int]:
    """The fields of an encoded pass, first to last, and their bits."""
    row, scalar = config.row_bits, (config.scalars - 1).bit_length()
    return {
        **dict.fromkeys(("a", "b", "o", "a_step", "b_step", "o_step"), row), "b_still": 1,
        "last_segment": SEGMENT_BITS, "last_row": row,
        "limit": config.element_bits, "limit_step": 1,
        "arrange": 2, "first": 2, "addend": 2, "function": 3, "last": 2,
        "output": 2, "output_tap": 1, "reduce": 3, "reduce_tap": 1, "step": 3,
        **dict.fromkeys(("s", "z", "d"), scalar),
        **dict.fromkeys(("s_step", "z_step", "d_step"), 1),
        "k1": 32, "k2": 32, "wait": 2,
    }


def encode(p: VectorPass, config: SfuConfig) -> dict[str, int]:
    """The fields' values: ``segments`` and ``rows`` less one, constants as bits.

    Raises
    ------
    ValueError
        If a field does not fit.
    """
    fields = {name: getattr(p, name) for name in widths(config) if hasattr(p, name)}
    fields |= {"last_segment": p.segments - 1, "last_row": p.rows - 1}
    fields |= {name: int(np.float32(fields[name]).view(np.uint32)) for name in ("k1", "k2")}
    for name, width in widths(config).items():
        fields[name] = int(fields[name])
        if not 0 <= fields[name] < 1 << width:
            raise ValueError(f"Pass {name} must fit {width} bits, not {fields[name]!r}")
    return fields
