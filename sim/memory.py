# SPDX-License-Identifier: Apache-2.0
"""AXI4 memories at the ports of a compiled design: HBM, DDR, or none of their delays.

::

    sim = compile(Lane(config), extra_sources=[AXI_MEMORY_SOURCE])
    memory = AxiMemory(sim, "m_axi", hbm(card("u280")), clock_mhz=225, size=256 << 20)
    memory.write(0, tape)
    sim.stream({"i": steps}, {"o": 1000})
    memory.check(finished=True)
    print(memory.efficiency())

What the model does in which cycle stands in ``dram.h`` and ``axi_memory.h``; what its figures rest
on, in ``docs/memory.md``.
"""

import ctypes
from collections.abc import Sequence

import numpy as np

from flightllm_hw.sim import memory_library as model
from flightllm_hw.sim.memory_contents import GRANULE, generated, require_bytes, require_range
from flightllm_hw.sim.memory_counters import Counters
from flightllm_hw.sim.memory_library import AXI_MEMORY_SOURCE
from flightllm_hw.sim.memory_timing import IDEAL, MemoryTiming, ddr, hbm
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.traffic import STEADY, Gate, Traffic

__all__ = ["AXI_MEMORY_SOURCE", "IDEAL", "AxiMemory", "Counters", "MemoryTiming", "ProtocolError",
           "ddr", "generated", "hbm"]

RESPONSES = {"SLVERR": 2, "DECERR": 3}


class ProtocolError(AssertionError):
    """A master broke a rule of AXI."""


class AxiMemory:
    """A memory at AXI4 ports of a simulated design: a channel a port, one storage behind all.

    It stays attached until the simulator is restarted or closed. Each channel checks its master:
    payloads stay while they wait; bursts are INCR, full width, aligned, within 4 KiB and the limits
    below; WLAST is in the last beat; no burst touches bytes that an unanswered one writes; nothing
    is under way at a reset. An address outside of a channel's range answers DECERR.

    Parameters
    ----------
    simulator : Simulator
        Compiled with :data:`AXI_MEMORY_SOURCE` among its ``extra_sources``.
    prefixes : str or sequence of str
        Of the ports: ``"m_axi"`` for ``m_axi_araddr`` and so on. ``ar*`` and ``r*``, or ``aw*``,
        ``w*`` and ``b*``, may be missing.
    timing : MemoryTiming
        Of each channel.
    clock_mhz : float
        The design's clock.
    base, size : int or sequence of int, optional
        The addresses of each channel; all of them by default.
    distance : int or sequence of int
        Mini switches between each port and its channel.
    seed : int
        What traffic and jitter are drawn from.
    traffic : Traffic
        When AR, R, AW, W and B are willing.
    jitter : int
        Cycles, at most, that a response comes later, drawn for each; responses of different IDs
        then overtake each other.
    max_beats, max_bytes : int
        Of a burst.
    halt : bool
        Whether a broken rule ends the simulation with a RuntimeError; :meth:`check` tells of it
        either way.
    hazards : bool
        Whether bursts under way that share bytes break a rule, unless both read.

    Raises
    ------
    ValueError
        If the design's ports do not fit.
    """

    def __init__(self, simulator: Simulator, prefixes: str | Sequence[str],
                 timing: MemoryTiming = IDEAL, *, clock_mhz: float,
                 base: int | Sequence[int] = 0, size: int | Sequence[int] | None = None,
                 distance: int | Sequence[int] = 0, seed: int = 0, traffic: Traffic = STEADY,
                 jitter: int = 0, max_beats: int = 16, max_bytes: int = 512, halt: bool = True,
                 hazards: bool = True) -> None:
        self.simulator, self.timing, self.clock_mhz = simulator, timing, clock_mhz
        self.prefixes = [prefixes] if isinstance(prefixes, str) else list(prefixes)
        count = len(self.prefixes)
        bases, distances = _each(base, count), _each(distance, count)
        sizes = ([(1 << 64) - 1 - b for b in bases] if size is None else _each(size, count))
        self._library = model.library_of(simulator)
        self._bench = simulator.handle
        self._generated: list[range] = []

        places = (model.AxiPlace * count)()
        for n, (place, prefix) in enumerate(zip(places, self.prefixes, strict=True)):
            place.prefix, place.base, place.size = prefix.encode(), bases[n], sizes[n]
            place.latency = model.ticks(timing.outside_ns(distances[n]), clock_mhz)
            if timing.peak_gb_s is not None:
                place.beat = model.ticks(self._width(prefix) / 8 / timing.peak_gb_s, clock_mhz)
            if timing.dram is not None:
                # Channels take turns.
                place.first_refresh = model.ticks(
                    timing.dram.refresh_interval_ns * (n + 1) / count, clock_mhz)
            for k, channel in enumerate(("ar", "r", "aw", "w", "b")):
                place.gates[k] = Gate(traffic, seed, f"{prefix}_{channel}").state
        options = model.AxiOptions(
            model.dram_of(timing, clock_mhz), timing.reads, timing.writes, max_beats, max_bytes,
            jitter, traffic.start, traffic.stop, halt, hazards)
        handle = self._library.memory_attach(self._bench, ctypes.byref(options), places, count)
        if not handle:
            said = self._library.bench_error(self._bench).decode()
            raise ValueError(f"A memory cannot be attached: {said}")
        self._memory = ctypes.c_void_p(handle)

    def _width(self, prefix: str) -> int:
        ports = self.simulator.ports
        port = ports.get(f"{prefix}_rdata") or ports.get(f"{prefix}_wdata")
        return port.width if port else 0

    @property
    def _handle(self) -> ctypes.c_void_p:
        if self.simulator.handle is not self._bench:
            raise RuntimeError("The memory is gone: its simulator was restarted or closed")
        return self._memory

    # Contents.

    def write(self, address: int, data: bytes | bytearray | np.ndarray) -> None:
        """Put bytes there, at once and whatever the channels' ranges."""
        source = (np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray))
                  else np.ascontiguousarray(data))
        require_bytes(address, source.nbytes)
        self._library.memory_write(self._handle, ctypes.c_uint64(address),
                                   ctypes.c_void_p(source.ctypes.data),
                                   ctypes.c_uint64(source.nbytes))

    def read(self, address: int, count: int) -> np.ndarray:
        """The bytes that are there now, as ``uint8``."""
        require_bytes(address, count)
        result = np.empty(count, np.uint8)
        self._library.memory_read(self._handle, ctypes.c_uint64(address),
                                  ctypes.c_void_p(result.ctypes.data), ctypes.c_uint64(count))
        return result

    def generate(self, addresses: range, seed: int) -> None:
        """Let :func:`generated` say what is there, wherever nothing was written."""
        require_range(addresses)
        if addresses.start % GRANULE or addresses.stop % GRANULE:
            raise ValueError(f"A generator takes multiples of {GRANULE} bytes, not {addresses!r}")
        for other in self._generated:
            if addresses.start < other.stop and other.start < addresses.stop:
                raise ValueError(f"A generator for {other!r} is there already, not for"
                                 f" {addresses!r}")
        self._generated.append(addresses)
        self._library.memory_generate(
            self._handle, ctypes.c_uint64(addresses.start), ctypes.c_uint64(addresses.stop),
            ctypes.c_uint64(seed))

    def fail(self, addresses: range, response: str = "SLVERR") -> None:
        """Answer beats that touch these addresses with an error; writes there have no effect."""
        require_range(addresses)
        if response not in RESPONSES:
            raise ValueError(f"Response must be one of {', '.join(RESPONSES)}, not {response!r}")
        self._library.memory_fail(self._handle, ctypes.c_uint64(addresses.start),
                                  ctypes.c_uint64(addresses.stop), RESPONSES[response])

    @property
    def resident_bytes(self) -> int:
        """What the storage takes of this machine's memory."""
        return int(self._library.memory_pages(self._handle)) * 16384

    # What happened.

    def counters(self) -> dict[str, Counters]:
        """The counters of each port, by its prefix."""
        result = {}
        for n, prefix in enumerate(self.prefixes):
            raw = model.AxiCounters()
            self._library.memory_counters(self._handle, n, ctypes.byref(raw))
            width = self._width(prefix)
            rate = (self.timing.deliverable_gb_s(width, self.clock_mhz)
                    / (width / 8 * self.clock_mhz / 1000))
            result[prefix] = Counters(**{name: getattr(raw, name) for name in model.COUNTERS},
                                      deliverable=raw.cycles * rate)
        return result

    def clear_counters(self) -> None:
        """Start to count anew; what is under way goes on."""
        self._library.memory_clear_counters(self._handle)

    def efficiency(self) -> float:
        """Beats moved at all ports, as a share of what the channels could have delivered."""
        counters = self.counters().values()
        return (sum(c.beats_read + c.beats_written for c in counters)
                / max(sum(c.deliverable for c in counters), 1))

    def pending(self) -> dict[str, tuple[int, int]]:
        """Reads and writes under way at each port."""
        result = {}
        for n, prefix in enumerate(self.prefixes):
            reads, writes = ctypes.c_uint64(), ctypes.c_uint64()
            self._library.memory_pending(self._handle, n, ctypes.byref(reads),
                                         ctypes.byref(writes))
            result[prefix] = (reads.value, writes.value)
        return result

    def violations(self) -> list[str]:
        """What broke a rule so far, a sentence each; a thousand at most."""
        result = []
        for n in range(self._library.memory_violations(self._handle)):
            port, sentence = ctypes.c_char_p(), ctypes.c_char_p()
            cycle = self._library.memory_violation(self._handle, n, ctypes.byref(port),
                                                   ctypes.byref(sentence))
            result.append(f"cycle {cycle}, port {(port.value or b'').decode()}:"
                          f" {(sentence.value or b'').decode()}")
        return result

    def check(self, *, finished: bool = False) -> None:
        """Say what the masters broke.

        Parameters
        ----------
        finished : bool
            Whether nothing may be under way any more.

        Raises
        ------
        ProtocolError
            If a rule was broken, or something is under way that should not.
        """
        found = self.violations()
        if finished:
            found += [f"port {prefix}: {reads} reads and {writes} writes are still under way"
                      for prefix, (reads, writes) in self.pending().items() if reads or writes]
        if found:
            more = [f"and {len(found) - 10} more"] if len(found) > 10 else []
            raise ProtocolError("Rules of AXI were broken:\n" + "\n".join(found[:10] + more))


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] * count if isinstance(value, int) else [int(v) for v in value]
    if len(values) != count:
        raise ValueError(f"{count} ports need {count} values, not {len(values)}")
    return values
