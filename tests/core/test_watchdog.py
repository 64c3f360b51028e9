# SPDX-License-Identifier: Apache-2.0
"""Memories that never answer: the watchdog ends the program, and says that the core is stuck."""

import numpy as np
import pytest

from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import TINY
from flightllm_hw.sim import core
from flightllm_hw.sim.memory import AxiMemory

SIZE, LIMIT = 1 << 16, 3000

APPEND = ("MISC.PASS a=0 a_step=4 segments=2 rows=4 limit=16 function=IDENTITY output=CODES"
          " output_tap=PRODUCT z=4 z_step=1 target=KEYS spread=1 address=0x803 high=16 low=4"
          " place=0 scale_address=0x1000 order=DRAIN")
TAPE = ("LD.TAPE address=0 beats=20 lanes=3\n"
        "MV pattern=DENSE bits=8 row_blocks=1 group_tiles=2 groups=1 last_tiles=2 tokens=1"
        " word=0 o=0 lane_rows=8")


class Bench(core.CoreBench):
    """A core some of whose lanes have no memory at their ports."""

    def __init__(self, lanes):
        self.config = TINY
        self.sim = core._compiled(TINY, 1)
        self.sim.restart()
        self.memory = AxiMemory(
            self.sim, ["m_axi_host", *(f"m_axi_{n}" for n in lanes)], clock_mhz=225,
            base=[core.HOST, *(core.lane_base(n) for n in lanes)], size=[SIZE] * (1 + len(lanes)))
        self.window(SIZE, SIZE)


@pytest.mark.parametrize("text", [APPEND, TAPE], ids=["append", "tape"])
@pytest.mark.parametrize("lanes", [(), (0,), (1,)], ids=str)
def test_a_lane_without_memory_is_noticed(text, lanes):
    bench = Bench(lanes)
    raw = b"".join(to_bytes(i) for i in assemble(f"{text}\nSYS.END"))
    bench.memory.write(core.HOST, np.frombuffer(raw, np.uint8))
    outcome = bench.run(0, watchdog=LIMIT, deadline=10 * LIMIT)
    assert (outcome.error, outcome.stuck) == (Error.WATCHDOG, True)
    assert LIMIT < outcome.cycles < 4 * LIMIT
