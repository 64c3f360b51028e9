# SPDX-License-Identifier: Apache-2.0
"""A lane: everything between one memory channel and results in FP32."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.arith.layouts import Fp32
from flightllm_hw.config import LaneConfig
from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader

from .engine import LaneEngine
from .layouts import result
from .legality import legal
from .rescale import ResultScaler, ResultScalerConfig

__all__ = ["PATIENCE", "Lane", "port"]

PATIENCE = 1024
"""Cycles that a tape waits for a beat that nobody has asked for, before it counts as truncated."""


def port(config: LaneConfig) -> PortConfig:
    """The lane's memory port: bursts are only asked for when the prefetch FIFO has room."""
    return PortConfig(data_bits=config.beat_bits, fifo_depth=config.fifo_beats, beats_bits=32,
                      summed=True)


class Lane(wiring.Component):
    """y = fp32(A) * fp32(s_row * s_x), with A of a :class:`LaneEngine` that reads its own tapes.

    ::

        i_descriptor ──► AxiReader ══► LaneEngine ──A, s_row──► ResultScaler ──► o
              m_axi ◄──────┘   credits ◄──┘  token ──► scales ──s_x──┘

    The reader depends on nothing but room: descriptors of tapes to come can be queued at any time,
    and are read ahead of the operations that need them. Token scales lie in two banks, so that the
    next operation's can be written while this one's results come.

    Errors end in a code and an address, never in a hang. From the first one on the operation under
    way is finished with beats of anything (its results still come, and mean nothing), no other is
    started, no beat is asked for any more, and what was read is thrown away. Then ``busy`` goes
    off, and ``clear`` lets the lane start again. ``halt`` does the same without an error.

    - What the :class:`~flightllm_hw.memory.reader.AxiReader` finds: a descriptor that is misaligned
      or outside of [``base``, ``limit``), a response that is not OKAY. It is an error once a tape
      waits for a beat behind it: that operation's, however far the reader was ahead.
    - ``TRUNCATED``: a tape has waited ``PATIENCE`` cycles for a beat, and no descriptor is left.
      The address is where what was asked for ends; ``base``, where nothing was.
    - ``OPERATION``: one that cannot be carried out. It is dropped; the address is the same.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i, write_en, write_word, write_data : as in :class:`LaneEngine`
        ``i`` is not ready while there is an error or ``halt``.
    scale_en, scale_at, scale_data : In
        A token's scale s_x to write: ``scale_at`` is the bank times ``config.tokens``, and the
        token.
    o : Out, stream
        Results (:func:`~flightllm_hw.lane.layouts.result`) in the engine's order.
    i_descriptor : In, stream
        Pieces of memory that together are the tapes; ``base`` is in their addresses.
    base, limit : In
        Window that descriptors must lie in.
    pending : In
        A descriptor will come: no tape is truncated.
    halt : In
        Stops; until ``clear``.
    clear : In
        Forgets the error, while not ``busy``.
    busy : Out
        Something is under way, or not thrown away yet.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault`.
    occupancy : Out
        Beats in the prefetch FIFO.
    reads, starves, blocked, multiplies : Out
        In this cycle a beat has come, a tape waits for one, a burst waits for room in the FIFO, the
        chains have worked.
    m_axi : Out
        The memory port, reading half.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        self._reader = AxiReader(port(config))
        self._engine = LaneEngine(config)
        of_engine = self._engine.signature.members
        of_reader = self._reader.signature.members
        super().__init__({
            **{name: of_engine[name] for name in (
                "i", "write_en", "write_word", "write_data", "occupancy")},
            **{name: of_reader[name] for name in ("base", "limit", "halt", "clear", "m_axi")},
            "pending": In(1),
            "i_descriptor": of_reader["i"],
            "scale_en": In(1),
            "scale_at": In(range(2 * config.tokens)),
            "scale_data": In(Fp32),
            "o": Out(stream.Signature(result(config))),
            "busy": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            **dict.fromkeys(("reads", "starves", "blocked", "multiplies"), Out(1)),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        reader = place(m, platform, "reader", self._reader)
        engine = place(m, platform, "engine", self._engine)
        item = engine.o.payload
        scaler = place(m, platform, "scaler", ResultScaler(ResultScalerConfig(
            tag_bits=len(item.row) + len(item.token))))

        # What passes through.
        connect(m, reader.m_axi, flipped(self.m_axi))
        connect(m, flipped(self.i_descriptor), reader.i)
        for name in ("write_en", "write_word", "write_data"):
            m.d.comb += getattr(engine, name).eq(getattr(self, name))
        m.d.comb += [
            reader.base.eq(self.base),
            reader.limit.eq(self.limit),
            self.occupancy.eq(engine.occupancy),
        ]

        # Integers become results.
        scales = Memory(shape=Fp32, depth=2 * c.tokens, init=[],
                        attrs={"ram_style": "distributed"})
        m.submodules.scales = scales
        write, read = scales.write_port(), scales.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.scale_en),
            write.addr.eq(self.scale_at),
            write.data.eq(self.scale_data),
            read.addr.eq(Cat(item.token, item.scale_bank)),
            scaler.i.valid.eq(engine.o.valid),
            engine.o.ready.eq(scaler.i.ready),
            scaler.i.payload.sum.eq(item.sum),
            scaler.i.payload.row_scale.as_value().eq(item.row_scale),
            scaler.i.payload.token_scale.eq(read.data),
            scaler.i.payload.tag.eq(Cat(item.row, item.token)),
            self.o.valid.eq(scaler.o.valid),
            scaler.o.ready.eq(self.o.ready),
            self.o.payload.value.eq(scaler.o.payload.value),
            Cat(self.o.payload.row, self.o.payload.token).eq(scaler.o.payload.tag),
        ]

        # The first fault.
        fault = Signal(Fault)
        address = Signal(ADDRESS_BITS, reset_less=True)
        end = Signal(ADDRESS_BITS, reset_less=True)
        ends = Signal()
        descriptor = self.i_descriptor.payload
        with m.If(self.i_descriptor.valid & self.i_descriptor.ready & (descriptor.beats != 0)):
            m.d.sync += [end.eq(descriptor.address + descriptor.beats * (c.beat_bits // 8)),
                         ends.eq(1)]
        with m.Elif(reader.clear):
            m.d.sync += ends.eq(0)
        stopped = Signal()
        looked = Signal()
        fits = Signal(reset_less=True)
        illegal = Signal()
        rests = Signal()
        wants = Signal()
        truncated = Signal()
        waits = Signal(range(PATIENCE))
        m.d.comb += [
            stopped.eq((fault != Fault.NONE) | self.halt),
            illegal.eq(~stopped & looked & ~fits),
            wants.eq(engine.starving & ~reader.busy & ~stopped),
            truncated.eq(waits == PATIENCE - 1),
            self.busy.eq(reader.busy | engine.busy | (engine.occupancy != 0) | scaler.busy),
            self.error.eq(fault),
            self.error_address.eq(address),
            reader.halt.eq(stopped),
            reader.clear.eq(self.clear & rests),
        ]
        m.d.sync += [
            # Beats that are there may take some cycles through the FIFO.
            waits.eq(Mux(wants & ~(self.pending & (reader.error == Fault.NONE)), waits + 1, 0)),
            rests.eq(~self.busy),
            self.reads.eq(reader.o.valid),
            self.starves.eq(engine.starving),
            self.blocked.eq(reader.blocked),
            self.multiplies.eq(engine.multiplying),
        ]
        with m.If(~stopped):
            m.d.sync += address.eq(Mux(ends, end, self.base))
            with m.If(waits[5:].any() & (reader.error != Fault.NONE)):
                m.d.sync += [fault.eq(reader.error), address.eq(reader.error_address)]
            with m.Elif(truncated):
                m.d.sync += fault.eq(Fault.TRUNCATED)
            with m.Elif(illegal):
                m.d.sync += fault.eq(Fault.OPERATION)
        with m.Elif(reader.clear):
            m.d.sync += fault.eq(Fault.NONE)

        # Operations; each is looked at for a cycle, and an illegal one goes no further.
        m.d.sync += [
            looked.eq(self.i.valid & ~self.i.ready & ~stopped),
            fits.eq(legal(m, c, self.i.payload)),
        ]
        m.d.comb += [
            Value.cast(engine.i.payload).eq(Value.cast(self.i.payload)),
            engine.i.valid.eq(~stopped & looked & fits),
            self.i.ready.eq(~stopped & looked & (engine.i.ready | ~fits)),
        ]

        # Beats; once memory is silent, whatever its port shows finishes what an error has left
        # unfinished: any bits are read to the end of the matrix, and a gate would be a LUT a bit.
        fills = Signal()
        m.d.comb += [
            fills.eq(stopped & engine.reading & ~reader.busy),
            engine.i_beat.valid.eq(reader.o.valid | fills),
            engine.i_beat.payload.eq(reader.o.payload.data),
            engine.flush.eq(stopped),
        ]

        # Room goes back to the reader, one beat a cycle; what fills is not the reader's.
        own = Signal(range(2 * c.fifo_beats))
        freed = Signal(range(3))
        owed = Signal(range(2 * c.fifo_beats))
        m.d.comb += [
            freed.eq(Mux(own < engine.freed, own, engine.freed)),
            reader.space.eq(owed != 0),
        ]
        m.d.sync += [
            own.eq(own + reader.o.valid - freed),
            owed.eq(owed + freed - reader.space),
        ]
        return m
