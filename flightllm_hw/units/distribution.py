# SPDX-License-Identifier: Apache-2.0
"""The ways between control and the lanes."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.layouts import TAPE, fields
from flightllm_hw.exchange.broadcast import CLUSTER
from flightllm_hw.exchange.crossing import Crossing, CrossingConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.lane.layouts import operation

from .faults import FirstFault, FirstFaultConfig, fault_report
from .links import BACK, lane_link, piece

__all__ = ["Distribution"]


class Distribution(wiring.Component):
    """Operations and pieces of tape to the lanes; what they say, put together.

    ::

        i_tape ─► register ─┐                            ╪ registers
        operation ──────────┼─► cluster of 8 lanes ══════╪══► link_0 .. link_7
        halt, begin ────────┘                            ╪
        fault ◄─ first ◄─┬─ first of a cluster ◄═════════╪═══ faults
        quiet ◄─ all ◄───┴─ all of a cluster ◄═══════════╪═══ flags

    A piece goes to all of its lanes at once, when all lanes have room for one.

    Parameters
    ----------
    config : AcceleratorConfig

    Members
    -------
    i_tape : In, stream
        Fields of LD.TAPE.
    operation_valid, operation : In
        An operation for all lanes, who have room for it.
    halt, begin : In
    quiet : Out
        During ``halt``: all lanes are quiet, and nothing is on its way to them.
    appending, moves : Out
        Of any lane.
    fault, append_fault : Out
        Of the lowest lane that has one.
    link_0, link_1, ... : Out
        Every lane's (:func:`~.links.lane_link`).

    Latency: 1 + ``config.crossings`` to the lanes, 3 + ``config.crossings`` back.
    Reset: forgets what is under way.
    """

    def __init__(self, config: AcceleratorConfig):
        self.config = config
        super().__init__({
            "i_tape": In(stream.Signature(fields(TAPE))),
            "operation_valid": In(1), "operation": In(operation(config.lane)),
            "halt": In(1), "begin": In(1),
            "quiet": Out(1), "appending": Out(1), "moves": Out(1),
            "fault": Out(fault_report()), "append_fault": Out(fault_report()),
            **{f"link_{n}": Out(lane_link(config)) for n in range(config.lanes)},
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        clusters = [range(first, min(first + CLUSTER, c.lanes))
                    for first in range(0, c.lanes, CLUSTER)]

        # A piece, when all lanes have room.
        room = Signal(len(clusters))
        tape = self.i_tape.payload
        lanes_1 = Signal(c.lanes)
        piece_1 = Signal(piece(), reset_less=True)
        operation_1 = Signal(operation(c.lane), reset_less=True)
        valid_1, halt_1, begin_1 = Signal(), Signal(), Signal()
        m.d.comb += self.i_tape.ready.eq(room.all())
        m.d.sync += [
            lanes_1.eq(tape.lanes & (self.i_tape.valid & room.all()).replicate(c.lanes)),
            piece_1.address.eq(tape.address), piece_1.beats.eq(tape.beats),
            piece_1.fence.eq(tape.fence),
            valid_1.eq(self.operation_valid), operation_1.eq(self.operation),
            halt_1.eq(self.halt), begin_1.eq(self.begin),
        ]

        # There and back, a cluster at a time.
        flags = {name: Signal(len(clusters), name=name) for name in BACK}
        firsts = {name: place(m, platform, f"first_{name}", FirstFault(FirstFaultConfig(
            count=len(clusters)))) for name in ("fault", "append_fault")}
        for k, lanes in enumerate(clusters):
            links = [getattr(self, f"link_{n}") for n in lanes]
            there = place(m, platform, f"there_{k}", Crossing(CrossingConfig(
                flags=len(lanes) + 3, payload=len(piece_1.as_value()) + len(operation_1.as_value()),
                stages=c.crossings)))
            m.d.comb += [
                there.flags.eq(Cat(lanes_1[lanes.start:lanes.stop], valid_1, halt_1, begin_1)),
                there.i.eq(Cat(piece_1, operation_1)),
            ]
            for n, link in enumerate(links):
                m.d.comb += [
                    link.descriptor_valid.eq(there.o_flags[n]),
                    Cat(link.operation_valid, link.halt, link.begin).eq(
                        there.o_flags[len(lanes):]),
                    Cat(Value.cast(link.descriptor), Value.cast(link.operation)).eq(there.o),
                ]

            back_flags = Signal(len(BACK), name=f"back_flags_{k}")
            of_cluster = {name: place(m, platform, f"{name}_{k}", FirstFault(FirstFaultConfig(
                count=len(lanes)))) for name in firsts}
            back = place(m, platform, f"back_{k}", Crossing(CrossingConfig(
                flags=len(BACK), payload=2 * fault_report().size, stages=c.crossings)))
            for name, first in of_cluster.items():
                m.d.comb += [first.i[n].eq(getattr(link, name)) for n, link in enumerate(links)]
            for at, name in enumerate(BACK):
                of_links = Cat(getattr(link, name) for link in links)
                m.d.sync += back_flags[at].eq(
                    of_links.any() if name in ("appending", "moves") else of_links.all())
            m.d.comb += [
                back.flags.eq(back_flags),
                back.i.eq(Cat(Value.cast(of_cluster["fault"].o),
                              Value.cast(of_cluster["append_fault"].o))),
                Cat(Value.cast(firsts["fault"].i[k]),
                    Value.cast(firsts["append_fault"].i[k])).eq(back.o),
            ]
            m.d.sync += [flags[name][k].eq(back.o_flags[at]) for at, name in enumerate(BACK)]

        # Quiet for so long that nothing can be on its way.
        settle = 2 * c.crossings + 8
        calm = Signal(range(settle + 1))
        with m.If(~self.halt | ~flags["quiet"].all() | self.i_tape.valid | lanes_1.any()):
            m.d.sync += calm.eq(0)
        with m.Elif(calm != settle):
            m.d.sync += calm.eq(calm + 1)
        m.d.comb += [
            room.eq(flags["room"]),
            self.fault.eq(firsts["fault"].o), self.append_fault.eq(firsts["append_fault"].o),
        ]
        m.d.sync += [
            self.quiet.eq(calm == settle),
            self.appending.eq(flags["appending"].any()), self.moves.eq(flags["moves"].any()),
        ]
        return m
