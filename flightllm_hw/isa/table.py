# SPDX-License-Identifier: Apache-2.0
"""Every instruction and every bit of it: the one table of which all else is made.

An instruction has 512 bits, a beat of a full-size lane::

    511 .. 64            63 .. 20                 19 .. 16   15 .. 12   11 .. 8   7 .. 4   3 .. 0
    the kind's fields    4 patches                           release    wait      mode     opcode

``wait`` and ``release`` have a bit for every unit: before it starts, an instruction takes a token
from each unit that it waits for; when it is done, it gives one to each unit that it releases.
A patch adds a register to a field, modulo the field's width. Fields lie one behind the other, the
first at bit 64; what is above the last is zero.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum

from flightllm_hw.formats import Pattern
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
    Wait,
)

__all__ = ["BITS", "HEADER", "HEADER_BITS", "KINDS", "LOOPS", "PATCHES", "REGISTERS", "Bank",
           "Field", "Kind", "Target", "Unit", "kind", "layout"]

BITS = 512
"""Bits of an instruction."""

HEADER_BITS = 64
"""Bits that all kinds have in common."""

REGISTERS = 32
"""Registers of 32 bits. Register 0 is always zero."""

PATCHES = 4
"""Fields of an instruction that a register can be added to."""

LOOPS = 4
"""How deep loops may be."""


class Unit(IntEnum):
    """What works on its own, in the order of its own queue."""

    MEMORY = 0
    LANES = 1
    VECTOR = 2
    CONTROL = 3


class Target(IntEnum):
    """Where the codes of a pass go: to the lanes' activations, or to memory as keys or values."""

    ACTIVATIONS = 0
    KEYS = 1
    VALUES = 2


class Bank(IntEnum):
    """What the lanes take for token scales: nothing, z with the codes, or the reduction."""

    NONE = 0
    Z = 1
    REDUCTION = 2


@dataclass(frozen=True)
class Field:
    """A field of an instruction.

    Parameters
    ----------
    name : str
    bits : int
    text : str
        What it means.
    enum : type of Enum, optional
        Names for its values; there are no others, and no register can be added.
    less_one : bool
        The value is stored less one.
    fp32 : bool
        The bits are those of an FP32 number.
    """

    name: str
    bits: int
    text: str
    enum: type[Enum] | None = None
    less_one: bool = False
    fp32: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of instruction.

    Parameters
    ----------
    name : str
        As a program writes it.
    opcode, mode : int
    unit : Unit
        Whose queue it goes to.
    text : str
        What it does.
    fields : tuple of Field
    tokens : bool
        Whether it may wait and release.
    """

    name: str
    opcode: int
    mode: int
    unit: Unit
    text: str
    fields: tuple[Field, ...]
    tokens: bool = True


HEADER = (
    Field("opcode", 4, "class"),
    Field("mode", 4, "kind of its class"),
    Field("wait", 4, "units to take a token from"),
    Field("release", 4, "units to give a token to"),
    *(field for n in range(PATCHES) for field in (
        Field(f"register_{n}", 5, "register that is added"),
        Field(f"field_{n}", 6, "number of the field that it is added to, from 1 on; 0: none"))),
    Field("reserved", 4, "zero"),
)

_ROW, _ELEMENTS, _SCALAR, _BEATS = 16, 20, 9, 32

_MATRIX = (
    Field("pattern", 3, "sparsity", Pattern),
    Field("bits", 4, "bits of a code: 2, 3, 4, 5, 6, 8"),
    Field("zero_point", 1, "codes have zero points"),
    Field("masked", 1, "headers have masks"),
    Field("row_blocks", 16, "row blocks of every lane"),
    Field("group_tiles", 5, "tiles of a group"),
    Field("groups", 12, "groups along K"),
    Field("last_tiles", 5, "tiles of the last group"),
    Field("tokens", 5, "tokens that meet the matrix"),
    Field("word", 16, "activations: first word"),
    Field("stride", 16, "activations: words from token n to token n + 2"),
    Field("bank", 1, "half of the token scales"),
    Field("o", _ROW, "first row of the results"),
    Field("o_step", _ROW, "rows from a token's results to the next's"),
    Field("lane_rows", 16, "elements from a lane's results to the next's; rows beyond are dropped"),
    Field("limit", _ELEMENTS, "results of a lane and of the first token that count for maxima"),
    Field("limit_step", 1, "how many more count for each token more"),
    Field("maxima", 1, "every lane's and token's maximum becomes a scalar"),
    Field("d", _SCALAR, "first of these scalars: lane by lane, token by token"),
)

KINDS = (
    Kind("LD.TAPE", 1, 0, Unit.LANES, "Lets every lane read the next piece of its tape. Goes ahead"
         " of everything: neither waits nor releases.", (
             Field("address", _BEATS, "first beat, from the lane's base on"),
             Field("beats", _BEATS, "how many"),
             Field("fence", 1, "wait until one more append to this lane's memory has arrived"),
             Field("lanes", 64, "a bit for every lane that reads")),
         tokens=False),
    Kind("LD.VECTOR", 1, 1, Unit.MEMORY, "Memory to the vector buffer.", (
        Field("address", _BEATS, "first beat"),
        Field("o", _ROW, "first row"),
        Field("rows", _ROW, "how many", less_one=True))),
    Kind("LD.STEPS", 1, 2, Unit.MEMORY, "RoPE's steps, 8 bytes each, from memory.", (
        Field("address", _BEATS, "first beat"),
        Field("pairs", 10, "how many", less_one=True))),
    Kind("ST.VECTOR", 2, 0, Unit.MEMORY, "Rows of the vector buffer to memory.", (
        Field("address", _BEATS, "first beat"),
        Field("a", _ROW, "first row"),
        Field("rows", _ROW, "how many", less_one=True))),
    Kind("ST.SCALARS", 2, 1, Unit.MEMORY, "Scalars to memory, 4 bytes each.", (
        Field("address", 34, "first word of 4 bytes"),
        Field("step", 24, "words from a scalar to the next"),
        Field("d", _SCALAR, "first scalar"),
        Field("count", _SCALAR, "how many", less_one=True))),
    Kind("MM", 3, 0, Unit.LANES, "Matrix times several tokens, in all lanes.", _MATRIX),
    Kind("MV", 4, 0, Unit.LANES, "Matrix times one token, in all lanes.", _MATRIX),
    Kind("MISC.PASS", 5, 0, Unit.VECTOR, "A pass of the special function unit.", (
        Field("a", _ROW, "first row of operand a"),
        Field("b", _ROW, "first row of operand b"),
        Field("o", _ROW, "first row of the output"),
        Field("a_step", _ROW, "rows from a segment to the next"),
        Field("b_step", _ROW, "the same of b"),
        Field("o_step", _ROW, "the same of the output"),
        Field("b_still", 1, "a segment's rows meet one row of b"),
        Field("segments", 8, "segments", less_one=True),
        Field("rows", _ROW, "rows of a segment", less_one=True),
        Field("limit", _ELEMENTS, "elements of the first segment that count"),
        Field("limit_step", 1, "how many more in each segment"),
        Field("arrange", 2, "pairs that are rotated", Arrange),
        Field("first", 2, "first factor", Factor),
        Field("addend", 2, "addend", Addend),
        Field("function", 3, "function", Function),
        Field("last", 2, "last factor", LastFactor),
        Field("output", 2, "where elements go", Output),
        Field("output_tap", 1, "which elements", Tap),
        Field("reduce", 3, "reduction", Reduce),
        Field("reduce_tap", 1, "of which elements", Tap),
        Field("step", 3, "what the reduction becomes", Step),
        Field("s", _SCALAR, "scalar s"), Field("z", _SCALAR, "scalar z"),
        Field("d", _SCALAR, "scalar that is made"),
        Field("s_step", 1, "scalars from a segment to the next"),
        Field("z_step", 1, "the same of z"), Field("d_step", 1, "the same of d"),
        Field("k1", 32, "constant", fp32=True), Field("k2", 32, "constant", fp32=True),
        Field("order", 2, "what of the vector buffer is waited for", Wait),
        Field("target", 2, "where codes go", Target),
        Field("spread", 1, "segments are lanes' (heads), not tokens"),
        Field("group", 3, "2^group consecutive segments belong to one lane, as its tokens"),
        Field("token", 4, "token of the first segment"),
        Field("word", 16, "activations: word of token 0"),
        Field("stride", 16, "activations: words from token n to token n + 2"),
        Field("bank", 1, "half of the token scales"),
        Field("scales", 2, "token scales", Bank),
        Field("address", _BEATS, "keys, values: beat of the first 8 codes, from the lane's base"),
        Field("high", 16, "beats from every fourth 8 codes to the next"),
        Field("low", 8, "beats from 8 codes to the next"),
        Field("place", 3, "position modulo 8"),
        Field("scale_address", 36, "keys: word of 4 bytes that takes the segment's scale"))),
    Kind("MISC.TABLE", 5, 1, Unit.VECTOR, "Cosines and sines for RoPE.", (
        Field("position", 20, "the token's position"),
        Field("o", _ROW, "first row"),
        Field("pairs", 10, "pairs of a head", less_one=True),
        Field("halves", 1, "all cosines, then all sines"))),
    Kind("SYS.END", 15, 0, Unit.CONTROL, "The program is over once every unit is idle.", ()),
    Kind("SYS.SYNC", 15, 1, Unit.CONTROL, "Waits for its tokens.", ()),
    Kind("SYS.LOOP", 15, 2, Unit.CONTROL, "Repeats the instructions behind it; not at all for a"
         " count of zero. Up to four deep.", (
             Field("count", 32, "how often"),
             Field("length", 16, "how many instructions"))),
    *(Kind(f"SYS.{name}", 15, 4 + n, Unit.CONTROL, text, (
        Field("d", 5, "register that takes the result"),
        Field("x", 32, "first operand; registers come in by patches"),
        Field("y", 32, "second operand")))
      for n, (name, text) in enumerate((
          ("ADD", "d = x + y"), ("SUB", "d = x - y"), ("MUL", "d = x * y, lower 32 bits"),
          ("AND", "d = x and y"), ("SHL", "d = x << y, y below 32"),
          ("SHR", "d = x >> y, unsigned, y below 32"), ("MIN", "d = the lesser, unsigned"),
          ("MAX", "d = the greater, unsigned")))),
)
"""All kinds."""


def kind(name: str) -> Kind:
    """The kind that a program calls ``name``.

    Raises
    ------
    ValueError
        If there is none.
    """
    for k in KINDS:
        if k.name == name:
            return k
    raise ValueError(f"Instruction must be one of {', '.join(k.name for k in KINDS)}, not {name!r}")


def layout(k: Kind) -> dict[str, tuple[int, Field]]:
    """Every field of a kind, the header's first, by name: its lowest bit, and what it is."""
    places, start = {}, 0
    for field in (*HEADER, *k.fields):
        places[field.name] = (start, field)
        start += field.bits
    return places


assert sum(f.bits for f in HEADER) == HEADER_BITS
assert len({(k.opcode, k.mode) for k in KINDS}) == len({k.name for k in KINDS}) == len(KINDS)
for _kind in KINDS:
    assert sum(f.bits for f in _kind.fields) <= BITS - HEADER_BITS, _kind.name
    assert len(layout(_kind)) == len(HEADER) + len(_kind.fields), _kind.name
    assert len(_kind.fields) < 64, _kind.name
