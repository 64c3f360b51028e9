# SPDX-License-Identifier: Apache-2.0
"""The figures that a measurement and an estimate have in common."""

from typing import Any

from flightllm_hw.bench.work import Work
from flightllm_hw.sim.memory_timing import MemoryTiming

__all__ = ["figures"]


def figures(work: Work, timing: MemoryTiming, cycles: int, read: int) -> dict[str, Any]:
    """What was asked for, and what so many cycles mean for the whole model.

    Parameters
    ----------
    work : Work
    timing : MemoryTiming
        Of the memories.
    cycles : int
        Of all programs, with all layers.
    read : int
        Bytes that all lanes read in them.

    Returns
    -------
    dict
        ``port_share``: bytes of those that ports could bring in the time;
        ``bandwidth_share``: of those that memories could;
        ``mac_per_dsp_per_cycle``: multiply-accumulates that the model asks for, no padding, a DSP
        of the chains and cycle; dense-equivalent: with those that a pattern leaves out.
    """
    config, setting = work.config, work.recipe.default
    deliverable = timing.deliverable_gb_s(config.lane.beat_bits, config.clock_mhz)
    mac, dense = (work.macs(dense=kind) / (config.dsp * cycles) for kind in (False, True))
    return {
        "mode": work.mode, "shape": work.name, "preset": config.name,
        "bits": setting.bits, "group": setting.group, "zero_point": setting.zero_point,
        "sparsity": str(setting.pattern), "context": work.context, "tokens": work.tokens,
        "cycles": cycles, "cycles_per_token": cycles / work.tokens,
        "tokens_per_second": 1e6 * config.clock_mhz * work.tokens / cycles,
        "clock_mhz": config.clock_mhz, "bytes": read,
        "bandwidth_share": read / (1e3 * deliverable / config.clock_mhz * config.lanes * cycles),
        "port_share": read / (config.lane.beat_bits // 8 * config.lanes * cycles),
        "mac_per_dsp_per_cycle": mac, "mac_dense_equivalent_per_dsp_per_cycle": dense,
        "layers": work.model.layers, "deliverable_gb_s": config.lanes * deliverable,
    }
