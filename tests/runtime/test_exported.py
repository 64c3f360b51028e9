# SPDX-License-Identifier: Apache-2.0
"""The exported Verilog, with models of the vendor's cells, generates the tokens that it should."""

import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.runtime.device import HOST
from flightllm_hw.runtime.golden import GoldenDevice
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.simulated import SimulatedDevice
from flightllm_hw.sim.exported import exported_kernel


@pytest.mark.rtl
def test_the_vendors_cells_generate_the_same_tokens(default_model):
    """The same text, the same memories, and the same cycles but for the reset's."""
    config = default_model.config
    prompt = default_model.tokenizer.encode("Once upon a time")
    found = []
    for device in (SimulatedDevice(config, simulator=exported_kernel(config)),
                   SimulatedDevice(config), GoldenDevice(config)):
        session = Session(default_model, device)
        tokens = list(session.generate(prompt, Sampler(), 8))
        images = [device.read(HOST, 0, default_model.host_bytes),
                  *(device.read(n, 0, default_model.lane_bytes) for n in range(config.lanes))]
        found.append((tokens, images, [run.report.cycles for run in session.runs]))
    exported, simulated, golden = found
    assert exported[0] == simulated[0] == golden[0] and len(golden[0]) == 8
    assert exported[2] == simulated[2]
    for images in (exported[1], simulated[1]):
        for one, other in zip(images, golden[1], strict=True):
            assert_array_equal(one, other)
