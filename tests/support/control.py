# SPDX-License-Identifier: Apache-2.0
"""The control, compiled: instructions, words that are none, and the parts that are tested alone."""

from functools import cache

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.control.decode import Decoder
from flightllm_hw.control.layouts import decoded
from flightllm_hw.control.registers import Registers
from flightllm_hw.isa.encoding import encode
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS, HEADER_BITS, KINDS, PATCHES, REGISTERS, Unit
from flightllm_hw.sim import verilator


def draw_bits(rng, bits):
    """A number of so many bits: any, or a corner."""
    some = int.from_bytes(rng.bytes(-(-bits // 8)), "little") & (1 << bits) - 1
    corners = [0, 1, (1 << bits) - 1, (1 << bits) - 2, 1 << bits - 1, some & 0xFF]
    return corners[rng.integers(len(corners))] & (1 << bits) - 1 if rng.random() < 0.3 else some


def draw_word(rng, kind, wait=0, release=0, patches=None, values=None, named=True):
    """The 512 bits of a legal instruction: any values of its fields, patches anywhere.

    It is legal if its values are ``named``.
    """
    values = values or {}
    word, start = kind.opcode | kind.mode << 4 | wait << 8 | release << 12, HEADER_BITS
    free = []
    for number, field in enumerate(kind.fields, 1):
        if field.enum:
            value = (int(rng.choice([member.value for member in field.enum])) if named
                     else draw_bits(rng, field.bits))
        else:
            value = draw_bits(rng, field.bits)
            free.append(number)
        word |= values.get(field.name, value) << start
        start += field.bits
    if patches is None:
        patches = [(int(rng.integers(REGISTERS)), int(rng.choice([0, *free])))
                   for _ in range(PATCHES) if rng.random() < 0.4]
    places = rng.permutation(PATCHES)
    for place, (register, number) in zip(places, patches, strict=False):
        word |= register << 16 + 11 * int(place) | number << 21 + 11 * int(place)
    return word


def draw_registers(rng):
    """All 32 registers, corners among them; the first one zero."""
    return [0, *(draw_bits(rng, 32) for _ in range(REGISTERS - 1))]


def spoil(rng, word):
    """The same word with a bit or a part of the header turned: most such words are illegal."""
    match rng.integers(5):
        case 0:
            return word ^ 1 << int(rng.integers(BITS))
        case 1:
            return word & ~0xFF | int(rng.integers(256))
        case 2:
            return word ^ int(rng.integers(1, 64)) << 21 + 11 * int(rng.integers(PATCHES))
        case 3:
            return word ^ int(rng.integers(1, 16)) << int(rng.choice([8, 12, 60]))
        case _:
            return int.from_bytes(rng.bytes(BITS // 8), "little") & ~0xFF | word & 0xFF


def any_kind(rng, unit=None):
    """A kind, of a unit if one is named."""
    kinds = [k for k in KINDS if unit in (None, k.unit)]
    return kinds[rng.integers(len(kinds))]


class _DecoderBench(wiring.Component):
    """The decoder and registers that a test can write."""

    i: In(stream.Signature(BITS))
    o: Out(stream.Signature(decoded()))
    clear: In(1)
    write_en: In(1)
    write_at: In(5)
    write_data: In(32)

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = Decoder()
        m.submodules.registers = registers = Registers()
        wiring.connect(m, wiring.flipped(self.i), decoder.i)
        wiring.connect(m, decoder.o, wiring.flipped(self.o))
        m.d.comb += [
            decoder.clear.eq(self.clear),
            registers.read_at.eq(decoder.read_at),
            decoder.read_data.eq(registers.read_data),
            *(getattr(registers, name).eq(getattr(self, name))
              for name in ("write_en", "write_at", "write_data")),
        ]
        return m


@cache
def decoder_bench():
    """A compiled decoder with registers."""
    return verilator.compile(_DecoderBench())


def pack_words(words):
    """Rows of 32-bit words of numbers of 512 bits."""
    return np.frombuffer(b"".join(w.to_bytes(BITS // 8, "little") for w in words),
                         "<u4").reshape(len(words), -1)


def as_int(row):
    """The number that a row of 32-bit words is."""
    return int.from_bytes(np.ascontiguousarray(row, "<u4").tobytes(), "little")


# Programs.

def build(name, *, wait=(), release=(), patches=(), **fields):
    """The bits of an instruction that a program names."""
    return encode(Instruction.of(name, wait=wait, release=release, patches=patches, **fields))


END = build("SYS.END")


def draw_task(rng, unit, wait=0, release=0):
    """Any instruction for a unit's queue."""
    kinds = [k for k in KINDS if k.unit is unit and k.tokens]
    return draw_word(rng, kinds[rng.integers(len(kinds))], wait, release)


def draw_arithmetic(rng):
    """Any arithmetic; multipliers are rather small."""
    kinds = [k for k in KINDS if k.name.startswith("SYS.") and len(k.fields) == 3]
    k = kinds[rng.integers(len(kinds))]
    patches = [(int(rng.integers(REGISTERS)), n) for n in (2, 3) if rng.random() < 0.6]
    return draw_word(rng, k, patches=patches, values={
        "d": int(rng.integers(REGISTERS)), **({"y": int(rng.integers(100))}
                                              if rng.random() < 0.7 else {})})


def draw_block(rng, length, depth):
    """Instructions that end: tokens are waited for where the same block gave them before."""
    words = []
    given = np.zeros((4, 4), int)
    while len(words) < length:
        what = rng.random()
        if what < 0.15 and depth < 4:
            body = draw_block(rng, int(rng.integers(1, 7)), depth + 1)
            if rng.random() < 0.3:
                # An inner loop that ends where the outer one does.
                tail = draw_block(rng, 2, 4)
                body += [build("SYS.LOOP", count=2, length=len(tail)), *tail] if depth < 3 else []
            words += [build("SYS.LOOP", count=int(rng.integers(0, 4)), length=len(body)), *body]
            continue
        if what < 0.3:
            words.append(draw_word(rng, KINDS[0]))
            continue
        if what < 0.45:
            words.append(draw_arithmetic(rng))
            continue
        unit = Unit(int(rng.integers(4)))
        wait = sum(1 << u for u in Unit if given[u, unit] > 0 and rng.random() < 0.6)
        release = sum(1 << u for u in Unit if rng.random() < 0.25)
        for u in Unit:
            given[u, unit] -= wait >> u & 1
            given[unit, u] += release >> u & 1
        words.append(draw_task(rng, unit, wait, release) if unit is not Unit.CONTROL else
                     draw_word(rng, KINDS[[k.name for k in KINDS].index("SYS.SYNC")], wait,
                               release))
    return words
