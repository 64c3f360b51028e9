# SPDX-License-Identifier: Apache-2.0
"""The special function unit."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config import SfuConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.isa.vector import Arrange, Output
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .buffer import VectorBuffer
from .lane import SfuLane
from .layouts import beat, code_row, external_row, made_scalar, row, scalar, vector_pass
from .operands import OperandPair
from .pipeline import (
    ADDED,
    APPLIED,
    CODED,
    FACTORED,
    MULTIPLIED,
    READ,
    TAPPED,
)
from .reductions import Reductions
from .rotation import RotationTable
from .scalars import ScalarFile
from .sequencer import PassSequencer

__all__ = ["SpecialFunctionUnit"]


class SpecialFunctionUnit(wiring.Component):
    """FP32 vectors, W elements a cycle: passes (:mod:`flightllm_hw.isa.vector`) over a buffer.

    ::

        i ──► PassSequencer ──► VectorBuffer ══► OperandPair ══► SfuLane ══╦══► o_codes, o
                   │ scalars        ▲ a, b                          x W    ║
              ScalarFile            ╚══════════════════════════════════════╣
                   ▲                                                       ║
                   └──────────────────── Reductions ◄══════════════════════╝

    Bit-exact to :class:`flightllm_hw.golden.vector.VectorMachine`, whatever W is.

    A pass of S segments of R rows takes S max(R, 3) cycles, S max(R, 8) if it is reduced, and its
    last row is written ``LATENCY`` cycles after it was read (:mod:`.pipeline`). The next pass
    follows at once, unless it has to wait (:class:`~flightllm_hw.isa.vector.Wait`).

    Parameters
    ----------
    config : SfuConfig

    Members
    -------
    i : In, stream
        Passes (:func:`flightllm_hw.isa.vector.encode`); their tags come out with what they give.
    i_row : In, stream
        Elements to write into the vector buffer.
    i_rotation, step_en, step_at, step : In
        Of the :class:`~flightllm_hw.sfu.rotation.RotationTable`, whose elements go before those of
        ``i_row``.
    i_scalar : In, stream
        Scalars to write.
    hold : In
        Nobody can take codes or rows: those of the next ``CODED`` + 1 cycles still come.
    o_codes_valid, o_codes : Out
        Rows of codes.
    o_valid, o, o_z : Out
        Rows of FP32, with the row that their pass calls the output's; all elements are enabled; and
        the bits of their segment's scalar z, which only a pass that uses z waits for: one whose
        step is UNDER, reduced or not.
    o_scalar_valid, o_scalar : Out
        Every scalar that is made.
    busy : Out
        Something is under way.
    moves : Out
        A row is read in this cycle: what is under way gets on.

    Reset: forgets everything under way.
    """

    def __init__(self, config: SfuConfig):
        self.config = config
        self._table = RotationTable(config)
        of_table = self._table.signature.members
        super().__init__({
            "i": In(stream.Signature(vector_pass(config))),
            "i_row": In(stream.Signature(external_row(config))),
            "i_scalar": In(stream.Signature(scalar(config))),
            "i_rotation": of_table["i"],
            **{name: of_table[name] for name in ("step_en", "step_at", "step")},
            "hold": In(1),
            "o_codes_valid": Out(1), "o_codes": Out(code_row(config)),
            "o_valid": Out(1), "o": Out(external_row(config)), "o_z": Out(32),
            "o_scalar_valid": Out(1), "o_scalar": Out(made_scalar(config)),
            "busy": Out(1), "moves": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        sequencer = place(m, platform, "sequencer", PassSequencer(c))
        scalars = place(m, platform, "scalars", ScalarFile(c))
        buffer = place(m, platform, "buffer", VectorBuffer(c))
        pairs = [place(m, platform, f"pair_{n}", OperandPair(c)) for n in range(c.width // 2)]
        lanes = [place(m, platform, f"lane_{n}", SfuLane(c)) for n in range(c.width)]
        reductions = place(m, platform, "reductions", Reductions(c))

        connect(m, flipped(self.i), sequencer.i)
        table = place(m, platform, "table", self._table)
        connect(m, flipped(self.i_rotation), table.i)
        m.d.comb += [getattr(table, name).eq(getattr(self, name))
                     for name in ("step_en", "step_at", "step")]
        with m.If(table.o.valid):
            m.d.comb += [Value.cast(buffer.i.payload).eq(Value.cast(table.o.payload)),
                         buffer.i.valid.eq(1), table.o.ready.eq(buffer.i.ready)]
        with m.Else():
            m.d.comb += [Value.cast(buffer.i.payload).eq(Value.cast(self.i_row.payload)),
                         buffer.i.valid.eq(self.i_row.valid),
                         self.i_row.ready.eq(buffer.i.ready)]
        connect(m, flipped(self.i_scalar), scalars.i)
        m.d.comb += [
            sequencer.hold.eq(self.hold),
            *(getattr(scalars, name).eq(getattr(sequencer, name))
              for name in ("s", "z", "d", "claim_en", "claim")),
            *(getattr(sequencer, name).eq(getattr(scalars, name))
              for name in ("s_value", "z_value", "there")),
            buffer.a_row.eq(sequencer.a),
            buffer.b_row.eq(sequencer.b),
            self.busy.eq(sequencer.busy | ~scalars.all_there | table.busy),
            self.moves.eq(sequencer.valid),
        ]

        # What a row carries along the pipeline, from each cycle to the next in which it is needed.
        def carry(at, cycle, to, names):
            values = [Value.cast(at[name]) for name in names]
            line = place(m, platform, f"carry_{to}", Delay(DelayConfig(
                width=sum(len(v) for v in values), cycles=to - cycle)))
            later = Signal(beat(c), name=f"beat_{to}")
            offset = 0
            for name, value in zip(names, values, strict=True):
                m.d.comb += line.i[offset:offset + len(value)].eq(value)
                m.d.comb += Value.cast(later[name]).eq(line.o[offset:offset + len(value)])
                offset += len(value)
            return later

        flags = Signal(CODED)
        m.d.sync += flags.eq(flags << 1 | sequencer.valid)
        at_tapped = ["first_row", "last_row", "counts", "output", "o", "reduce", "step", "d", "k1",
                     "k2", "z", "segment", "tag"]
        at_factored = ["output_tap", "reduce_tap", *at_tapped]
        at_applied = ["last", "s", *at_factored]
        at_added = ["function", *at_applied]
        at_multiplied = ["hi", "arrange", "addend", *at_added]
        read = carry(sequencer.beat, 0, READ, ["first", *at_multiplied])
        multiplied = carry(read, READ, MULTIPLIED, at_multiplied)
        added = carry(multiplied, MULTIPLIED, ADDED, at_added)
        applied = carry(added, ADDED, APPLIED, at_applied)
        factored = carry(applied, APPLIED, FACTORED, at_factored)
        tapped = carry(factored, FACTORED, TAPPED, at_tapped)
        coded = carry(tapped, TAPPED, CODED, [
            "output", "o", "first_row", "last_row", "z", "segment", "tag"])

        # Operands.
        for n, pair in enumerate(pairs):
            for lane in range(2):
                m.d.comb += [pair.a[lane].eq(buffer.a[2 * n + lane]),
                             pair.b[lane].eq(buffer.b[2 * n + lane])]
            m.d.comb += [getattr(pair, name).eq(read[name])
                         for name in ("arrange", "hi", "first", "s", "k1")]

        # Lanes.
        for n, lane in enumerate(lanes):
            do = lane.control
            pair = pairs[n // 2]
            m.d.comb += [
                *(getattr(lane, name).eq(getattr(pair, name)[n % 2]) for name in "xyuv"),
                lane.b.eq(pair.o_b[n % 2]),
                do.multiplied.rotates.eq(multiplied.arrange != Arrange.PLAIN),
                do.multiplied.addend.eq(multiplied.addend),
                do.multiplied.s.eq(multiplied.s),
                do.added.function.eq(added.function),
                do.applied.last.eq(applied.last),
                do.applied.s.eq(applied.s),
                do.factored.output_tap.eq(factored.output_tap),
                do.factored.reduce_tap.eq(factored.reduce_tap),
                do.tapped.z.eq(tapped.z),
                lane.counts.eq(factored.counts[n]),
            ]
            # The first of a pair takes its other product away.
            with m.If(multiplied.arrange == Arrange.PAIRS):
                m.d.comb += lane.negate.eq(n % 2 == 0)
            with m.Else():
                m.d.comb += lane.negate.eq(~multiplied.hi)

        # Outputs.
        rows = Signal(row(c))
        valid = flags[TAPPED - 1]
        writes = Signal()  # Known a cycle before: who waits to write as well looks at it.
        m.d.sync += writes.eq(flags[FACTORED - 1] & (factored.output == Output.BUFFER))
        m.d.comb += [
            *(rows[n].eq(lane.o) for n, lane in enumerate(lanes)),
            buffer.write_en.eq(writes),
            buffer.write_row.eq(tapped.o),
            buffer.write_data.eq(rows),
            self.o_valid.eq(valid & (tapped.output == Output.OUT)),
            self.o.row.eq(tapped.o),
            self.o.enables.eq((1 << c.width) - 1),
            self.o.elements.eq(rows),
            self.o_z.eq(tapped.z),
            self.o_codes_valid.eq(flags[CODED - 1] & (coded.output == Output.CODES)),
            self.o_codes.row.eq(coded.o),
            self.o_codes.first.eq(coded.first_row),
            self.o_codes.last.eq(coded.last_row),
            *(self.o_codes[name].eq(coded[name]) for name in ("z", "segment", "tag")),
            *(self.o_codes.codes[n].eq(lane.code) for n, lane in enumerate(lanes)),
        ]

        # Reductions.
        m.d.comb += [
            reductions.valid.eq(valid),
            reductions.beat.eq(tapped),
            *(reductions.i[n].eq(lane.o_reduce) for n, lane in enumerate(lanes)),
            scalars.write_en.eq(reductions.o_valid),
            scalars.write.at.eq(reductions.o.at),
            scalars.write.value.eq(reductions.o.value),
            self.o_scalar_valid.eq(reductions.o_valid),
            self.o_scalar.eq(reductions.o),
        ]
        return m
