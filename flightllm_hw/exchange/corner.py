# SPDX-License-Identifier: Apache-2.0
"""Turns lanes' results, one a cycle each, into rows, one a cycle."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.hierarchy import place
from flightllm_hw.primitives.delay import Delay, DelayConfig

from .layouts import ExchangeConfig

__all__ = ["CornerTurn"]


class CornerTurn(wiring.Component):
    """Ports read a row's elements one by one, each port a cycle behind the port before.

    So in every cycle the ports are at W different columns, and a rotation brings each element to
    its column; delays then straighten the slant::

        cycle      0  1  2  3            rotated            straight
        port 0     a0 a1 a2 a3    column 0  a0 b0 c0 d0     . . . a0 b0 c0 d0
        port 1        b0 b1 b2    column 1     a1 b1 c1     . . . a1 b1 c1
        port 2           c0 c1    column 2        a2 b2     . . . a2 b2
        port 3              d0    column 3           a3     . . . a3

    Lane n is read by port n mod ``ports``.

    Parameters
    ----------
    config : ExchangeConfig

    Members
    -------
    turn : In
        The port that can begin a row now; counts up, every cycle.
    starts, which, slot, first : In
        It begins: with which of its lanes, in which slot, at which row of it (modulo ``block``).
    at : Out
        Where each port reads.
    i : In
        What lanes have there.
    slanted : Out
        Column j, ``slanted_latency`` + j cycles after the row's beginning.
    o : Out
        Rows, ``latency`` cycles after their beginning.

    Cost: 2 LUTs and 2 flip-flops a bit of a row, and half a LUT for the delays.
    """

    slanted_latency = 4

    def __init__(self, config: ExchangeConfig):
        self.config = config
        c = config
        super().__init__({
            "turn": In(range(c.ports)),
            "starts": In(1),
            "which": In(range(max(2, c.shared))),
            "slot": In(range(c.slots)),
            "first": In(range(c.block)),
            "at": Out(data.ArrayLayout(range(c.slots * c.block), c.ports)),
            "i": In(data.ArrayLayout(32, c.lanes)),
            "slanted": Out(data.ArrayLayout(32, c.width)),
            "o": Out(data.ArrayLayout(32, c.width)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a row's beginning to the row."""
        return self.slanted_latency + self.config.width - 1

    def elaborate(self, platform):
        m = Module()
        c = self.config

        # Where each port reads; a cycle later what it read.
        read = []
        begins = Signal(c.ports)
        m.d.comb += begins.eq(Mux(self.starts, 1 << self.turn, 0))
        for port in range(c.ports):
            lanes = range(port, c.lanes, c.ports)
            if not lanes:
                read.append(0)
                continue
            slot_1 = Signal(range(c.slots), name=f"slot_{port}_1", reset_less=True)
            row_1 = Signal(range(c.block), name=f"row_{port}_1", reset_less=True)
            which_1 = Signal(range(max(2, c.shared)), name=f"which_{port}_1", reset_less=True)
            with m.If(begins[port]):
                m.d.sync += [slot_1.eq(self.slot), row_1.eq(self.first), which_1.eq(self.which)]
            with m.Else():
                m.d.sync += row_1.eq(row_1 + 1)
            m.d.comb += self.at[port].eq(Cat(row_1, slot_1))
            value_2 = Signal(32, name=f"value_{port}_2", reset_less=True)
            m.d.sync += value_2.eq(Array(self.i[lane] for lane in lanes)[which_1]
                                   if len(lanes) > 1 else self.i[port])
            read.append(value_2)

        # Rotate: column j takes port turn - j. First by fours, then by what is left.
        turn_1, turn_2 = Signal.like(self.turn), Signal.like(self.turn)
        low_3 = Signal(2)
        m.d.sync += [turn_1.eq(self.turn), turn_2.eq(turn_1), low_3.eq(turn_2)]
        coarse = []
        for n in range(c.ports):
            value_3 = Signal(32, name=f"coarse_{n}_3", reset_less=True)
            choices = [read[(n + 4 * k) % c.ports] for k in range(c.ports // 4)]
            m.d.sync += value_3.eq(_choose(choices, turn_2[2:]))
            coarse.append(value_3)
        for j in range(c.width):
            value_4 = Signal(32, name=f"slanted_{j}_4", reset_less=True)
            m.d.sync += value_4.eq(_choose([coarse[(k - j) % c.ports] for k in range(4)], low_3))
            m.d.comb += self.slanted[j].eq(value_4)

        # Straighten.
        for j in range(c.width):
            line = place(m, platform, f"line_{j}",
                         Delay(DelayConfig(width=32, cycles=c.width - 1 - j)))
            m.d.comb += [line.i.eq(self.slanted[j]), self.o[j].eq(line.o)]
        return m


def _choose(choices, index):
    """The choice with that index, of a power of two."""
    if len(choices) == 1:
        return choices[0]
    half = len(choices) // 2
    return Mux(index[len(choices).bit_length() - 2], _choose(choices[half:], index),
               _choose(choices[:half], index))
