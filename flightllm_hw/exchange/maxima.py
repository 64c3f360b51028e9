# SPDX-License-Identifier: Apache-2.0
"""The greatest result of every lane and token."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.compare import Fp32Max, Fp32MaxConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.ram import Ram, RamConfig
from flightllm_hw.sfu.layouts import scalar

from .layouts import ExchangeConfig, grant

__all__ = ["Maxima"]

MINUS_INFINITY = 0xFF80_0000


class Maxima(wiring.Component):
    """Maxima of rows whose columns come slanted, one comparison a column and cycle.

    ::

        -inf ─► max ─► max ─► ... ─► max ──► max ──► a scalar, with the last row
                 ▲      ▲             ▲       ▲ │
        column   0      1            W-1      '─' memory, a number a lane and token

    The order of :mod:`flightllm_hw.arith.compare`: NaN is the greatest, a zero is +0. Bit-exact to
    :func:`flightllm_hw.formats.arithmetic.maximum` of flushed numbers, from -inf on.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    valid, grant : In
        A row, when its column 0 comes. Rows of a lane come at least four cycles apart.
    i : In
        Columns: column j is j cycles later.
    passed, o_valid : Out
        A row has been compared, and was the last of its lane and token, ``latency`` cycles later.
    o : Out
        Then the maximum, and the scalar that it becomes.

    Cost: 75 LUTs and 33 flip-flops a column; half a RAMB18E2.
    """

    def __init__(self, config: ExchangeConfig):
        self.config = config
        super().__init__({
            "valid": In(1), "grant": In(grant(config)),
            "i": In(data.ArrayLayout(32, config.width)),
            "passed": Out(1), "o_valid": Out(1), "o": Out(scalar(config.accelerator.sfu)),
        })

    @property
    def latency(self) -> int:
        """Cycles from column 0 to the maximum."""
        return self.config.width + Fp32Max.latency

    def elaborate(self, platform):
        m = Module()
        c = self.config
        item = self.grant

        # Along the columns.
        greatest = MINUS_INFINITY
        for j in range(c.width):
            counts = place(m, platform, f"counts_{j}", Delay(DelayConfig(width=1, cycles=j)))
            compare = place(m, platform, f"max_{j}", Fp32Max(Fp32MaxConfig(magnitude=False)))
            m.d.comb += [
                counts.i.eq(item.counts[j]),
                compare.a.as_value().eq(greatest),
                compare.b.as_value().eq(Mux(counts.o, self.i[j], MINUS_INFINITY)),
            ]
            greatest = compare.o.as_value()

        # What the row belongs to: two cycles earlier for the memory to be read.
        def delay(name, values, cycles):
            line = place(m, platform, name, Delay(DelayConfig(
                width=sum(len(v) for v in values), cycles=cycles)))
            offset, later = 0, []
            for v in values:
                m.d.comb += line.i[offset:offset + len(v)].eq(v)
                later.append(line.o[offset:offset + len(v)])
                offset += len(v)
            return later

        tokens = c.lane.tokens
        depth = max(2, c.lanes) * tokens
        memory = place(m, platform, "memory", Ram(RamConfig(
            width=32, depth=depth, style="distributed" if depth <= 64 else "block")))
        at = Signal(range(depth))
        m.d.comb += at.eq(item.lane * tokens + item.token)
        at_read, *rest = delay("early", [at, item.first, item.last, item.d], c.width - 2)
        at_merge, first, last, d = delay("late", [at_read, *rest], 2)
        merge = place(m, platform, "merge", Fp32Max(Fp32MaxConfig(magnitude=False)))
        flags = Signal(self.latency)
        at_write = Signal(range(depth), reset_less=True)
        last_1 = Signal(reset_less=True)
        d_1 = Signal(c.scalar_bits, reset_less=True)
        m.d.sync += [flags.eq(flags << 1 | self.valid), at_write.eq(at_merge), last_1.eq(last),
                     d_1.eq(d)]
        m.d.comb += [
            memory.read_en.eq(1),
            memory.read_addr.eq(at_read),
            merge.a.as_value().eq(Mux(first, MINUS_INFINITY, memory.read_data)),
            merge.b.as_value().eq(greatest),
            memory.write_en.eq(flags[-1]),
            memory.write_addr.eq(at_write),
            memory.write_data.eq(merge.o.as_value()),
            self.passed.eq(flags[-1]),
            self.o_valid.eq(flags[-1] & last_1),
            self.o.at.eq(d_1),
            self.o.value.eq(merge.o.as_value()),
        ]
        return m
