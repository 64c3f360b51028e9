# SPDX-License-Identifier: Apache-2.0
"""Ports and their memories, lanes and their dies: as tables, whatever writes them down."""

import re
from dataclasses import replace

import pytest

from flightllm_hw.boards import card
from flightllm_hw.boards.flows import FLOWS
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.package.memory import DMA, HOST, banks, ports, windows
from flightllm_hw.package.placement import dies
from flightllm_hw.presets import PRESETS, TINY, U280
from support.packages import DESIGNS, VITIS, identify, package


def config(preset, **changes) -> AcceleratorConfig:
    return replace(PRESETS[preset], card=None, **changes)


@pytest.mark.parametrize("case", VITIS, ids=identify)
def test_every_port_has_a_bank_of_the_card(case):
    text = package(case)["connectivity.cfg"]
    unit = f"flightllm_{case[0]}_1"
    assert f"nk=flightllm_{case[0]}:1:{unit}\n" in text
    lanes, memory = PRESETS[case[0]].lanes, card(case[1]).memory
    tied = dict(re.findall(rf"^sp={unit}\.(\w+):(\S+)$", text, re.MULTILINE))
    assert list(tied) == ["m_axi_host", *(f"m_axi_{n}" for n in range(lanes))]
    assert len(re.findall("^sp=", text, re.MULTILINE)) == len(tied)
    for n in range(lanes):
        assert tied[f"m_axi_{n}"] == f"{memory.kind}[{n}]"
    kind, first, last = re.fullmatch(r"(HBM|DDR)\[(\d+)(?::(\d+))?\]", tied["m_axi_host"]).groups()
    if kind == memory.kind:
        assert int(first) == min(lanes, memory.count - 1)
        assert int(last or first) < memory.count
    else:
        assert case[1] == "u280" and tied["m_axi_host"] == "DDR[0]"


def test_a_kernel_on_one_die_says_so_and_one_on_several_does_not():
    assert "\nslr=flightllm_tiny_1:SLR0\n" in package(("tiny", "u280", "vitis"))["connectivity.cfg"]
    assert "\nslr=" not in package(("u280", "u280", "vitis"))["connectivity.cfg"]


@pytest.mark.parametrize("preset, name, bank", [
    ("u280", "u280", "DDR[0]"), ("u50", "u50", "HBM[24:31]"), ("u55c", "u55c", "HBM[31]"),
    ("u250", "u250", "DDR[3]"), ("tiny", "u250", "DDR[2]"), ("tiny", "u55c", "HBM[2:31]")])
def test_the_host_has_what_the_lanes_leave(preset, name, bank):
    assert banks(PRESETS[preset], card(name))[HOST] == bank


@pytest.mark.parametrize("case", DESIGNS, ids=identify)
def test_a_controllers_port_has_one_lane_at_most(case):
    hbm, ddr = ports(PRESETS[case[0]], card(case[1]))
    for some in (hbm, ddr):
        assert [port.number for port in some] == sorted({port.number for port in some})
        for port in some:
            lanes = [source for source in port.sources if source not in (HOST, DMA)]
            assert lanes in ([], [f"m_axi_{port.number}"])
    sources = [source for port in hbm + ddr for source in port.sources]
    assert len([s for s in sources if s != DMA]) == PRESETS[case[0]].lanes + 1
    assert sum(DMA in port.sources for port in hbm) == (1 if hbm else 0)
    assert all(DMA in port.sources for port in ddr)


def test_windows_are_where_the_channels_are():
    seen = {(w.source, w.kind, w.channel): (w.base, w.size)
            for w in windows(U280, card("u280"))}
    assert seen["m_axi_31", "HBM", 31] == (0x1F000_0000, 0x1000_0000)
    assert seen[DMA, "HBM", 5] == (0x5000_0000, 0x1000_0000)
    assert seen[HOST, "DDR", 0] == seen[DMA, "DDR", 0] == (0x40_0000_0000, 0x4_0000_0000)


@pytest.mark.parametrize("name", [name for name in FLOWS if card(name).dsp])
@pytest.mark.parametrize("preset", ["tiny", "small", "u50", "u250", "u280"])
def test_lanes_fit_on_their_dies(preset, name):
    there, some = card(name), config(preset)
    if some.lanes > there.memory.count:
        return
    where = dies(some, there)
    assert len(where) == some.lanes and list(where) == sorted(where)
    assert set(where) == set(range(max(where) + 1)) and max(where) < there.slr
    for die in set(where):
        count = where.count(die)
        assert count * some.lane.dsp_total <= there.dsp / there.slr
        # The u280's 32 lanes are more than the two dies of a U50 have room for.
        if (preset, name) != ("u280", "u50"):
            assert count * some.lane.uram <= there.uram / there.slr


def test_lanes_are_spread_no_further_than_they_must():
    assert dies(U280, card("u280")) == (0,) * 10 + (1,) * 11 + (2,) * 11
    assert dies(PRESETS["u50"], card("u50")) == (0,) * 12 + (1,) * 12
    assert dies(TINY, card("u280")) == (0, 0)
    # Each beside its DIMM, if there are registers for the way.
    assert dies(PRESETS["u250"], card("u250")) == (0, 1, 2, 3)
    assert dies(TINY, card("u250")) == (0, 0)
    assert dies(TINY, card("v80")) == ()
