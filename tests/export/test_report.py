# SPDX-License-Identifier: Apache-2.0
"""Resources of designs whose resources are known."""

import json
from dataclasses import dataclass, replace

import pytest
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from flightllm_hw.boards import card
from flightllm_hw.compute.array import ChainArray
from flightllm_hw.export import files
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.resources import Resources, cost
from flightllm_hw.export.verilog import design
from flightllm_hw.hierarchy import place
from flightllm_hw.presets import preset
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.primitives.dsp48e2 import Dsp48e2, Dsp48e2Config


@dataclass(frozen=True)
class BoxConfig:
    """Width of a mixer."""

    bits: int = 8


class Mixer(wiring.Component):
    """A LUT and a flip-flop for each bit."""

    def __init__(self, config):
        self.config = config
        super().__init__({"a": In(config.bits), "b": In(config.bits), "c": In(config.bits),
                          "o": Out(config.bits)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.o.eq(self.a ^ self.b ^ self.c)
        return m


class Parity(wiring.Component):
    """A LUT from input to output."""

    def __init__(self, config):
        self.config = config
        super().__init__({"i": In(6), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.i.xor())
        return m


class Box(wiring.Component):
    """Three mixers, three parities behind each other, a block RAM, an ultra RAM, a DSP slice."""

    def __init__(self, config):
        self.config = config
        super().__init__({"a": In(36), "b": In(8), "address": In(12), "write": In(1),
                          "mixed": Out(24), "parity": Out(1),
                          "bram": Out(36), "uram": Out(72), "p": Out(48)})

    def elaborate(self, platform):
        m = Module()
        for n in range(3):
            mixer = place(m, platform, f"mixer_{n}", Mixer(self.config))
            m.d.comb += [mixer.a.eq(self.a), mixer.b.eq(self.a[8:]), mixer.c.eq(self.b),
                         self.mixed.word_select(n, 8).eq(mixer.o)]
        parity = self.a[5]
        for n in range(3):
            one = place(m, platform, f"parity_{n}", Parity(self.config))
            m.d.comb += one.i.eq(Cat(self.a[:5], parity))
            parity = one.o
        m.d.sync += self.parity.eq(parity)

        for style, depth, out in (("block", 1024, self.bram), ("ultra", 4096, self.uram)):
            memory = Memory(shape=len(out), depth=depth, init=[], attrs={"ram_style": style})
            m.submodules[style] = memory
            read, write = memory.read_port(), memory.write_port()
            m.d.comb += [read.addr.eq(self.address), read.en.eq(1), out.eq(read.data),
                         write.addr.eq(self.address), write.data.eq(self.a),
                         write.en.eq(self.write)]
        dsp = place(m, platform, "dsp", Dsp48e2(Dsp48e2Config()))
        m.d.comb += [dsp.a.eq(self.a), dsp.b.eq(self.b), dsp.opmode.eq(0b000000101),
                     self.p.eq(dsp.p)]
        return m


@pytest.fixture(scope="module")
def report():
    box = design(Box(BoxConfig()), platform=VendorPlatform())
    return resource_report(box, card("u280"))


@pytest.mark.rtl
def test_resources_are_counted_through_the_hierarchy(report):
    assert report.total == Resources(dsp=1, lut=3 * 8 + 3 * 1, ff=3 * 8 + 1, bram=1, uram=1)
    assert report.modules["mixer"].count == 3
    assert report.modules["mixer"].total == Resources(lut=8, ff=8)
    assert report.modules["parity"].total == Resources(lut=1)
    assert report.modules["box"].own == Resources(ff=1, bram=1, uram=1)
    assert report.modules["dsp48e2"].total == Resources(dsp=1)


@pytest.mark.rtl
def test_levels_are_counted_through_the_hierarchy(report):
    assert report.modules["mixer"].logic_levels == 1
    assert report.modules["parity"].logic_levels == 1
    assert report.logic_levels == 3


@pytest.mark.rtl
def test_the_report_compares_with_the_card(report):
    data = json.loads(report.to_json())
    assert {"dsp", "lut", "ff", "bram", "uram", "lut_pairs", "logic_levels", "modules",
            "card"} == set(data)
    assert data["modules"]["mixer"] == {"count": 3, "dsp": 0, "lut": 8, "ff": 8, "bram": 0,
                                        "uram": 0, "logic_levels": 1}
    assert data["card"]["part"] == "xcu280-fsvh2892-2L-e"
    assert data["card"]["uram"] == {"total": 960, "percent": 0.1}
    text = report.to_markdown()
    assert "measured on hardware" in text
    assert "u280 (xcu280-fsvh2892-2L-e)" in text
    assert max(map(len, (line for line in text.splitlines() if line.startswith("|")))) <= 100


@pytest.mark.rtl
def test_a_configuration_is_reported(tmp_path, monkeypatch):
    # The chains alone: a whole kernel's report is made in tests/test_presets.py.
    config = replace(preset("tiny"), name="least")
    monkeypatch.setattr(files, "VitisKernel", lambda _: ChainArray(config.lane))
    written = files.write(config, tmp_path, flavour="behavioural")
    assert [path.name for path in written] == ["flightllm_least.v", "report.json", "report.md"]
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["dsp"] == config.lane.dsp
    assert data["modules"]["csd_chain"]["count"] == config.lane.chains
    assert "card" not in data


@pytest.mark.parametrize("primitive, expected", [
    ("LUT6", Resources(lut=1)), ("LUT6_2", Resources(lut=1)), ("RAM64M", Resources(lut=4)),
    ("SRLC32E", Resources(lut=1)), ("FDRE", Resources(ff=1)), ("FDPE_1", Resources(ff=1)),
    ("RAMB18E2", Resources(bram=0.5)), ("URAM288", Resources(uram=1)), ("MUXF7", Resources()),
    ("CARRY8", Resources()),
])
def test_primitives_have_their_cost(primitive, expected):
    assert cost(primitive) == expected
    assert cost(primitive, 7) == expected * 7


@pytest.mark.parametrize("times, luts", [(0, 0), (1, 1), (2, 1), (7, 4)])
def test_two_short_shift_registers_share_a_lut(times, luts):
    assert cost("SRL16E", times) == Resources(lut=luts)


@pytest.mark.rtl
@pytest.mark.parametrize("cycles, luts", [(5, 5), (16, 5), (20, 9)])
def test_delays_take_half_a_lut_a_bit_up_to_sixteen_cycles(cycles, luts):
    delay = design(Delay(DelayConfig(width=9, cycles=cycles)), platform=VendorPlatform())
    assert resource_report(delay).total.lut == luts


def test_resources_add_and_multiply():
    assert Resources(dsp=1, bram=0.5) * 3 + Resources(lut=2) == Resources(dsp=3, bram=1.5, lut=2)
