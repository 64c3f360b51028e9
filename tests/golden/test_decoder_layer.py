# SPDX-License-Identifier: Apache-2.0
"""A decoder layer written by hand, on the golden machine, against an ordinary FP32 layer."""

import numpy as np
import pytest

from flightllm_hw.golden.machine import Stop
from support.decoder_layer import DIM, POSITIONS, Layer, X, Y, give, machine_with


@pytest.mark.parametrize("seed", [0, 1])
def test_forty_positions(seed):
    rng = np.random.default_rng(seed)
    layer = Layer(rng)
    machine = machine_with(layer)
    x = rng.standard_normal((POSITIONS, DIM)).astype(np.float32)
    want = layer.reference(x)
    got = np.zeros_like(x)
    for position in range(POSITIONS):
        give(machine, X, x[position])
        machine.start(0, [position])
        stopped = machine.run(1000)
        assert stopped.reason is Stop.END, stopped
        got[position] = machine.host.read(Y, 4 * DIM).view("<f4")
        assert not any(lane.tape.pieces for lane in machine.lanes)
    error = np.sqrt(((got - want) ** 2).mean() / (want ** 2).mean())
    print(f"relative error {error:.4f}")
    assert error < 0.02
