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
from .rescale import ResultScaler, ResultScalerConfig

__all__ = ["PATIENCE", "Lane", "port"]

PATIENCE = 1024
"""Cycles that a tape waits for a beat that nobody has asked for, before it counts as truncated."""


def port(config: LaneConfig) -> PortConfig:
    """The lane's memory port: bursts are only asked for when the prefetch FIFO has room."""
    return PortConfig(data_bits=config.beat_bits, fifo_depth=config.fifo_beats)


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
    started, what was read is thrown away. Then ``busy`` goes off, and ``clear`` lets the lane start
    again.

    - What the :class:`~flightllm_hw.memory.reader.AxiReader` finds: a descriptor that is misaligned
      or outside of [``base``, ``limit``), a response that is not OKAY.
    - ``TRUNCATED``: a tape has waited ``PATIENCE`` cycles for a beat, and no descriptor is left.
      The address is where what was asked for ends.
    - ``OPERATION``: one that cannot be carried out. It is dropped; the address is the same.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    i, write_en, write_word, write_data : as in :class:`LaneEngine`
        ``i`` is not ready while there is an error.
    scale_en, scale_at, scale_data : In
        A token's scale s_x to write: ``scale_at`` is the bank times ``config.tokens``, and the
        token.
    o : Out, stream
        Results (:func:`~flightllm_hw.lane.layouts.result`) in the engine's order.
    i_descriptor : In, stream
        Pieces of memory that together are the tapes.
    base, limit : In
        Window that descriptors must lie in.
    clear : In
        Forgets the error, while not ``busy``.
    busy : Out
        Something is under way, or not thrown away yet.
    error, error_address : Out
        The first :class:`~flightllm_hw.memory.faults.Fault`.
    occupancy, full : Out
        Of the prefetch FIFO.
    starved : Out
        Cycles in which a tape waited for a beat; 32 bits, wrapping.
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
                "i", "write_en", "write_word", "write_data", "occupancy", "full")},
            **{name: of_reader[name] for name in ("base", "limit", "clear", "m_axi")},
            "i_descriptor": of_reader["i"],
            "scale_en": In(1),
            "scale_at": In(range(2 * config.tokens)),
            "scale_data": In(Fp32),
            "o": Out(stream.Signature(result(config))),
            "busy": Out(1),
            "error": Out(Fault),
            "error_address": Out(ADDRESS_BITS),
            "starved": Out(32),
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
            self.full.eq(engine.full),
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
        descriptor = self.i_descriptor.payload
        with m.If(self.i_descriptor.valid & self.i_descriptor.ready):
            m.d.sync += end.eq(descriptor.address + descriptor.beats * (c.beat_bits // 8))
        faulty = Signal()
        illegal = Signal()
        truncated = Signal()
        waits = Signal(range(PATIENCE))
        m.d.comb += [
            faulty.eq(fault != Fault.NONE),
            illegal.eq(~faulty & self.i.valid & ~_legal(m, c, self.i.payload)),
            truncated.eq(~faulty & (waits == PATIENCE - 1)),
            self.busy.eq(reader.busy | engine.busy | (engine.occupancy != 0) | scaler.busy),
            self.error.eq(fault),
            self.error_address.eq(address),
            reader.clear.eq(self.clear & ~self.busy),
        ]
        m.d.sync += [
            waits.eq(Mux(engine.starving & ~reader.busy & ~faulty, waits + 1, 0)),
            self.starved.eq(self.starved + engine.starving),
        ]
        with m.If(~faulty):
            with m.If(reader.error != Fault.NONE):
                m.d.sync += [fault.eq(reader.error), address.eq(reader.error_address)]
            with m.Elif(truncated):
                m.d.sync += [fault.eq(Fault.TRUNCATED), address.eq(end)]
            with m.Elif(illegal):
                m.d.sync += [fault.eq(Fault.OPERATION), address.eq(end)]
        with m.Elif(reader.clear):
            m.d.sync += fault.eq(Fault.NONE)

        # Operations; an illegal one goes no further.
        m.d.comb += [
            Value.cast(engine.i.payload).eq(Value.cast(self.i.payload)),
            engine.i.valid.eq(self.i.valid & ~faulty & ~illegal),
            self.i.ready.eq(~faulty & (engine.i.ready | illegal)),
        ]

        # Beats; once memory is silent, whatever its port shows finishes what an error has left
        # unfinished: any bits are read to the end of the matrix, and a gate would be a LUT a bit.
        fills = Signal()
        m.d.comb += [
            fills.eq(faulty & engine.reading & ~reader.busy),
            engine.i_beat.valid.eq(reader.o.valid | fills),
            engine.i_beat.payload.eq(reader.o.payload.data),
            engine.flush.eq(faulty),
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


def _legal(m: Module, config: LaneConfig, op) -> Value:
    """Whether a lane can carry an operation out; anything that passes comes to an end."""
    tape = op.tape
    legal = Signal()
    pattern = Signal()
    with m.Switch(tape.pattern):
        with m.Case(*(p.value for p in config.patterns)):
            m.d.comb += pattern.eq(1)
    bits = Signal()
    with m.Switch(tape.bits):
        with m.Case(2, 3, 4, 5, 6, 8):
            m.d.comb += bits.eq(1)
    group = Signal()
    with m.Switch(tape.group_tiles):
        with m.Case(2, 4, 8, 16):
            m.d.comb += group.eq(1)
    m.d.comb += legal.eq(pattern & bits & group & (tape.row_blocks != 0) & (tape.groups != 0)
                         & (tape.last_tiles != 0) & (op.tokens != 0)
                         & (op.tokens <= config.tokens))
    return legal
