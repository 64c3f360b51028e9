# SPDX-License-Identifier: Apache-2.0
"""From descriptors to bursts: the front of every memory port."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.hierarchy import place
from flightllm_hw.interfaces.axi import ADDRESS_BITS
from flightllm_hw.primitives.mux import WideMux, WideMuxConfig

from .faults import Fault

__all__ = ["BurstCutter", "burst_layout", "descriptor_layout"]


def descriptor_layout(config: PortConfig) -> data.StructLayout:
    """A piece of memory: byte ``address``, and how many ``beats`` from there on.

    Of a port whose addresses are ``summed``: the window's base is in it already, and ``wrapped``
    tells that the sum has passed 64 bits.
    """
    return data.StructLayout({"address": ADDRESS_BITS, "beats": config.beats_bits,
                              **({"wrapped": 1} if config.summed else {})})


def burst_layout(config: PortConfig) -> data.StructLayout:
    """A burst: ``address``, ``beats`` in it, ``last`` of its descriptor; or a ``fault``."""
    return data.StructLayout({"address": ADDRESS_BITS, "beats": range(config.burst_beats + 1),
                              "last": 1, "fault": Fault})


class BurstCutter(wiring.Component):
    """Checks descriptors against a window and cuts them into bursts.

    Bursts end at multiples of the largest burst (``config.burst_beats``, a power of two): the first
    of a descriptor may be shorter, so may the last, the rest are whole. None crosses a multiple of
    512 bytes, let alone of 4 KiB. A burst in every cycle, across descriptors too.

    A descriptor at fault, misaligned to the beat or not within [``base``, ``limit``), gives one
    item that names its fault and its address, after all bursts of those before it. A descriptor of
    no beats gives nothing, and has no fault. A sum with the base is below it only if it has
    wrapped: where addresses are ``summed`` a bit takes the place of 64 bits' comparison.

    ::

        i ─► address + beats ─► < base? > limit? ─► queue ─► current ─► cut ─► o
             (stage 1, 2)       (2, 3)                          ▲  next multiple │
                                                                '────────────────'

    Parameters
    ----------
    config : PortConfig
        Widths and sizes.

    Members
    -------
    i : In, stream
        Descriptors, :func:`descriptor_layout`.
    o : Out, stream
        Bursts, :func:`burst_layout`.
    base, limit : In
        The window, in bytes, ``limit`` not in it. Held while ``busy``.
    stop : In
        Throws away what was not offered yet, a descriptor a cycle, while it is on.
    busy : Out
        A descriptor or an item is in here.

    Latency: ``latency`` cycles from a descriptor to its first burst. Reset: forgets all.
    """

    latency = 6

    def __init__(self, config: PortConfig):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(descriptor_layout(config))),
            "o": Out(stream.Signature(burst_layout(config))),
            "base": In(ADDRESS_BITS),
            "limit": In(ADDRESS_BITS),
            "stop": In(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        c = self.config
        low, high = c.beat_shift, c.burst_shift

        checked = data.StructLayout({"address": ADDRESS_BITS, "beats": c.beats_bits,
                                     "empty": 1, "fault": Fault})
        m.submodules.queue = queue = SyncFIFO(width=checked.size, depth=c.descriptors)

        # Room in the queue is taken when a descriptor comes in: the check never has to wait.
        room = Signal(range(c.descriptors + 1), init=c.descriptors)
        taken = Signal()
        pop = Signal()
        m.d.comb += [self.i.ready.eq(room != 0), taken.eq(self.i.valid & self.i.ready)]
        m.d.sync += room.eq(room + pop - taken)

        # Check: where it ends, then whether either end is outside. Ends are counted in beats.
        valid_1, valid_2, valid_3 = Signal(), Signal(), Signal()
        one = Signal(descriptor_layout(c), reset_less=True)
        two = Signal(checked, reset_less=True)
        end_2 = Signal(ADDRESS_BITS - low + 1, reset_less=True)
        below_2 = Signal(reset_less=True)
        odd_2 = Signal(reset_less=True)
        three = Signal(checked, reset_less=True)
        outside_3 = Signal(reset_less=True)
        m.d.sync += [
            valid_1.eq(taken), valid_2.eq(valid_1), valid_3.eq(valid_2),
            one.eq(self.i.payload),
            two.address.eq(one.address), two.beats.eq(one.beats), two.empty.eq(one.beats == 0),
            end_2.eq(one.address[low:] + one.beats),
            below_2.eq(one.wrapped if c.summed else one.address < self.base),
            odd_2.eq(one.address[:low].any()),
            three.eq(two),
            three.fault.eq(Mux(odd_2 & ~two.empty, Fault.MISALIGNED, Fault.NONE)),
            outside_3.eq((below_2 | (end_2 > self.limit[low:])) & ~two.empty),
        ]
        ready = Signal(checked)
        m.d.comb += [
            ready.eq(three),
            ready.fault.eq(Mux(three.fault == Fault.NONE,
                               Mux(outside_3, Fault.OUTSIDE, Fault.NONE), three.fault)),
            queue.w_en.eq(valid_3),
            queue.w_data.eq(ready),
        ]

        # The descriptor that is being cut.
        head = data.View(checked, queue.r_data)
        current = Signal(checked, reset_less=True)
        active = Signal()
        burst = Signal(burst_layout(c))
        waiting = Signal()
        advance = Signal()
        done = Signal()
        bad = Signal()
        whole = Signal(range(c.burst_beats + 1))
        final = Signal()
        m.d.comb += [
            bad.eq(current.fault != Fault.NONE),
            whole.eq(c.burst_beats - current.address[low:high]),
            # Of the count only the low bits are compared, where these are few enough to do without
            # a carry chain.
            final.eq(current.beats <= whole if len(whole) > 4 else
                     ~current.beats[len(whole):].any() & (current.beats[:len(whole)] <= whole)),
            done.eq(advance & (final | bad)),
            pop.eq(queue.r_rdy & (~active | done | self.stop)),
            queue.r_en.eq(pop),
        ]
        with m.If(pop):
            m.d.sync += active.eq(~head.empty & ~self.stop)
        with m.Elif(done | self.stop):
            m.d.sync += active.eq(0)
        # What wide registers take is chosen in modules of its own: with the registers' enables in
        # it, two bits would not share a LUT.
        following = Signal(checked)
        enters = place(m, platform, "enters", WideMux(WideMuxConfig(
            width=checked.size, inputs=2)))
        m.d.comb += [
            following.eq(current),
            following.address.eq(Cat(Const(0, high), current.address[high:] + 1)),
            following.beats.eq(current.beats - whole),
            enters.i[0].eq(following.as_value()), enters.i[1].eq(head.as_value()),
            enters.s.eq(pop),
        ]
        with m.If(pop | advance):
            m.d.sync += current.as_value().eq(enters.o)

        # The burst that is offered, and a spare register: whoever takes bursts is on no path to
        # the queue.
        offer = Signal(burst_layout(c), reset_less=True)
        spare = Signal(burst_layout(c), reset_less=True)
        leaves = place(m, platform, "leaves", WideMux(WideMuxConfig(
            width=burst_layout(c).size, inputs=2)))
        m.d.comb += [
            burst.address.eq(current.address),
            burst.beats.eq(Mux(final, current.beats, whole)),
            burst.last.eq(final),
            burst.fault.eq(current.fault),
            advance.eq(active & ~waiting),
            leaves.i[0].eq(burst.as_value()), leaves.i[1].eq(spare.as_value()),
            leaves.s.eq(waiting),
            self.o.payload.eq(offer),
        ]
        with m.If(~waiting):
            m.d.sync += spare.eq(burst)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += [
                self.o.valid.eq(waiting | (advance & ~self.stop)),
                offer.as_value().eq(leaves.o),
                waiting.eq(0),
            ]
        with m.Elif(advance & ~self.stop):
            m.d.sync += waiting.eq(1)

        m.d.comb += self.busy.eq((room != c.descriptors) | active | self.o.valid)
        return m
