# SPDX-License-Identifier: Apache-2.0
"""The kernel around the real core: a host's calls, programs in memory, what STATUS says of them."""

from functools import cache

import pytest

from flightllm_hw.control.errors import Error
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import encode
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.memory.faults import Fault
from flightllm_hw.sim.memory import AXI_MEMORY_SOURCE, AxiMemory
from flightllm_hw.sim.verilator import compile
from support.kernel import SMALLEST, Host

HOST, LANES = 0x5_0000_0000, (0x1_0000_0000, 0x7_1000_0000)
PAGES, PROGRAM = 16, 3
BEAT = SMALLEST.accelerator.lane.beat_bits // 8


@cache
def compiled():
    return compile(Kernel(SMALLEST), extra_sources=[AXI_MEMORY_SOURCE])


@pytest.fixture
def host():
    sim = compiled()
    sim.restart()
    host = Host(sim, SMALLEST)
    host.memory = AxiMemory(sim, ["m_axi_host", "m_axi_0", "m_axi_1"], clock_mhz=225)
    sim.reset()
    return host


def start(host, text, **scalars):
    words = b"".join(encode(i).to_bytes(64, "little") for i in assemble(text))
    host.memory.write(HOST + 64 * PROGRAM, words)
    values = {r.name: 0 for r in host.map.arguments}
    values |= {"host": HOST, "lane_0": LANES[0], "lane_1": LANES[1], "host_pages": PAGES,
               "lane_pages": PAGES, "program": PROGRAM, "watchdog": 2000}
    host.arguments(values | scalars)
    host.write("CTRL", 1)


def run(host, text, **scalars):
    start(host, text, **scalars)
    host.poll(3000)
    host.memory.check(finished=True)
    status = host.map["STATUS"]
    value = host.read("STATUS")
    assert not status["busy"].of(value) and not status["stuck"].of(value)
    return (Error(status["error"].of(value)), status["detail"].of(value), host.read("ERROR_PC"),
            host.read("ERROR_ADDRESS"))


def test_a_program_ends_well(host):
    for _ in range(2):
        assert run(host, "SYS.END")[0] is Error.NONE


def test_registers_reach_the_program(host):
    """A loop that takes as long as r16 says."""
    cycles = []
    for count in (10, 20, 50):
        program = "SYS.LOOP count=r16 {\n SYS.ADD d=1 x=r1 y=1\n}\nSYS.END"
        assert run(host, program, r16=count)[0] is Error.NONE
        cycles.append(host.read("cycles"))
    assert 0 < cycles[0] < cycles[1] and cycles[2] - cycles[1] == 3 * (cycles[1] - cycles[0])


def test_vectors_go_through_memory(host, rng):
    data = rng.standard_normal(32).astype("<f4").tobytes()
    host.memory.write(HOST + 4096, data)
    rows = len(data) // (4 * SMALLEST.accelerator.sfu.width)
    program = (f"LD.VECTOR release(MEMORY) address={4096 // BEAT} rows={rows}\n"
               f"ST.VECTOR wait(MEMORY) address={8192 // BEAT} rows={rows}\nSYS.END")
    assert run(host, program)[0] is Error.NONE
    assert bytes(host.memory.read(HOST + 8192, len(data))) == data
    assert host.read("memory_busy") > 0


def test_nothing_leaves_the_windows(host):
    beyond = HOST + PAGES * 4096
    assert run(host, "SYS.END", program=PAGES * 64) == (Error.OUTSIDE, 0, 0, beyond)
    program = f"SYS.ADD d=1 x=r1 y=1\nLD.VECTOR address={PAGES * 4096 // BEAT} rows=1\nSYS.END"
    assert run(host, program) == (Error.MEMORY, Fault.OUTSIDE.value, 1, beyond)
    assert run(host, program, host_pages=PAGES + 1)[0] is Error.NONE


def test_a_program_that_waits_for_ever(host):
    waits = "SYS.SYNC wait(MEMORY)\nSYS.END"
    assert run(host, waits, watchdog=500)[0] is Error.WATCHDOG
    start(host, waits, watchdog=0)
    host.step(3000)
    assert host.read("CTRL") == 1
    host.write("CANCEL", 1)
    host.poll()
    status = host.read("STATUS")
    assert host.map["STATUS"]["error"].of(status) == Error.CANCELLED.value
    assert run(host, "SYS.END")[0] is Error.NONE
