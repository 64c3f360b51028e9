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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flightllm_hw.boards import Card
from flightllm_hw.boards.timing import DDR4, HBM2, DramTiming
from flightllm_hw.sim.simulator import Simulator
from flightllm_hw.sim.traffic import STEADY, Gate, Traffic

__all__ = ["AXI_MEMORY_SOURCE", "IDEAL", "AxiMemory", "Counters", "MemoryTiming", "ProtocolError",
           "ddr", "generated", "hbm"]

AXI_MEMORY_SOURCE = Path(__file__).with_name("axi_memory.cpp")
"""What a simulator needs among its ``extra_sources`` for :class:`AxiMemory`."""

GRANULE = 64
DDR4_GB_S = 19.2
RESPONSES = {"SLVERR": 2, "DECERR": 3}


class ProtocolError(AssertionError):
    """A master broke a rule of AXI."""


@dataclass(frozen=True, kw_only=True)
class MemoryTiming:
    """When a memory answers.

    Without a DRAM every burst waits ``latency_ns`` and then comes at a beat a cycle, reads and
    writes at once. With one, both share its bus.

    Parameters
    ----------
    latency_ns : float
        From the cycle of AR, or of the last W, to the first beat's, or B's; with a DRAM, what comes
        on top of its latency: registers, clock crossings and interconnect of the kernel's side.
    dram : DramTiming, optional
        Rows, refresh and latencies.
    peak_gb_s : float, optional
        Peak rate of the DRAM, in 10^9 bytes per second.
    switch : bool
        Whether the switch in front of the channels is on, for its latency.
    reads, writes : int
        Bursts that may be under way; with more, ``arready`` or ``awready`` stays low.
    """

    latency_ns: float
    dram: DramTiming | None = None
    peak_gb_s: float | None = None
    switch: bool = False
    reads: int = 64
    writes: int = 64

    def __post_init__(self) -> None:
        if (self.dram is None) is not (self.peak_gb_s is None):
            raise ValueError("A DRAM needs a peak rate, and a peak rate a DRAM")
        if self.latency_ns < 0 or self.peak_gb_s is not None and self.peak_gb_s <= 0:
            raise ValueError(f"Latency and peak rate must be positive, not {self.latency_ns!r} ns"
                             f" and {self.peak_gb_s!r} GB/s")
        if not (0 < self.reads <= 1 << 16 and 0 < self.writes <= 1 << 16):
            raise ValueError("Bursts under way must be 1 to 65536, not"
                             f" {self.reads!r} reads and {self.writes!r} writes")

    def outside_ns(self, distance: int = 0) -> float:
        """Latency outside of the DRAM, over a distance in mini switches."""
        if self.dram is None or not self.switch:
            return self.latency_ns
        return self.latency_ns + self.dram.switch_ns + distance * self.dram.hop_ns

    def deliverable_gb_s(self, width: int, clock_mhz: float) -> float:
        """What a port of ``width`` bits can get from long bursts in sequence."""
        port = width / 8 * clock_mhz / 1000
        if self.dram is None or self.peak_gb_s is None:
            return port
        return min(port, self.peak_gb_s * self.dram.share)


IDEAL = MemoryTiming(latency_ns=100.0)
"""A fixed latency and a beat in every cycle."""


def hbm(card: Card) -> MemoryTiming:
    """A pseudo-channel of a card's HBM, as a kernel behind the shell sees it.

    The latency on the kernel's side, 80 ns, is assumed: estimates go from 60 to 100. HBM2e of the
    Versal cards has its own peak rate and, for want of measurements, the latencies of HBM2.
    """
    if card.memory.kind != "HBM":
        raise ValueError(f"Card {card.name} has no HBM")
    return MemoryTiming(latency_ns=80.0, dram=HBM2, peak_gb_s=card.memory.peak_gb_s, switch=True)


def ddr(card: Card) -> MemoryTiming:
    """A DDR4 DIMM of a card, as a kernel behind the shell sees it.

    A card whose lanes are fed by HBM may have DIMMs too; they are taken for DDR4-2400.
    """
    if card.name in ("u50", "u55c"):
        raise ValueError(f"Card {card.name} has no DDR")
    peak = card.memory.peak_gb_s if card.memory.kind == "DDR" else DDR4_GB_S
    return MemoryTiming(latency_ns=80.0, dram=DDR4, peak_gb_s=peak)


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What passed at one port since the memory was attached, or its counters cleared.

    Parameters
    ----------
    cycles : int
        Cycles of the clock.
    beats_read, beats_written, bursts_read, bursts_written : int
        Beats transferred; bursts accepted.
    r_valid, r_stalled : int
        Cycles with data on R; those of them in which the master was not ready.
    pending : int
        Cycles with a burst under way.
    errors : int
        Beats read, and bursts written, that were answered with an error.
    untouched : int
        Beats read where nothing was ever written: real memory with ECC hangs on some of them.
    row_hits, row_closed, row_misses : int
        Rows found open; banks without an open row; banks with another. A burst counts for each row
        that it touches.
    turnarounds : int
        Changes of direction that took time.
    refreshes, refresh_cycles : int
        Refreshes and the cycles they took, up to the last burst.
    deliverable : float
        Beats that the channel could have delivered in these cycles: long bursts in sequence.
    """

    cycles: int
    beats_read: int
    beats_written: int
    bursts_read: int
    bursts_written: int
    r_valid: int
    r_stalled: int
    pending: int
    errors: int
    untouched: int
    row_hits: int
    row_closed: int
    row_misses: int
    turnarounds: int
    refreshes: int
    refresh_cycles: int
    deliverable: float

    @property
    def share(self) -> float:
        """Beats moved, as a share of :attr:`deliverable`."""
        return (self.beats_read + self.beats_written) / max(self.deliverable, 1)


def _fields(names: str, kind: Any) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class _Dram(ctypes.Structure):
    """``DramTiming`` of dram.h."""

    _fields_ = _fields("hit closed miss beat minimum activate bank turnaround turnaround_batch"
                       " refresh_interval refresh_stall row_bytes banks", ctypes.c_int64)


class _Options(ctypes.Structure):
    """``AxiOptions`` of axi_memory.h."""

    _fields_ = [("dram", _Dram),
                *_fields("reads writes max_beats max_bytes jitter", ctypes.c_uint64),
                *_fields("traffic_start traffic_stop", ctypes.c_uint32),
                *_fields("halt hazards", ctypes.c_uint32)]


class _Place(ctypes.Structure):
    """``AxiPlace`` of axi_memory.h."""

    _fields_ = [("prefix", ctypes.c_char_p), *_fields("base size", ctypes.c_uint64),
                *_fields("beat latency first_refresh", ctypes.c_int64),
                ("gates", ctypes.c_uint32 * 5), ("unused", ctypes.c_uint32)]


_COUNTERS = [name for name in Counters.__dataclass_fields__ if name != "deliverable"]


class _Counters(ctypes.Structure):
    """``AxiCounters`` of axi_memory.h."""

    _fields_ = _fields(" ".join(_COUNTERS), ctypes.c_uint64)


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
        self._library = _declare(simulator)
        self._bench = simulator.handle
        self._generated: list[range] = []

        places = (_Place * count)()
        for n, (place, prefix) in enumerate(zip(places, self.prefixes, strict=True)):
            place.prefix, place.base, place.size = prefix.encode(), bases[n], sizes[n]
            place.latency = self._ticks(timing.outside_ns(distances[n]))
            if timing.peak_gb_s is not None:
                place.beat = self._ticks(self._width(prefix) / 8 / timing.peak_gb_s)
            if timing.dram is not None:
                # Channels take turns.
                place.first_refresh = self._ticks(
                    timing.dram.refresh_interval_ns * (n + 1) / count)
            for k, channel in enumerate(("ar", "r", "aw", "w", "b")):
                place.gates[k] = Gate(traffic, seed, f"{prefix}_{channel}").state
        options = _Options(self._dram(), timing.reads, timing.writes, max_beats, max_bytes,
                           jitter, traffic.start, traffic.stop, halt, hazards)
        handle = self._library.memory_attach(self._bench, ctypes.byref(options), places, count)
        if not handle:
            said = self._library.bench_error(self._bench).decode()
            raise ValueError(f"A memory cannot be attached: {said}")
        self._memory = ctypes.c_void_p(handle)

    def _ticks(self, ns: float) -> int:
        # 65536ths of a cycle.
        return round(ns * self.clock_mhz / 1000 * 65536)

    def _width(self, prefix: str) -> int:
        ports = self.simulator.ports
        port = ports.get(f"{prefix}_rdata") or ports.get(f"{prefix}_wdata")
        return port.width if port else 0

    def _dram(self) -> _Dram:
        dram, peak = self.timing.dram, self.timing.peak_gb_s
        if dram is None or peak is None:
            return _Dram(row_bytes=1, banks=1)
        ns = {"hit": dram.hit_ns, "closed": dram.closed_ns, "miss": dram.miss_ns,
              "minimum": dram.minimum_bytes / peak, "activate": dram.activate_ns,
              "bank": dram.bank_ns,
              "turnaround": dram.turnaround_ns, "turnaround_batch": dram.turnaround_batch_ns,
              "refresh_interval": dram.refresh_interval_ns,
              "refresh_stall": dram.refresh_stall_ns}
        return _Dram(**{name: self._ticks(time) for name, time in ns.items()},
                     row_bytes=dram.row_bytes, banks=dram.banks)

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
        _inside(address, source.nbytes)
        self._library.memory_write(self._handle, ctypes.c_uint64(address),
                                   ctypes.c_void_p(source.ctypes.data),
                                   ctypes.c_uint64(source.nbytes))

    def read(self, address: int, count: int) -> np.ndarray:
        """The bytes that are there now, as ``uint8``."""
        _inside(address, count)
        result = np.empty(count, np.uint8)
        self._library.memory_read(self._handle, ctypes.c_uint64(address),
                                  ctypes.c_void_p(result.ctypes.data), ctypes.c_uint64(count))
        return result

    def generate(self, addresses: range, seed: int) -> None:
        """Let :func:`generated` say what is there, wherever nothing was written."""
        _check_range(addresses)
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
        _check_range(addresses)
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
            raw = _Counters()
            self._library.memory_counters(self._handle, n, ctypes.byref(raw))
            width = self._width(prefix)
            rate = (self.timing.deliverable_gb_s(width, self.clock_mhz)
                    / (width / 8 * self.clock_mhz / 1000))
            result[prefix] = Counters(**{name: getattr(raw, name) for name in _COUNTERS},
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


def generated(address: int, count: int, seed: int) -> np.ndarray:
    """Bytes of a generated range: word n of 64 bits is output number n of SplitMix64(seed)."""
    first, last = address // 8, -(-(address + count) // 8)
    with np.errstate(over="ignore"):
        z = np.arange(first + 1, last + 1, dtype=np.uint64)
        z = z * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
        z = z ^ z >> np.uint64(31)
    return z.astype("<u8").view(np.uint8)[address % 8:][:count].copy()


def _each(value: int | Sequence[int], count: int) -> list[int]:
    values = [value] * count if isinstance(value, int) else [int(v) for v in value]
    if len(values) != count:
        raise ValueError(f"{count} ports need {count} values, not {len(values)}")
    return values


def _inside(address: int, count: int) -> None:
    if address < 0 or count < 0 or address + count > 1 << 64:
        raise ValueError(f"Addresses have 64 bits: {count} bytes at {address:#x} are outside")


def _check_range(addresses: range) -> None:
    if addresses.step != 1 or not 0 <= addresses.start < addresses.stop < 1 << 64:
        raise ValueError(f"Addresses must be a range of 64-bit numbers, not {addresses!r}")


def _declare(simulator: Simulator) -> ctypes.CDLL:
    library = simulator.library
    if not hasattr(library, "memory_attach"):
        raise ValueError("The simulator has no memory: compile it with"
                         " extra_sources=[AXI_MEMORY_SOURCE]")
    library.memory_attach.restype = ctypes.c_void_p
    for name in ("memory_pages", "memory_violation"):
        getattr(library, name).restype = ctypes.c_uint64
    for name in ("memory_write", "memory_read", "memory_generate", "memory_fail",
                 "memory_counters", "memory_clear_counters", "memory_pending"):
        getattr(library, name).restype = None
    return library
