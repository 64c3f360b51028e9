# SPDX-License-Identifier: Apache-2.0
"""Rows of codes to words of the lanes' activation buffers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.sfu.layouts import code_row

from .destinations import destination, whose
from .layouts import ExchangeConfig

__all__ = ["ActivationWords", "activation_word"]


def activation_word(config: ExchangeConfig):
    """A word to write into an activation buffer: into bank ``bank`` of the ``lanes``."""
    return data.StructLayout({
        "lanes": config.lanes, "bank": 1,
        "word": (config.lane.window_words - 1).bit_length(),
        "codes": 8 * config.lane.chain.window,
    })


class ActivationWords(wiring.Component):
    """Element k of token t to byte k mod window of word + t // 2 * stride + k // window.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    i_valid, i, to : In
        Rows, a segment's in order, and where they go.
    o_valid, o : Out
        A word when its last row has come, ``latency`` cycles later. Behind a segment's end it is
        zero.

    Reset: forgets what is under way.
    """

    latency = 4

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "i_valid": In(1), "i": In(code_row(config.accelerator.sfu)),
            "to": In(destination(config)),
            "o_valid": Out(1), "o": Out(activation_word(config)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        i, to = self.i, self.to
        rows = c.lane.chain.window // c.width
        bits = rows.bit_length() - 1

        # 1: the row joins its word.
        row = Signal(len(to.word) + bits)
        next_row = Signal.like(row)
        codes_1 = Signal(data.ArrayLayout(8 * c.width, rows), reset_less=True)
        lanes_1 = Signal(c.lanes, reset_less=True)
        token_1 = Signal(range(c.lane.tokens), reset_less=True)
        word_1, stride_1 = (Signal.like(to.word, name=name, reset_less=True)
                            for name in ("word_1", "stride_1"))
        valid_1 = Signal()
        lanes, token = whose(m, c, to, i.segment, "row")
        m.d.comb += row.eq(Mux(i.first, 0, next_row))
        with m.If(self.i_valid):
            m.d.sync += next_row.eq(row + 1)
            for n in range(rows):
                with m.If(row[:bits] == n):
                    m.d.sync += codes_1[n].eq(i.codes.as_value())
                with m.Elif(~row[:bits].any()):
                    m.d.sync += codes_1[n].eq(0)
        m.d.sync += [
            valid_1.eq(self.i_valid & (i.last | row[:bits].all())),
            lanes_1.eq(lanes), token_1.eq(token), stride_1.eq(to.stride),
            word_1.eq(to.word + (row >> bits)),
        ]

        # 2 to 4: the token's place, t // 2 times stride, a bit of t // 2 each.
        pairs = token_1 >> 1
        word, token_bits = word_1, len(pairs)
        stride = stride_1
        for n in range(3):
            stage = n + 2
            sum_n = Signal.like(to.word, name=f"word_{stage}", reset_less=True)
            stride_n = Signal.like(to.word, name=f"stride_{stage}", reset_less=True)
            pairs_n = Signal(max(1, token_bits), name=f"pairs_{stage}", reset_less=True)
            m.d.sync += [sum_n.eq(word + Mux(pairs[0], stride, 0)), stride_n.eq(stride << 1),
                         pairs_n.eq(pairs >> 1)]
            word, stride, pairs = sum_n, stride_n, pairs_n

        valid = Signal(self.latency - 1)
        m.d.sync += valid.eq(valid << 1 | valid_1)
        late = place(m, platform, "late", Delay(DelayConfig(
            width=len(codes_1.as_value()) + c.lanes + 1, cycles=self.latency - 1)))
        m.d.comb += [
            late.i.eq(Cat(codes_1.as_value(), lanes_1, token_1[0])),
            Cat(self.o.codes, self.o.lanes, self.o.bank).eq(late.o),
            self.o.word.eq(word),
            self.o_valid.eq(valid[-1]),
        ]
        return m
