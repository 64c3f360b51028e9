# SPDX-License-Identifier: Apache-2.0
"""The decoder gives back the tiles and scales that the encoder was given."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.compiler.tile import lay_out
from flightllm_hw.compute.layouts import EXCESS_OF_CODE, tile
from flightllm_hw.config import ChainConfig, LaneConfig
from flightllm_hw.dequant.decoder import TapeDecoder
from flightllm_hw.dequant.gearbox import Gearbox
from flightllm_hw.dequant.layouts import TapeLayout, header, row_scales, scales
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
            "o_rows": Out(stream.Signature(row_scales(config))),
            "o_headers": Out(stream.Signature(header(config))),
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
        for name in ("o_scales", "o_rows", "o_headers"):
            connect(m, getattr(decoder, name), flipped(getattr(self, name)))
        return m


def two_halves(config, pattern):
    """Whether a tile has two rows a chain; otherwise a header counts for two groups."""
    return config.tile_rows(pattern) == 2 * config.chains


def contents(config, weights, mask, shape):
    """Headers of a tape: (row block, number, groups, tiles, last) of each, from the matrix."""
    tiled = lay_out(weights.centered(), mask, shape.pattern, config)
    tiles = (shape.groups - 1) * shape.group_tiles + shape.last_tiles
    holds = np.pad(tiled.holds, ((0, 0), (0, max(0, tiles - tiled.holds.shape[1]))))
    together = 1 if two_halves(config, shape.pattern) else 2
    headers = -(-shape.groups // together)
    for block in range(shape.row_blocks):
        named = []
        for n in range(headers):
            first, end = n * together, min((n + 1) * together, shape.groups)
            stop = tiles if end == shape.groups else end * shape.group_tiles
            inside = range(first * shape.group_tiles, stop)
            if not shape.masked or holds[block, list(inside)].any():
                named.append((block, n, range(first, end), inside))
        section = (headers - 1) // 64 * 64
        if not any(n >= section for _, n, _, _ in named):
            named.append((block, headers - 1, range(first, end), inside))
        yield from ((*entry, entry is named[-1]) for entry in named)


def decode(config, tapes, traffic=STEADY, cycles=None):
    held = [list(contents(config, *tape[:3])) for tape in tapes]
    rows = sum(t.row_blocks * (1 + two_halves(config, t.pattern)) for _, _, t, _ in tapes)
    headers = sum(map(len, held))
    return run_streams(
        Bench(config), {"i": [payload(t) for _, _, t, _ in tapes],
                        "i_beat": [w for *_, beats in tapes for w in words(beats)]},
        {"o": sum(len(entry[3]) for named in held for entry in named), "o_scales": headers,
         "o_headers": headers, "o_rows": rows}, traffic=traffic, deadline=100_000, cycles=cycles)


def check(config, tapes, got):
    tiles, group_scales, headers = iter(got["o"]), iter(got["o_scales"]), iter(got["o_headers"])
    halves = iter(got["o_rows"])
    for weights, mask, shape, _ in tapes:
        tiled = lay_out(weights.centered(), mask, shape.pattern, config)
        rows = config.tile_rows(shape.pattern)
        both = two_halves(config, shape.pattern)
        for block, number, groups, inside, last in contents(config, weights, mask, shape):
            found = next(headers)
            assert (found.number, found.last) == (number, last)
            for n in inside:
                found = next(tiles)
                assert found.pattern == shape.pattern.value
                dense = shape.pattern is Pattern.DENSE
                code = np.array([[e.code for e in chain] for chain in found.elements])
                mate = np.array([[e.mate for e in chain] for chain in found.elements])
                code -= EXCESS_OF_CODE
                mate -= EXCESS_OF_CODE if dense else 0
                if n < tiled.code.shape[1]:
                    np.testing.assert_array_equal(code, tiled.code[block, n])
                    if code.any():
                        np.testing.assert_array_equal(mate, tiled.mate[block, n])
                else:
                    assert not code.any()
            for entry, value in enumerate(next(group_scales)):
                row = block * rows + (entry if both else entry // 2)
                group = groups[0] + (0 if both else entry % 2)
                inside_ = row < weights.rows and group < weights.groups
                assert value == (weights.group_scale[row, group] if inside_ else 0)
        for block in range(shape.row_blocks):
            for half in range(1 + both):
                found = next(halves)
                assert (found.half, found.last) == (half, half == both)
                for chain, value in enumerate(found.scales):
                    row = block * rows + (2 * chain + half if both else chain)
                    want = weights.row_scale[row] if row < weights.rows else np.float32(0)
                    assert value == want.view(np.uint32)


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


@pytest.mark.parametrize("pattern", [Pattern.DENSE, Pattern.S2_4, Pattern.S2_16], ids=str)
@pytest.mark.parametrize("bits", [3, 4])
def test_masked_headers_are_not_there(pattern, bits, rng):
    # The dense one has more headers than a mask beat counts for.
    group = 16 if pattern is Pattern.DENSE else 128
    tapes = [draw_tape(rng, TINY, pattern, 9, 1100, bits, group, False, True)]
    check(TINY, tapes, decode(TINY, tapes))


@pytest.mark.parametrize("traffic", [BURSTY, STARVED], ids=str)
def test_matrices_of_any_kind_follow_one_another(traffic, rng):
    tapes = [draw_tape(rng, TINY, TINY.patterns[int(rng.integers(len(TINY.patterns)))],
                       int(rng.integers(1, 9)), int(rng.integers(1, 150)),
                       int(rng.choice([2, 3, 4, 5, 6, 8])), 128, bool(rng.integers(2)),
                       bool(rng.integers(2)))
             for _ in range(6)]
    names = ("i_beat", "o", "o_scales", "o_rows", "o_headers")
    got = decode(TINY, tapes, {name: traffic for name in names})
    check(TINY, tapes, got)


@pytest.mark.parametrize("pattern", [Pattern.DENSE, Pattern.S2_4], ids=str)
def test_codes_of_8_bits_lie_by_bytes(pattern, rng):
    # Byte 8n + k of a block is DSP k's of chain n // 2: of row n % 2, or of the sparse tile n % 2.
    # Made without the encoder: row scales, a scale beat, blocks of random bytes.
    dense = pattern is Pattern.DENSE
    tiles, width = 128 // TINY.tile_columns(pattern), TINY.beat_bits // 8
    blocks = tiles if dense else tiles // 2
    rows, index = (2, 0) if dense else (1, 1)
    stored = rng.integers(0, 256, (blocks, 4 * width), dtype=np.uint8)
    own = np.concatenate([stored, np.zeros((blocks, index * width), np.uint8)], axis=1)
    beats = np.concatenate([np.zeros((rows + 1, width), np.uint8), own.reshape(-1, width)])
    shape = {"pattern": pattern.value, "bits": 8, "zero_point": 0, "masked": 0, "row_blocks": 1,
             "group_tiles": tiles, "groups": 1, "last_tiles": tiles}
    got = run_streams(Bench(TINY), {"i": [shape], "i_beat": words(beats)},
                      {"o": tiles, "o_scales": 1, "o_headers": 1, "o_rows": rows}, deadline=10_000)
    want = (stored ^ 0x80).view(np.int8).reshape(blocks, TINY.chains, 2, 8)
    code = np.array([[[e.code for e in chain] for chain in t.elements] for t in got["o"]])
    mate = np.array([[[e.mate for e in chain] for chain in t.elements] for t in got["o"]])
    code -= EXCESS_OF_CODE
    mate -= EXCESS_OF_CODE if dense else 0
    if dense:
        np.testing.assert_array_equal(np.stack([code, mate], 2), want)
    else:
        np.testing.assert_array_equal(code, want.transpose(0, 2, 1, 3).reshape(code.shape))
        assert not mate.any()


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
