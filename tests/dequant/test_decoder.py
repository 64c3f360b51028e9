# SPDX-License-Identifier: Apache-2.0
"""The decoder gives back the tiles and scales that the encoder was given."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.compiler.tile import lay_out
from flightllm_hw.compute.layouts import tile
from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.dequant.decoder import TapeDecoder
from flightllm_hw.dequant.gearbox import Gearbox
from flightllm_hw.dequant.layouts import TapeLayout, scales
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.memory.fifo import PrefetchFifo, PrefetchFifoConfig
from flightllm_hw.presets import preset
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from support.tapes import draw_tape, payload, words

TINY = preset("tiny").lane


class Bench(wiring.Component):
    """A decoder behind a FIFO."""

    def __init__(self, config):
        self.config = config
        super().__init__({
            "i": In(stream.Signature(TapeLayout)),
            "i_beat": In(stream.Signature(config.beat_bits)),
            "o": Out(stream.Signature(tile(config))),
            "o_scales": Out(stream.Signature(scales(config))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.fifo = fifo = PrefetchFifo(
            PrefetchFifoConfig(width=self.config.beat_bits, beats=self.config.fifo_beats))
        m.submodules.decoder = decoder = TapeDecoder(self.config)
        connect(m, flipped(self.i), decoder.i)
        connect(m, flipped(self.i_beat), fifo.i)
        connect(m, fifo.first, decoder.first)
        connect(m, fifo.second, decoder.second)
        connect(m, decoder.o, flipped(self.o))
        connect(m, decoder.o_scales, flipped(self.o_scales))
        return m


def decode(config, tapes, traffic=STEADY, cycles=None):
    tiles = sum(t.row_blocks * ((t.groups - 1) * t.group_tiles + t.last_tiles)
                for _, _, t, _ in tapes)
    headers = sum(t.row_blocks * -(-t.groups // (1 if dense_like(config, t.pattern) else 2))
                  for _, _, t, _ in tapes)
    return run_streams(
        Bench(config), {"i": [payload(t) for _, _, t, _ in tapes],
                        "i_beat": [w for *_, beats in tapes for w in words(beats)]},
        {"o": tiles, "o_scales": headers}, traffic=traffic, deadline=100_000, cycles=cycles)


def dense_like(config, pattern):
    return config.tile_rows(pattern) == 2 * config.chains


def check(config, tapes, got):
    tiles, headers = iter(got["o"]), iter(got["o_scales"])
    for weights, mask, shape, _ in tapes:
        tiled = lay_out(weights.centered(), mask, shape.pattern, config)
        count = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
        rows = config.tile_rows(shape.pattern)
        together = 1 if dense_like(config, shape.pattern) else 2
        for block in range(shape.row_blocks):
            for n in range(count):
                found = next(tiles)
                assert found.pattern == shape.pattern.value
                code = np.array([[e.code for e in chain] for chain in found.elements])
                mate = np.array([[e.mate for e in chain] for chain in found.elements])
                if n < tiled.code.shape[1]:
                    np.testing.assert_array_equal(code, tiled.code[block, n])
                    np.testing.assert_array_equal(mate, tiled.mate[block, n])
                else:
                    assert not code.any()
            for header in range(0, shape.groups, together):
                found = list(next(headers))
                for entry, value in enumerate(found):
                    row = block * rows + (entry if together == 1 else entry // 2)
                    group = header + (0 if together == 1 else entry % 2)
                    inside = row < weights.rows and group < shape.groups
                    assert value == (weights.group_scale[row, group] if inside else 0)


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("pattern", TINY.patterns, ids=str)
@pytest.mark.parametrize("zero_point", [False, True], ids=["signed", "zeros"])
def test_tiles_come_back(pattern, bits, zero_point, rng):
    tapes = [draw_tape(rng, TINY, pattern, int(rng.integers(1, 12)), int(rng.integers(1, 200)),
                       bits, 128, zero_point) for _ in range(2)]
    check(TINY, tapes, decode(TINY, tapes))


@pytest.mark.parametrize("group", [16, 32, 64])
@pytest.mark.parametrize("bits", [3, 4])
def test_shorter_groups(group, bits, rng):
    tapes = []
    for pattern in (Pattern.DENSE, Pattern.S2_4, Pattern.S8_16):
        if group >= 2 * TINY.tile_columns(pattern):
            tapes.append(draw_tape(rng, TINY, pattern, 9, 150, bits, group, True))
    check(TINY, tapes, decode(TINY, tapes))


@pytest.mark.parametrize("traffic", [BURSTY, STARVED], ids=str)
def test_matrices_of_any_kind_follow_one_another(traffic, rng):
    tapes = [draw_tape(rng, TINY, TINY.patterns[int(rng.integers(len(TINY.patterns)))],
                       int(rng.integers(1, 9)), int(rng.integers(1, 150)),
                       int(rng.choice([2, 3, 4, 5, 6, 8])), 128, bool(rng.integers(2)))
             for _ in range(6)]
    got = decode(TINY, tapes, {name: traffic for name in ("i_beat", "o", "o_scales")})
    check(TINY, tapes, got)


def test_two_beats_a_cycle(rng):
    # 4-bit dense tiles are two beats; sixteen of them and a header of one take 17 cycles.
    cycles = {}
    config = TINY
    tapes = [draw_tape(rng, config, Pattern.DENSE, 4, 128, 4, 128, False)]
    decode(config, tapes, {"i": STARVED}, cycles)  # the FIFO fills before the matrix is named
    assert np.diff(cycles["o"]).max() <= 2


def test_other_chains_are_refused():
    with pytest.raises(ValueError, match="needs chains of 8 DSPs, not 4"):
        Gearbox(LaneConfig(chains=2, chain=ChainConfig(length=4)))
