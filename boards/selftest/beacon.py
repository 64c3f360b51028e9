# SPDX-License-Identifier: Apache-2.0
"""What the self-test shows: lights, and every two seconds a text.

::

    half seconds │ 2       3       0       1       2       3
    gate, led 0  │ ________________                 _______________
                 │ meters count     they stand still
    text         │                          ═══                     a line per clock
"""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .decimal import Decimal, DecimalCounter
from .transmitter import BITS, Transmitter, TransmitterConfig

__all__ = ["Beacon", "BeaconConfig"]


@dataclass(frozen=True, kw_only=True)
class BeaconConfig:
    """What is said, and how fast the clock is.

    Parameters
    ----------
    frequency : int
        The clock's, in Hz.
    baud : int
        Bits a second of the serial line.
    title : str
        The first line's beginning.
    clocks : tuple of str
        What is measured, by name.
    decimal : Decimal
        Of every number.

    Raises
    ------
    ValueError
        If a name is not plain ASCII without ``#``, or if the text takes longer than it may.
    """

    frequency: int
    baud: int
    title: str
    clocks: tuple[str, ...] = ()
    decimal: Decimal = Decimal()

    def __post_init__(self) -> None:
        for name in (self.title, *self.clocks):
            if not (name.isascii() and name.isprintable()) or "#" in name:
                raise ValueError(f"Names must be printable ASCII without #, not {name!r}")
        if not self.baud <= self.frequency:
            raise ValueError(f"{self.baud!r} baud need a clock of as many Hz or more, not of"
                             f" {self.frequency!r}")
        if len(self.text) * BITS * self.divisor >= self.half_second:
            raise ValueError(f"{len(self.text)} characters do not fit into half a second of"
                             f" {self.baud!r} baud")

    @property
    def text(self) -> str:
        """What is sent, ``#`` for each digit."""
        number = "#" * self.decimal.digits
        return "".join([f"{self.title} {number} s\r\n",
                        *(f"  {name} {number} Hz\r\n" for name in self.clocks)])

    @property
    def divisor(self) -> int:
        """Cycles a bit."""
        return self.frequency // self.baud

    @property
    def half_second(self) -> int:
        """Cycles of half a second."""
        return self.frequency // 2


class Beacon(wiring.Component):
    """A light that blinks, a light per clock that runs, and all of it in words.

    The text is first sent 1.5 s after the start, then every 2 s: seconds since the start, and for
    each clock its frequency, once ``counts`` come from meters that ``gate`` opens for a second.

    Parameters
    ----------
    config : BeaconConfig

    Members
    -------
    gate : Out
        On for a second, off for a second; a register.
    counts : In
        Of each clock its cycles while ``gate`` was on. They stand still from half a second after
        it went off until it goes on.
    leds : Out
        First ``gate``, then for each clock whether there was any cycle of it.
    tx : Out
        A serial line, 8N1.
    """

    def __init__(self, config: BeaconConfig) -> None:
        self.config = config
        clocks = len(config.clocks)
        super().__init__({"gate": Out(1), "leds": Out(1 + clocks), "tx": Out(1),
                          "counts": In(config.decimal.width).array(clocks)})

    def elaborate(self, platform: Any) -> Module:
        """Divide time, then send the text with numbers in it."""
        m = Module()
        config, clocks = self.config, len(self.config.clocks)
        counts = [self.counts[n] for n in range(clocks)]

        # Half seconds, and which of four it is.
        timer = Signal(range(config.half_second), init=config.half_second - 1)
        tick = Signal()
        phase = Signal(2, init=2)
        m.d.sync += [
            timer.eq(Mux(tick, config.half_second - 2, timer - 1)),
            tick.eq(timer == 0),
            phase.eq(phase + tick),
        ]
        m.d.comb += self.gate.eq(phase[1])

        m.submodules.seconds = seconds = DecimalCounter(config.decimal)
        m.d.comb += seconds.step.eq(tick & phase[0])

        # Half a second after the gate: meters stand still.
        start = Signal()
        running = Signal(clocks)
        m.d.sync += start.eq(tick & (phase == 0))
        with m.If(start):
            m.d.sync += running.eq(Cat(count.any() for count in counts))
        m.d.comb += self.leds.eq(Cat(self.gate, running))

        # All digits, in the order of the text: the next one is the uppermost.
        digits = Signal(config.decimal.width * (1 + clocks))
        digit = digits[-4:]

        m.submodules.text = text = Memory(
            shape=unsigned(8), depth=len(config.text), init=config.text.encode("ascii"),
            attrs={"rom_style": "block"})
        port = text.read_port()
        m.submodules.transmitter = line = Transmitter(TransmitterConfig(divisor=config.divisor))
        is_digit = port.data == ord("#")
        m.d.comb += [
            line.i.payload.eq(Mux(is_digit, Cat(digit, Const(3, 4)), port.data)),
            self.tx.eq(line.tx),
        ]

        at = Signal(range(len(config.text)))
        m.d.comb += port.addr.eq(at)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [at.eq(0), digits.eq(Cat(*reversed(counts), seconds.value))]
                with m.If(start):
                    m.next = "READ"
            with m.State("READ"):
                m.next = "SEND"
            with m.State("SEND"):
                m.d.comb += line.i.valid.eq(1)
                with m.If(line.i.ready):
                    m.d.sync += at.eq(at + 1)
                    m.next = "READ"
                    with m.If(is_digit):
                        m.d.sync += digits.eq(digits << 4)
                    with m.If(at == len(config.text) - 1):
                        m.next = "IDLE"
        return m
