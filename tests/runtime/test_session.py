# SPDX-License-Identifier: Apache-2.0
"""Sessions: the same on the golden machine and on the simulated kernel; bounds; errors."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.presets import SMALL
from flightllm_hw.runtime.device import HOST, DeviceError, Report
from flightllm_hw.runtime.golden import GoldenDevice
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import ContextFull, Session
from flightllm_hw.runtime.simulated import SimulatedDevice


def memories(session):
    model = session.model
    return [session.device.read(HOST, 0, model.host_bytes),
            *(session.device.read(n, 0, model.lane_bytes) for n in range(model.config.lanes))]


def test_the_simulated_kernel_leaves_what_the_golden_machine_leaves(small_model, rng):
    prompt = [int(t) for t in rng.integers(0, small_model.model.vocab, 5)]
    found = []
    for device in (GoldenDevice(small_model.config), SimulatedDevice(small_model.config)):
        session = Session(small_model, device)
        tokens = list(session.generate(prompt, Sampler(1.0, 0.9, 3), 6))
        found.append((tokens, memories(session)))
    assert found[0][0] == found[1][0]
    for golden, simulated in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_array_equal(golden, simulated)
    assert all(run.report.cycles > 5000 for run in session.runs)
    assert {len(run.report.lanes) for run in session.runs} == {small_model.config.lanes}


def test_tiles_and_single_tokens_give_the_same(small_model, rng):
    prompt = [int(t) for t in rng.integers(0, small_model.model.vocab, 21)]
    found = []
    for tiles in (True, False):
        session = Session(small_model, GoldenDevice(small_model.config))
        logits = session.feed(prompt, tiles=tiles)
        found.append((len(session.runs), logits, memories(session)))
    (few, logits, images), (many, others, same) = found
    assert few < many == len(prompt)
    np.testing.assert_array_equal(logits, others)
    for lane in range(small_model.config.lanes):
        np.testing.assert_array_equal(images[1 + lane], same[1 + lane])


def test_a_text_ends_with_the_context(small_model):
    session = Session(small_model, GoldenDevice(small_model.config))
    tokens = list(session.generate([1] * 40, Sampler(), 100))
    assert session.room == 0 and len(tokens) == small_model.context - 40 + 1
    with pytest.raises(ContextFull, match="room for 0 more tokens of 48, not for 1"):
        session.feed([1])


def test_nothing_is_taken_of_what_does_not_fit(small_model):
    session = Session(small_model, GoldenDevice(small_model.config))
    with pytest.raises(ContextFull, match="not for 49"):
        session.feed([1] * 49)
    assert session.position == 0 and not session.runs


def test_a_token_that_ends_the_text_is_the_last(small_model):
    session = Session(small_model, GoldenDevice(small_model.config))
    tokens = list(session.generate([1], Sampler(), 20))
    again = Session(small_model, GoldenDevice(small_model.config))
    stop = tokens[3]
    assert list(again.generate([1], Sampler(), 20, {stop})) == tokens[:tokens.index(stop) + 1]


@pytest.mark.parametrize("tokens, message", [([], "must be a token"), ([-1], "Token must be in"),
                                             ([80], "Token must be in 0..79, not 80")])
def test_tokens_are_checked(small_model, tokens, message):
    with pytest.raises(ValueError, match=message):
        Session(small_model, GoldenDevice(small_model.config)).feed(tokens)


def test_another_configuration_is_refused(small_model):
    with pytest.raises(DeviceError, match="compiled for tiny .* but the device is small"):
        Session(small_model, GoldenDevice(SMALL))


def test_a_damaged_program_is_told(small_model):
    host = np.array(small_model.host)
    host[small_model.decode + 3 * 64:small_model.decode + 4 * 64] = 0xFF
    damaged = replace(small_model, host=host)
    for device in (GoldenDevice(damaged.config), SimulatedDevice(damaged.config)):
        with pytest.raises(DeviceError, match="stopped at instruction 3: KIND"):
            Session(damaged, device).feed([1])


def test_a_program_can_be_cancelled(small_model):
    device = SimulatedDevice(small_model.config)
    session = Session(small_model, device)
    device.start(small_model.decode, small_model.registers(1, 0))
    assert not device.bench.wait(2000)
    device.cancel()
    assert device.wait().error is Error.CANCELLED
    assert session.feed([1]).shape == (small_model.model.vocab,)


def test_reports_speak():
    report = Report(Error.LANES, Detail.TRUNCATED, 7, 0x1234, True)
    with pytest.raises(DeviceError, match=r"instruction 7: LANES \(TRUNCATED\), address 0x1234;"
                                          " the device must be reset"):
        report.require_success()
