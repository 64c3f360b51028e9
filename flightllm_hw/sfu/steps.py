# SPDX-License-Identifier: Apache-2.0
"""From reductions to scalars: means, reciprocals, roots, quotients.

::

    v ─┬─(x k1)──(+ k2)─┬─────────────────────┬─► scalar
       │                └─ 1/x, 1/sqrt(x) ────┤
       ├─ v / k1, z / v ──────────────────────┤
       └──────────────────────────────────────'
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.add import Fp32Add, Fp32AddConfig
from flightllm_hw.arith.divide import Fp32Divide, Fp32DivideConfig
from flightllm_hw.arith.inverse import Inverse, InverseConfig
from flightllm_hw.arith.multiply import Fp32Multiply, Fp32MultiplyConfig
from flightllm_hw.config import SfuConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.isa.vector import Step
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import made_scalar, scalar_task

__all__ = ["ScalarSteps"]


class ScalarSteps(wiring.Component):
    """What becomes of a reduction (:class:`~flightllm_hw.isa.vector.Step`), ``latency`` later.

    Moves in every cycle.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    valid, i, task : In
        A reduction, and what is to become of it.
    o_valid, o : Out
        The scalar.

    Reset: forgets what is under way.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        super().__init__({
            "valid": In(1), "i": In(32), "task": In(scalar_task(config)),
            "o_valid": Out(1), "o": Out(made_scalar(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a reduction to its scalar: the same for all steps."""
        return Fp32Multiply.latency + Fp32Add.latency + Inverse.latency + 1

    def elaborate(self, platform):
        m = Module()
        task = self.task

        def delay(name, value, cycles):
            line = place(m, platform, name, Delay(DelayConfig(width=len(value), cycles=cycles)))
            m.d.comb += line.i.eq(value)
            return line.o

        # v k1 + k2, and its inverses.
        multiply = place(m, platform, "multiply", Fp32Multiply(Fp32MultiplyConfig()))
        add = place(m, platform, "add", Fp32Add(Fp32AddConfig()))
        inverse = place(m, platform, "inverse", Inverse(InverseConfig()))
        root = delay("root", task.step == Step.ROOT, multiply.latency + add.latency)
        m.d.comb += [
            multiply.a.as_value().eq(self.i),
            multiply.b.as_value().eq(task.k1),
            add.a.eq(multiply.o),
            add.b.as_value().eq(delay("k2", task.k2, multiply.latency)),
            inverse.x.eq(add.o),
            Value.cast(inverse.root).eq(root),
        ]
        affine = delay("affine", add.o.as_value(), inverse.latency)

        # Quotients.
        divide = place(m, platform, "divide", Fp32Divide(Fp32DivideConfig()))
        under = task.step == Step.UNDER
        m.d.comb += [
            divide.a.as_value().eq(Mux(under, task.z, self.i)),
            divide.b.as_value().eq(Mux(under, self.i, task.k1)),
        ]
        until = self.latency - 1
        quotient = delay("quotient", divide.o.as_value(), until - divide.latency)
        kept = delay("kept", self.i, until)

        # One of them.
        which = delay("which", Cat(task.step, task.kept), until)
        step, keeps = which[:-1], which[-1]
        value = Signal(32, reset_less=True)
        with m.If(keeps):
            m.d.sync += value.eq(kept)
        with m.Else():
            with m.Switch(step):
                with m.Case(Step.AFFINE):
                    m.d.sync += value.eq(affine)
                with m.Case(Step.RECIPROCAL, Step.ROOT):
                    m.d.sync += value.eq(inverse.o.as_value())
                with m.Case(Step.OVER, Step.UNDER):
                    m.d.sync += value.eq(quotient)
                with m.Default():
                    m.d.sync += value.eq(kept)
        flags = Signal(self.latency)
        m.d.sync += flags.eq(flags << 1 | self.valid)
        m.d.comb += [
            self.o.value.eq(value),
            Cat(self.o.at, self.o.segment, self.o.tag).eq(
                delay("d", Cat(task.d, task.segment, task.tag), self.latency)),
            self.o_valid.eq(flags[-1]),
        ]
        return m
