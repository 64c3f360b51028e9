# SPDX-License-Identifier: Apache-2.0
"""What the programs of a measurement would take: its figures without a simulation."""

from dataclasses import fields
from typing import Any

from flightllm_hw.bench.timing import memory_of
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.program import decode_program, prefill_program
from flightllm_hw.compiler.registers import Register
from flightllm_hw.estimate.steps import steps
from flightllm_hw.estimate.timeline import Spent, Timeline

__all__ = ["estimate", "spent"]

R = Register

def spent(work: Work) -> list[Spent]:
    """Each of its programs, in order."""
    decode = steps(decode_program(work.plan))
    prefills = work.plan.prefills if work.mode == "prefill" else ()
    prefill = steps(prefill_program(work.plan, prefills[0])) if prefills else decode
    tile = prefills[0].tokens if prefills else 1
    found, position, left = [], work.past, work.tokens
    _, timing = memory_of(work.config)
    while left:
        several = prefills and left >= tile and position % tile == 0
        count = tile if several else 1
        left -= count
        registers = [0] * R.LOGITS
        registers[R.POSITION - 1], registers[R.LOGITS - 1] = position, int(not left)
        timeline = Timeline(work.config, timing)
        found.append(timeline.run(prefill if several else decode, registers))
        position += count
    return found


def estimate(work: Work) -> dict[str, Any]:
    """The object that ``--json`` prints.

    Raises
    ------
    BenchError, CompileError
        If there is no such measurement.
    """
    programs, config = spent(work), work.config
    total = Spent(*(sum(getattr(p, f.name) for p in programs) for f in fields(Spent)))
    memory, timing = memory_of(config)
    beat, cycles = config.lane.beat_bits // 8, round(total.cycles)
    read = config.lanes * beat * total.beats
    deliverable = timing.deliverable_gb_s(config.lane.beat_bits, config.clock_mhz)
    mac, dense = (work.macs(dense=kind) / (config.dsp * cycles) for kind in (False, True))
    setting = work.recipe.default
    return {
        "estimated": True,
        "mode": work.mode, "shape": work.name, "preset": config.name, "bits": setting.bits,
        "group": setting.group, "zero_point": setting.zero_point, "sparsity": str(setting.pattern),
        "context": work.context, "tokens": work.tokens,
        "cycles": cycles, "cycles_per_token": cycles / work.tokens,
        "tokens_per_second": 1e6 * config.clock_mhz * work.tokens / cycles,
        "clock_mhz": config.clock_mhz, "bytes": read,
        "bandwidth_share": total.memory / cycles,
        "port_share": read / (beat * config.lanes * cycles),
        "mac_per_dsp_per_cycle": mac, "mac_dense_equivalent_per_dsp_per_cycle": dense,
        "layers": work.model.layers, "memory": memory,
        "deliverable_gb_s": config.lanes * deliverable,
        "working_cycles": {name: round(getattr(total, name))
                           for name in ("memory", "engine", "special", "control")},
    }
