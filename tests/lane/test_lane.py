# SPDX-License-Identifier: Apache-2.0
"""A lane on memory: tapes come from where descriptors say, errors end in a code and an address."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.boards import card
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.memory.faults import Fault
from flightllm_hw.presets import preset
from flightllm_hw.sim.lane import (
    LIMIT,
    Job,
    LaneBench,
    as_float32,
    load_activations,
    load_scales,
    pack_operations,
    read_results,
)
from flightllm_hw.sim.memory import IDEAL, hbm
from flightllm_hw.sim.traffic import STEADY, TRAFFIC
from support.lanes import check, check_values, draw_scales
from support.tapes import draw_tape

TINY = preset("tiny").lane
MEMORIES = {"ideal": (IDEAL, {}), "slow": (hbm(card("u280")), {"jitter": 60, "seed": 3})}


@pytest.fixture(scope="module", params=MEMORIES)
def bench(request):
    """A lane on one of the memories."""
    timing, options = MEMORIES[request.param]
    return LaneBench(TINY, timing, **options)


@pytest.fixture
def lane():
    """A lane of its own on ideal memory."""
    return LaneBench(TINY)


def draw_job(rng, pattern=Pattern.DENSE, rows=20, k=300, bits=4, masked=False):
    weights, mask, shape, beats = draw_tape(rng, TINY, pattern, rows, k, bits, 128, False, masked)
    return weights, mask, Job(shape, beats)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_matrices_in_any_order_from_any_pieces(bench, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 30)))
    k = data.draw(st.integers(1, 500))
    drawn = [draw_job(rng, data.draw(st.sampled_from(TINY.patterns)), data.draw(st.integers(1, 30)),
                      k, data.draw(st.sampled_from([2, 3, 4, 5, 6, 8])), data.draw(st.booleans()))
             for _ in range(data.draw(st.integers(1, 4)))]
    x = rng.integers(-127, 128, (data.draw(st.integers(1, TINY.tokens)), k)).astype(np.int8)
    check(bench, drawn, x, draw_scales(rng, len(x)), address=8 * data.draw(st.integers(0, 2000)),
          word=data.draw(st.integers(0, TINY.window_words - 1)),
          scale_bank=data.draw(st.integers(0, 1)), pieces=data.draw(st.integers(1, 5)),
          traffic=data.draw(st.sampled_from(TRAFFIC)))


def test_the_tape_runs_ahead_of_the_operation(lane, rng):
    # Beats are in the FIFO before anyone has asked what to do with them.
    _, _, job = draw_job(rng, rows=4, k=64)
    lane.memory.write(0, job.beats)
    lane.sim.stream({"i_descriptor": lane.sim.pack("i_descriptor", {
        "address": np.array([0], np.uint64), "beats": np.array([len(job.beats)])})}, {})
    lane.sim.run({}, 200)
    assert lane.sim.peek("occupancy") == min(len(job.beats), TINY.fifo_beats)


def descriptors(lane, *pieces):
    return lane.sim.pack("i_descriptor", {
        "address": np.array([address for address, _ in pieces], np.uint64),
        "beats": np.array([beats for _, beats in pieces])})


def test_the_next_operation_is_written_meanwhile(lane, rng):
    # Its activations and scales lie behind and beside those of the one that runs.
    drawn = [draw_job(rng, rows=60, k=200), draw_job(rng, Pattern.S2_4, rows=30, k=200)]
    jobs = [job for *_, job in drawn]
    xs = [rng.integers(-127, 128, (n, 200)).astype(np.int8) for n in (4, 3)]
    scales = [draw_scales(rng, len(x)) for x in xs]
    words = 100, 114  # the second's wrap around
    for job, address in zip(jobs, (0, 1 << 16), strict=True):
        lane.memory.write(address, job.beats)

    def start(n):
        stride = load_activations(lane.sim, TINY, xs[n], words[n])
        load_scales(lane.sim, TINY, scales[n], n)
        return pack_operations(lane.sim, [jobs[n].shape], len(xs[n]), stride, words[n], n)

    counts = [job.shape.row_blocks * TINY.tile_rows(job.shape.pattern) * len(x)
              for job, x in zip(jobs, xs, strict=True)]
    tapes = descriptors(lane, (0, len(jobs[0].beats)), (1 << 16, len(jobs[1].beats)))
    first = lane.sim.stream({"i": start(0), "i_descriptor": tapes}, {"o": 20}, deadline=50_000)
    assert lane.sim.peek("busy")
    rest = lane.sim.stream({"i": start(1)}, {"o": sum(counts) - 20}, deadline=50_000)
    results = lane.sim.unpack("o", np.concatenate([first["o"], rest["o"]]))
    values = as_float32(results["value"])
    for n, part in enumerate((slice(counts[0]), slice(counts[0], None))):
        got = {name: results[name][part] for name in ("row", "token")}
        found, = read_results(TINY, [jobs[n].shape], len(xs[n]), got, values[part])
        check_values(drawn[n:n + 1], xs[n], scales[n], [{"values": found}])
    lane.sim.run({}, 5)
    assert not lane.sim.peek("busy")


def test_busy_until_the_last_result_is_taken(lane, rng):
    _, _, job = draw_job(rng, rows=4, k=64)
    x = rng.integers(-127, 128, (1, 64)).astype(np.int8)
    lane.run([job], x, expect=3)
    lane.sim.run({}, 100)
    assert lane.sim.peek("busy")
    lane.sim.stream({}, {"o": 1})
    lane.sim.run({}, 2)
    assert not lane.sim.peek("busy")


def fails(lane, job, x, pieces, fault, address):
    """Run ``job`` on a tape that ``pieces`` spoil; the lane must tell, finish, and work again."""
    stride = load_activations(lane.sim, TINY, x)
    count = job.shape.row_blocks * TINY.tile_rows(job.shape.pattern) * len(x)
    lane.sim.stream({"i": pack_operations(lane.sim, [job.shape], len(x), stride),
                     "i_descriptor": descriptors(lane, *pieces)}, {"o": count}, deadline=50_000)
    lane.sim.run({}, 2000)
    assert Fault(lane.sim.peek("error")) is fault
    assert lane.sim.peek("error_address") == address
    assert not lane.sim.peek("busy")
    lane.sim.poke("clear", 1)
    lane.sim.run({}, 5)
    lane.sim.poke("clear", 0)
    assert lane.sim.peek("error") == 0


def spoil(lane, job, kind):
    """(pieces, fault, address) of a tape that something is wrong with."""
    size, n = TINY.beat_bits // 8, len(job.beats)
    lane.memory.write(0, job.beats)
    match kind:
        case "response":
            at = 8 * (n // 2)
            lane.memory.fail(range(at, at + 8), "SLVERR")
            return [(0, n)], Fault.SLVERR, at
        case "outside":
            lane.sim.poke("limit", size * n // 2 // 8 * 8)
            return [(0, 16), (16 * size, n - 16)], Fault.OUTSIDE, 16 * size
        case "misaligned":
            return [(0, 16), (16 * size + 1, n - 16)], Fault.MISALIGNED, 16 * size + 1
        case "truncated":
            return [(0, n - 5)], Fault.TRUNCATED, (n - 5) * size
        case "nothing there":
            return [(1 << 20, n - 5)], Fault.TRUNCATED, (1 << 20) + (n - 5) * size


@pytest.mark.parametrize("kind, masked", [
    *((kind, masked) for kind in ("response", "outside", "misaligned", "truncated")
      for masked in (False, True)),
    # Masks of zeros would name few headers, for which there are beats enough.
    ("nothing there", False)])
def test_a_spoilt_tape_is_told_and_the_lane_works_again(lane, kind, masked, rng):
    drawn = draw_job(rng, masked=masked)
    x = rng.integers(-127, 128, (3, 300)).astype(np.int8)
    pieces, fault, address = spoil(lane, drawn[-1], kind)
    fails(lane, drawn[-1], x, pieces, fault, address)
    lane.sim.poke("limit", LIMIT)
    for _ in range(2):
        check(lane, [draw_job(rng), draw_job(rng, Pattern.S2_4)], x, address=1 << 16)


@pytest.mark.parametrize("change", [
    {"bits": 0}, {"bits": 7}, {"bits": 15}, {"row_blocks": 0}, {"groups": 0}, {"last_tiles": 0},
    {"group_tiles": 3}, {"group_tiles": 1},
    {"pattern": Pattern.DENSE, "bits": 3, "group_tiles": 4, "last_tiles": 3},
    {"pattern": Pattern.S2_4, "bits": 4, "group_tiles": 4, "last_tiles": 3},
    {"pattern": Pattern.S2_4, "bits": 5, "group_tiles": 2, "groups": 1, "last_tiles": 2}])
def test_an_operation_that_cannot_be_is_told(lane, change, rng):
    drawn = draw_job(rng)
    x = rng.integers(-127, 128, (2, 300)).astype(np.int8)
    job = drawn[-1]
    broken = Job(replace(job.shape, **change), job.beats)
    stride = load_activations(lane.sim, TINY, x)
    lane.sim.stream({"i": pack_operations(lane.sim, [broken.shape], 2, stride),
                     "i_descriptor": descriptors(lane, (0, 16))}, {}, deadline=50_000)
    lane.sim.run({}, 2000)
    assert Fault(lane.sim.peek("error")) is Fault.OPERATION
    assert not lane.sim.peek("busy")
    lane.sim.poke("clear", 1)
    lane.sim.run({}, 5)
    lane.sim.poke("clear", 0)
    check(lane, [drawn], x)


def test_random_tapes_come_to_an_end(lane, rng):
    # Any bits whatsoever are read to the end of the matrix, masks of nothing among them.
    _, _, job = draw_job(rng, masked=True)
    x = rng.integers(-127, 128, (2, 300)).astype(np.int8)
    for fill in (0, 0xFF, None):
        for _ in range(3):
            beats = np.full((4000, 8), fill or 0, np.uint8)
            if fill is None:
                beats = rng.integers(0, 256, beats.shape).astype(np.uint8)
            _, transfers = lane.run([Job(job.shape, beats)], x, deadline=50_000,
                                    expect=job.shape.row_blocks * 4 * 2)
            # What is left of the tape is nobody's: an operation that is none throws it away.
            broken = replace(job.shape, bits=0)
            lane.sim.stream({"i": pack_operations(lane.sim, [broken], 2, 1)}, {})
            lane.sim.run({}, 6000)
            lane.sim.poke("clear", 1)
            lane.sim.run({}, 5)
            lane.sim.poke("clear", 0)
            assert lane.sim.peek("error") == lane.sim.peek("busy") == 0
    check(lane, [draw_job(rng)], x, traffic=STEADY)
