# SPDX-License-Identifier: Apache-2.0
"""The small parts of the control: arithmetic, registers, the watchdog."""

import numpy as np
import pytest

from flightllm_hw.control.arithmetic import Arithmetic
from flightllm_hw.control.registers import Registers
from flightllm_hw.control.watchdog import Watchdog
from flightllm_hw.isa.table import KINDS, REGISTERS, kind
from flightllm_hw.sim.verilator import compile
from support.control import draw_bits
from support.control_bench import MASK, OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_arithmetic(name, rng):
    sim = compile(Arithmetic())
    sim.restart()
    sim.poke("kind", KINDS.index(kind(f"SYS.{name}")))
    for _ in range(150):
        x, y = draw_bits(rng, 32), draw_bits(rng, 32) >> int(rng.integers(33))
        sim.poke("x", x)
        sim.poke("y", y)
        sim.poke("start", 1)
        sim.run({}, 1, record=())
        sim.poke("start", 0)
        # Operands count at the start alone.
        sim.poke("x", draw_bits(rng, 32))
        sim.poke("y", draw_bits(rng, 32))
        out = sim.run({}, 40)
        when = np.flatnonzero(out["done"][:, 0])
        assert when.tolist() == [1 + (y.bit_length() if name == "MUL" else 0)]
        assert int(out["o"][when[0], 0]) == OPERATIONS[name](x, y) & MASK


def test_registers(rng):
    sim = compile(Registers())
    sim.restart()
    held = [0] * REGISTERS
    for _ in range(600):
        at, value, read = int(rng.integers(REGISTERS)), draw_bits(rng, 32), int(rng.integers(32))
        en, clear = rng.random() < 0.5, rng.random() < 0.02
        for port, bits in (("write_en", int(en)), ("write_at", at), ("write_data", value),
                           ("read_at", read), ("clear", int(clear))):
            sim.poke(port, bits)
        assert sim.peek("read_data") == held[read]
        sim.run({}, 1, record=())
        if clear:
            held = [0] * REGISTERS
        elif en and at:
            held[at] = value


@pytest.mark.parametrize("limit", [0, 1, 2, 17])
def test_watchdog(limit, rng):
    sim = compile(Watchdog())
    sim.restart()
    on, progress = (rng.random(3000) < 0.99), (rng.random(3000) < 0.04)
    sim.poke("limit", limit)
    got = sim.run({"on": on.astype(np.uint32), "progress": progress.astype(np.uint32)})
    count, want = 0, [0]
    for is_on, moves in zip(on, progress, strict=True):
        count = 0 if moves or not is_on else count + 1
        want.append(int(limit and count == limit))
        count = 0 if count == limit else count
    assert got["expired"][:, 0].tolist() == want[:-1]
    assert any(want) == (limit > 0)
