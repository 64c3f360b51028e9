# SPDX-License-Identifier: Apache-2.0
"""The special function unit's configuration: limits as sentences, derived numbers."""

import pytest

from flightllm_hw.config import SfuConfig
from flightllm_hw.presets import preset


@pytest.mark.parametrize("change, message", [
    ({"width": 3}, "SFU width must be 2, 4, 8 or 16, not 3"),
    ({"width": 1}, "SFU width must be 2, 4, 8 or 16, not 1"),
    ({"width": 32}, "SFU width must be 2, 4, 8 or 16, not 32"),
    ({"width": "16"}, "SFU width must be an integer, not '16'"),
    ({"rows": 100}, r"SFU rows must be a power of two in 16\.\.65536, not 100"),
    ({"rows": 8}, r"SFU rows must be a power of two in 16\.\.65536, not 8"),
    ({"rows": 1 << 17}, r"SFU rows must be a power of two in 16\.\.65536, not 131072"),
    ({"scalars": 4}, r"SFU scalars must be a power of two in 8\.\.512, not 4"),
    ({"scalars": 100}, r"SFU scalars must be a power of two in 8\.\.512, not 100"),
    ({"style": "distributed"}, "SFU style must be 'ultra' or 'block', not 'distributed'"),
    ({"rotary_pairs": 2}, r"SFU rotary_pairs must be a power of two in 4\.\.512, not 2"),
    ({"rotary_pairs": True}, "SFU rotary_pairs must be an integer, not True"),
])
def test_errors_name_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        SfuConfig(**change)


@pytest.mark.parametrize("config, bits", [
    (SfuConfig(), (12, 17)), (SfuConfig(width=2, rows=16), (4, 6)),
    (SfuConfig(width=8, rows=8192), (13, 17))])
def test_rows_and_counts_fit_their_bits(config, bits):
    assert (config.row_bits, config.element_bits) == bits
    assert config.rows == 1 << config.row_bits
    assert config.rows * config.width < 1 << config.element_bits


def test_the_reference_cards_unit():
    config = preset("u280").sfu
    assert (config.width, config.dsp, config.uram, config.bram) == (16, 219, 0, 1024)


@pytest.mark.parametrize("rows, blocks", [(16, 16), (512, 16), (1024, 30), (4096, 114),
                                          (16384, 512), (65536, 2048)])
def test_block_ram_of_the_vector_buffer(rows, blocks):
    assert SfuConfig(rows=rows, style="block").bram == blocks
    assert SfuConfig(rows=rows).bram == 0
