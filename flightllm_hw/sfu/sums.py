# SPDX-License-Identifier: Apache-2.0
"""Sums of segments in the order of :mod:`flightllm_hw.formats.reduction`, a row a cycle.

::

    row ─► tree of W ─► pairs up to 16 ─► (+)─► A0 .. A7 ─► pairs, pairs, pairs ─► sum
                                           ▲        │
                                           '────────'
"""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.add import Fp32Add, Fp32AddConfig
from flightllm_hw.config import SfuConfig
from flightllm_hw.formats.reduction import ACCUMULATORS, BLOCK
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import row
from .pairs import PairSum, PairSumConfig

__all__ = ["SegmentSum"]

TREES = 3
"""Levels of the tree of accumulators."""

LOOP = Fp32Add.latency + 1
"""Cycles from a block to the accumulator that it is in: as many as there are accumulators."""


class SegmentSum(wiring.Component):
    """The sum of every segment, ``latency`` cycles after its last row.

    Two segments end at least eight cycles apart. While the accumulators of one are summed up, those
    of the other fill.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    valid, last, i : In
        Rows; a segment ends with ``last``.
    o_valid, o : Out
        Sums.

    Reset: forgets what is under way.

    Raises
    ------
    ValueError
        If adders are slower than a turn of the accumulators.
    """

    def __init__(self, config: SfuConfig):
        if LOOP > ACCUMULATORS:
            raise ValueError(f"FP32 adders must take less than {ACCUMULATORS} cycles")
        self.config = config
        super().__init__({
            "valid": In(1), "last": In(1), "i": In(row(config)),
            "o_valid": Out(1), "o": Out(32),
        })

    @property
    def _levels(self) -> int:
        return self.config.width.bit_length() - 1

    @property
    def latency(self) -> int:
        """Cycles from a segment's last row to its sum."""
        block = BLOCK.bit_length() - 1
        return (block + TREES) * Fp32Add.latency + LOOP + 1 + ACCUMULATORS

    def elaborate(self, platform):
        m = Module()

        # The tree over a row.
        level = list(self.i)
        for n in range(self._levels):
            sums = [place(m, platform, f"tree_{n}_{k}", Fp32Add(Fp32AddConfig()))
                    for k in range(len(level) // 2)]
            for k, unit in enumerate(sums):
                m.d.comb += [unit.a.as_value().eq(level[2 * k]),
                             unit.b.as_value().eq(level[2 * k + 1])]
            level = [unit.o.as_value() for unit in sums]
        flags = Signal(2 * self._levels * Fp32Add.latency)
        m.d.sync += flags.eq(flags << 2 | Cat(self.last, self.valid))
        valid, last, value = flags[-1], flags[-2], level[0]

        # Pairs of rows, until there are blocks.
        def pairs(name, valid, last, value):
            unit = place(m, platform, name, PairSum(PairSumConfig()))
            m.d.comb += [unit.valid.eq(valid), unit.last.eq(last), unit.i.eq(value)]
            return unit.o_valid, unit.o_last, unit.o

        for n in range(BLOCK.bit_length() - 1 - self._levels):
            valid, last, value = pairs(f"block_{n}", valid, last, value)

        # Accumulators: those of two segments in turn.
        bank, index = Signal(), Signal(range(ACCUMULATORS))
        turned = Signal()
        at = Cat(index, bank)
        with m.If(valid):
            m.d.sync += [index.eq(index + 1), turned.eq(turned | (index == ACCUMULATORS - 1))]
            with m.If(last):
                m.d.sync += [index.eq(0), turned.eq(0), bank.eq(~bank)]
        add = place(m, platform, "accumulate", Fp32Add(Fp32AddConfig()))
        array = Memory(shape=32, depth=2 * ACCUMULATORS, init=[],
                       attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write = array.write_port()
        old, shown = array.read_port(domain="comb"), array.read_port(domain="comb")
        line = place(m, platform, "at", Delay(DelayConfig(width=len(at), cycles=LOOP)))
        runs = Signal(LOOP)
        m.d.sync += runs.eq(runs << 1 | valid)
        total = add.o.as_value()
        m.d.comb += [
            line.i.eq(at),
            write.addr.eq(line.o), write.data.eq(total), write.en.eq(runs[-1]),
            old.addr.eq(at),
        ]
        # A block may come in the very cycle in which the one before in its accumulator is added.
        before, block = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.sync += [
            block.eq(value),
            before.eq(Mux(~turned, 0, Mux(runs[-1] & (line.o == at), total, old.data))),
        ]
        m.d.comb += [add.a.as_value().eq(before), add.b.as_value().eq(block)]

        # Once the last block is in, accumulator after accumulator; those that got none are zero.
        ends = Signal(LOOP)
        m.d.sync += ends.eq(ends << 1 | (valid & last))
        used = place(m, platform, "used", Delay(DelayConfig(width=len(at) + 1, cycles=LOOP)))
        m.d.comb += used.i.eq(Cat(at, turned))
        show, show_bank = Signal(range(ACCUMULATORS)), Signal()
        shows = Signal()
        final, all_used = Signal(range(ACCUMULATORS)), Signal()
        with m.If(shows):
            m.d.sync += [show.eq(show + 1), shows.eq(show != ACCUMULATORS - 1)]
        with m.If(ends[-1]):
            m.d.sync += [shows.eq(1), show.eq(0),
                         Cat(final, show_bank, all_used).eq(used.o)]
        shown_1 = Signal(32, reset_less=True)
        shows_1, last_1 = Signal(), Signal()
        m.d.comb += shown.addr.eq(Cat(show, show_bank))
        m.d.sync += [
            shown_1.eq(Mux(all_used | (show <= final), shown.data, 0)),
            shows_1.eq(shows), last_1.eq(show == ACCUMULATORS - 1),
        ]
        valid, last, value = shows_1, last_1, shown_1
        for n in range(TREES):
            valid, last, value = pairs(f"total_{n}", valid, last, value)
        m.d.comb += [self.o_valid.eq(valid), self.o.eq(value)]
        return m
