# SPDX-License-Identifier: Apache-2.0
"""From a chain's sums to dot products: A = sum over groups of u_g * a_g.

::

    lo, hi ──(+)─[P]─┬─► queue ──► a ─(x)─(+)──► dot products ──► results
              ▲      │             u ─'    ▲         │ a step and half each
              ├──────┤                     '─────────'
              '─ group sums, a step each
"""

from amaranth.hdl import Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import LaneConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config, inmode, opmode

from .layouts import SUM_BITS

__all__ = ["ADD", "AGAIN", "BEGIN", "ELSEWHERE", "FRESH", "GROUP_BITS", "QUEUE", "ChainSums",
           "control"]

GROUP_BITS = 23
"""Width of a group sum: up to 16 tiles of eight products of two int8, at most 2^21."""

HALF = 24
"""Width of a half of the slice that adds group sums up."""

QUEUE = 32
"""Group sums that can wait for the multiplier."""

FRESH = opmode(x="M", y="M")
"""OPMODE that begins a dot product."""

ADD = opmode(x="M", y="M", z="C")
"""OPMODE that adds to one."""

LO = inmode()
HI = inmode(zero_a=True, use_d=True)

# Two sums of 24 bits in one slice. Only the sums have a register: in front of them is no more than
# a multiplexer, or the memory of group sums.
SUMS = Dsp48e2Config(use_mult="NONE", use_simd="TWO24", areg=0, breg=0, creg=0, dreg=0, adreg=0,
                     mreg=0, inmodereg=0, opmodereg=0, inmodes=(0,), alumodes=(0,),
                     opmodes=tuple(opmode(x="A:B", z=z) for z in ("0", "C", "P")))
BEGIN, ELSEWHERE, AGAIN = SUMS.opmodes
"""OPMODEs that add to nothing, to group sums in the memory, to those of the cycle before."""

# The pre-adder chooses between the two sums of a step. It has a register, so B takes a second one.
DSP = Dsp48e2Config(amultsel="AD", breg=2, opmodes=(FRESH, ADD), inmodes=(LO, HI), alumodes=(0,))


def control(config: LaneConfig):
    """What all chains of a lane do in a cycle; each part belongs to a stage of its own.

    OPMODEs come as the slices take them: a LUT or two a lane, not a chain.

    - Add the chain's two sums to the group sums of ``step`` (``sums_opmode``: ``BEGIN``, ``AGAIN``
      if it is the step of the cycle before, or ``ELSEWHERE``).
    - ``keep_sums`` (a cycle later): they are the group sums of ``sums_at``; ``push`` them to place
      ``push_at`` of the queue.
    - ``pop_at``, ``half``: multiply that group sum by ``scale`` of the chain's two.
    - ``add_at``, ``opmode`` (two cycles later): add dot product ``add_at``, or nothing (``ADD``,
      ``FRESH``).
    - ``keep``, ``keep_at`` (four cycles later): it becomes dot product ``keep_at``.
    - ``give``, ``give_at``: and result ``give_at``.
    - ``show_at``: result to show.
    """
    halves = range(2 * config.tokens)
    return data.StructLayout({
        "sums_opmode": 9, "step": range(config.tokens),
        "keep_sums": 1, "sums_at": range(config.tokens), "push": 1, "push_at": range(QUEUE),
        "pop_at": range(QUEUE), "half": 1, "scale": 1,
        "add_at": halves, "opmode": 9,
        "keep": 1, "keep_at": halves,
        "give": 1, "give_at": halves,
        "show_at": halves,
    })


class ChainSums(wiring.Component):
    """One chain's accumulators; exact integers throughout.

    Moves as :func:`control` says. One DSP48E2 adds up group sums (two of 23 bits); one multiplies
    them by group scales (16 bits, unsigned) and adds up dot products (48 bits); nothing overflows
    that has passed the compiler's bound on dot products.

    Parameters
    ----------
    config : LaneConfig
        Tokens, and the width of a chain's sums.

    Members
    -------
    lo, hi : In
        The chain's two sums.
    scales : In
        Group scales of the chain's two entries.
    control : In
        See :func:`control`.
    result : Out
        Result ``show_at``.

    Platform overrides: two DSP48E2.
    """

    def __init__(self, config: LaneConfig):
        self.config = config
        width = config.chain.sum_bits
        super().__init__({
            "lo": In(signed(width)),
            "hi": In(signed(width)),
            "scales": In(data.ArrayLayout(unsigned(16), 2)),
            "control": In(control(config)),
            "result": Out(signed(SUM_BITS)),
        })

    def elaborate(self, platform):
        m = Module()
        c, do = self.config, self.control
        both = data.ArrayLayout(signed(GROUP_BITS), 2)
        halves = data.ArrayLayout(signed(HALF), 2)

        def memory(name, shape, depth):
            array = Memory(shape=shape, depth=depth, init=[], attrs={"ram_style": "distributed"})
            m.submodules[name] = array
            return array.write_port(), array.read_port(domain="comb")

        # Group sums. What was added to in the cycle before is not in the memory yet, but in P.
        adder = place(m, platform, "adder", Dsp48e2(SUMS))
        group_write, group_read = memory("groups", both, c.tokens)
        addends, before, after = (Signal(halves, name=name)
                                  for name in ("addends", "before", "after"))
        total = Signal(both)
        m.d.comb += [
            addends[0].eq(self.lo),
            addends[1].eq(self.hi),
            adder.b.eq(addends.as_value()[:18]),
            adder.a.eq(addends.as_value()[18:]),
            group_read.addr.eq(do.step),
            *(before[n].eq(group_read.data[n]) for n in range(2)),
            adder.c.eq(before.as_value()),
            adder.opmode.eq(do.sums_opmode),
            after.as_value().eq(adder.p),
            *(total[n].eq(after[n]) for n in range(2)),
            group_write.addr.eq(do.sums_at),
            group_write.en.eq(do.keep_sums),
            group_write.data.eq(total),
        ]

        # The queue in front of the multiplier.
        queue_write, queue_read = memory("queue", both, QUEUE)
        m.d.comb += [
            queue_write.addr.eq(do.push_at),
            queue_write.en.eq(do.push),
            queue_write.data.eq(total),
            queue_read.addr.eq(do.pop_at),
        ]

        # Multiply and accumulate.
        dsp = place(m, platform, "dsp", Dsp48e2(DSP))
        dot_write, dot_read = memory("dots", signed(SUM_BITS), 2 * c.tokens)
        m.d.comb += [
            dsp.a.eq(queue_read.data[0]),
            dsp.d.eq(queue_read.data[1]),
            dsp.inmode.eq(Mux(do.half, HI, LO)),
            dsp.b.eq(Mux(do.scale, self.scales[1], self.scales[0])),
            dot_read.addr.eq(do.add_at),
            dsp.c.eq(dot_read.data),
            dsp.opmode.eq(do.opmode),
            dot_write.addr.eq(do.keep_at),
            dot_write.en.eq(do.keep),
            dot_write.data.eq(dsp.p),
        ]

        # Results wait here to be gathered.
        result_write, result_read = memory("results", signed(SUM_BITS), 2 * c.tokens)
        m.d.comb += [
            result_write.addr.eq(do.give_at),
            result_write.en.eq(do.give),
            result_write.data.eq(dsp.p),
            result_read.addr.eq(do.show_at),
            self.result.eq(result_read.data),
        ]
        return m
