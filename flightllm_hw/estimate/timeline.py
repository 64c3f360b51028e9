# SPDX-License-Identifier: Apache-2.0
"""When each unit does what: the program's instructions, one after the other, in closed forms.

::

    control ──┬─► MEMORY   loads and stores, one at a time
              ├─► VECTOR   passes; they count as done together
              └─► LANES    products, and the tape that is read ahead

Each unit takes its instructions in order, when their tokens are there. Nothing goes cycle by cycle:
an instruction costs a few sums, whatever it works at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.estimate.constants import (
    CODES,
    CROSSED,
    LANES_LATENCY,
    LAUNCH,
    LOAD,
    ROW_BLOCK,
    SETTLED,
)
from flightllm_hw.estimate.passes import Passes
from flightllm_hw.estimate.queues import LANES, MEMORY, TURN, UNITS, VECTOR, Queues
from flightllm_hw.estimate.steps import Step, Turns, walk
from flightllm_hw.estimate.tape import Product, Tape
from flightllm_hw.isa.table import BITS, Target, Unit
from flightllm_hw.isa.timing import ROW
from flightllm_hw.isa.vector import Output
from flightllm_hw.sim.memory_timing import MemoryTiming

__all__ = ["Spent", "Timeline"]

IN_FLIGHT = 8
"""Passes that count as done together at most."""

RING = 20
"""Instructions of a loop's body that is not fetched again."""

_MATRIX = ("pattern", "bits", "zero_point", "row_blocks", "group_tiles", "groups", "last_tiles",
           "tokens")

_CONTROL = int(Unit.CONTROL)

_matrix = itemgetter(*_MATRIX)


@dataclass(frozen=True)
class Spent:
    """A program's cycles, and those in which each has work: they overlap.

    Parameters
    ----------
    cycles : float
    beats : int
        That a lane reads.
    memory, engine, special, control : float
        Delivering the tape; multiplying; passes and what they load and store; instructions.
    """

    cycles: float
    beats: int
    memory: float
    engine: float
    special: float
    control: float


class Timeline:
    """A program's.

    Parameters
    ----------
    config : AcceleratorConfig
    timing : MemoryTiming
        Of its memories.
    """

    def __init__(self, config: AcceleratorConfig, timing: MemoryTiming) -> None:
        self._config, clock, bits = config, config.clock_mhz, config.lane.beat_bits
        self._rate = timing.deliverable_gb_s(bits, clock) / (bits / 8 * clock / 1000)
        opened = 0.0 if timing.dram is None else timing.dram.closed_ns
        self._latency = (timing.outside_ns() + opened) * clock / 1000
        self._row = 32 * config.sfu.width / bits
        self._fetch = self._latency + BITS / bits / self._rate
        self._tape = Tape(config, self._rate, self._latency)
        self._passes = Passes()
        self._there_and_back = LANES_LATENCY + CROSSED * config.crossings
        self._queues = Queues()
        self._lane = self._gathered = 0.0
        # Passes that are not done: what they release, and when nothing of them is under way.
        self._group: list[Sequence[int]] = []
        self._begun = self._quiet = 0.0
        self._appends = False
        self._engine = self._special = self._control = 0.0
        # Products that control has come to, and what each of them has seen in the end.
        self._asked, self._seen = 0, list[tuple[float, float, float, float]]()
        self._products: dict[tuple[Any, ...], Product] = {}

    def run(self, program: Sequence[Step], registers: Sequence[int]) -> Spent:
        """All of it; once.

        Parameters
        ----------
        program : sequence of Step
        registers : sequence of int
            Those that it is given, from register 1 on.
        """
        now, turns = LAUNCH / 2 + self._fetch, [(0, 0.0)]
        skips: list[tuple[int, tuple[int, float], tuple[int, float]]] = []
        for step in walk(program, registers):
            if isinstance(step, Turns):
                turns.append((self._asked, self._control))
                if step.skipped:
                    skips.append((step.skipped, turns[-2], turns[-1]))
                if step.length > RING:
                    now += self._fetch
                continue
            now += step.cycles
            self._control += step.cycles
            if step.name == "LD.TAPE":
                if step.fields["lanes"] & 1:
                    self._tape.name(now, step.fields["beats"], bool(step.fields["fence"]))
            elif step.unit == _CONTROL:
                while (given := self._queues.given(step)) is None:
                    assert self._advance(), "a program waits for what comes later"
                now = max(now, given)
            else:
                while self._queues.full(step.unit) and self._advance():
                    pass
                now = self._queues.put(step, now)
                self._asked += step.unit == LANES
        while self._queues.some():
            assert self._advance(), "a program waits for what comes later"
        self._close()
        end = max(*self._queues.free, self._gathered)
        found = [end, self._tape.beats, self._engine, self._special]
        for skipped, (first, control), (last, later) in skips:
            for k, (then, value) in enumerate(zip(self._seen[first - 1], self._seen[last - 1],
                                                  strict=True)):
                found[k] += skipped * (value - then)
            self._control += skipped * (later - control)
        cycles, beats, engine, special = found
        return Spent(cycles + LAUNCH / 2, round(beats), beats / self._rate, engine, special,
                     self._control)

    # Units.

    def _advance(self) -> bool:
        """What comes next, if anything is known to."""
        found, first = -1, 0.0
        for unit in UNITS:
            step = self._queues.first(unit)
            if step is None or unit == LANES and not self._tape.ready(self._of(step).beats):
                continue
            when = self._queues.when(unit)
            if found < 0 or when < first:
                found, first = unit, when
        if self._group and (found < 0 or first > self._quiet or found == VECTOR and self._alone()):
            self._close()
        elif found < 0:
            return False
        else:
            now, step = self._queues.take(found)
            (self._transfer, self._product, self._pass)[found](now, step)
        return True

    def _alone(self) -> bool:
        """Whether VECTOR's next instruction waits until all before it are done."""
        step = self._queues.first(VECTOR)
        return step is not None and (len(self._group) == IN_FLIGHT or step.name == "MISC.TABLE"
                                     or self._appends and _appends(step))

    def _of(self, step: Step) -> Product:
        matrix = _matrix(step.fields)
        if matrix not in self._products:
            fields = dict(zip(_MATRIX, matrix, strict=True))
            self._products[matrix] = Product.of(self._config, **fields)
        return self._products[matrix]

    def _product(self, now: float, step: Step) -> None:
        product = self._of(step)
        start = max(now, self._lane + TURN)
        self._lane = end = self._tape.take(product, start)
        leaving = product.row_blocks * max(product.results, ROW_BLOCK * step.fields["tokens"])
        self._gathered = max(end + product.results, self._gathered + leaving,
                             start + product.engine / product.row_blocks + leaving)
        done = self._gathered + self._there_and_back
        self._engine += product.engine
        self._queues.free[LANES] = now + 1
        self._seen.append((done, self._tape.beats, self._engine, self._special))
        if step.fields["maxima"]:
            self._passes.scalars(step.fields["d"], done)
        self._queues.release(LANES, step.release, done)

    def _transfer(self, now: float, step: Step) -> None:
        f = step.fields
        if step.name == "LD.STEPS":
            beats = 64 * f["pairs"] / self._config.lane.beat_bits
        else:
            beats = f["count"] if step.name == "ST.SCALARS" else f["rows"] * self._row
        done = now + LOAD + self._latency + beats / self._rate
        if step.name.startswith("ST"):
            # A pass puts out what is stored.
            done += ROW + SETTLED
        self._queues.free[MEMORY] = done + 1
        self._special += done - now
        self._queues.release(MEMORY, step.release, done)

    def _pass(self, now: float, step: Step) -> None:
        f, c = step.fields, self._config
        self._begun = self._begun if self._group else now
        self._queues.free[VECTOR] = now + TURN
        self._group.append(step.release)
        if step.name == "MISC.TABLE":
            self._quiet = now + SETTLED + 2 * c.crossings + 2 * f["pairs"]
            self._close()
            return
        # Of an append: a cycle and a burst for eight codes, answered; of keys one for the scale.
        bursts = -(-f["limit"] // 8) + (f["target"] is Target.KEYS) if _appends(step) else 0
        last, there = self._passes.take(f, now, bursts)
        if f["output"] is Output.CODES:
            there = max(there, last + ROW + CODES + c.crossings)
        if _appends(step):
            there = max(there, self._passes.first + f["segments"] * bursts + ROW + CODES)
            there += self._latency + LOAD + f["limit"] / 8 + c.crossings
            there += self._tape.ahead(there)
            self._tape.appended(there)
            self._appends = True
        self._quiet = max(self._quiet, there + SETTLED + 2 * c.crossings)

    def _close(self) -> None:
        """Passes are done: all at once."""
        for n, release in enumerate(self._group):
            self._queues.release(VECTOR, release, self._quiet + n)
        if self._group:
            self._special += self._quiet - self._begun
            self._queues.free[VECTOR] = max(self._queues.free[VECTOR], self._quiet)
        self._group, self._appends = [], False


def _appends(step: Step) -> bool:
    """Whether it is a pass that gives keys or values to memory."""
    return (step.name == "MISC.PASS" and step.fields["output"] is Output.CODES
            and step.fields["target"] is not Target.ACTIVATIONS)
