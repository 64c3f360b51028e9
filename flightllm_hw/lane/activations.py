# SPDX-License-Identifier: Apache-2.0
"""A lane's private copy of the activations."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.ram import Ram, RamConfig

from .layouts import request, tagged_step

__all__ = ["ActivationBuffer"]


class ActivationBuffer(wiring.Component):
    """int8 tokens in two banks of UltraRAM, even tokens in one and odd tokens in the other.

    A request gives the same word of both banks, turned so that the wanted quarter comes first:
    a tile of 8 columns begins in any quarter of a word of 32, one of 16 columns in every second.
    The second window has a meaning only for patterns that take two tokens a step, and there it is
    the odd token's.

    ::

        word   | 0 .. 7 | 8 .. 15 | 16 .. 23 | 24 .. 31 |        columns 32 n + ...

    Parameters
    ----------
    config : LaneConfig
        Window, words.

    Members
    -------
    write_en : In
        A bit a bank.
    write_word, write_data : In
        A word to write: ``window`` int8 of one token (or of both, where both bits are set).
    i : In, stream
        Requests.
    o : Out, stream
        Windows in order, ``latency`` = 2 cycles later at the earliest, one a cycle.

    Reset: forgets requests; the activations stay.
    """

    latency = 2

    def __init__(self, config: LaneConfig):
        self.config = config
        width = 8 * config.chain.window
        super().__init__({
            "write_en": In(2),
            "write_word": In(range(config.window_words)),
            "write_data": In(width),
            "i": In(stream.Signature(request(config))),
            "o": Out(stream.Signature(tagged_step(config))),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        window = c.chain.window

        # A request passes the array's register and the output register, each when it is free.
        in_array = Signal()
        shown = Signal()
        array_1 = Signal.like(self.i.payload, reset_less=True)
        shown_2 = Signal.like(self.i.payload, reset_less=True)
        shown_free = Signal()
        takes = Signal()
        m.d.comb += [
            shown_free.eq(~shown | self.o.ready),
            self.i.ready.eq(~in_array | shown_free),
            takes.eq(self.i.valid & self.i.ready),
            self.o.valid.eq(shown),
        ]
        with m.If(self.i.ready):
            m.d.sync += in_array.eq(takes)
        with m.If(takes):
            m.d.sync += array_1.eq(self.i.payload)
        with m.If(shown_free):
            m.d.sync += [shown.eq(in_array), shown_2.eq(array_1)]

        words = []
        for n in range(2):
            bank = place(m, platform, f"bank_{n}",
                         Ram(RamConfig(width=8 * window, depth=c.window_words, style="ultra")))
            m.d.comb += [
                bank.write_en.eq(self.write_en[n]),
                bank.write_addr.eq(self.write_word),
                bank.write_data.eq(self.write_data),
                bank.read_en.eq(takes),
                bank.read_addr.eq(self.i.payload.word),
                bank.out_en.eq(shown_free),
            ]
            word = Signal(data.ArrayLayout(signed(8), window), name=f"word_{n}")
            m.d.comb += word.as_value().eq(bank.read_data)
            words.append(word)

        # The wanted token first, the wanted quarter first; no more of either than patterns need.
        quarter = window // 4
        for n, window_n in enumerate(self.o.payload.step.windows):
            patterns = [p for p in c.patterns if n < c.chain.tokens(p)]
            turned = [words[1][k] if n else Mux(shown_2.odd, words[1][k], words[0][k])
                      for k in range(window)]
            for k in range(window):
                # Tiles of a quarter begin anywhere, tiles of a half in every second quarter.
                covers = [c.tile_columns(p) // quarter for p in patterns if k < c.tile_columns(p)]
                starts = range(0, 4, min(covers, default=4))
                with m.Switch(shown_2.quarter):
                    for start in starts[1:]:
                        with m.Case(start):
                            m.d.comb += window_n[k].eq(turned[k + start * quarter])
                    with m.Default():
                        m.d.comb += window_n[k].eq(turned[k])
        m.d.comb += [
            self.o.payload.tag.eq(shown_2.tag),
            self.o.payload.step.last.eq(shown_2.tag.last_step),
        ]
        return m
