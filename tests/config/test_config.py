# SPDX-License-Identifier: Apache-2.0
"""Configurations: derived numbers, limits as sentences, JSON and digest."""

import dataclasses
import json

import pytest

from flightllm_hw.boards import CARDS, card
from flightllm_hw.config import AcceleratorConfig, ChainConfig, LaneConfig, SfuConfig
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import PRESETS, preset


@pytest.mark.parametrize("config", PRESETS.values(), ids=str)
def test_json_round_trip(config):
    again = AcceleratorConfig.from_json(config.to_json())
    assert again == config
    assert again.digest() == config.digest()


def test_digest_tells_configurations_apart():
    configs = list(PRESETS.values())
    configs += [dataclasses.replace(c, clock_mhz=c.clock_mhz + 1) for c in configs]
    assert len({c.digest() for c in configs}) == len(configs)


def test_digest_is_the_same_in_every_process():
    # A frozen number: compiled programs carry it.
    assert AcceleratorConfig(name="frozen", lanes=1).digest() == 0xCC1FB450


def test_u280_is_the_reference_card():
    u280 = preset("u280")
    assert (u280.dsp, u280.macs, u280.target.dsp) == (4096, 8192, 9024)
    assert u280.lane.macs == 256
    assert u280.lane.dsp_total == 128 + 3 * 16 + 4


@pytest.mark.parametrize("change, message", [
    ({"length": 6}, "length must be a power of two in 2..32, not 6"),
    ({"length": 64}, "length must be a power of two in 2..32, not 64"),
    ({"length": "8"}, "length must be an integer, not '8'"),
    ({"length": True}, "length must be an integer, not True"),
    ({"window": 24}, "window must be 16, 32 or 64 columns, not 24"),
    ({"length": 32, "window": 16}, "window must hold a column for each of the 32 DSPs"),
    ({"slots": 8}, "slots must be 16 or 32, not 8"),
    ({"code_bits": 9}, "code_bits must be in 2..8, not 9"),
])
def test_chain_errors_name_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        ChainConfig(**change)


@pytest.mark.parametrize("change, message", [
    ({"chains": 3}, "chains must be a power of two in 1..64, not 3"),
    ({"fifo_beats": 48}, r"fifo_beats must be a power of two in 16\.\.65536, not 48"),
    ({"tokens": 32}, "tokens must be 2, 4, 8 or 16, not 32"),
    ({"window_words": 0}, r"window_words must be a power of two in 2\.\.65536, not 0"),
])
def test_lane_errors_name_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        LaneConfig(**change)


@pytest.mark.parametrize("change, message", [
    ({"lanes": 0}, "lanes must be in 1..64, not 0"),
    ({"name": "a b"}, "name must be an identifier, not 'a b'"),
    ({"name": 5}, "name must be an identifier, not 5"),
    ({"crossings": 9}, "crossings must be in 0..8, not 9"),
    ({"clock_mhz": 0}, "clock_mhz must be in 1..1000, not 0"),
    ({"card": "u999"}, "Card must be one of u50, .*, not 'u999'"),
    ({"card": "u250"}, "lanes must be at most 4, the DDR channels of the u250, not 32"),
    ({"card": "u280", "lane": LaneConfig(chains=64)}, "needs 22875 DSPs, but the u280 has 9024"),
    ({"card": "u50", "lanes": 30}, "needs 736 URAMs, but the u50 has 640"),
    ({"card": "u50", "lanes": 16, "sfu": SfuConfig(rows=1 << 16, style="block")},
     "needs 2048 BRAMs for the vector buffer, but the u50 has 1344"),
])
def test_accelerator_errors_name_the_value(change, message):
    with pytest.raises(ValueError, match=message):
        AcceleratorConfig(**{"name": "x", "lanes": 32} | change)


@pytest.mark.parametrize("text, message", [
    ("{", "is not JSON"),
    ("[]", r"configuration must be an object, not \[\]"),
    ('{"name": "x", "lanes": 1, "speed": 2}', "configuration has no field 'speed'"),
    ('{"name": "x", "lanes": 1, "lane": {"chain": {"dsp": 2}}}',
     "configuration.lane.chain has no field 'dsp'"),
    ('{"name": "x"}', "lanes"),
])
def test_json_errors_name_the_field(text, message):
    with pytest.raises(ValueError, match=message):
        AcceleratorConfig.from_json(text)


def test_unknown_preset_is_refused():
    with pytest.raises(ValueError, match="Preset must be one of tiny, .*, not 'huge'"):
        preset("huge")


@pytest.mark.parametrize("name", CARDS)
def test_every_card_loads(name):
    assert card(name).name == name
    assert json.dumps(dataclasses.asdict(card(name)))


@pytest.mark.parametrize("text", ["3:4", "", "2:4 "])
def test_unknown_pattern_is_refused(text):
    with pytest.raises(ValueError, match="Sparsity must be one of dense, 1:4"):
        Pattern.parse(text)


@pytest.mark.parametrize("pattern", Pattern, ids=str)
def test_patterns_parse(pattern):
    assert Pattern.parse(str(pattern)) is pattern


@pytest.mark.parametrize("chain", [
    ChainConfig(length=n, window=w, slots=s, code_bits=b)
    for n in (2, 4, 8, 16, 32) for w in (16, 32, 64) for s in (16, 32) for b in (4, 8) if w >= n],
    ids=str)
def test_every_kept_code_finds_its_column(chain):
    # A DSP's MUX must offer its whole block, and the blocks of a segment must cover the tile.
    for pattern in chain.patterns:
        columns = chain.columns(pattern)
        assert columns <= chain.window
        if pattern is Pattern.DENSE:
            assert columns == chain.length
            continue
        for dsp in range(chain.length):
            first = chain.base(pattern, dsp // 2) + chain.slot_offset(pattern, dsp)
            assert first == dsp % chain.segment(pattern) // pattern.n * pattern.m
            offered = chain.slots // chain.tokens(pattern)
            assert 0 <= chain.slot_offset(pattern, dsp) <= offered - pattern.m
            assert first + pattern.m <= columns


@pytest.mark.parametrize("bits, run", [(8, 8), (7, 16), (6, 32), (5, 64), (4, 128)])
def test_runs_between_adjustments_are_exact_and_longest(bits, run):
    low, high = -(1 << bits - 1) * 127, (1 << bits - 1) * 128
    chain = ChainConfig(code_bits=bits)
    assert chain.exact_run == run
    assert run * (high - low) + (1 << 10) <= 1 << 18
    assert (run + 1) * (high - low) + (1 << 10) > 1 << 18


def test_a_chain_of_eight_needs_no_adjustment():
    assert not any(ChainConfig().adjusts_before(g) for g in range(4))
    assert [g for g in range(16) if ChainConfig(length=32, window=32).adjusts_before(g)] == [
        4, 8, 12]
