# SPDX-License-Identifier: Apache-2.0
"""What was measured, as one object; of fewer layers than the model has, what all would take."""

from collections.abc import Sequence
from typing import Any

from flightllm_hw.bench.measure import Measured
from flightllm_hw.bench.work import Work
from flightllm_hw.sim.memory_timing import MemoryTiming

__all__ = ["result"]


def result(work: Work, measured: Sequence[Measured], timing: MemoryTiming) -> dict[str, Any]:
    """Figures of a measurement; counters are those of the simulated layers alone.

    Every further layer takes the mean of the cycles between layers, the first ones left out, and
    reads as much as each simulated one.

    Parameters
    ----------
    work : Work
    measured : sequence of Measured
        Its programs, in order.
    timing : MemoryTiming
        Of the memories.
    """
    config = work.config
    missing, lanes, beat = work.model.layers - work.layers, config.lanes, config.lane.beat_bits // 8
    cycles = sum(run.cycles + missing * _layer(run.layer_cycles) for run in measured)
    cycles = round(cycles)
    simulated = beat * sum(lane["beats"] for run in measured for lane in run.report.lanes)
    head = lanes * beat * work.plan.lane.parts * work.plan.lane.head.beats
    read = head + (simulated - head) * work.model.layers // work.layers
    deliverable = timing.deliverable_gb_s(config.lane.beat_bits, config.clock_mhz)
    mac, dense = (work.macs(dense=kind) / (config.dsp * cycles)
                  for kind in (False, True))
    return {
        "mode": work.mode, "shape": work.name, "preset": config.name,
        "bits": work.recipe.default.bits, "group": work.recipe.default.group,
        "zero_point": work.recipe.default.zero_point, "sparsity": str(work.recipe.default.pattern),
        "context": work.context, "tokens": work.tokens, "seed": work.seed,
        "cycles": cycles, "cycles_per_token": cycles / work.tokens,
        "tokens_per_second": 1e6 * config.clock_mhz * work.tokens / cycles,
        "clock_mhz": config.clock_mhz, "bytes": read,
        "bandwidth_share": read / (1e3 * deliverable / config.clock_mhz * lanes * cycles),
        "port_share": read / (beat * lanes * cycles),
        "mac_per_dsp_per_cycle": mac, "mac_dense_equivalent_per_dsp_per_cycle": dense,
        "layers": work.model.layers, "layers_simulated": work.layers, "extrapolated": missing > 0,
        "cycles_simulated": sum(run.cycles for run in measured),
        "programs": [{"position": run.program.position, "tokens": run.program.tokens,
                      "cycles": run.cycles, "layer_cycles": list(run.layer_cycles)}
                     for run in measured],
        "deliverable_gb_s": lanes * deliverable,
        "counters": _counters(measured),
    }


def _layer(cycles: Sequence[int]) -> float:
    """Cycles of any further layer."""
    later = cycles[1:] or cycles
    return sum(later) / len(later) if later else 0.0


def _counters(measured: Sequence[Measured]) -> dict[str, Any]:
    """Sums over programs."""
    reports = [run.report for run in measured]
    first = reports[0]
    return {
        "global": {name: sum(report.counters[name] for report in reports)
                   for name in first.counters},
        "lanes": [{name: sum(report.lanes[n][name] for report in reports) for name in lane}
                  for n, lane in enumerate(first.lanes)],
    }
