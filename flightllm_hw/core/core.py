# SPDX-License-Identifier: Apache-2.0
"""The core: a program in memory, lanes with memories of their own, special functions."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.control import Control, ControlConfig
from flightllm_hw.control.fetch import FetchConfig
from flightllm_hw.control.layouts import PC_BITS, UNITS
from flightllm_hw.exchange.broadcast import Broadcast
from flightllm_hw.exchange.gather import Gather
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.interfaces.stream import Merge, MergeConfig
from flightllm_hw.isa.table import Unit
from flightllm_hw.sfu.unit import SpecialFunctionUnit
from flightllm_hw.units.distribution import Distribution
from flightllm_hw.units.faults import AHEAD
from flightllm_hw.units.host import HostPort, HostPortConfig
from flightllm_hw.units.lanes import LanesUnit
from flightllm_hw.units.memory import MemoryUnit
from flightllm_hw.units.transfers import MemoryUnitConfig
from flightllm_hw.units.vector import VectorUnit

from .bank import CounterBank, CounterBankConfig, counters
from .counters import GLOBAL, LANE
from .node import LaneNode, lane_inputs

__all__ = ["Core", "CoreConfig", "trace_event"]


@dataclass(frozen=True, kw_only=True)
class CoreConfig:
    """The core.

    Parameters
    ----------
    accelerator : AcceleratorConfig
    """

    accelerator: AcceleratorConfig

    @property
    def lanes(self) -> int:
        """Lanes."""
        return self.accelerator.lanes

    @property
    def control(self) -> ControlConfig:
        """The control; its port is as wide as a lane's."""
        return ControlConfig(fetch=FetchConfig(port=PortConfig(
            data_bits=self.accelerator.lane.beat_bits)), in_flight=AHEAD)


def trace_event() -> data.StructLayout:
    """What units did in a cycle: ``taken``, a task whose program counter is ``pc``; ``done``."""
    return data.StructLayout({unit.name.lower(): data.StructLayout(
        {"taken": 1, "done": 1, "pc": PC_BITS}) for unit in UNITS})


class Core(wiring.Component):
    """Runs programs (``docs/isa.md``); knows no card, and has no state of its own between two.

    ::

        m_axi_host ◄─► HostPort ◄─┬─ Control ──tasks──► MemoryUnit ─rows─┐   ┌─ m_axi_0
                                  └─ MemoryUnit   ├───► VectorUnit ──► SFU   │
                                                  └───► LanesUnit        │▲   │
                        Distribution ◄── tapes, operations ──┘     codes ││   │
                             ║                                  Broadcast││Gather
                             ╚══════════► LaneNode 0 .. ◄════════════════╝╘═══╪══ LaneNode 0 ..
                                              ◄───────────────────────────────┘

    All else than the nodes lies together; on every way to a node and back there are
    ``crossings`` registers.

    Parameters
    ----------
    config : CoreConfig

    Members
    -------
    start, origin, watchdog, cancel, preset_en, preset_at, preset_data : In
    busy, done, stuck, error, pc : Out
        As of :class:`~flightllm_hw.control.control.Control`.
    host_base, host_limit : In
        The window of the program, and of what it loads and stores.
    lane_base, lane_limit : In
        The window of each lane. All windows and ``origin`` are held while ``busy``.
    counters, lane_counters : Out
        :data:`~.counters.GLOBAL`, and of each lane :data:`~.counters.LANE`. Cleared by ``start``.
    events_valid, events : Out
        What units begin and end (:func:`trace_event`), where any does.
    m_axi_host, m_axi_0, m_axi_1, ... : Out
        The memory ports.

    Reset: forgets everything; only while not ``busy``, or with all memories.
    """

    def __init__(self, config: CoreConfig):
        self.config = config
        a = config.accelerator
        self._control = Control(config.control)
        of = self._control.signature.members
        axi = Axi4Signature(data_bits=a.lane.beat_bits, id_bits=1, access=Access.BOTH)
        lanes = range(a.lanes)
        super().__init__({
            **{name: of[name] for name in (
                "start", "origin", "watchdog", "cancel", "preset_en", "preset_at", "preset_data",
                "busy", "done", "stuck", "error", "pc")},
            "host_base": In(ADDRESS_BITS), "host_limit": In(ADDRESS_BITS),
            "lane_base": In(data.ArrayLayout(ADDRESS_BITS, a.lanes)),
            "lane_limit": In(data.ArrayLayout(ADDRESS_BITS, a.lanes)),
            "counters": Out(counters(GLOBAL)),
            "lane_counters": Out(data.ArrayLayout(counters(LANE), a.lanes)),
            "events_valid": Out(1), "events": Out(trace_event()),
            "m_axi_host": Out(axi), **{f"m_axi_{n}": Out(axi) for n in lanes},
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        a = c.accelerator
        exchange = ExchangeConfig(accelerator=a)
        control = place(m, platform, "control", self._control)
        memory = place(m, platform, "memory", MemoryUnit(MemoryUnitConfig(
            beat_bits=a.lane.beat_bits, sfu=a.sfu)))
        lanes = place(m, platform, "lanes", LanesUnit(a))
        vector = place(m, platform, "vector", VectorUnit(a))
        host = place(m, platform, "host", HostPort(HostPortConfig(data_bits=a.lane.beat_bits)))
        sfu = place(m, platform, "sfu", SpecialFunctionUnit(a.sfu))
        gather = place(m, platform, "gather", Gather(exchange))
        broadcast = place(m, platform, "broadcast", Broadcast(exchange))
        distribution = place(m, platform, "distribution", Distribution(a))

        # Control, its units, the host's memory.
        m.d.comb += [
            *(getattr(control, name).eq(getattr(self, name)) for name in (
                "start", "origin", "watchdog", "cancel", "preset_en", "preset_at", "preset_data")),
            *(Value.cast(getattr(self, name)).eq(Value.cast(getattr(control, name)))
              for name in ("busy", "done", "stuck", "error", "pc")),
            control.base.eq(self.host_base), control.limit.eq(self.host_limit),
            memory.base.eq(self.host_base), memory.limit.eq(self.host_limit),
            lanes.halt.eq(control.halt), gather.halt.eq(control.halt),
            distribution.halt.eq(control.halt), distribution.begin.eq(self.start & ~control.busy),
        ]
        units = {Unit.MEMORY: memory, Unit.LANES: lanes, Unit.VECTOR: vector}
        for unit, front in units.items():
            name = unit.name.lower()
            connect(m, getattr(control, f"o_{name}"), front.i)
            # What a unit tells is heard a cycle later, all of it.
            m.d.sync += [
                getattr(control, f"{name}_done").eq(front.done),
                getattr(control, f"{name}_error").eq(front.error),
                getattr(control, f"{name}_error_address").eq(front.error_address),
            ]
            m.d.comb += front.clear.eq(control.halt & ~front.busy)
        connect(m, control.m_axi, host.fetch)
        connect(m, memory.m_axi, host.unit)
        connect(m, host.m_axi, flipped(self.m_axi_host))

        # The special function unit. Rows of memory go before those of the gather: a load ends when
        # memory has given it, and results wait in their slots.
        passes = place(m, platform, "passes", Merge(MergeConfig(
            width=len(Value.cast(sfu.i.payload)))))
        rows = place(m, platform, "rows", Merge(MergeConfig(
            width=len(Value.cast(sfu.i_row.payload)))))
        for merge, first, second in ((passes, memory.o_pass, vector.o_pass),
                                     (rows, memory.o_row, gather.o_row)):
            for source, port in ((first, merge.first), (second, merge.second)):
                _join(m, source, port)
        # A pass takes three cycles at least: a register that is filled every other one will do.
        payload = Value.cast(sfu.i.payload)
        next_pass = Signal(len(payload), reset_less=True)
        _join(m, rows.o, sfu.i_row)
        m.d.comb += [passes.o.ready.eq(~sfu.i.valid), payload.eq(next_pass)]
        with m.If(sfu.i.valid):
            m.d.sync += sfu.i.valid.eq(~sfu.i.ready)
        with m.Else():
            m.d.sync += [sfu.i.valid.eq(passes.o.valid), next_pass.eq(passes.o.payload)]
        connect(m, gather.o_scalar, sfu.i_scalar)
        connect(m, vector.o_rotation, sfu.i_rotation)
        m.d.comb += [
            *(getattr(sfu, name).eq(getattr(memory, name))
              for name in ("step_en", "step_at", "step")),
            memory.i_out_valid.eq(sfu.o_valid), memory.i_out.eq(sfu.o), memory.i_out_z.eq(sfu.o_z),
            sfu.hold.eq(broadcast.hold),
            broadcast.i_codes_valid.eq(sfu.o_codes_valid), broadcast.i_codes.eq(sfu.o_codes),
            broadcast.i_scalar_valid.eq(sfu.o_scalar_valid), broadcast.i_scalar.eq(sfu.o_scalar),
            *(getattr(broadcast, name).eq(getattr(vector, name))
              for name in ("write_en", "write_tag", "write_data")),
            vector.working.eq(sfu.busy | broadcast.busy),
            vector.appending.eq(distribution.appending),
            vector.append_error.eq(distribution.append_fault.fault),
            vector.append_error_address.eq(distribution.append_fault.address),
        ]

        # The lanes.
        connect(m, control.o_tape, distribution.i_tape)
        connect(m, lanes.o, gather.i)
        m.d.comb += [
            distribution.operation_valid.eq(lanes.operation_valid),
            distribution.operation.eq(lanes.operation),
            lanes.gathered.eq(gather.done),
            lanes.fault.eq(distribution.fault),
        ]
        for n in range(a.lanes):
            node = place(m, platform, f"node_{n}", LaneNode(a))
            connect(m, getattr(distribution, f"link_{n}"), node.link)
            connect(m, node.o, getattr(gather, f"i_{n}"))
            connect(m, node.m_axi, flipped(getattr(self, f"m_axi_{n}")))
            for name, member in lane_inputs(a).members.items():
                mine = Value.cast(getattr(node.inputs, name))
                its = Value.cast(broadcast.append_ready[n] if name == "append_ready"
                                 else getattr(broadcast, f"o_{n}_{name}"))
                m.d.comb += mine.eq(its) if member.flow is Out else its.eq(mine)
            m.d.comb += [
                node.base.eq(self.lane_base[n]), node.limit.eq(self.lane_limit[n]),
                self.lane_counters[n].eq(node.counters),
            ]

        # The end; whether anything moves; what is counted and told.
        bank = place(m, platform, "counters", CounterBank(CounterBankConfig(count=len(GLOBAL))))
        m.d.comb += [
            control.quiet.eq(distribution.quiet & ~sfu.busy & ~broadcast.busy),
            control.progress.eq(distribution.moves | sfu.moves | gather.o_row.valid
                                | self.m_axi_host.rvalid | self.m_axi_host.bvalid),
            bank.clear.eq(self.start & ~control.busy),
            bank.events.eq(Cat(control.busy, memory.busy, lanes.busy, vector.busy,
                               *(control.waits[unit] for unit in (*UNITS, Unit.CONTROL)))),
            Value.cast(self.counters).eq(bank.o),
        ]
        moves = Signal(2 * len(UNITS))
        events = Signal(trace_event(), reset_less=True)
        for n, unit in enumerate(UNITS):
            offer = getattr(control, f"o_{unit.name.lower()}")
            m.d.comb += moves[2 * n:2 * n + 2].eq(
                Cat(offer.valid & offer.ready, units[unit].done))
            of_unit = events[unit.name.lower()]
            m.d.sync += [Cat(of_unit.taken, of_unit.done).eq(moves[2 * n:2 * n + 2]),
                         of_unit.pc.eq(offer.payload.pc)]
        m.d.sync += self.events_valid.eq(moves.any())
        m.d.comb += self.events.eq(events)
        return m


def _join(m, source, sink):
    """Connect streams whose payloads have the same bits."""
    m.d.comb += [sink.valid.eq(source.valid), source.ready.eq(sink.ready),
                 Value.cast(sink.payload).eq(Value.cast(source.payload))]
