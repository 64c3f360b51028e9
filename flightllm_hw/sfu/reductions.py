# SPDX-License-Identifier: Apache-2.0
"""Reductions of segments, and the scalars that they become."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import SfuConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.isa.vector import Reduce
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .extremes import SegmentMax
from .layouts import beat, made_scalar, row, scalar_task
from .steps import ScalarSteps
from .sums import SegmentSum

__all__ = ["Reductions"]

UNDER_WAY = 16
"""Segments under way, at eight cycles each: more than the reductions take."""


class Reductions(wiring.Component):
    """Rows to scalars, ``latency`` cycles after a segment's last row.

    Maxima wait as long as sums take, so that results come in the order of their segments.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    valid, beat, i : In
        Rows, at ``TAPPED``. Two segments that are reduced end at least eight cycles apart.
    o_valid, o : Out
        Scalars.

    Reset: forgets what is under way.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        self._sum = SegmentSum(config)
        self._steps = ScalarSteps(config)
        super().__init__({
            "valid": In(1), "beat": In(beat(config)), "i": In(row(config)),
            "o_valid": Out(1), "o": Out(made_scalar(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a segment's last row to its scalar."""
        return self._sum.latency + self._steps.latency

    def elaborate(self, platform):
        m = Module()
        c = self.config
        beat = self.beat
        sum_ = place(m, platform, "sum", self._sum)
        extreme = place(m, platform, "extreme", SegmentMax(c))
        steps = place(m, platform, "steps", self._steps)
        sums = beat.reduce == Reduce.SUM
        reduces = Signal()
        m.d.comb += [
            reduces.eq(self.valid & (beat.reduce != Reduce.NONE)),
            sum_.valid.eq(reduces & sums),
            sum_.last.eq(beat.last_row),
            sum_.i.eq(self.i),
            extreme.valid.eq(reduces & ~sums),
            extreme.first.eq(beat.first_row),
            extreme.last.eq(beat.last_row),
            extreme.kind.eq(beat.reduce),
            extreme.counts.eq(beat.counts),
            extreme.i.eq(self.i),
        ]

        # Maxima wait.
        waits = sum_.latency - extreme.latency
        line = place(m, platform, "maxima", Delay(DelayConfig(width=32, cycles=waits)))
        arrives = Signal(waits)
        m.d.sync += arrives.eq(arrives << 1 | extreme.o_valid)
        m.d.comb += line.i.eq(extreme.o)

        # What is to become of them waits as well.
        task = Signal(scalar_task(c))
        tasks = place(m, platform, "tasks", Queue(QueueConfig(
            width=len(task.as_value()), depth=UNDER_WAY)))
        m.d.comb += [
            *(task[name].eq(beat[name])
              for name in ("step", "d", "k1", "k2", "z", "segment", "tag")),
            task.kept.eq(beat.reduce == Reduce.ARGMAX),
            tasks.i.valid.eq(reduces & beat.last_row),
            tasks.i.payload.eq(task.as_value()),
            tasks.o.ready.eq(steps.valid),
            steps.valid.eq(sum_.o_valid | arrives[-1]),
            steps.i.eq(Mux(sum_.o_valid, sum_.o, line.o)),
            steps.task.as_value().eq(tasks.o.payload),
            self.o_valid.eq(steps.o_valid),
            self.o.eq(steps.o),
        ]
        return m
