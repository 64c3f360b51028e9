# SPDX-License-Identifier: Apache-2.0
"""What a lane makes of its memory and of its DSPs: whole matrices, every result checked."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights, dot_products, prune_mask, scale_result
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.sim.lane import (
    Job,
    LaneBench,
    as_float32,
    load_activations,
    load_scales,
    pack_operations,
    read_results,
)

__all__ = ["Figures", "drain", "draw_matrix", "measure", "pause"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a matrix took.

    Parameters
    ----------
    cycles : int
        From the first descriptor to the last result.
    beats : int
        Of its tape.
    share : float
        Of the beats that the memory could have delivered in these cycles.
    macs : float
        Multiply-accumulates per DSP of the chains and cycle, those by pruned codes among them.
    """

    cycles: int
    beats: int
    share: float
    macs: float


def draw_matrix(rng: np.random.Generator, pattern: Pattern, bits: int, rows: int, k: int,
                group: int = 128) -> tuple[QuantizedWeights, npt.NDArray[np.bool_]]:
    """Random codes and scales, and what of them is kept."""
    low = -(1 << bits - 1)
    weights = QuantizedWeights(
        codes=rng.integers(low, -low, (rows, k)).astype(np.int8), zero=None,
        row_scale=rng.uniform(0.5, 2, rows).astype(np.float32), bits=bits, group=group,
        group_scale=rng.integers(1, 65536, (rows, -(-k // group))).astype(np.uint16))
    mask = prune_mask(rng.random((rows, k), np.float32), pattern)
    return weights, mask


def measure(bench: LaneBench, rng: np.random.Generator, pattern: Pattern, bits: int, rows: int,
            k: int, tokens: int) -> Figures:
    """Multiply a random matrix by random tokens.

    Raises
    ------
    AssertionError
        If a bit of a result is wrong.
    """
    weights, mask = draw_matrix(rng, pattern, bits, rows, k)
    shape, beats = encode(weights, mask, pattern, bench.config)
    x = rng.integers(-127, 128, (tokens, k)).astype(np.int8)
    scales = rng.uniform(0.001, 1, tokens).astype(np.float32)
    bench.memory.clear_counters()
    (found,), transfers = bench.run([Job(shape, beats)], x, scales)
    _require(found["values"], weights, mask, x, scales)
    # Without the cycles in which activations were written: a lane has them before it starts.
    (counters,) = bench.memory.counters().values()
    cycles = transfers.total
    share = len(beats) / (counters.deliverable * cycles / counters.cycles)
    return Figures(cycles=cycles, beats=len(beats), share=share,
                   macs=rows * k * tokens / cycles / bench.config.dsp)


def drain(bench: LaneBench, rng: np.random.Generator, pattern: Pattern, bits: int, *,
          row_blocks: int = 1, k: int = 2048) -> int:
    """Multiply a matrix by a token, once all of its tape lies in the FIFO.

    Memory takes no part in it: what is left is how fast chains take what has piled up.

    Parameters
    ----------
    bench : LaneBench
        On memory of no latency.
    row_blocks, k : int
        The matrix; its tape fits the FIFO.

    Returns
    -------
    int
        Cycles from the operation to the last result.

    Raises
    ------
    AssertionError
        If a bit of a result is wrong.
    """
    config, sim = bench.config, bench.sim
    rows = row_blocks * config.tile_rows(pattern)
    weights, mask = draw_matrix(rng, pattern, bits, rows, k)
    shape, beats = encode(weights, mask, pattern, config)
    assert len(beats) <= config.fifo_beats, "the FIFO is too shallow for this matrix"
    x = rng.integers(-127, 128, (1, k)).astype(np.int8)
    stride = load_activations(sim, config, x)
    load_scales(sim, config, np.ones(1, np.float32))
    bench.memory.write(0, beats)
    sim.stream({"i_descriptor": sim.pack("i_descriptor", {
        "address": np.array([0], np.uint64), "beats": np.array([len(beats)])})}, {})
    sim.run({}, len(beats) + 200, record=())
    assert sim.peek("occupancy") == len(beats)
    found = sim.stream({"i": pack_operations(sim, [shape], 1, stride)}, {"o": rows})
    got = sim.unpack("o", found["o"])
    (values,) = read_results(config, [shape], 1, got, as_float32(got["value"]))
    _require(values, weights, mask, x, np.ones(1, np.float32))
    return found.total


def pause(bench: LaneBench, wait: int, *, rows: int = 8192, k: int = 256,
          after: int = 2048) -> tuple[int, int]:
    """Multiply a W4 matrix by a token, and take no result for ``wait`` cycles on the way.

    Parameters
    ----------
    bench : LaneBench
        Nothing was run on it yet: refreshes of the memory are in the same cycles each time.
    rows, k : int
        The matrix, whose rows fill row blocks.
    after : int
        Results that are taken before.

    Returns
    -------
    cycles : int
        All in all.
    held : int
        Beats in the FIFO at the pause's end.

    Raises
    ------
    AssertionError
        If a bit of a result is wrong.
    """
    rng = np.random.default_rng(7)
    weights, mask = draw_matrix(rng, Pattern.DENSE, 4, rows, k)
    shape, beats = encode(weights, mask, Pattern.DENSE, bench.config)
    x = rng.integers(-127, 128, (1, k)).astype(np.int8)
    start = bench.sim.cycle
    _, first = bench.run([Job(shape, beats)], x, expect=after)
    bench.sim.run({}, wait, record=())
    held = bench.sim.peek("occupancy")
    then = bench.sim.stream({}, {"o": rows - after})
    cycles = bench.sim.cycle - start
    got = bench.sim.unpack("o", np.concatenate([first["o"], then["o"]]))
    (found,) = read_results(bench.config, [shape], 1, got, as_float32(got["value"]))
    _require(found, weights, mask, x, np.ones(1, np.float32))
    return cycles, held


def _require(found: npt.NDArray[np.float32], weights: QuantizedWeights,
             mask: npt.NDArray[np.bool_], x: npt.NDArray[np.int8],
             scales: npt.NDArray[np.float32]) -> None:
    kept = replace(weights, codes=np.where(mask, weights.codes, 0).astype(np.int8))
    want = scale_result(dot_products(kept, x), weights.row_scale, scales)
    np.testing.assert_array_equal(found[:, :weights.rows].view(np.uint32), want.view(np.uint32))
