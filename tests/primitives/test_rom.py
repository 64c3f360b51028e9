# SPDX-License-Identifier: Apache-2.0
"""Memories that are read alone."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import convert, design
from flightllm_hw.primitives.rom import Rom, RomConfig
from flightllm_hw.sim import verilator


def draw(rng, width, rows):
    return tuple(int(a) | int(b) << width // 2 for a, b in
                 rng.integers(1 << width // 2, size=(rows, 2)))


@pytest.mark.parametrize("style, latency", [("block", 2), ("distributed", 1)])
@pytest.mark.parametrize("rows", [2, 100, 512])
def test_reads_every_row_after_its_latency(style, latency, rows, rng):
    words = draw(rng, 60, rows)
    dut = Rom(RomConfig(width=60, words=words, style=style))
    assert dut.latency == latency
    addr = np.append(rng.permutation(np.repeat(np.arange(rows), 3)), [0] * latency)
    got = verilator.compile(dut).run({"addr": addr.astype(np.uint32)})["data"][latency:]
    want = np.array(words)[addr[:-latency]]
    assert_array_equal(got[:, 0] | got[:, 1].astype(np.int64) << 32, want)


def test_wrong_contents_are_named():
    with pytest.raises(ValueError, match="at least 2 rows, not 1"):
        RomConfig(width=4, words=(1,))
    with pytest.raises(ValueError, match="must have 4 bits, unlike 16"):
        RomConfig(width=4, words=(1, 16))
    with pytest.raises(ValueError, match="'block' or 'distributed', not 'ultra'"):
        RomConfig(width=4, words=(1, 2), style="ultra")


@pytest.mark.rtl
@pytest.mark.parametrize("style, rows, memories", [("block", 512, 1), ("distributed", 128, 0)])
def test_is_made_of_what_it_says(style, rows, memories, rng):
    dut = Rom(RomConfig(width=56, words=draw(rng, 56, rows), style=style))
    assert ('rom_style = "block"' in convert(dut)) == (style == "block")
    report = resource_report(design(dut, platform=VendorPlatform()))
    assert report.total.bram == memories
