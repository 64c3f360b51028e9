# SPDX-License-Identifier: Apache-2.0
"""What was measured, as one object; of fewer layers than the model has, what all would take."""

from collections.abc import Sequence
from typing import Any

from flightllm_hw.bench.figures import figures
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
    simulated = beat * sum(lane["beats"] for run in measured for lane in run.report.lanes)
    head = lanes * beat * work.plan.lane.parts * work.plan.lane.head.beats
    read = head + (simulated - head) * work.model.layers // work.layers
    return figures(work, timing, round(cycles), read) | {
        "seed": work.seed, "layers_simulated": work.layers, "extrapolated": missing > 0,
        "cycles_simulated": sum(run.cycles for run in measured),
        "programs": [{"position": run.program.position, "tokens": run.program.tokens,
                      "cycles": run.cycles, "layer_cycles": list(run.layer_cycles)}
                     for run in measured],
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
