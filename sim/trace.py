# SPDX-License-Identifier: Apache-2.0
"""A program's time line: what each unit worked at and when, as a file that Perfetto shows.

The file is JSON in the Trace Event format: complete events (``"ph": "X"``), a thread a unit; a
microsecond there is a cycle here.
"""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import Unit

__all__ = ["Event", "Span", "spans", "trace_events", "write_trace"]


@dataclass(frozen=True)
class Event:
    """A unit has taken the instruction at ``pc``, or has done its oldest one (``pc`` None)."""

    cycle: int
    unit: Unit
    pc: int | None


@dataclass(frozen=True)
class Span:
    """An instruction in a unit: taken, and done. The unit may have had others meanwhile."""

    unit: Unit
    pc: int
    taken: int
    done: int


def spans(events: Sequence[Event]) -> list[Span]:
    """Pair each instruction's beginning with its end; units do them in order.

    What never ended is left out.
    """
    open_: dict[Unit, deque[tuple[int, int]]] = {unit: deque() for unit in Unit}
    found = []
    for event in events:
        if event.pc is not None:
            open_[event.unit].append((event.pc, event.cycle))
        elif open_[event.unit]:
            pc, taken = open_[event.unit].popleft()
            found.append(Span(event.unit, pc, taken, event.cycle))
    return found


def trace_events(found: Sequence[Span], program: Sequence[Instruction] = (), *,
                 name: str = "flightllm") -> dict[str, Any]:
    """The Trace Event format's object.

    An instruction is drawn from where the unit took it, or from the end of the one before it if
    that was later; ``args.taken`` tells when it was taken.

    Parameters
    ----------
    found : sequence of Span
    program : sequence of Instruction, optional
        Gives events the names of their instructions.
    name : str
        Of the process.
    """
    events: list[dict[str, Any]] = [
        {"ph": "M", "pid": 0, "name": "process_name", "args": {"name": name}},
        *({"ph": "M", "pid": 0, "tid": unit.value, "name": "thread_name",
           "args": {"name": unit.name.lower()}} for unit in Unit)]
    before = dict.fromkeys(Unit, 0)
    for span in found:
        start = max(span.taken, before[span.unit])
        before[span.unit] = span.done
        kind = program[span.pc].kind.name if span.pc < len(program) else f"pc {span.pc}"
        events.append({
            "ph": "X", "pid": 0, "tid": span.unit.value, "name": kind, "cat": span.unit.name,
            "ts": start, "dur": span.done - start, "args": {"pc": span.pc, "taken": span.taken}})
    return {"traceEvents": events, "displayTimeUnit": "ns",
            "otherData": {"unit of ts": "clock cycles"}}


def write_trace(path: Path, found: Sequence[Span], program: Sequence[Instruction] = ()) -> None:
    """Write the file."""
    path.write_text(json.dumps(trace_events(found, program), indent=1))
