# SPDX-License-Identifier: Apache-2.0
"""Which beats leave the FIFO: where the chains' demand turns into the tape's supply."""

from dataclasses import dataclass

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Intake", "IntakeConfig"]


@dataclass(frozen=True, kw_only=True)
class IntakeConfig:
    """Size of an intake.

    Parameters
    ----------
    sinks : int
        What beats go to, besides blocks.
    """

    sinks: int


class Intake(wiring.Component):
    """Loads the chunks of a block as soon as the one before is taken.

    ::

        load = in_block & first & (second | ~both) & (~full | spare)

    A block of several chunks has its first one loaded while the last tile of the one before is
    still to be taken: the dequantizer has kept what it needs. ``full`` stays until it is.

    ``spare`` comes through the chains and the dequantizer, and goes on to the enables of the
    FIFO's memories. It is the longest path of a lane's front: nothing else happens on it here.

    Parameters
    ----------
    config : IntakeConfig
        Other sinks.

    Members
    -------
    in_block : In
        The next beats are a block's,
    both, last_chunk : In
        a chunk of two beats; of one or two that complete it.
    wants, accepts : In
        The next beat is something else's, a bit each; that takes it.
    flush : In
        Beats go to nobody.
    first_valid, second_valid : In
        Beats that are there.
    first_ready, second_ready : Out
        Beats that leave.
    load : Out
        A chunk is loaded.
    takes : Out
        A beat that is no chunk's leaves.
    starving : Out
        In the cycle before, a chunk could have been loaded, or something wanted a beat, but it was
        not there.
    o_valid, o_ready : Out, In
        Handshake of blocks.
    spare : In
        What would be overwritten is not needed from the next cycle on.

    Reset: forgets the block.
    """

    def __init__(self, config: IntakeConfig):
        self.config = config
        super().__init__({
            **{name: In(1) for name in (
                "in_block", "both", "last_chunk", "flush", "first_valid", "second_valid",
                "o_ready", "spare")},
            "wants": In(self.config.sinks),
            "accepts": In(self.config.sinks),
            **{name: Out(1) for name in (
                "first_ready", "second_ready", "load", "takes", "starving", "o_valid")},
        })

    def elaborate(self, platform):
        m = Module()
        full = Signal()
        free = Signal()
        enough = Signal()
        accepted = Signal()
        m.d.comb += [
            accepted.eq((self.wants & self.accepts).any()),
            self.o_valid.eq(full),
            free.eq(~full | self.spare),
            enough.eq(self.first_valid & (self.second_valid | ~self.both)),
            self.load.eq(self.in_block & enough & free),
            self.takes.eq(self.first_valid & accepted),
            self.first_ready.eq(accepted | self.flush | self.load),
            self.second_ready.eq((self.flush & self.first_valid & self.second_valid)
                                 | (self.load & self.both)),
        ]
        # What was not there cannot have been loaded: the block is full now if it was not free.
        chunk_missed = Signal()
        beat_missed = Signal()
        m.d.sync += [
            chunk_missed.eq(self.in_block & ~enough),
            beat_missed.eq(self.wants.any() & ~self.first_valid),
        ]
        m.d.comb += self.starving.eq((chunk_missed & ~full) | beat_missed)
        m.d.sync += full.eq((self.load & self.last_chunk) | (full & ~self.o_ready))
        return m
