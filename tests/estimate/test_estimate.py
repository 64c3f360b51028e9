# SPDX-License-Identifier: Apache-2.0
"""What must hold of any estimate, and the parts that it is made of."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.timing import memory_of
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.program import decode_program
from flightllm_hw.compiler.runs import tape_beats
from flightllm_hw.estimate import steps as walking
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.estimate.passes import Passes
from flightllm_hw.estimate.steps import Step, steps, walk
from flightllm_hw.estimate.tape import Product, Tape
from flightllm_hw.estimate.timeline import Timeline
from flightllm_hw.formats import Pattern
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.timing import START, schedule
from flightllm_hw.isa.vector import Addend, Factor, Output, Reduce, VectorPass, Wait
from flightllm_hw.presets import PRESETS, preset

LLAMA = SHAPES["llama2-7b"]


def cycles(mode="decode", *, name="u280", model=LLAMA, context=128, tokens=1, **setting):
    return figures(mode, name=name, model=model, context=context, tokens=tokens,
                   **setting)["cycles"]


def figures(mode="decode", *, name="u280", model=LLAMA, context=128, tokens=1, **setting):
    return estimate(Work(
        mode=mode, name="own", model=model, config=preset(name),
        recipe=Recipe.uniform(Setting(**{"bits": 4, "group": 128} | setting)), context=context,
        tokens=tokens, layers=model.layers))


def test_more_work_never_takes_fewer_cycles():
    rising = [
        [cycles(context=n) for n in (1, 64, 128, 512, 1024, 2048)],
        [cycles(bits=n) for n in (2, 3, 4, 5, 6, 8)],
        [cycles(model=replace(LLAMA, layers=n)) for n in (1, 2, 3, 4, 5, 8, 32)],
        [cycles("prefill", name="small", model=SHAPES["stories110m"], tokens=n)
         for n in (8, 9, 16, 24)],
        [cycles(pattern=Pattern.S2_4), cycles(), cycles(zero_point=True)]]
    for found in rising:
        assert found == sorted(set(found))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_one(name):
    model = SHAPES["stories260k"]
    found = figures(name=name, model=model, context=64, bits=8, group=32)
    assert found["estimated"] is True and found["cycles"] > 10_000
    assert 0 < found["port_share"] <= found["bandwidth_share"] < 1


def test_a_token_of_a_large_model_is_the_memorys():
    found = figures()
    assert 0.99 < found["bandwidth_share"] <= 1
    assert found["working_cycles"]["memory"] > 1.5 * found["working_cycles"]["engine"]
    assert found["tokens_per_second"] == pytest.approx(225e6 / found["cycles"])


def test_chains_are_busy_while_a_prompt_is_read():
    dense, sparse = (figures("prefill", tokens=128, pattern=pattern)
                     for pattern in (Pattern.DENSE, Pattern.S2_4))
    # Of 2 and of 4, the most that there are.
    assert dense["mac_per_dsp_per_cycle"] > 1.97
    assert sparse["mac_dense_equivalent_per_dsp_per_cycle"] > 3.81


def test_control_waits_for_its_tokens():
    config = preset("u280")
    _, timing = memory_of(config)

    def cycles(sync):
        text = ("MISC.PASS release(CONTROL) segments=100 rows=40\n" + sync
                + "MISC.PASS segments=100 rows=40\nSYS.END\n")
        return Timeline(config, timing).run(steps(assemble(text)), []).cycles

    # The second pass begins when the first is done, not behind its last row.
    assert 80 < cycles("SYS.SYNC wait(VECTOR)\n") - cycles("") < 300


def test_loops_that_are_shortened_end_as_whole_ones(monkeypatch):
    short = figures(context=512)
    monkeypatch.setattr(walking, "SEEN", 1000)
    whole = figures(context=512)
    assert short["bytes"] == whole["bytes"]
    assert short["cycles"] == pytest.approx(whole["cycles"], rel=1e-4)
    for name, value in whole["working_cycles"].items():
        assert short["working_cycles"][name] == pytest.approx(value, rel=2e-3)


def test_a_walk_is_no_longer_for_a_deeper_model():
    def length(layers):
        config = preset("u280")
        work = Work(mode="decode", name="own", model=replace(LLAMA, layers=layers), config=config,
                    recipe=Recipe.uniform(Setting(bits=4, group=128)), context=128, tokens=1,
                    layers=layers)
        found = walk(steps(decode_program(work.plan)), [0, 127])
        return sum(isinstance(step, Step) for step in found)

    assert length(4) == length(32) == length(40) < 400


def test_products_have_as_many_beats_as_the_compiler_says():
    for name in ("small", "u280"):
        config = preset(name)
        for pattern in (Pattern.DENSE, Pattern.S2_4):
            for bits in (2, 3, 4, 8):
                work = Work(mode="decode", name="own", model=SHAPES["stories110m"],
                            config=config, recipe=Recipe.uniform(Setting(
                                bits=bits, group=128, zero_point=True, pattern=pattern)),
                            context=64, tokens=1, layers=12)
                for matrix in work.plan.split.runs[0].matrices.values():
                    s = matrix.shape
                    product = Product.of(
                        config, pattern=s.pattern, bits=s.bits, zero_point=s.zero_point,
                        row_blocks=s.row_blocks, group_tiles=s.group_tiles, groups=s.groups,
                        last_tiles=s.last_tiles, tokens=1)
                    assert product.beats == tape_beats(s, config.lane) == matrix.beats


def test_passes_end_as_the_exact_schedule_has_it(rng):
    for _ in range(200):
        passes, elements = [], int(rng.integers(1, 5))
        for n in range(elements):
            reduced = Reduce.SUM if rng.integers(2) else Reduce.NONE
            scalar = bool(n and passes[-1].reduce is not Reduce.NONE and rng.integers(2))
            passes.append(VectorPass(
                segments=passes[0].segments if passes else int(rng.integers(1, 9)),
                rows=passes[0].rows if passes else int(rng.integers(1, 70)),
                first=Factor.SCALAR if scalar else Factor.ONE, s=8 * (n - 1), s_step=1,
                d=8 * n, d_step=1, reduce=reduced, output=Output.BUFFER, addend=Addend.NONE,
                wait=Wait(int(rng.integers(3)))))
        exact, estimated = schedule(passes, 64).end, Passes()
        ends = [estimated.take({name: getattr(p, name) for name in (
            "segments", "rows", "reduce", "first", "addend", "last", "output", "step", "s", "z",
            "d")} | {"order": p.wait}, 0.0)[1] for p in passes]
        assert max(ends) - START == pytest.approx(exact, rel=0.02, abs=8)


def test_a_tape_that_nothing_holds_up_is_the_memorys():
    config = preset("u280")
    tape = Tape(config, 0.9, 50)
    product = Product(beats=20000, engine=10000, row_blocks=10, results=32, rows=64)
    tape.name(0, 60000, False)
    ends = [tape.take(product, 100.0)]
    ends += [tape.take(product, ends[-1])]
    # A gap that the FIFO bridges, then one that is longer than what it holds.
    ends += [tape.take(product, ends[-1] + 2000)]
    assert np.diff(ends) == pytest.approx([20000 / 0.9] * 2, rel=1e-3)
    tape.name(0, 60000, False)
    late = tape.take(product, ends[-1] + 20000)
    gap = 20000 - config.lane.fifo_beats / 0.9
    assert late - ends[-1] == pytest.approx(20000 / 0.9 + gap, rel=5e-3)
