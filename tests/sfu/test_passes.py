# SPDX-License-Identifier: Apache-2.0
"""Random passes, one after the other, on the compiled unit and on the golden machine."""

import numpy as np
import pytest

from flightllm_hw.config import SfuConfig
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.isa.timing import ROW, SCALAR
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
    VectorPass,
    Wait,
    encode,
)
from flightllm_hw.sfu import pipeline
from flightllm_hw.sfu.reductions import Reductions
from flightllm_hw.sim.sfu import SfuBench
from flightllm_hw.sim.traffic import TRAFFIC
from support.sfu import anything, ordinary, same_bits

CONFIGS = {4: SfuConfig(width=4, rows=256, scalars=32, rotary_pairs=16),
           2: SfuConfig(width=2, rows=64, scalars=8, rotary_pairs=4)}


@pytest.fixture(scope="module", params=CONFIGS)
def unit(request):
    config = CONFIGS[request.param]
    return config, SfuBench(config)


def random_pass(rng, config):
    """Any pass whose output no later row of its own reads."""
    def one(kind):
        return kind(int(rng.choice([int(k) for k in kind])))

    quarter = config.rows // 4
    segments = int(rng.integers(1, 7))
    rows = int(rng.integers(1, quarter // segments + 1))
    arrange = one(Arrange) if rows % 2 == 0 else Arrange(int(rng.integers(2)))
    # Operands lie in any of the quarters, the output in another one, or where operand a is.
    a, b, o = (int(q) * quarter for q in rng.permutation(4)[:3])
    a_step = int(rng.integers(0, rows + 1))
    in_place = rng.random() < 0.3
    if in_place:
        a, a_step = o, rows
    reads = a if rng.random() < 0.2 else b
    b_step = a_step if reads == a else int(rng.integers(0, rows + 1))
    return VectorPass(
        a=a, b=reads, o=o, a_step=a_step, b_step=b_step, o_step=rows,
        b_still=bool(rng.random() < 0.2) and not (in_place and reads == a),
        segments=segments, rows=rows, limit=int(rng.integers(0, rows * config.width + 2)),
        limit_step=int(rng.integers(2)), arrange=arrange, first=one(Factor), addend=one(Addend),
        function=one(Function), last=one(LastFactor), output=one(Output), output_tap=one(Tap),
        reduce=one(Reduce), reduce_tap=one(Tap), step=one(Step),
        **{name: int(rng.integers(config.scalars)) for name in "szd"},
        **{f"{name}_step": int(rng.integers(2)) for name in "szd"},
        k1=float(ordinary(rng, ())), k2=float(ordinary(rng, ())),
        wait=Wait.DRAIN if rng.random() < 0.5 else Wait.CHAIN)


def chained(before, p):
    """CHAIN is for passes that read what the one before wrote row by row; here, not at all."""
    if p.wait is Wait.CHAIN and before is not None and before.output is Output.BUFFER:
        return VectorPass(**{**vars(p), "wait": Wait.DRAIN})
    return p


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_random_passes(unit, traffic, rng):
    config, bench = unit
    for _ in range(40):
        machine = VectorMachine(config)
        x = np.where(rng.random((config.rows, config.width)) < 0.9,
                     ordinary(rng, (config.rows, config.width)),
                     anything(rng, (config.rows, config.width)))
        machine.buffer[:] = x
        bench.write(0, x)
        scalars = ordinary(rng, config.scalars).view(np.uint32)
        machine.scalars[:] = scalars
        bench.write_scalars(0, scalars)
        passes = []
        for _ in range(12):
            passes.append(chained(passes[-1] if passes else None, random_pass(rng, config)))
        given = bench.run(passes, traffic=traffic, seed=int(rng.integers(1 << 30)))
        machine.run(*passes)
        same_bits(bench.read(0, config.rows), machine.buffer)
        if machine.codes:
            np.testing.assert_array_equal(given.codes, np.concatenate(machine.codes))
        if machine.out:
            same_bits(given.rows, np.concatenate(machine.out))
        final = dict(zip(*given.scalars.T.tolist(), strict=True)) if len(given.scalars) else {}
        for at, value in final.items():
            assert value == machine.scalars[at]


def test_a_chain_reads_what_the_pass_before_wrote(unit, rng):
    # However short they are: each adds the row before to itself, in place.
    config, bench = unit
    for rows in (1, 2, 3, 7, 16):
        for arrange in (Arrange.PLAIN, Arrange.PAIRS, Arrange.HALVES):
            if rows % 2 and arrange is Arrange.HALVES:
                continue
            machine = VectorMachine(config)
            x = ordinary(rng, (config.rows, config.width))
            machine.buffer[:] = x
            bench.write(0, x)
            passes = [VectorPass(a=0, b=32, o=0, rows=rows, limit=rows * config.width,
                                 arrange=arrange, addend=Addend.B, output=Output.BUFFER,
                                 wait=Wait.CHAIN) for _ in range(9)]
            bench.run(passes)
            machine.run(*passes)
            same_bits(bench.read(0, config.rows), machine.buffer)


def test_elements_from_outside_wait_for_the_pipeline(unit, rng):
    config, bench = unit
    x = ordinary(rng, (config.rows, config.width))
    bench.write(0, x)
    p = VectorPass(a=0, o=0, rows=config.rows // 2, limit=config.rows * config.width,
                   output=Output.BUFFER)
    sim = bench.sim
    outside = rng.integers(1 << 32, size=(config.rows // 2, config.width), dtype=np.uint32)
    rows = config.rows // 2 + np.arange(config.rows // 2)
    moved = sim.stream(
        {"i": sim.pack("i", {name: np.array([v], np.uint64)
                             for name, v in encode(p, config).items()}),
         "i_row": sim.pack("i_row", {"row": rows, "enables": np.ones(len(rows), int),
                                     "elements": outside})}, {})
    sim.run({}, 2 * ROW + config.rows)
    assert len(moved.cycles["i_row"]) == len(rows)
    got = bench.read(0, config.rows)
    x[config.rows // 2:, 0] = outside[:, 0].view(np.float32)
    same_bits(got, x)


def test_a_held_unit_gives_nothing_more(unit, rng):
    config, bench = unit
    sim = bench.sim
    p = VectorPass(rows=config.rows, limit=config.rows * config.width, output=Output.OUT)
    sim.stream({"i": sim.pack("i", {name: np.array([v], np.uint64)
                                    for name, v in encode(p, config).items()})}, {})
    sim.run({}, 10)
    sim.poke("hold", 1)
    came = sim.run({}, 300)["o_valid"][:, 0]
    assert came.sum() <= 10
    assert not came[pipeline.CODED + 2:].any()
    assert sim.peek("busy")
    sim.poke("hold", 0)
    assert sim.run({}, config.rows + 100)["o_valid"].sum() == config.rows - came.sum()
    assert not sim.peek("busy")


def test_the_stated_latencies_are_the_pipelines():
    config = SfuConfig()
    assert pipeline.LATENCY == ROW
    reductions = Reductions(config)
    assert 1 + pipeline.TAPPED + reductions.latency + 3 == SCALAR


@pytest.mark.parametrize("field, value", [("a", 4096), ("limit", 1 << 17), ("s", 256), ("a", -1)])
def test_fields_that_do_not_fit(field, value):
    with pytest.raises(ValueError, match=f"Pass {field} must fit"):
        encode(VectorPass(**{field: value}), SfuConfig())


def test_passes_that_cannot_be():
    with pytest.raises(ValueError, match="segments must be in 1..256, not 0"):
        VectorPass(segments=0)
    with pytest.raises(ValueError, match="rows must be at least 1, and even for HALVES, not 3"):
        VectorPass(rows=3, arrange=Arrange.HALVES)
