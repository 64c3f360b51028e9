# SPDX-License-Identifier: Apache-2.0
"""A lane of the special function unit: one element a cycle through all of its arithmetic.

::

    x ─(x)─ y ──►(+)──► function ──┬──►(x)──┬──► tap ──► output, reduction
                  ▲                └────────┼──► tap
    u ─(x)─ v ────┴─ b, s                   └──► (/ z) ──► code
"""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.add import Fp32Add, Fp32AddConfig
from flightllm_hw.arith.exponential import Exponential, ExponentialConfig
from flightllm_hw.arith.multiply import Fp32Multiply, Fp32MultiplyConfig
from flightllm_hw.arith.quantize import Fp32Quantize, Fp32QuantizeConfig
from flightllm_hw.config import SfuConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.isa.vector import Addend, Function, LastFactor, Tap
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .operands import ONE
from .pipeline import APPLIED, ARRANGED, FACTORED, MULTIPLIED

__all__ = ["SfuLane", "control"]

MINUS_ZERO = 1 << 31


def control():
    """What all lanes do; each part belongs to the cycle in its name (:mod:`.pipeline`)."""
    return data.StructLayout({
        "multiplied": data.StructLayout({"rotates": 1, "addend": 2, "s": 32}),
        "added": data.StructLayout({"function": 3}),
        "applied": data.StructLayout({"last": 2, "s": 32}),
        "factored": data.StructLayout({"output_tap": 1, "reduce_tap": 1}),
        "tapped": data.StructLayout({"z": 32}),
    })


class SfuLane(wiring.Component):
    """The arithmetic of a pass for one element, see :mod:`flightllm_hw.isa.vector`.

    Moves in every cycle.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    x, y, u, v, b : In
        Operands (:class:`~flightllm_hw.sfu.operands.OperandPair`), at ``ARRANGED``.
    control : In
        See :func:`control`.
    negate : In
        Takes the other product away instead of adding it; at ``MULTIPLIED``.
    counts : In
        The element counts; at ``FACTORED``.
    o : Out
        What is written, at ``TAPPED``; zero if the element does not count.
    o_reduce : Out
        What is reduced, likewise.
    code : Out
        The product over z as int8, at ``CODED``.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        super().__init__({
            **{name: In(32) for name in ("x", "y", "u", "v", "b")},
            "control": In(control()), "negate": In(1), "counts": In(1),
            "o": Out(32), "o_reduce": Out(32), "code": Out(8),
        })

    def elaborate(self, platform):
        m = Module()
        do = self.control

        def multiply(name, a, b):
            unit = place(m, platform, name, Fp32Multiply(Fp32MultiplyConfig()))
            m.d.comb += [unit.a.as_value().eq(a), unit.b.as_value().eq(b)]
            return unit.o.as_value()

        def delay(name, value, cycles):
            line = place(m, platform, name, Delay(DelayConfig(width=len(value), cycles=cycles)))
            m.d.comb += line.i.eq(value)
            return line.o

        # First products.
        product = multiply("first", self.x, self.y)
        other = multiply("other", self.u, self.v)
        b_multiplied = delay("b_to_sum", self.b, MULTIPLIED - ARRANGED)

        # Sum. Minus zero is what adds nothing.
        s = do.multiplied.s
        summand, addend = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.sync += summand.eq(product)
        with m.If(do.multiplied.rotates):
            m.d.sync += addend.eq(Cat(other[:31], other[31] ^ self.negate))
        with m.Else():
            with m.Switch(do.multiplied.addend):
                with m.Case(Addend.NONE):
                    m.d.sync += addend.eq(MINUS_ZERO)
                with m.Case(Addend.B):
                    m.d.sync += addend.eq(b_multiplied)
                with m.Default():
                    minus = do.multiplied.addend == Addend.MINUS_SCALAR
                    m.d.sync += addend.eq(Cat(s[:31], s[31] ^ minus))
        sum_ = place(m, platform, "sum", Fp32Add(Fp32AddConfig()))
        m.d.comb += [sum_.a.as_value().eq(summand), sum_.b.as_value().eq(addend)]
        added = sum_.o.as_value()

        # Function.
        exponential = place(m, platform, "exponential", Exponential(ExponentialConfig()))
        plain = delay("plain", added, exponential.latency)
        kind = delay("kind", do.added.function, exponential.latency)
        m.d.comb += [
            exponential.x.as_value().eq(added),
            Value.cast(exponential.select).eq(do.added.function),
        ]
        applied = Signal(32, reset_less=True)
        nan = Signal()
        m.d.comb += nan.eq(plain[23:31].all() & plain[:23].any())
        with m.Switch(kind):
            with m.Case(Function.IDENTITY):
                m.d.sync += applied.eq(plain)
            with m.Case(Function.ABSOLUTE):
                m.d.sync += applied.eq(plain[:31])
            with m.Case(Function.RELU):
                m.d.sync += applied.eq(Mux(plain[31] & ~nan, 0, plain))
            with m.Default():
                m.d.sync += applied.eq(exponential.o.as_value())

        # Last product.
        b_applied = delay("b_to_last", b_multiplied, APPLIED - MULTIPLIED)
        factor, last = Signal(32, reset_less=True), Signal(32, reset_less=True)
        m.d.sync += last.eq(applied)
        with m.Switch(do.applied.last):
            with m.Case(LastFactor.ONE):
                m.d.sync += factor.eq(ONE)
            with m.Case(LastFactor.B):
                m.d.sync += factor.eq(b_applied)
            with m.Case(LastFactor.SCALAR):
                m.d.sync += factor.eq(do.applied.s)
            with m.Case(LastFactor.ITSELF):
                m.d.sync += factor.eq(applied)
        factored = multiply("last", last, factor)
        before = delay("before", applied, FACTORED - APPLIED)

        # Taps.
        o, o_reduce, dividend = (Signal(32, name=f"{name}_tapped", reset_less=True)
                                 for name in ("o", "o_reduce", "dividend"))
        for signal, tap in ((o, do.factored.output_tap), (o_reduce, do.factored.reduce_tap),
                            (dividend, Const(Tap.PRODUCT, 1))):
            m.d.sync += signal.eq(Mux(self.counts, Mux(tap == Tap.PRODUCT, factored, before), 0))
        quantize = place(m, platform, "quantize", Fp32Quantize(Fp32QuantizeConfig()))
        m.d.comb += [
            self.o.eq(o),
            self.o_reduce.eq(o_reduce),
            quantize.i.as_value().eq(dividend),
            quantize.scale.as_value().eq(do.tapped.z),
            self.code.eq(quantize.o),
        ]
        return m
