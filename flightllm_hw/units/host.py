# SPDX-License-Identifier: Apache-2.0
"""The host's memory port, which the memory unit and the fetcher of instructions share."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from flightllm_hw.interfaces.axi import ADDRESS_BITS, CACHE, Access, Axi4Signature, Burst

__all__ = ["HostPort", "HostPortConfig"]


@dataclass(frozen=True, kw_only=True)
class HostPortConfig:
    """The port.

    Parameters
    ----------
    data_bits, id_bits : int
        Widths, as those of all masters.
    outstanding : int
        Bursts of reads that may be asked for and not answered yet; 2 or more.
    """

    data_bits: int
    id_bits: int = 1
    outstanding: int = 16

    def __post_init__(self) -> None:
        if not 2 <= self.outstanding <= 64:
            raise ValueError(f"Host port outstanding must be in 2..64, not {self.outstanding!r}")


class HostPort(wiring.Component):
    """Two masters that read, one of which writes, on one port.

    ::

        fetch.ar ─► slot ─┐                                ┌─► fetch.r
                          ├─ in turn ─► m_axi.ar    m_axi.r ┤   as the oldest burst's
        unit.ar  ─► slot ─┘      └─► who asked ─────────────└─► unit.r
        unit.aw, w, b ◄────────────────────────────────────► m_axi.aw, w, b

    A burst goes each in turn where both have one. All have ID 0, so answers come in the order of
    requests, and a queue of who asked tells whose they are; while it is full, nothing more is
    asked for.

    Both masters must always take what they asked for (``rready`` constant 1, as the
    :class:`~flightllm_hw.memory.reader.AxiReader` has it), and read in bursts of whole beats,
    INCR, normal memory: of a request only the address and the length are looked at. Writes pass
    through as they are.

    Parameters
    ----------
    config : HostPortConfig

    Members
    -------
    fetch : In
        A master's port, reading half.
    unit : In
        A master's port.
    m_axi : Out
        The memory's. ``ar*`` are registers or constant, ``rready`` is constant.

    Latency: 2 cycles for a request, none for an answer. Throughput: a burst a cycle, of each master
    one every two cycles. Reset: forgets everything; with both masters, and only while nothing is
    under way.
    """

    latency = 2

    def __init__(self, config: HostPortConfig):
        self.config = config

        def port(access):
            return Axi4Signature(data_bits=config.data_bits, id_bits=config.id_bits, access=access)

        super().__init__({
            "fetch": In(port(Access.READ)),
            "unit": In(port(Access.BOTH)),
            "m_axi": Out(port(Access.BOTH)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        axi = self.m_axi
        masters = (self.fetch, self.unit)
        request = data.StructLayout({"address": ADDRESS_BITS, "length": 8})
        m.submodules.askers = askers = SyncFIFO(width=1, depth=c.outstanding)
        wiring.connect(m, wiring.flipped(self.unit.half(Access.WRITE)),
                       wiring.flipped(axi.half(Access.WRITE)))

        # A request of each master waits in a slot: ready is a register.
        slots = [Signal(request, name=f"slot_{n}", reset_less=True) for n in range(2)]
        waits = Signal(2)
        granted = Signal(2)
        for n, (master, slot) in enumerate(zip(masters, slots, strict=True)):
            m.d.comb += master.arready.eq(~waits[n])
            with m.If(master.arready):
                m.d.sync += [slot.address.eq(master.araddr), slot.length.eq(master.arlen),
                             waits[n].eq(master.arvalid)]
            with m.Elif(granted[n]):
                m.d.sync += waits[n].eq(0)

        # Whose turn it is, where both wait.
        turn = Signal()
        chosen = Signal()
        goes = Signal()
        out = Signal(request, reset_less=True)
        m.d.comb += [
            chosen.eq(Mux(waits.all(), turn, waits[1])),
            goes.eq(waits.any() & askers.w_rdy & (~axi.arvalid | axi.arready)),
            granted.eq(Mux(goes, Mux(chosen, 0b10, 0b01), 0)),
            askers.w_en.eq(goes),
            askers.w_data.eq(chosen),
            axi.araddr.eq(out.address),
            axi.arlen.eq(out.length),
            axi.arsize.eq((c.data_bits // 8).bit_length() - 1),
            axi.arburst.eq(Burst.INCR),
            axi.arcache.eq(CACHE),
        ]
        with m.If(goes):
            m.d.sync += [turn.eq(~chosen), out.eq(Mux(chosen, slots[1], slots[0]))]
        with m.If(~axi.arvalid | axi.arready):
            m.d.sync += axi.arvalid.eq(goes)

        # Answers.
        m.d.comb += [
            axi.rready.eq(1),
            askers.r_en.eq(axi.rvalid & axi.rlast),
        ]
        for n, master in enumerate(masters):
            m.d.comb += [
                master.rvalid.eq(axi.rvalid & (askers.r_data == n)),
                *(getattr(master, name).eq(getattr(axi, name))
                  for name in ("rdata", "rresp", "rlast", *(["rid"] if c.id_bits else []))),
            ]
        return m
