# SPDX-License-Identifier: Apache-2.0
"""A compiled core on memory models: images and a program in, images and a report out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.layouts import UNITS
from flightllm_hw.core.core import Core, CoreConfig, trace_event
from flightllm_hw.core.counters import GLOBAL, LANE
from flightllm_hw.isa.errors import Error
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, MemoryTiming
from flightllm_hw.sim.rules import DeadlineError
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.trace import Event

__all__ = ["HOST", "CoreBench", "Outcome", "core_events", "lane_base"]

HOST = 1 << 40
"""Where the host's window begins."""

CHUNK = 512
"""Cycles between two looks at whether a program is over."""


def lane_base(lane: int) -> int:
    """Where a lane's window begins."""
    return (lane + 1) << 32


@dataclass(frozen=True)
class Outcome:
    """How a program ended.

    Parameters
    ----------
    error : Error
    detail : int
    pc : int
    address : int
        Of the error; in bytes, as the memory port says it.
    stuck : bool
    cycles : int
        From the start to the end.
    counters : dict of str to int
    lane_counters : list of dict of str to int
    events : list of Event
        What units took and did, where that was wanted.
    """

    error: Error
    detail: int
    pc: int
    address: int
    stuck: bool
    cycles: int
    counters: dict[str, int]
    lane_counters: list[dict[str, int]]
    events: list[Event]


@cache
def _compiled(config: AcceleratorConfig, level: int) -> Simulator:
    return verilator.compile(Core(CoreConfig(accelerator=config)), level=level,
                             extra_sources=[AXI_MEMORY_SOURCE])


class CoreBench:
    """A core, compiled, with a memory behind each port.

    Parameters
    ----------
    config : AcceleratorConfig
    host_bytes, lane_bytes : int
        Sizes of the memories; the windows are as large until :meth:`window` says otherwise.
    timing : MemoryTiming
    level : int
        Of :func:`~flightllm_hw.sim.verilator.compile`.
    options
        Passed to :class:`~flightllm_hw.sim.memory.AxiMemory`.

    Attributes
    ----------
    sim : Simulator
    memory : AxiMemory
    """

    def __init__(self, config: AcceleratorConfig, *, host_bytes: int, lane_bytes: int,
                 timing: MemoryTiming = IDEAL, level: int = 1, **options: Any) -> None:
        self.config = config
        self.sim = _compiled(config, level)
        self.sim.restart()
        lanes = range(config.lanes)
        self.memory = AxiMemory(
            self.sim, ["m_axi_host", *(f"m_axi_{n}" for n in lanes)], timing,
            clock_mhz=config.clock_mhz, base=[HOST, *(lane_base(n) for n in lanes)],
            size=[host_bytes, *(lane_bytes for _ in lanes)], **options)
        self.window(host_bytes, lane_bytes)

    def window(self, host_bytes: int, lane_bytes: int, offset: int = 0) -> None:
        """What the program may reach: so many bytes of every memory, from ``offset`` on."""
        self.host_bytes, self.lane_bytes, self.offset = host_bytes, lane_bytes, offset
        lanes = [lane_base(n) + offset for n in range(self.config.lanes)]
        self.sim.poke("host_base", HOST + offset)
        self.sim.poke("host_limit", HOST + offset + host_bytes)
        self.sim.poke("lane_base", sum(base << 64 * n for n, base in enumerate(lanes)))
        self.sim.poke("lane_limit", sum(base + lane_bytes << 64 * n
                                        for n, base in enumerate(lanes)))

    def write(self, host: npt.NDArray[np.uint8], lanes: Sequence[npt.NDArray[np.uint8]]) -> None:
        """Put images into the memories, from their windows' first bytes on."""
        self.memory.write(HOST + self.offset, host)
        for n, image in enumerate(lanes):
            self.memory.write(lane_base(n) + self.offset, image)

    def read(self) -> tuple[npt.NDArray[np.uint8], list[npt.NDArray[np.uint8]]]:
        """The images of the host's memory and of every lane's."""
        return (self.memory.read(HOST + self.offset, self.host_bytes),
                [self.memory.read(lane_base(n) + self.offset, self.lane_bytes)
                 for n in range(self.config.lanes)])

    def run(self, program: int, registers: Sequence[int] = (), *, watchdog: int = 0,
            deadline: int = 1_000_000, trace: bool = False) -> Outcome:
        """Run the program at byte ``program`` of the host's window, and wait for its end.

        Parameters
        ----------
        registers : sequence of int
            Of registers from 1 on.
        watchdog : int
            Cycles without progress; 0: none.
        deadline : int
            Cycles that it may take.
        trace : bool
            Whether to collect events.

        Raises
        ------
        DeadlineError
            If it takes longer.
        """
        sim = self.sim
        sim.poke("origin", HOST + self.offset + program)
        sim.poke("watchdog", watchdog)
        sim.poke("preset_en", 1)
        for at, value in enumerate(registers, 1):
            sim.poke("preset_at", at)
            sim.poke("preset_data", int(value))
            sim.run({}, 1, record=())
        sim.poke("preset_en", 0)
        sim.poke("start", 1)
        sim.run({}, 1, record=())
        sim.poke("start", 0)
        start, events = sim.cycle, []
        record = ["done", *(["events_valid", "events"] if trace else [])]
        while True:
            seen = sim.run({}, CHUNK, record=record)
            if trace:
                events += core_events(seen, sim.cycle - CHUNK - start)
            ended = np.flatnonzero(seen["done"][:, 0])
            if len(ended):
                cycles = sim.cycle - CHUNK - start + int(ended[0]) + 1
                break
            if sim.cycle - start > deadline:
                raise DeadlineError(f"The program has not ended after {deadline} cycles; its next"
                                    f" instruction is {sim.peek('pc')}")
        return self._outcome(cycles, events)

    def _outcome(self, cycles: int, events: list[Event]) -> Outcome:
        stuck = bool(self.sim.peek("stuck"))
        self.memory.check(finished=not stuck)
        error = self.sim.peek("error")
        words = self.sim.peek("counters")
        of_lanes = self.sim.peek("lane_counters")

        def values(names: Sequence[tuple[str, str]], raw: int) -> dict[str, int]:
            return {name: raw >> 32 * n & 0xFFFF_FFFF for n, (name, _) in enumerate(names)}

        return Outcome(
            Error(error & 31), error >> 5 & 0xFF, error >> 13 & 0xFFFF_FFFF,
            error >> 45 & (1 << 64) - 1, stuck, cycles, values(GLOBAL, words),
            [values(LANE, of_lanes >> 32 * len(LANE) * n) for n in range(self.config.lanes)],
            events)


def core_events(seen: dict[str, npt.NDArray[Any]], first: int) -> list[Event]:
    """Events of recorded cycles, the first of which has number ``first``."""
    found = []
    layout = trace_event()
    for cycle in np.flatnonzero(seen["events_valid"][:, 0]):
        bits = int.from_bytes(seen["events"][cycle].astype("<u4").tobytes(), "little")
        values = layout.from_bits(bits)
        for unit in UNITS:
            of_unit = values[unit.name.lower()]
            if of_unit["done"]:
                found.append(Event(first + int(cycle), unit, None))
            if of_unit["taken"]:
                found.append(Event(first + int(cycle), unit, int(of_unit["pc"])))
    return found
