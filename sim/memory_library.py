# SPDX-License-Identifier: Apache-2.0
"""The memory model's C interface: what ``axi_memory.h`` and ``dram.h`` declare."""

import ctypes
from pathlib import Path
from typing import Any

from flightllm_hw.sim.memory_counters import Counters
from flightllm_hw.sim.memory_timing import MemoryTiming
from flightllm_hw.sim.simulator import Simulator

__all__ = ["AXI_MEMORY_SOURCE", "COUNTERS", "AxiCounters", "AxiOptions", "AxiPlace", "dram_of",
           "library_of", "ticks"]

AXI_MEMORY_SOURCE = Path(__file__).with_name("axi_memory.cpp")
"""What a simulator needs among its ``extra_sources`` for an ``AxiMemory``."""

COUNTERS = [name for name in Counters.__dataclass_fields__ if name != "deliverable"]
"""What the model counts itself."""


def _fields(names: str, kind: Any) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class Dram(ctypes.Structure):
    """``DramTiming`` of dram.h."""

    _fields_ = _fields("hit closed miss beat minimum activate bank turnaround turnaround_batch"
                       " refresh_interval refresh_stall row_bytes banks", ctypes.c_int64)


class AxiOptions(ctypes.Structure):
    """``AxiOptions`` of axi_memory.h."""

    _fields_ = [("dram", Dram),
                *_fields("reads writes max_beats max_bytes jitter", ctypes.c_uint64),
                *_fields("traffic_start traffic_stop", ctypes.c_uint32),
                *_fields("halt hazards", ctypes.c_uint32)]


class AxiPlace(ctypes.Structure):
    """``AxiPlace`` of axi_memory.h."""

    _fields_ = [("prefix", ctypes.c_char_p), *_fields("base size", ctypes.c_uint64),
                *_fields("beat latency first_refresh", ctypes.c_int64),
                ("gates", ctypes.c_uint32 * 5), ("unused", ctypes.c_uint32)]


class AxiCounters(ctypes.Structure):
    """``AxiCounters`` of axi_memory.h."""

    _fields_ = _fields(" ".join(COUNTERS), ctypes.c_uint64)


def ticks(ns: float, clock_mhz: float) -> int:
    """The model's unit of time: a 65536th of a cycle."""
    return round(ns * clock_mhz / 1000 * 65536)


def dram_of(timing: MemoryTiming, clock_mhz: float) -> Dram:
    """A timing's DRAM in the model's unit; one that nobody asks, where it has none."""
    dram, peak = timing.dram, timing.peak_gb_s
    if dram is None or peak is None:
        return Dram(row_bytes=1, banks=1)
    ns = {"hit": dram.hit_ns, "closed": dram.closed_ns, "miss": dram.miss_ns,
          "minimum": dram.minimum_bytes / peak, "activate": dram.activate_ns,
          "bank": dram.bank_ns,
          "turnaround": dram.turnaround_ns, "turnaround_batch": dram.turnaround_batch_ns,
          "refresh_interval": dram.refresh_interval_ns,
          "refresh_stall": dram.refresh_stall_ns}
    return Dram(**{name: ticks(time, clock_mhz) for name, time in ns.items()},
                row_bytes=dram.row_bytes, banks=dram.banks)


def library_of(simulator: Simulator) -> ctypes.CDLL:
    """A simulator's library, its functions declared.

    Raises
    ------
    ValueError
        If the model was not compiled into it.
    """
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
