# SPDX-License-Identifier: Apache-2.0
"""From exact dot products to results: y = fp32(A) * fp32(s_row * s_x)."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.convert import IntToFp32, IntToFp32Config
from flightllm_hw.arith.layouts import Fp32
from flightllm_hw.arith.multiply import Fp32Multiply, Fp32MultiplyConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import SUM_BITS

__all__ = ["ResultScaler", "ResultScalerConfig", "scaled", "unscaled"]

DEPTH = 32
"""Results under way or waiting: more than the cycles that a credit is away, so that none is missed,
and what a LUT holds."""


@dataclass(frozen=True, kw_only=True)
class ResultScalerConfig:
    """What passes along.

    Parameters
    ----------
    tag_bits : int
        Width of a tag.
    """

    tag_bits: int

    def __post_init__(self) -> None:
        if self.tag_bits < 1:
            raise ValueError(f"Tag must have at least 1 bit, not {self.tag_bits!r}")


def unscaled(config: ResultScalerConfig):
    """A dot product, the scales of its row and its token, and what they belong to."""
    return data.StructLayout({
        "sum": signed(SUM_BITS),
        "row_scale": Fp32,
        "token_scale": Fp32,
        "tag": config.tag_bits,
    })


def scaled(config: ResultScalerConfig):
    """A result, and what it belongs to."""
    return data.StructLayout({"value": Fp32, "tag": config.tag_bits})


class ResultScaler(wiring.Component):
    """y = fp32(A) * fp32(s_row * s_x), in order, a result a cycle.

    ::

        i ─┬─ sum ──────────► IntToFp32 ──► z ──────►(x)──► values ─┬─► o
           ├─ row_scale ───►(x)──────────────────────'              │
           ├─ token_scale ──'                                       │
           └─ tag ───────────────────────────────────────► tags ────'

    The arithmetic never stops. An item is taken when it has a place in the memory at the end, 32
    deep, which is its own until the result is taken there: nothing is lost while ``o`` waits.

    Numerics: bit-exact to :func:`flightllm_hw.formats.scale_result`; NaN is 0x7FC00000.

    Parameters
    ----------
    config : ResultScalerConfig
        Width of a tag.

    Members
    -------
    i : In, stream
        :func:`unscaled`.
    o : Out, stream
        :func:`scaled`, ``latency`` = 15 cycles later at the earliest.
    busy : Out
        Something is under way or waits.

    Reset: forgets what is under way and what waits.

    Platform overrides: four DSP48E2; with them, for 12 bits of tag, about 530 LUTs and 630
    flip-flops, and 5 LUT levels.
    """

    latency = 15

    def __init__(self, config: ResultScalerConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(unscaled(config))),
            "o": Out(stream.Signature(scaled(config))),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        convert = place(m, platform, "convert", IntToFp32(IntToFp32Config(width=SUM_BITS)))
        scale = place(m, platform, "scale", Fp32Multiply(Fp32MultiplyConfig()))
        result = place(m, platform, "result", Fp32Multiply(Fp32MultiplyConfig()))
        wait = place(m, platform, "wait", Delay(DelayConfig(
            width=len(convert.o.as_value()), cycles=scale.latency - convert.latency)))

        # The arithmetic; what moves through it may be nothing.
        item = self.i.payload
        m.d.comb += [
            convert.i.eq(item.sum),
            wait.i.eq(convert.o.as_value()),
            scale.a.eq(item.row_scale),
            scale.b.eq(item.token_scale),
            result.a.as_value().eq(wait.o),
            result.b.eq(scale.o),
        ]

        # Which cycles hold an item.
        accept = Signal()
        under_way = Signal(scale.latency + result.latency)
        finish = under_way[-1]
        m.d.comb += accept.eq(self.i.valid & self.i.ready)
        m.d.sync += under_way.eq(Cat(accept, under_way))

        # A place is reserved by the tag, filled by the value, and freed by the consumer.
        def memory(name, shape):
            array = Memory(shape=shape, depth=DEPTH, init=[], attrs={"ram_style": "distributed"})
            m.submodules[name] = array
            return array.write_port(), array.read_port(domain="comb")

        tag_write, tag_read = memory("tags", self.config.tag_bits)
        value_write, value_read = memory("values", len(result.o.as_value()))
        reserved = Signal(range(DEPTH))
        filled = Signal(range(DEPTH))
        shown = Signal(range(DEPTH))
        m.d.comb += [
            tag_write.en.eq(accept), tag_write.addr.eq(reserved), tag_write.data.eq(item.tag),
            value_write.en.eq(finish), value_write.addr.eq(filled),
            value_write.data.eq(result.o.as_value()),
            tag_read.addr.eq(shown), value_read.addr.eq(shown),
            self.o.payload.tag.eq(tag_read.data),
            self.o.payload.value.as_value().eq(value_read.data),
        ]

        # Places in use, and results to show.
        used = Signal(range(DEPTH + 1))
        waiting = Signal(range(DEPTH + 1))
        give = Signal()
        m.d.comb += [
            self.i.ready.eq(~used[-1]),  # below DEPTH, a power of two
            self.o.valid.eq(waiting != 0),
            self.busy.eq(used != 0),
            give.eq(self.o.valid & self.o.ready),
        ]
        m.d.sync += [
            reserved.eq(reserved + accept),
            filled.eq(filled + finish),
            shown.eq(shown + give),
            used.eq(used + accept - give),
            waiting.eq(waiting + finish - give),
        ]
        return m
