# SPDX-License-Identifier: Apache-2.0
"""Scalars, and which of them are still being made."""

from amaranth.hdl import Array, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import widths

from .layouts import scalar

__all__ = ["ScalarFile"]


class ScalarFile(wiring.Component):
    """FP32 scalars in LUTs, each with a flag that says whether it is there.

    A scalar is not there from the cycle in which it is claimed until it is written; all are at
    reset.

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    claim_en, claim : In
        A scalar that will be made.
    write_en, write : In
        A scalar that is made.
    i : In, stream
        Scalars from elsewhere; they wait for a cycle in which none is written.
    s, z, d : In
        Scalars to look up.
    s_value, z_value : Out
        Their values, a cycle later.
    there : Out
        All three were there, a cycle later.
    all_there : Out
        No scalar is being made.

    Reset: all are there; values stay.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        at = widths(config)["d"]
        super().__init__({
            "claim_en": In(1), "claim": In(at),
            "write_en": In(1), "write": In(scalar(config)),
            "i": In(stream.Signature(scalar(config))),
            "s": In(at), "z": In(at), "d": In(at),
            "s_value": Out(32), "z_value": Out(32),
            "there": Out(1), "all_there": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        array = Memory(shape=32, depth=c.scalars, init=[], attrs={"ram_style": "distributed"})
        m.submodules.array = array
        write = array.write_port()
        m.d.comb += [
            self.i.ready.eq(~self.write_en),
            write.en.eq(self.write_en | self.i.valid),
            write.addr.eq(self.i.payload.at),
            write.data.eq(self.i.payload.value),
        ]
        with m.If(self.write_en):
            m.d.comb += [write.addr.eq(self.write.at), write.data.eq(self.write.value)]

        there = Signal(c.scalars, init=-1)
        with m.If(self.write_en):
            m.d.sync += there.bit_select(self.write.at, 1).eq(1)
        with m.If(self.claim_en):
            m.d.sync += there.bit_select(self.claim, 1).eq(0)

        flags = Array(there)
        found = Signal()
        m.d.sync += [
            found.eq(flags[self.s] & flags[self.z] & flags[self.d]),
            self.all_there.eq(there.all()),
        ]
        m.d.comb += self.there.eq(found)
        for name in ("s", "z"):
            read = array.read_port(domain="comb")
            value = Signal(32, name=f"{name}_1", reset_less=True)
            m.d.comb += read.addr.eq(getattr(self, name))
            m.d.sync += value.eq(read.data)
            m.d.comb += getattr(self, f"{name}_value").eq(value)
        return m
