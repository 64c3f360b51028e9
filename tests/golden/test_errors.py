# SPDX-License-Identifier: Apache-2.0
"""What the golden machine says of programs that cannot go on: code, instruction, address."""

import numpy as np
import pytest

from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.presets import preset

TINY = preset("tiny")
HOST, LANE = 1 << 16, 1 << 12
PROGRAM = HOST // 2
MV = "MV bits=8 row_blocks=1 group_tiles=2 groups=1 last_tiles=2 tokens=1 lane_rows=4"
BEATS = 2 + 1 + 2 * 4
"""Beats of that matrix: row scales, a header's scales, two tiles."""


@pytest.fixture
def machine():
    return Machine(TINY, host_bytes=HOST, lane_bytes=LANE)


def run(machine, text, origin=PROGRAM):
    raw = b"".join(to_bytes(i) for i in assemble(text))
    machine.host.write(origin, np.frombuffer(raw, np.uint8))
    machine.start(origin)
    return machine.run(10_000)


def check(stopped, error, pc, detail=Detail.NONE, address=0, lane=None):
    assert (stopped.reason, stopped.error, stopped.pc, stopped.detail, stopped.address,
            stopped.lane) == (Stop.ERROR, error, pc, detail, address, lane), stopped


# Rows have 16 bytes, beats 8, bursts 128.
@pytest.mark.parametrize("text, detail, address", [
    ("LD.VECTOR address=8191 rows=1", Detail.OUTSIDE, HOST - 8),
    ("ST.VECTOR address=0x10000000 rows=1", Detail.OUTSIDE, 8 << 28),
    ("LD.STEPS address=8185 pairs=8", Detail.OUTSIDE, HOST - 56),
    ("ST.SCALARS address=16382 count=4", None, None),
    ("ST.SCALARS address=16382 step=1 count=4", Detail.OUTSIDE, HOST),
    ("ST.SCALARS address=16383 step=3 count=2", Detail.OUTSIDE, HOST + 8),
    ("LD.VECTOR rows=1025", Detail.OPERATION, 0),
    ("LD.STEPS pairs=17", Detail.OPERATION, 0),
    ("LD.VECTOR address=0x100 rows=40", Detail.SLVERR, 0x900),
    ("LD.VECTOR address=0x121 rows=1", Detail.SLVERR, 0x908),
    ("LD.STEPS address=0x11f pairs=2", Detail.SLVERR, 0x900),
    ("ST.VECTOR address=0x120 rows=1", Detail.SLVERR, 0x900),
    ("ST.VECTOR address=0x11e rows=4", Detail.SLVERR, 0x900),
    ("ST.VECTOR address=0x122 rows=20", Detail.DECERR, 0x980),
    ("ST.SCALARS address=0x23d step=3 count=3", Detail.SLVERR, 0x900),
])
def test_memory(machine, text, detail, address):
    machine.host.fail(range(0x904, 0x909), Detail.SLVERR)
    machine.host.fail(range(0x99C, 0x99D), Detail.DECERR)
    stopped = run(machine, f"SYS.SYNC\n{text}\nSYS.END")
    if detail is None:
        assert stopped.reason is Stop.END
    else:
        check(stopped, Error.MEMORY, 1, detail, address)


@pytest.mark.parametrize("tape, detail, address, lane", [
    (f"LD.TAPE address=100 beats={BEATS} lanes=3", None, None, None),
    (f"LD.TAPE address=100 beats={BEATS - 1} lanes=3\nLD.TAPE address=900 lanes=3",
     Detail.TRUNCATED, 8 * (100 + BEATS - 1), 0),
    (f"LD.TAPE address=100 beats={BEATS} lanes=1", Detail.TRUNCATED, 0, 1),
    (f"LD.TAPE address=100 beats=4 lanes=3\nLD.TAPE address=506 beats={BEATS - 4} lanes=3",
     Detail.OUTSIDE, 8 * 506, 0),
    (f"LD.TAPE address=100 beats={BEATS} lanes=1\nLD.TAPE address=505 beats={BEATS} lanes=2",
     Detail.OUTSIDE, 8 * 505, 1),
    (f"LD.TAPE address=202 beats={BEATS} lanes=3", Detail.DECERR, 8 * 205, 1),
    (f"LD.TAPE address=195 beats={BEATS + 20} lanes=3", Detail.DECERR, 8 * 205, 1),
    (f"LD.TAPE address=194 beats={BEATS + 20} lanes=3", None, None, None),
])
def test_tapes(machine, tape, detail, address, lane):
    """Of what is read ahead, an operation has nothing to fear."""
    machine.lanes[1].memory.fail(range(8 * 205 + 7, 8 * 207), Detail.DECERR)
    stopped = run(machine, f"{tape}\n{MV}\nSYS.SYNC\nSYS.END")
    if detail is None:
        assert stopped.reason is Stop.END
    else:
        check(stopped, Error.LANES, len(tape.splitlines()), detail, address, lane)


def test_a_tape_that_comes_behind_its_operation(machine):
    assert run(machine, f"{MV}\nLD.TAPE beats={BEATS} lanes=3\nSYS.END").reason is Stop.END


@pytest.mark.parametrize("places, detail, address, lane", [
    # Keys: 8 codes a group, 8 bytes from byte 8 place on; scales behind them.
    ("KEYS address=500 high=8 low=4 place=3", None, None, None),
    ("KEYS address=500 high=8 low=5 place=3", Detail.OUTSIDE, 8 * (500 + 10 + 3), 0),
    ("KEYS scale_address=1024", Detail.OUTSIDE, 4096, 0),
    ("KEYS scale_address=1023", None, None, None),
    # Values: 4 codes a group in four beats.
    ("VALUES address=500 high=2", Detail.OUTSIDE, 8 * 510, 0),
    ("VALUES address=0xffffffff", Detail.OUTSIDE, 8 * 0xFFFF_FFFF, 0),
    ("KEYS address=100 low=1 place=1", Detail.SLVERR, 8 * 103, 1),
    ("KEYS scale_address=207", Detail.SLVERR, 8 * 103, 1),
    ("VALUES address=98 high=2", Detail.SLVERR, 8 * 100, 1),
    # Beats 110 to 113 cross a multiple of a burst's 16 beats.
    ("VALUES address=110 high=60", Detail.SLVERR, 8 * 112, 1),
    ("VALUES address=95 high=60", None, None, None),
])
def test_appends(machine, places, detail, address, lane):
    for beat in (103, 113):
        machine.lanes[1].memory.fail(range(8 * beat, 8 * beat + 8), Detail.SLVERR)
    stopped = run(machine, "MISC.PASS segments=2 rows=6 limit=24 output=CODES spread=1"
                           f" target={places}\nSYS.END")
    if detail is None:
        assert stopped.reason is Stop.END
    else:
        check(stopped, Error.VECTOR, 0, detail, address, lane)


@pytest.mark.parametrize("text, error, pc", [
    ("SYS.LOOP count=1 {\n" * 4 + "SYS.LOOP count=1 length=1\nSYS.SYNC" + "\n}" * 4,
     Error.LOOPS, 4),
    ("SYS.LOOP count=256 {\nSYS.SYNC release(LANES)\n}", Error.OVERFLOW, 1),
    ("SYS.LOOP count=255 {\nSYS.SYNC release(LANES)\n}\nSYS.SYNC wait(LANES)",
     Error.WATCHDOG, 2),
    ("SYS.LOOP count=300 {\nMISC.PASS rows=1 release(CONTROL)\nSYS.SYNC wait(VECTOR)\n}\n"
     "SYS.END wait(MEMORY)", Error.WATCHDOG, 3),
    # Sixteen wait, the seventeenth finds no place.
    ("SYS.SYNC\nSYS.LOOP count=16 {\nMISC.PASS rows=1 wait(LANES)\n}\nSYS.END", Error.WATCHDOG, 3),
    ("SYS.SYNC\nSYS.LOOP count=17 {\nMISC.PASS rows=1 wait(LANES)\n}\nSYS.END", Error.WATCHDOG, 2),
    (f"LD.TAPE beats={BEATS} lanes=3 fence=1\n{MV}\nSYS.END", Error.WATCHDOG, 2),
])
def test_control(machine, text, error, pc):
    check(run(machine, text), error, pc)


def test_instructions_that_cannot_be_read(machine):
    text = "SYS.SYNC\n" * 4
    check(run(machine, text, HOST - 256), Error.OUTSIDE, 4, address=HOST)
    check(run(machine, "SYS.SYNC\nSYS.LOOP count=0 length=9"), Error.KIND, 11)
    machine.host.fail(range(PROGRAM + 2 * 64 + 17, PROGRAM + 3 * 64), Detail.DECERR)
    check(run(machine, text), Error.DECERR, 2, address=PROGRAM + 2 * 64 + 16)


def test_a_fence_waits_for_its_lanes_own_appends(machine):
    append = ("MISC.PASS segments={segments} rows=2 limit=8 output=CODES spread=1"
              " target=VALUES address=400 {tokens}\n")
    tape = f"LD.TAPE beats={BEATS} lanes=3 fence=1\n"
    assert run(machine, tape + append.format(segments=2, tokens="") + MV
               + "\nSYS.END").reason is Stop.END
    stopped = run(machine, tape + append.format(segments=1, tokens="") + MV + "\nSYS.END")
    check(stopped, Error.WATCHDOG, 3)
    # Operations behind it wait as well, those of other units do not.
    stopped = run(machine, f"{tape}{MV} release(VECTOR)\n"
                  + append.format(segments=2, tokens="wait(LANES)") + "SYS.END")
    check(stopped, Error.WATCHDOG, 3)
