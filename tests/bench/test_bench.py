# SPDX-License-Identifier: Apache-2.0
"""Models of two and three layers, measured on the simulated kernel and checked to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.bench.bench import bench
from flightllm_hw.bench.check import Check
from flightllm_hw.bench.compiled import compile_work, images_of
from flightllm_hw.bench.errors import BenchError
from flightllm_hw.bench.shapes import SHAPES
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.runtime.device import DeviceError
from flightllm_hw.runtime.simulated import SimulatedDevice

STORIES = replace(SHAPES["stories260k"], layers=2)
LLAMA = SHAPES["llama2-7b"]
OPT = replace(SHAPES["opt-6.7b"], dim=64, hidden=96, layers=2, heads=4, kv_heads=4, head_dim=16,
              vocab=300, context=64)


def work(mode="decode", *, name="tiny", model=STORIES, context=40, tokens=1, layers=None, seed=0,
         **setting):
    return Work(mode=mode, name="own", model=model, config=preset(name),
                recipe=Recipe.uniform(Setting(**{"bits": 4, "group": 32} | setting)),
                context=context, tokens=tokens, layers=layers or model.layers, seed=seed)


def whole(mode, context=128, tokens=1, **setting):
    return work(mode, name="u280", model=LLAMA, context=context, tokens=tokens, group=128,
                **setting)


@pytest.mark.rtl
@pytest.mark.parametrize("given, programs", [
    (work(), 1), (work(name="small", seed=4), 1), (work(context=1), 1),
    (work("prefill", tokens=7, zero_point=True), 4),
    (work(model=replace(STORIES, heads=3, kv_heads=1), bits=8, pattern=Pattern.S2_4), 1),
    (work(model=OPT), 1)],
    ids=["decode", "small", "no past", "prefill", "one head, 2:4", "OPT"])
def test_the_kernel_is_equal_to_the_golden_machine(given, programs):
    found = bench(given)
    assert found["bit_exact"] is True and found["first_difference"] is None
    assert len(found["programs"]) == programs and not found["extrapolated"]
    assert sum(program["tokens"] for program in found["programs"]) == given.tokens
    assert found["cycles"] == found["counters"]["global"]["cycles"] > 5000
    assert found["cycles"] == sum(program["cycles"] for program in found["programs"])
    for program in found["programs"]:
        assert 0.1 < program["layer_cycles"][0] / program["cycles"] < 0.6
    beats = sum(lane["beats"] for lane in found["counters"]["lanes"])
    assert found["bytes"] == beats * given.config.lane.beat_bits // 8
    assert 0 < found["port_share"] < found["bandwidth_share"] < 1
    assert found["tokens_per_second"] == pytest.approx(225e6 / found["cycles_per_token"])
    dense = found["mac_dense_equivalent_per_dsp_per_cycle"]
    assert dense * found["cycles"] * given.config.dsp == pytest.approx(
        given.macs(dense=True))
    assert (dense == found["mac_per_dsp_per_cycle"]) is (found["sparsity"] == "dense")


# Checks that fail.

class _OtherWeight(SimulatedDevice):
    """Changes a code of the first layer on its way into lane 0's memory, nothing else."""

    def write(self, memory, at, data):
        if memory == 0:
            data = data.copy()
            data[200] ^= 1
        super().write(memory, at, data)


class _OtherToken(SimulatedDevice):
    """Takes another token than it was given."""

    def start(self, program, registers):
        super().start(program, [registers[0] ^ 1, *registers[1:]])


class _OtherKey(SimulatedDevice):
    """Forgets an old key while its golden machine goes on; its own memory looks as it should."""

    def start(self, program, registers):
        at = self.place
        self.kept = self.read(0, at, 64)
        super().write(0, at, np.full(64, 0x80, np.uint8))
        super().start(program, registers)

    def wait(self):
        super().write(0, self.place, self.kept)
        return super().wait()


@pytest.mark.rtl
@pytest.mark.parametrize("kind", [_OtherWeight, _OtherToken, _OtherKey])
def test_a_kernel_that_computes_something_else_is_told(kind):
    given = work()
    lane = given.plan.lane
    kind.place = (lane.homes + lane.keys.place(0).address) * lane.beat
    found = bench(given, kind=kind)
    assert found["bit_exact"] is False
    # Logits and value scales come first.
    assert "of the host is" in found["first_difference"]


# Extrapolation.

@pytest.mark.rtl
@pytest.mark.parametrize("mode, tokens", [("decode", 1), ("prefill", 4)])
def test_two_layers_tell_what_three_take(mode, tokens):
    model = replace(STORIES, layers=3)
    three = bench(work(mode, model=model, tokens=tokens), check=False)
    two = bench(work(mode, model=model, tokens=tokens, layers=2), check=False)
    assert two["extrapolated"] and two["layers_simulated"] == 2 and two["layers"] == 3
    assert two["cycles_simulated"] < 0.8 * two["cycles"]
    assert two["cycles"] == pytest.approx(three["cycles"], rel=0.02)
    assert two["bytes"] == three["bytes"]
    assert two["bit_exact"] is None and two["golden_seconds"] is None
    macs = [found["mac_per_dsp_per_cycle"] * found["cycles"] for found in (two, three)]
    assert macs[0] == pytest.approx(macs[1])


@pytest.mark.rtl
def test_a_kept_model_is_taken_again_and_stays_as_it_is(tmp_path):
    path = tmp_path / "kept.flm"
    first = bench(work(), keep=path)
    raw = path.read_bytes()
    again = bench(work(), keep=path)
    assert path.read_bytes() == raw and list(tmp_path.iterdir()) == [path]
    assert again["cycles"] == first["cycles"] and again["bit_exact"]
    others = [work(bits=8), work(zero_point=True), work(context=41), work(group=16),
              work(model=replace(STORIES, layers=3))]
    for other in others:
        with pytest.raises(BenchError, match="holds another model than own with"):
            bench(other, keep=path)
    with pytest.raises(CompileError, match="was compiled for tiny"):
        bench(work(name="small"), keep=path)


# Work.

def test_macs_are_those_of_the_matrices_and_of_attention():
    matrices = 32 * (4 * 4096 ** 2 + 3 * 4096 * 11008)
    head, seen = 32000 * 4096, 2 * 32 * 4096
    assert whole("decode").macs(dense=True) == matrices + head + seen * 128
    assert whole("prefill", tokens=16).macs(dense=True) == (
        16 * matrices + head + seen * sum(range(1, 17)))
    sparse = whole("decode", pattern=Pattern.S2_4)
    assert sparse.macs(dense=False) == matrices / 2 + head + seen * 128
    assert sparse.macs(dense=True) == whole("decode").macs(dense=False)


def test_programs_take_tiles_and_then_single_tokens(tmp_path):
    given = work("prefill", tokens=7)
    model = compile_work(given, tmp_path / "model.flm", lambda what: None)
    programs = list(given.programs(model))
    assert [(p.position, p.tokens) for p in programs] == [(0, 2), (2, 2), (4, 2), (6, 1)]
    assert [p.start for p in programs] == 3 * [model.prefill] + [model.decode]


@pytest.mark.parametrize("change, message", [
    ({"layers": 1}, "Layers must be in 2..2, not 1"), ({"layers": 3}, "Layers must be in 2..2"),
    ({"tokens": 0}, "Tokens must be in 1..40"), ({"tokens": 41}, "Tokens must be in 1..40"),
    ({"seed": -1}, "Seed must be 0 or more")])
def test_work_that_cannot_be_is_told(change, message):
    with pytest.raises(BenchError, match=message):
        replace(work(), **change)


def test_a_golden_machine_that_stops_is_told(tmp_path):
    given = work()
    model = compile_work(given, tmp_path / "model.flm", lambda what: None)
    images = images_of(given, model)
    images.host[model.decode:model.decode + 64] = 0xFF
    with Check(given.config, images, list(given.programs(model))) as check, pytest.raises(
            DeviceError, match="golden machine was stopped at instruction 0"):
        check.wait()
