# SPDX-License-Identifier: Apache-2.0
"""Collects the sums of all chains of a lane into dot products, and gives them one after another."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.compute.layouts import sums
from flightllm_hw.config import LaneConfig
from flightllm_hw.dequant.layouts import row_scales, scales
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.mux import WideMux, WideMuxConfig

from .layouts import SUM_BITS, dot_product, tag
from .rows import RowScales
from .sums import ADD, AGAIN, BEGIN, ELSEWHERE, FRESH, QUEUE, ChainSums, control

__all__ = ["Collector"]


class Collector(wiring.Component):
    """Group sums, times their scales, to dot products, to a stream of results.

    Takes a step's sums in every cycle; what asks for steps keeps count of the room
    (:class:`~flightllm_hw.lane.steps.StepSequencer`). A group's two sums of a step take the
    multipliers two cycles, and three where a tile meets one step only, so that a dot product is
    written before it is read again.

    Where a pattern splits the chains, the first segment's sum takes the place of ``hi``: one
    multiplexer a chain, not two, and the odd rows come first.

    Parameters
    ----------
    config : LaneConfig

    Members
    -------
    valid, sums, tag : In
        A step's sums of every chain.
    i_scales : In, stream
        Group scales of a header.
    i_rows : In, stream
        Row scales of a row block.
    o : Out, stream
        Results of a row block: step after step, the ``lo`` of all chains, then the ``hi`` (where it
        has a meaning).
    group_done, result_done : Out
        A step's group sums have left the queue, a step's results have been given: room for another.

    Reset: forgets everything but what lies in memories.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        super().__init__({
            "valid": In(1),
            "sums": In(data.ArrayLayout(sums(config.chain), config.chains)),
            "tag": In(tag(config)),
            "i_scales": In(stream.Signature(scales(config))),
            "i_rows": In(stream.Signature(row_scales(config))),
            "o": Out(stream.Signature(dot_product(config))),
            "group_done": Out(1),
            "result_done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        do = Signal(control(c))
        chains = [place(m, platform, f"chain_{n}", ChainSums(c)) for n in range(c.chains)]
        for chain in chains:
            m.d.comb += chain.control.eq(do)

        # The two sums that a chain has in this pattern.
        split_patterns = [p.value for p in c.patterns if c.chain.splits(p) > 1]
        split = Signal()
        m.d.comb += split.eq(self.tag.pattern.matches(*split_patterns))
        nodes = c.chain.nodes
        for n, chain in enumerate(chains):
            whole, first = self.sums[n][nodes - 1], self.sums[n][nodes // 2 - 1]
            m.d.comb += [
                chain.lo.eq(whole.lo),
                chain.hi.eq(Mux(split, first.lo, whole.hi) if nodes > 1 else whole.hi),
            ]

        # Stage 1: added to the group. A whole group joins the queue, with its tag.
        tag_1 = Signal(tag(c), reset_less=True)
        valid_1 = Signal()
        pushed = Signal(range(QUEUE))
        popped = Signal(range(QUEUE))
        waiting = Signal(range(QUEUE + 1))
        push = Signal()
        m.d.sync += [tag_1.eq(self.tag), valid_1.eq(self.valid)]
        again = Signal()
        m.d.comb += [
            again.eq(valid_1 & (tag_1.step == self.tag.step)),
            push.eq(valid_1 & tag_1.last_tile),
            do.sums_opmode.eq(Mux(self.tag.first_tile, BEGIN, Mux(again, AGAIN, ELSEWHERE))),
            do.step.eq(self.tag.step),
            do.keep_sums.eq(valid_1),
            do.sums_at.eq(tag_1.step),
            do.push.eq(push),
            do.push_at.eq(pushed),
        ]
        tags = Memory(shape=tag(c), depth=QUEUE, init=[], attrs={"ram_style": "distributed"})
        m.submodules.tags = tags
        tags_write, tags_read = tags.write_port(), tags.read_port(domain="comb")
        m.d.comb += [
            tags_write.addr.eq(pushed),
            tags_write.data.eq(tag_1),
            tags_write.en.eq(push),
            tags_read.addr.eq(popped),
        ]
        m.d.sync += [pushed.eq(pushed + push), waiting.eq(waiting + push - self.group_done)]

        # Leave the queue: two cycles for the two halves, then perhaps a pause.
        head = tags_read.data
        second = Signal()
        pause = Signal()
        runs = Signal()
        entry_of_group = Signal()
        with m.Switch(head.pattern):
            for pattern in c.patterns:
                if c.tile_rows(pattern) == c.chains:
                    with m.Case(pattern.value):
                        m.d.comb += entry_of_group.eq(1)
        m.d.comb += [
            runs.eq((waiting != 0) & self.i_scales.valid & ~pause),
            do.pop_at.eq(popped),
            do.half.eq(second),
            do.scale.eq(Mux(entry_of_group, head.group,
                            second ^ head.pattern.matches(*split_patterns))),
            self.group_done.eq(runs & second),
            # A header's scales go when its last group's last step has.
            self.i_scales.ready.eq(self.group_done & head.last_step
                                   & (~entry_of_group | head.group | head.last_group)),
        ]
        for n, chain in enumerate(chains):
            m.d.comb += [chain.scales[entry].eq(self.i_scales.payload[2 * n + entry])
                         for entry in range(2)]
        with m.If(runs):
            m.d.sync += second.eq(~second)
        m.d.sync += pause.eq(self.group_done & head.last_step & (head.step == 0))
        with m.If(self.group_done):
            m.d.sync += popped.eq(popped + 1)

        # The multiplier's stages: add at +2, keep at +4.
        at = data.StructLayout({"step": range(c.tokens), "half": 1, "first_group": 1,
                                "last_group": 1, "last_step": 1, "lo_only": 1, "pattern": 3,
                                "scale_bank": 1})
        at_0 = Signal(at)
        m.d.comb += [
            at_0.half.eq(second),
            *(at_0[name].eq(head[name])
              for name in ("step", "first_group", "last_group", "last_step", "lo_only", "pattern",
                           "scale_bank")),
        ]
        at_1, at_2 = Signal(at, reset_less=True), Signal(at, reset_less=True)
        at_4 = Signal(at)
        running = Signal(4)
        m.d.sync += [at_1.eq(at_0), at_2.eq(at_1), running.eq(Cat(runs, running))]
        late = place(m, platform, "late", Delay(DelayConfig(width=len(at_0.as_value()), cycles=2)))
        m.d.comb += [late.i.eq(at_2.as_value()), at_4.as_value().eq(late.o)]

        # Results: a slot a step, two halves each.
        slots = c.tokens
        given = Signal(range(slots))
        gives = Signal()
        m.d.comb += [
            do.add_at.eq(at_2.step << 1 | at_2.half),
            do.opmode.eq(Mux(at_2.first_group, FRESH, ADD)),
            do.keep.eq(running[-1]),
            do.keep_at.eq(at_4.step << 1 | at_4.half),
            gives.eq(running[-1] & at_4.last_group),
            do.give.eq(gives),
            do.give_at.eq(given << 1 | at_4.half),
        ]
        results = Memory(shape=at, depth=slots, init=[], attrs={"ram_style": "distributed"})
        m.submodules.results = results
        results_write, results_read = results.write_port(), results.read_port(domain="comb")
        shown = Signal(range(slots))
        filled = Signal(range(slots + 1))
        m.d.comb += [
            results_write.addr.eq(given),
            results_write.data.eq(at_4),
            results_write.en.eq(gives),
            results_read.addr.eq(shown),
        ]
        complete = Signal()
        some = Signal()  # a register, so that what follows from it is no chain of logic
        m.d.comb += complete.eq(gives & at_4.half)
        m.d.sync += [
            given.eq(given + complete),
            filled.eq(filled + complete - self.result_done),
            some.eq(complete | (filled > 1) | ((filled == 1) & ~self.result_done)),
        ]

        # One result after another: chains, halves, slots.
        chain = Signal(range(c.chains))
        half = Signal()
        slot = results_read.data
        of_row = Signal()
        odd_row = Signal()
        two_tokens = Signal()
        with m.Switch(slot.pattern):
            for pattern in c.patterns:
                with m.Case(pattern.value):
                    m.d.comb += [
                        of_row.eq(pattern is Pattern.DENSE or c.chain.splits(pattern) > 1),
                        two_tokens.eq(c.chain.tokens(pattern) == 2),
                    ]
        m.d.comb += odd_row.eq(of_row & (half ^ slot.pattern.matches(*split_patterns)))
        rows = place(m, platform, "rows", RowScales(c))
        connect(m, flipped(self.i_rows), rows.i)
        results_of_chains = [Cat(chain.result, rows.scales[n]) for n, chain in enumerate(chains)]
        picked = place(m, platform, "picked", WideMux(WideMuxConfig(
            width=len(results_of_chains[0]), inputs=c.chains)))
        m.d.comb += [
            picked.s.eq(chain),
            *(picked.i[n].eq(value) for n, value in enumerate(results_of_chains)),
        ]
        full = Signal()
        payload_1 = Signal(dot_product(c), reset_less=True)
        takes = Signal()
        m.d.comb += [
            do.show_at.eq(shown << 1 | half),
            rows.half.eq(odd_row),
            rows.done.eq(self.result_done & slot.last_step),
            takes.eq(some & (~full | self.o.ready)),
            self.o.valid.eq(full),
            self.o.payload.eq(payload_1),
        ]
        with m.If(~full | self.o.ready):
            m.d.sync += full.eq(takes)
        with m.If(takes):
            m.d.sync += [
                payload_1.sum.eq(picked.o[:SUM_BITS]),
                payload_1.row_scale.eq(picked.o[SUM_BITS:]),
                payload_1.scale_bank.eq(slot.scale_bank),
                payload_1.row.eq(Mux(of_row, chain << 1 | odd_row, chain)),
                payload_1.token.eq(Mux(two_tokens, slot.step << 1 | half, slot.step)),
                chain.eq(chain + 1),
            ]
            with m.If(chain == c.chains - 1):
                m.d.sync += [chain.eq(0), half.eq(~half & ~slot.lo_only)]
                with m.If(half | slot.lo_only):
                    m.d.comb += self.result_done.eq(1)
                    m.d.sync += shown.eq(shown + 1)
        return m
