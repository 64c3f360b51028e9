# SPDX-License-Identifier: Apache-2.0
"""Instructions from memory, read ahead, with the last ones kept for loops."""

from dataclasses import dataclass, field

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS, Access, Axi4Signature
from flightllm_hw.isa.table import BITS
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader
from flightllm_hw.primitives.ram import Ram, RamConfig

from .layouts import PC_BITS, fetched

__all__ = ["FetchConfig", "Fetcher"]


@dataclass(frozen=True, kw_only=True)
class FetchConfig:
    """How instructions are read.

    Parameters
    ----------
    port : PortConfig
        The memory port; beats of at most an instruction, 512 bits.
    ring : int
        Instructions that are kept; a power of two.
    ahead : int
        Instructions that are asked for ahead, below ``ring``. Loops whose bodies have up to
        ``ring - ahead`` instructions are read once.
    """

    port: PortConfig = field(default_factory=PortConfig)
    ring: int = 32
    ahead: int = 12

    def __post_init__(self) -> None:
        if self.port.data_bits > BITS:
            raise ValueError(f"Fetch port must have beats of at most {BITS} bits, not"
                             f" {self.port.data_bits!r}")
        if self.ring < 4 or self.ring & (self.ring - 1):
            raise ValueError(f"Fetch ring must be a power of two from 4 on, not {self.ring!r}")
        if not 1 <= self.ahead < self.ring:
            raise ValueError(f"Fetch ahead must be in 1..{self.ring - 1}, not {self.ahead!r}")

    @property
    def beats(self) -> int:
        """Beats of an instruction."""
        return BITS // self.port.data_bits


class Fetcher(wiring.Component):
    """Answers program counters with instructions.

    Instruction n lies at byte ``origin`` + 64 n. Those that follow the last one asked for are
    read ahead, and those that came before it are kept, in a ring::

              low                  pc          got        asked
               | kept               |  there    | under way |
        -------+--------------------+-----------+-----------+------- program counters
               '------------- at most config.ring ----------'

    A program counter outside of [low, asked] begins anew: what is under way is read to its end and
    dropped, then the ring starts there.

    Errors that reading ahead runs into are none, for who knows whether the program gets there.
    If it does, that instruction is read once more, alone; only then a fault is the answer, with the
    address that the reader gives. After a fault nothing helps but to turn ``run`` off.

    Parameters
    ----------
    config : FetchConfig
        Port and ring.

    Members
    -------
    run : In
        Off: forgets everything and asks for nothing; goes on while not ``busy`` only.
    origin : In
        Byte address of instruction 0, a multiple of the beat. Held during ``run``.
    base, limit : In
        The window, in bytes, ``limit`` not in it. Held while ``busy``.
    i : In, stream
        A program counter.
    o : Out, stream
        Its answer, :func:`~flightllm_hw.control.layouts.fetched`; before that no other is taken.
        Goes away when ``run`` does.
    busy : Out
        Bursts are under way.
    m_axi : Out
        The port, reading half.

    Latency: ``latency`` cycles from ``i`` to ``o``, for an instruction that is there.
    Reset: as the reader's, only while not ``busy``.
    """

    latency = 3

    def __init__(self, config: FetchConfig):
        self.config = config
        port = config.port
        super().__init__({
            "run": In(1),
            "origin": In(ADDRESS_BITS),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "i": In(stream.Signature(PC_BITS)),
            "o": Out(stream.Signature(fetched())),
            "busy": Out(1),
            "m_axi": Out(Axi4Signature(data_bits=port.data_bits, id_bits=port.id_bits,
                                       access=Access.READ)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        reader = place(m, platform, "reader", AxiReader(c.port))
        ring = place(m, platform, "ring", Ram(RamConfig(
            width=BITS, depth=c.ring, style="distributed",
            granularity=c.port.data_bits if c.beats > 1 else 0)))
        wiring.connect(m, reader.m_axi, wiring.flipped(self.m_axi))

        pc = Signal(PC_BITS, reset_less=True)
        low, got, asked = (Signal(PC_BITS + 1, name=name) for name in ("low", "got", "asked"))
        beat = Signal(range(max(2, c.beats)))
        restart = Signal()

        # Beats go into the ring. Room for all that is asked for is there, so credits come back
        # at once.
        arrived = Signal()
        whole = Signal()
        m.d.comb += [
            arrived.eq(reader.o.valid & self.run),
            whole.eq(arrived & (beat == c.beats - 1)),
            reader.space.eq(reader.o.valid),
            ring.write_en.eq((arrived << beat)[:c.beats]),
            ring.write_addr.eq(got[:ring.config.address_bits]),
            ring.write_data.eq(reader.o.payload.data.replicate(c.beats)),
        ]
        with m.If(arrived):
            m.d.sync += beat.eq(beat + 1)
        with m.If(whole):
            m.d.sync += [beat.eq(0), got.eq(got + 1)]

        # Ask ahead, an instruction at a time: one at fault takes no other with it.
        settled = Signal()
        alone = Signal()
        asks = Signal()
        asking = Signal()
        address = Signal(ADDRESS_BITS, reset_less=True)
        bits = range(c.ring + 1)
        ahead, held = Signal(bits), Signal(bits)
        failed = Signal()
        m.d.comb += [
            ahead.eq(asked - pc),
            held.eq(asked - low),
            failed.eq(reader.error != Fault.NONE),
            asks.eq(settled & (ahead == 0 if c.ahead == 1 else
                               (ahead == 0) | ((ahead < c.ahead) & ~alone))
                    & ~asking & ~failed & ~restart),
            reader.i.valid.eq(asking),
            reader.i.payload.address.eq(address),
            reader.i.payload.beats.eq(c.beats),
            reader.base.eq(self.base),
            reader.limit.eq(self.limit),
            self.busy.eq(asking | reader.busy),
        ]
        with m.If(asks):
            m.d.sync += [asking.eq(1), address.eq(self.origin + (asked << 6)), asked.eq(asked + 1)]
            with m.If(held == c.ring):
                m.d.sync += low.eq(low + 1)
        with m.Elif(reader.i.ready):
            m.d.sync += asking.eq(0)

        # Answers.
        inside = Signal()
        there = Signal()
        quiet = Signal()
        fault = Signal(Fault, reset_less=True)
        fault_address = Signal(ADDRESS_BITS, reset_less=True)
        m.d.comb += [
            inside.eq((pc >= low) & (pc <= asked)),
            there.eq((pc >= low) & (pc < got)),
            ring.read_addr.eq(pc[:ring.config.address_bits]),
            self.o.payload.word.eq(ring.read_data),
            self.o.payload.fault.eq(fault),
            self.o.payload.address.eq(fault_address),
        ]
        # A cycle late: where it is looked at, nothing more is asked for.
        m.d.sync += quiet.eq(~self.busy)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.i.ready.eq(self.run)
                with m.If(self.run & self.i.valid):
                    m.d.sync += [pc.eq(self.i.payload), settled.eq(0)]
                    m.next = "LOCATE"
            with m.State("LOCATE"):
                m.d.comb += ring.read_en.eq(1)
                m.d.sync += [settled.eq(inside), fault.eq(Fault.NONE),
                             fault_address.eq(reader.error_address)]
                with m.If(~self.run):
                    m.next = "IDLE"
                with m.Elif(there):
                    m.d.sync += alone.eq(0)
                    m.next = "READ"
                with m.Elif(~inside):
                    m.next = "RESTART"
                with m.Elif(failed & quiet):
                    m.d.sync += [alone.eq(1), fault.eq(reader.error)]
                    m.next = "RESTART"
                    with m.If(alone):
                        m.next = "SHOW"
            with m.State("READ"):
                m.next = "SHOW"
            with m.State("RESTART"):
                # The reader throws away what waits once it has failed; what has not is short.
                m.d.comb += [restart.eq(1), reader.clear.eq(1)]
                m.d.sync += settled.eq(0)
                with m.If(~self.run):
                    m.next = "IDLE"
                with m.Elif(quiet & ~failed):
                    m.d.sync += [low.eq(pc), got.eq(pc), asked.eq(pc), beat.eq(0)]
                    m.next = "LOCATE"
            with m.State("SHOW"):
                m.d.comb += self.o.valid.eq(self.run)
                with m.If(~self.run | self.o.ready):
                    m.next = "IDLE"

        with m.If(~self.run):
            m.d.comb += reader.clear.eq(1)
            m.d.sync += [settled.eq(0), alone.eq(0), beat.eq(0),
                         low.eq(0), got.eq(0), asked.eq(0)]
        return m
