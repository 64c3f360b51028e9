# SPDX-License-Identifier: Apache-2.0
"""Headers of a matrix, from its shape and its masks alone."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.dequant.headers import Headers
from flightllm_hw.dequant.layouts import Entry, TapeLayout, header
from flightllm_hw.presets import preset
from flightllm_hw.sim.pysim import run_streams
from flightllm_hw.sim.traffic import BURSTY, STEADY

TINY = preset("tiny").lane


class Bench(wiring.Component):
    """One matrix."""

    def __init__(self, shape, paired):
        self.shape = shape
        self.paired = paired
        super().__init__({
            "i_mask": In(stream.Signature(64)),
            "o": Out(stream.Signature(Entry)),
            "o_headers": Out(stream.Signature(header(TINY))),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.dut = dut = Headers(TINY)
        started = wiring.Signature({"on": Out(1)}).create()
        m.d.sync += started.on.eq(1)
        connect(m, flipped(self.i_mask), dut.i_mask)
        connect(m, dut.o, flipped(self.o))
        connect(m, dut.o_headers, flipped(self.o_headers))
        m.d.comb += [dut.start.eq(~started.on), dut.paired.eq(self.paired),
                     dut.tape.eq(TapeLayout.const(self.shape))]
        return m


def expected(row_blocks, groups, paired, masks):
    """(empty, single, first_ends, second_ends, last, in row block, in matrix), announced."""
    headers = -(-groups // 2) if paired else groups
    entries, announced = [], []
    masks = None if masks is None else iter(masks)
    for row_block in range(row_blocks):
        for start in range(0, headers, 64):
            there = range(start, min(start + 64, headers))
            ends = there[-1] == headers - 1
            if masks is not None:
                mask = next(masks)
                there = ([n for n in there if mask >> n - start & 1]
                         or [headers - 1] * ends)
            if not there:
                entries.append((1, None, None, None, 1, 0, 0))
            for n in there:
                last = n == there[-1]
                first = 2 * n if paired else n
                entries.append((0, int(not paired or first == groups - 1),
                                int(first == groups - 1),
                                int(2 * n + 1 == groups - 1) if paired else None,
                                int(last), int(last and ends),
                                int(last and ends and row_block == row_blocks - 1)))
                announced.append((n, int(last and ends)))
    return entries, announced


def run(row_blocks, groups, paired, masks, traffic=STEADY, cycles=None):
    entries, announced = expected(row_blocks, groups, paired, masks)
    shape = {"row_blocks": row_blocks, "groups": groups, "masked": masks is not None}
    got = run_streams(Bench(shape, paired), {"i_mask": masks or []},
                      {"o": len(entries), "o_headers": len(announced)}, cycles=cycles,
                      deadline=50_000,
                      traffic={name: traffic for name in ("i_mask", "o", "o_headers")})
    assert [(x.number, x.last) for x in got["o_headers"]] == announced
    for found, want in zip(got["o"], entries, strict=True):
        names = ("empty", "single", "first_ends", "second_ends", "last", "last_in_row_block",
                 "last_in_matrix")
        for name, value in zip(names, want, strict=True):
            assert value is None or getattr(found, name) == value, name


@pytest.mark.parametrize("traffic", [STEADY, BURSTY], ids=str)
@pytest.mark.parametrize("paired", [False, True], ids=["alone", "paired"])
@pytest.mark.parametrize("groups", [1, 64, 129])
def test_all_headers(groups, paired, traffic):
    run(2, groups, paired, None, traffic)


@pytest.mark.parametrize("traffic", [STEADY, BURSTY], ids=str)
@pytest.mark.parametrize("paired", [False, True], ids=["alone", "paired"])
@pytest.mark.parametrize("groups", [1, 7, 150])
def test_headers_that_masks_name(groups, paired, traffic, rng):
    # Bits of headers that there are not are set as well.
    sections = -(-(-(-groups // 2) if paired else groups) // 64)
    masks = [int(rng.integers(1 << 63)) & int(rng.integers(1 << 63)) << int(rng.integers(2))
             if rng.random() < 0.6 else 0 for _ in range(2 * sections)]
    run(2, groups, paired, masks, traffic)


def test_sections_and_row_blocks_follow_within_five_cycles():
    cycles = {}
    run(2, 128, False, None, cycles=cycles)
    assert cycles["o"][0] == Headers.latency
    gaps = np.diff(cycles["o"])
    assert gaps.max() <= 7
    assert (np.delete(gaps, [63, 127, 191]) == 2).all()
