# SPDX-License-Identifier: Apache-2.0
"""A compiled model on the compiled core: equal to the golden machine to the bit."""

import numpy as np
import pytest

from flightllm_hw.compiler.load import load
from flightllm_hw.isa.errors import Error
from flightllm_hw.presets import preset
from flightllm_hw.sim.core import CoreBench
from support.checkpoints import LLAMA, OPT, write_hf
from support.compiled import Golden, any_shape, compiled
from support.core import equal


@pytest.mark.parametrize("name, changes, first", [
    ("tiny", {}, 0), ("tiny", {"kv_heads": 4}, 0), ("tiny", {"kv_heads": 1}, 0), ("small", {}, 0),
    ("small", {"kv_heads": 4, "context": 200, "layers": 1}, 127),
    ("small", {"heads": 2, "head_dim": 128}, 7), ("tiny", {"config": OPT}, 0),
    ("tiny", {"attention_bias": True, "mlp_bias": True}, 0)],
    ids=["tiny", "two homes", "a lane without", "small", "a long text", "more pieces than wait",
         "OPT", "biases"])
def test_three_tokens(name, changes, first, tmp_path, rng):
    checkpoint = load(write_hf(tmp_path / "model", any_shape(rng, **changes)))
    model = compiled(checkpoint, preset(name), tmp_path)
    golden = Golden(model)
    machine = golden.machine
    tokens = rng.integers(0, LLAMA.vocab, first + 3).tolist()
    for position in range(first):
        golden.step(tokens[position], position)
    bench = CoreBench(model.config, host_bytes=model.host_bytes, lane_bytes=model.lane_bytes)
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    for position in range(first, first + 3):
        golden.step(tokens[position], position)
        outcome = bench.run(model.decode, model.registers(tokens[position], position))
        assert outcome.error is Error.NONE, outcome
        print(f"position {position}: {outcome.cycles} cycles")
        assert equal(bench, machine)
    assert np.isfinite(model.read_logits(machine.host.data)).all()
