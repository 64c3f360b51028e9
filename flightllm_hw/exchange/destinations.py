# SPDX-License-Identifier: Apache-2.0
"""Where codes go, and how they are told there."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data

from flightllm_hw.isa.vector import SEGMENT_BITS

from .layouts import ELEMENT_BITS, ExchangeConfig

__all__ = ["append_unit", "beat_shift", "destination",
           "unit_codes", "whose"]

WORD_BITS = 36
"""Width of the address of a scale, which counts words of 4 bytes."""


def beat_shift(config: ExchangeConfig) -> int:
    """Bits of an address below a beat of a lane's port."""
    return (config.lane.beat_bits // 8).bit_length() - 1


def unit_codes(config: ExchangeConfig) -> int:
    """Codes of a value that are appended at once: those that lie in one tile, at most 8."""
    return min(8, config.lane.beat_bits // 16)


def destination(config: ExchangeConfig):
    """What becomes of a pass's codes and scalars; fields are the instruction's.

    ``target`` is a :class:`~flightllm_hw.isa.table.Target`, ``scales`` a
    :class:`~flightllm_hw.isa.table.Bank`. ``limit`` counts the codes of keys and values.
    """
    word = (config.lane.window_words - 1).bit_length()
    return data.StructLayout({
        "target": 2, "spread": 1, "group": 3, "token": range(config.lane.tokens),
        "word": word, "stride": word, "bank": 1, "scales": 2,
        "limit": ELEMENT_BITS, "address": 32, "high": 16, "low": 8, "place": 3,
        "scale_address": WORD_BITS,
    })


def append_unit(config: ExchangeConfig):
    """Codes to write to a lane's memory, top bits inverted, or a scale (``four``).

    Beat ``beat`` from the lane's base on. Keys: 8 consecutive bytes from byte ``at`` on; a scale:
    4. Values: every eighth byte from byte ``at`` on. Codes are turned, so that each of them is the
    byte of its diagonal (:mod:`flightllm_hw.memory.beats`): code n is byte n + at // 8 of a key or
    scale, byte n + at % 8 of a value, modulo 8. ``last``: of an append. ``empty``: it ends the
    append, and that is all.
    """
    return data.StructLayout({
        "codes": 64,
        "beat": max(32, WORD_BITS + 2 - beat_shift(config)),
        "at": max(3, beat_shift(config)),
        "values": 1, "four": 1, "empty": 1, "last": 1,
    })


def whose(m: Module, config: ExchangeConfig, to, segment, name: str):
    """The lanes, a bit each, and the token that a segment belongs to; combinational."""
    inner = Signal(SEGMENT_BITS, name=f"{name}_inner")
    lane = Signal(SEGMENT_BITS, name=f"{name}_lane")
    lanes = Signal(config.lanes, name=f"{name}_lanes")
    bits = (config.lanes - 1).bit_length()
    token = Signal(range(config.lane.tokens), name=f"{name}_token")
    m.d.comb += [
        lane.eq(segment >> to.group),
        inner.eq(Mux(to.spread, segment & Cat(to.group > n for n in range(SEGMENT_BITS - 1)),
                     segment)),
        token.eq(to.token + inner),
        lanes.eq(Mux(to.spread, Mux(lane[bits:].any(), 0, 1 << lane[:bits]), -1)),
    ]
    return lanes, token
