# SPDX-License-Identifier: Apache-2.0
"""Programs on the golden machine, against formulas that know nothing of it."""

import numpy as np
import pytest

from flightllm_hw.compiler.operations import Operations
from flightllm_hw.compiler.tape import TapeShape, encode
from flightllm_hw.formats import (
    QuantizedWeights,
    dot_products,
    quantize_activations,
    quantize_weights,
    scale_result,
)
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.passes import from_pass
from flightllm_hw.presets import preset
from support.sfu import ordinary, same_bits

TINY = preset("tiny")
WIDTH = TINY.sfu.width
BEAT = TINY.lane.beat_bits // 8
PROGRAM, DATA = 0, 1 << 16


@pytest.fixture
def machine():
    return Machine(TINY, host_bytes=1 << 18, lane_bytes=1 << 18)


def load(machine, program, registers=()):
    raw = b"".join(to_bytes(i) for i in program)
    machine.host.write(PROGRAM, np.frombuffer(raw + bytes(64), np.uint8))
    machine.start(PROGRAM, registers)


def run(machine, program, registers=()):
    load(machine, [*program, Instruction.of("SYS.END")], registers)
    return machine.run(100_000)


def give(machine, values, at=DATA):
    machine.host.write(at, np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8))


def rows_of(machine, at, rows):
    raw = machine.host.read(at, 4 * WIDTH * rows)
    return raw.view("<f4").reshape(rows, WIDTH)


def shape_fields(shape):
    return {name: getattr(shape, name) for name in TapeShape.__dataclass_fields__}


def on_lanes(machine, weights, mask, pattern, at=0):
    """Split rows over the lanes; returns (shape, beats of a lane, rows of a lane)."""
    lanes = len(machine.lanes)
    share = -(-weights.rows // lanes)
    share += -share % WIDTH
    for n, lane in enumerate(machine.lanes):
        part = slice(n * share, (n + 1) * share)
        own = [np.pad(v[part], [(0, share - len(v[part]))] + [(0, 0)] * (v.ndim - 1))
               for v in (weights.codes, weights.row_scale, weights.group_scale, mask)]
        mine = QuantizedWeights(codes=own[0], zero=None, row_scale=own[1], group_scale=own[2],
                                bits=weights.bits, group=weights.group)
        shape, beats = encode(mine, own[3], pattern, machine.config.lane)
        lane.memory.write(at, beats.ravel())
    return shape, len(beats), share


@pytest.mark.parametrize("tokens", [1, 3])
def test_a_matrix_times_tokens(machine, tokens, rng):
    rows, k = 50, 96
    real = ordinary(rng, (rows, k)) * np.float32(0.1)
    weights = quantize_weights(real, bits=4, group=32)
    shape, beats, share = on_lanes(machine, weights, np.ones((rows, k), bool), Pattern.DENSE, 512)
    x = ordinary(rng, (tokens, k))
    give(machine, x)
    ops = Operations(TINY.sfu, k, tokens)
    words = k // TINY.lane.chain.window
    measure, code = ops.quantize(0, scalar=4)
    program = [
        Instruction.of("LD.TAPE", address=512 // BEAT, beats=beats, lanes=3),
        Instruction.of("LD.VECTOR", address=DATA // BEAT, o=0, rows=tokens * k // WIDTH),
        from_pass(measure),
        from_pass(code, stride=words, scales=1, bank=1),
        Instruction.of("MM", **shape_fields(shape), tokens=tokens, stride=words, bank=1, o=200,
                       o_step=20, lane_rows=share, maxima=1, limit=share, d=40),
        *(Instruction.of("ST.VECTOR", address=(DATA + 8192 + 1024 * t) // BEAT, a=200 + 20 * t,
                         rows=2 * share // WIDTH) for t in range(tokens)),
    ]
    assert run(machine, program).reason is Stop.END
    codes, scale = quantize_activations(x)
    want = scale_result(dot_products(weights, codes), weights.row_scale, scale)
    for t in range(tokens):
        got = rows_of(machine, DATA + 8192 + 1024 * t, 2 * share // WIDTH).ravel()
        same_bits(got[:rows], want[t])
        for n in range(2):
            most = machine.vector.scalars[40 + n * tokens + t].view(np.float32)
            part = np.pad(want[t], (0, 2 * share - rows))[n * share:(n + 1) * share]
            assert most == part.max()


def test_registers_and_loops(machine):
    # r3 = sum of 0 .. 9, by a loop in a loop that counts r4 up.
    program = [
        Instruction.of("SYS.ADD", d=2, x=0, y=0),
        Instruction.of("SYS.LOOP", count=0, length=2, patches=[(1, "count")]),
        Instruction.of("SYS.ADD", d=3, patches=[(3, "x"), (2, "y")]),
        Instruction.of("SYS.ADD", d=2, y=1, patches=[(2, "x")]),
        Instruction.of("SYS.LOOP", count=3, length=4),
        Instruction.of("SYS.LOOP", count=5, length=1),
        Instruction.of("SYS.ADD", d=4, y=1, patches=[(4, "x")]),
        Instruction.of("SYS.LOOP", count=0, length=1),
        Instruction.of("SYS.ADD", d=4, x=1000),
        Instruction.of("SYS.MUL", d=5, x=0x1_0001, y=0x1_0003),
        Instruction.of("SYS.SUB", d=6, x=1, y=2),
        Instruction.of("SYS.SHR", d=7, x=7, y=1, patches=[(6, "x")]),
    ]
    assert run(machine, program, [10]).reason is Stop.END
    registers = machine.registers.tolist()
    assert registers[2:8] == [10, 45, 15, 0x1_0001 * 0x1_0003 & 0xFFFF_FFFF, 0xFFFF_FFFF, 3]


def test_a_body_of_nothing_is_skipped_whole(machine):
    program = [Instruction.of("SYS.LOOP", count=0, length=2),
               Instruction.of("SYS.ADD", d=1, x=5), Instruction.of("SYS.ADD", d=1, x=6),
               Instruction.of("SYS.ADD", d=2, x=7)]
    run(machine, program)
    assert machine.registers[1:3].tolist() == [0, 7]


def test_it_stops_where_it_is_told_and_goes_on(machine):
    program = [Instruction.of("SYS.ADD", d=1, y=1, patches=[(1, "x")])] * 5
    load(machine, [*program, Instruction.of("SYS.END")])
    stopped = machine.run(3)
    assert (stopped.reason, stopped.pc, int(machine.registers[1])) == (Stop.LIMIT, 3, 3)
    assert machine.run().reason is Stop.END
    assert machine.registers[1] == 5


def test_a_changed_tape_is_read_again(machine, rng):
    x = np.ones((1, 32), np.float32)
    give(machine, x)
    results = []
    for value in (1, -2):
        weights = QuantizedWeights(
            codes=np.full((8, 32), value, np.int8), zero=None, row_scale=np.ones(8, np.float32),
            group_scale=np.ones((8, 1), np.uint16), bits=4, group=32)
        shape, beats, share = on_lanes(machine, weights, np.ones((8, 32), bool), Pattern.DENSE)
        measure, code = Operations(TINY.sfu, 32).quantize(0, scalar=0)
        program = [Instruction.of("LD.TAPE", beats=beats, lanes=3),
                   Instruction.of("LD.VECTOR", address=DATA // BEAT, rows=32 // WIDTH),
                   from_pass(measure), from_pass(code, scales=1),
                   Instruction.of("MV", **shape_fields(shape), tokens=1, o=100, lane_rows=share)]
        run(machine, program)
        results.append(machine.vector.buffer[100, 0])
    assert results[0] == pytest.approx(32, rel=1e-5)
    assert results[1] == pytest.approx(-64, rel=1e-5)


def test_a_table_of_cosines(machine):
    steps = np.array([1 << 40, 3 << 38, 1, 0], np.uint64)
    give(machine, steps)
    run(machine, [Instruction.of("LD.STEPS", address=DATA // BEAT, pairs=4),
                  Instruction.of("MISC.TABLE", position=7, o=5, pairs=4, halves=1)])
    angle = 2 * np.pi * 7 * steps.astype(float) / 2 ** 48
    np.testing.assert_allclose(machine.vector.buffer[5:7].ravel(),
                               [*np.cos(angle), *np.sin(angle)], atol=2 ** -23)
