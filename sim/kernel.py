# SPDX-License-Identifier: Apache-2.0
"""A compiled kernel as a host sees it: registers behind AXI4-Lite, memories behind AXI4 ports."""

from collections.abc import Mapping
from functools import cache

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig
from flightllm_hw.kernel.registers import RegisterMap
from flightllm_hw.sim import verilator
from flightllm_hw.sim.core import HOST, core_events, lane_base
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory, MemoryTiming
from flightllm_hw.sim.rules import DeadlineError
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.trace import Event

__all__ = ["CHUNK", "ControlBus", "KernelBench"]

CHUNK = 512
"""Cycles between two looks at the interrupt."""

PATIENCE = 64
"""Cycles in which the control port must answer."""

LARGE = 1024
"""Chain DSPs from which a kernel is compiled to run fast: then it runs for minutes, and the longer
build pays."""

WORD = (1 << 32) - 1


@cache
def _compiled(config: AcceleratorConfig, traced: bool, waves: bool) -> Simulator:
    return verilator.compile(Kernel(KernelConfig(accelerator=config, trace=traced)),
                             level=3 if config.dsp >= LARGE else 1, waves=waves,
                             extra_sources=[AXI_MEMORY_SOURCE])


class ControlBus:
    """A master of the control port, a word at a time.

    Parameters
    ----------
    sim : Simulator
    prefix : str
        Of the port.

    Raises
    ------
    DeadlineError
        From every call that is not answered.
    """

    def __init__(self, sim: Simulator, prefix: str = "s_axi_control") -> None:
        self.sim, self.prefix = sim, prefix
        self._set(awvalid=0, wvalid=0, bready=1, arvalid=0, rready=1)

    def write(self, offset: int, value: int) -> None:
        """Write a word."""
        self._set(awvalid=1, awaddr=offset, wvalid=1, wdata=value, wstrb=15)
        open_ = {"aw", "w"}
        for _ in range(PATIENCE):
            taken = {channel for channel in open_ if self._get(f"{channel}ready")}
            answered = self._get("bvalid")
            self.sim.run({}, 1, record=())
            self._set(**{f"{channel}valid": 0 for channel in taken})
            open_ -= taken
            if answered:
                return
        raise DeadlineError(f"The control port has not answered a write to {offset:#x}")

    def read(self, offset: int) -> int:
        """Read a word."""
        self._set(arvalid=1, araddr=offset)
        for _ in range(PATIENCE):
            taken = self._get("arready")
            answer = self._get("rdata") if self._get("rvalid") else None
            self.sim.run({}, 1, record=())
            if taken:
                self._set(arvalid=0)
            if answer is not None:
                return answer
        raise DeadlineError(f"The control port has not answered a read from {offset:#x}")

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            self.sim.poke(f"{self.prefix}_{name}", value)

    def _get(self, name: str) -> int:
        return self.sim.peek(f"{self.prefix}_{name}")


class KernelBench:
    """A kernel and its memories, and the host's end of its registers.

    Parameters
    ----------
    config : AcceleratorConfig
    host_bytes, lane_bytes : int
        Sizes of the memories.
    timing : MemoryTiming
    traced : bool
        Whether the core can be watched.
    waves : bool
        Whether waves can be written.
    simulator : Simulator, optional
        The compiled kernel, neither traced nor with waves; the one of plain Verilog by default.

    Attributes
    ----------
    sim : Simulator
    memory : AxiMemory
    map : RegisterMap
    events : list of list of Event
        What the core's units took and did, for each start, where it is watched; cycles count from
        power-up.
    """

    def __init__(self, config: AcceleratorConfig, *, host_bytes: int, lane_bytes: int,
                 timing: MemoryTiming = IDEAL, traced: bool = False,
                 waves: bool = False, simulator: Simulator | None = None) -> None:
        self.map = RegisterMap(config)
        self.sim = simulator or _compiled(config, traced, waves)
        self.sim.restart()
        lanes = range(config.lanes)
        self.memory = AxiMemory(
            self.sim, [register.port or "" for register in self.map.pointers], timing,
            clock_mhz=config.clock_mhz,
            base=[HOST, *(lane_base(n) for n in lanes)],
            size=[host_bytes, *(lane_bytes for _ in lanes)])
        self.traced = traced
        self.events: list[list[Event]] = []
        self.bus = ControlBus(self.sim)
        self.sim.reset()
        self.write("GIE", 1)
        self.write("IER", 1)

    def write(self, name: str, value: int) -> None:
        """Write a register."""
        for n, offset in enumerate(self.map[name].words):
            self.bus.write(offset, value >> 32 * n & WORD)

    def read(self, name: str) -> int:
        """Read a register."""
        return sum(self.bus.read(offset) << 32 * n
                   for n, offset in enumerate(self.map[name].words))

    def start(self, arguments: Mapping[str, int]) -> None:
        """Write all arguments as XRT does, a block with zeros in its gaps, and start the kernel."""
        words = {offset: arguments.get(register.name, 0) >> 32 * n & WORD
                 for register in self.map.arguments for n, offset in enumerate(register.words)}
        for offset in range(min(words), max(words) + 4, 4):
            self.bus.write(offset, words.get(offset, 0))
        self.events.append([])
        self.write("CTRL", 1)

    def wait(self, deadline: int | None = None) -> bool:
        """Run until the interrupt comes, or ``deadline`` cycles have passed; whether it came.

        The interrupt is acknowledged, and CTRL is read.
        """
        first = self.sim.cycle
        record = ["irq", *(["events_valid", "events"] if self.traced else [])]
        while not self.sim.peek("irq"):
            if deadline is not None and self.sim.cycle - first >= deadline:
                return False
            seen = self.sim.run({}, CHUNK, record=record)
            if self.traced:
                self.events[-1] += core_events(seen, self.sim.cycle - CHUNK)
        self.write("ISR", 1)
        self.read("CTRL")
        return True
