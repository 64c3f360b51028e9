# SPDX-License-Identifier: Apache-2.0
"""What the programs of a measurement would take: its figures without a simulation."""

from dataclasses import fields
from typing import Any

from flightllm_hw.bench.figures import figures
from flightllm_hw.bench.timing import memory_of
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.placed import place_programs
from flightllm_hw.compiler.registers import Register
from flightllm_hw.estimate.steps import steps
from flightllm_hw.estimate.timeline import Spent, Timeline

__all__ = ["estimate", "spent"]

R = Register


def spent(work: Work) -> list[Spent]:
    """Each of its programs, in order.

    Raises
    ------
    BenchError, CompileError
        If there is no such measurement.
    """
    programs = {placed.tokens: steps(placed.program) for placed in place_programs(work.plan)}
    _, timing = memory_of(work.config)
    end, found = work.past + work.tokens, []
    for position, count in work.tiles(max(programs)):
        registers = [0] * R.LOGITS
        registers[R.POSITION - 1] = position
        registers[R.LOGITS - 1] = int(position + count == end)
        found.append(Timeline(work.config, timing).run(programs[count], registers))
    return found


def estimate(work: Work) -> dict[str, Any]:
    """The object that ``--json`` prints.

    Raises
    ------
    BenchError, CompileError
        As :func:`spent`.
    """
    programs, config = spent(work), work.config
    total = Spent(*(sum(getattr(p, f.name) for p in programs) for f in fields(Spent)))
    memory, timing = memory_of(config)
    read = config.lanes * config.lane.beat_bits // 8 * total.beats
    return figures(work, timing, round(total.cycles), read) | {
        "estimated": True, "memory": memory,
        "working_cycles": {name: round(getattr(total, name))
                           for name in ("memory", "engine", "special", "control")},
    }
