# SPDX-License-Identifier: Apache-2.0
"""The time line of a session on the simulated device: a file that Perfetto shows."""

import json
from pathlib import Path
from typing import Any

from flightllm_hw.compiler.compiled import Compiled
from flightllm_hw.isa.encoding import from_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import BITS
from flightllm_hw.sim.trace import spans, trace_events

from .device import DeviceError
from .session import Session
from .simulated import SimulatedDevice

__all__ = ["program_at", "write_timeline"]


def program_at(model: Compiled, start: int) -> list[Instruction]:
    """A model's program up to its SYS.END."""
    found: list[Instruction] = []
    size = BITS // 8
    while not found or found[-1].kind.name != "SYS.END":
        raw = model.host[start + size * len(found):][:size].tobytes()
        found.append(from_bytes(raw))
    return found


def write_timeline(path: Path, session: Session) -> None:
    """Write what every program's units did.

    Parameters
    ----------
    path : Path
    session : Session
        On a simulated device that collects events.

    Raises
    ------
    DeviceError
        If the device has none.
    """
    device = session.device
    if not isinstance(device, SimulatedDevice):
        raise DeviceError(f"The device {device.name} has no time line")
    whole: dict[str, Any] = trace_events([])
    names = len(whole["traceEvents"])
    programs: dict[int, list[Instruction]] = {}
    for run, events in zip(session.runs, device.events, strict=True):
        program = programs.setdefault(run.program, program_at(session.model, run.program))
        whole["traceEvents"] += trace_events(spans(events), program)["traceEvents"][names:]
    path.write_text(json.dumps(whole), encoding="utf-8")
