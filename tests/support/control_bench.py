# SPDX-License-Identifier: Apache-2.0
"""The whole control, compiled, with units of Python behind it, and what it should do."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.control.control import Control, ControlConfig
from flightllm_hw.control.errors import Error
from flightllm_hw.control.fetch import FetchConfig
from flightllm_hw.control.layouts import UNITS, kinds, member
from flightllm_hw.isa.encoding import InstructionError, decode
from flightllm_hw.isa.patches import apply_patches
from flightllm_hw.isa.table import LOOPS, REGISTERS, Unit
from flightllm_hw.sim import verilator
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, IDEAL, AxiMemory
from support.control import as_int

PROGRAM, BASE, LIMIT = 0x2_0000_1000, 0x2_0000_0000, 0x2_0010_0000
MASK = (1 << 32) - 1

NARROW = ControlConfig(
    fetch=FetchConfig(port=PortConfig(data_bits=64, outstanding=4, fifo_depth=32), ring=8, ahead=3),
    depth=2, in_flight=2)
WIDE = ControlConfig()
CONFIGS = {"narrow": NARROW, "wide": WIDE}


@cache
def compiled(config):
    """A control, and shapes to unpack what it gives."""
    return verilator.compile(Control(config), extra_sources=[AXI_MEMORY_SOURCE])


@dataclass
class Want:
    """What a program comes to: tasks of each unit, tapes, how it ends, instructions carried out."""

    tasks: dict = field(default_factory=lambda: {unit: [] for unit in UNITS})
    tapes: list = field(default_factory=list)
    error: Error = Error.NONE
    pc: int = 0
    count: int = 0
    path: list = field(default_factory=list)


OPERATIONS = {
    "ADD": lambda x, y: x + y, "SUB": lambda x, y: x - y, "MUL": lambda x, y: x * y,
    "AND": lambda x, y: x & y, "SHL": lambda x, y: x << y % 32, "SHR": lambda x, y: x >> y % 32,
    "MIN": min, "MAX": max}


def expect(words, presets=(), most=20_000):
    """Carry out a program, tokens left aside."""
    want = Want()
    registers = [0] * REGISTERS
    for at, value in presets:
        registers[at] = value if at else 0
    stack, pc = [], 0
    while want.count < most:
        want.pc = pc
        if pc >= len(words):
            want.error = Error.OUTSIDE
            return want
        try:
            i = apply_patches(decode(words[pc]), registers)
        except InstructionError as error:
            want.error = Error[error.reason.name]
            return want
        want.count += 1
        want.path.append(pc)
        after = pc + 1
        stored = dict(zip([f.name for f in i.kind.fields], i.stored, strict=True))
        if i.kind.name == "LD.TAPE":
            want.tapes.append(stored)
        elif i.kind.unit is not Unit.CONTROL:
            want.tasks[i.kind.unit].append((i.kind.name, pc, stored, i.wait, i.release))
        elif i.kind.name == "SYS.END":
            return want
        elif i.kind.name == "SYS.LOOP":
            if not stored["count"] or not stored["length"]:
                after += stored["length"]
            elif len(stack) == LOOPS:
                want.error = Error.LOOPS
                return want
            else:
                stack.append([pc + 1, pc + 1 + stored["length"], stored["count"]])
        elif i.kind.name != "SYS.SYNC" and stored["d"]:
            operation = OPERATIONS[i.kind.name.removeprefix("SYS.")]
            registers[stored["d"]] = operation(stored["x"], stored["y"]) & MASK
        pc = after
        while stack and pc == stack[-1][1]:
            stack[-1][2] -= 1
            if stack[-1][2]:
                pc = stack[-1][0]
                break
            stack.pop()
    raise AssertionError("the program does not end")


@dataclass
class Got:
    """What happened: tasks and their cycles, tapes, and how it ended."""

    tasks: dict
    started: dict
    done: dict
    tapes: list
    error: Error
    detail: int
    pc: int
    address: int
    stuck: bool
    cycles: int


class UnitModel:
    """Takes tasks when it likes, and is done with them in order, some cycles later."""

    def __init__(self, rng, willing=1.0, delay=3, hold=None):
        self.rng, self.willing, self.delay, self.hold = rng, willing, delay, hold
        self.due = []

    def ready(self):
        return self.willing >= 1 or self.rng.random() < self.willing

    def accept(self, cycle, number):
        after = self.due[-1] if self.due else cycle
        wait = int(self.rng.integers(1, self.delay + 1))
        # ``hold``: a task that never is done, nor any after it.
        if self.hold is not None and number >= self.hold:
            wait = 1 << 60
        self.due.append(max(cycle + wait, after + 1))

    def done(self, cycle):
        if self.due and self.due[0] <= cycle:
            self.due.pop(0)
            return True
        return False


class Bench:
    """A control with a memory and units."""

    def __init__(self, config, *, timing=IDEAL, traffic=None, watchdog=3000, **options):
        self.config = config
        self.sim = compiled(config)
        self.sim.restart()
        more = {} if traffic is None else {"traffic": traffic}
        self.memory = AxiMemory(self.sim, "m_axi", timing, clock_mhz=225, **more, **options)
        for name, value in (("origin", PROGRAM), ("base", BASE), ("limit", LIMIT),
                            ("watchdog", watchdog)):
            self.sim.poke(name, value)

    def load(self, words):
        """Write the program, and let the window end behind it."""
        self.memory.write(PROGRAM, b"".join(w.to_bytes(64, "little") for w in words))
        self.sim.poke("limit", PROGRAM + 64 * len(words))

    def preset(self, presets):
        for at, value in presets:
            self.sim.poke("preset_at", at)
            self.sim.poke("preset_data", value)
            self.sim.poke("preset_en", 1)
            self.sim.run({}, 1, record=())
            self.sim.poke("preset_en", 0)

    def run(self, rng, *, units=None, tape=1.0, at=None, deadline=200_000):
        """Run the program to its end; ``at``: cycle and what to call then."""
        sim = self.sim
        units = units or {unit: UnitModel(rng) for unit in UNITS}
        names = {unit: unit.name.lower() for unit in UNITS}
        got = Got({u: [] for u in UNITS}, {u: [] for u in UNITS}, {u: [] for u in UNITS}, [],
                  Error.NONE, 0, 0, 0, False, 0)
        record = ["done", "halt", "o_tape_valid", *(f"o_{n}_valid" for n in names.values())]
        payloads = ["o_tape_payload", *(f"o_{n}_payload" for n in names.values())]
        sim.poke("start", 1)
        sim.run({}, 1, record=())
        sim.poke("start", 0)
        last = {}
        offered = {}

        def set_pin(name, value):
            if last.get(name) != value:
                sim.poke(name, value)
                last[name] = value

        for cycle in range(deadline):
            ready = {f"o_{names[u]}_valid": model.ready() for u, model in units.items()}
            ready["o_tape_valid"] = tape >= 1 or rng.random() < tape
            for unit, model in units.items():
                finished = model.done(cycle)
                set_pin(f"{names[unit]}_done", int(finished))
                set_pin(f"o_{names[unit]}_ready", int(ready[f"o_{names[unit]}_valid"]))
                if finished:
                    got.done[unit].append(cycle)
            set_pin("o_tape_ready", int(ready["o_tape_valid"]))
            if at is not None:
                at(self, cycle, got)
            out = sim.run({}, 1, record=record + payloads)
            for name in record[2:]:
                valid, row = out[name][0, 0], as_int(out[name.replace("valid", "payload")][0])
                # An offer stays as it is until it is taken.
                if name in offered:
                    assert valid and row == offered[name], name
                offered.pop(name, None)
                if valid and not ready[name]:
                    offered[name] = row
            for unit, model in units.items():
                name = f"o_{names[unit]}"
                if out[f"{name}_valid"][0, 0] and ready[f"{name}_valid"]:
                    task = sim.unpack(name, out[f"{name}_payload"])
                    kind = kinds(unit)[int(task["kind"][0])]
                    values = {k: _number(v[0]) for k, v in task["fields"][member(kind)].items()}
                    model.accept(cycle, len(got.tasks[unit]))
                    got.tasks[unit].append((kind.name, int(task["pc"][0]), values))
                    got.started[unit].append(cycle)
            if out["o_tape_valid"][0, 0] and ready["o_tape_valid"]:
                fields = sim.unpack("o_tape", out["o_tape_payload"])
                got.tapes.append({k: _number(v[0]) for k, v in fields.items()})
            set_pin("quiet", int(out["halt"][0, 0]))
            if out["done"][0, 0]:
                break
        else:
            raise AssertionError(f"not done after {deadline} cycles, pc {sim.peek('pc')}")
        for unit in UNITS:
            set_pin(f"{names[unit]}_done", 0)
        sim.run({}, 1, record=())
        assert sim.peek("busy") == 0
        value = sim.peek("error")
        got.error = Error(value & 31)
        got.detail, got.pc, got.address = (value >> 5 & 0xFF, value >> 13 & MASK,
                                           value >> 45 & (1 << 64) - 1)
        got.stuck, got.cycles = bool(sim.peek("stuck")), cycle + 1
        self.memory.check(finished=not got.stuck)
        return got


def _number(value):
    return as_int(value) if np.ndim(value) else int(value)


def check_tokens(want, got):
    """No unit began before its tokens were there: from what was done, and control aside."""
    for taker in UNITS:
        for giver in UNITS:
            gives = [cycle for (*_, release), cycle in
                     zip(want.tasks[giver], got.done[giver], strict=False) if taker in release]
            takes = [cycle for (*_, wait, _), cycle in
                     zip(want.tasks[taker], got.started[taker], strict=False) if giver in wait]
            assert len(gives) >= len(takes), (giver, taker)
            for given, taken in zip(gives, takes, strict=False):
                assert given < taken, (giver, taker)


def check(want, got):
    """All was done, in order, and it ended as it should."""
    assert got.error is want.error
    if want.error is not Error.NONE:
        assert got.pc == want.pc
    assert not got.stuck
    for unit in UNITS:
        tasks = [(name, pc, fields) for name, pc, fields, *_ in want.tasks[unit]]
        if want.error is not Error.NONE:
            tasks = tasks[:len(got.tasks[unit])]
        assert got.tasks[unit] == tasks, unit
        assert len(got.done[unit]) == len(got.tasks[unit])
    assert got.tapes == (want.tapes if want.error is Error.NONE
                         else want.tapes[:len(got.tapes)])
    check_tokens(want, got)
