# SPDX-License-Identifier: Apache-2.0
"""Verilog that is kept is what converting would give, and nothing is kept that says too little."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.arith.convert import IntToFp32, IntToFp32Config
from flightllm_hw.export import verilog
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform
from flightllm_hw.sim import converted as module
from flightllm_hw.sim.converted import converted

CONFIG = IntToFp32Config(width=16)


@pytest.fixture(autouse=True)
def conversions(tmp_path, monkeypatch):
    """The names of what is converted, into a cache that begins empty."""
    monkeypatch.setenv("FLIGHTLLM_CACHE", str(tmp_path))
    done, convert = [], verilog.convert

    def counted(component, **options):
        done.append(type(component).__name__)
        return convert(component, **options)

    monkeypatch.setattr(verilog, "convert", counted)
    return done


def test_a_component_is_converted_once(conversions):
    first = converted(IntToFp32(CONFIG), None, "dut")
    assert converted(IntToFp32(IntToFp32Config(width=16)), None, "dut") == first
    assert conversions == ["IntToFp32"]
    assert first == verilog.convert(IntToFp32(CONFIG), name="dut")


def test_what_would_be_another_text_is_converted(conversions, monkeypatch):
    texts = [converted(IntToFp32(CONFIG), None, "dut"), converted(IntToFp32(CONFIG), None, "other"),
             converted(IntToFp32(IntToFp32Config(width=17)), None, "dut")]
    for platform in (BehaviouralPlatform(), VendorPlatform()):
        converted(IntToFp32(CONFIG), platform, "dut")
    monkeypatch.setattr(module, "_sources", lambda: "of tomorrow")
    assert converted(IntToFp32(CONFIG), None, "dut") == texts[0]
    assert len(conversions) == 6 and len(set(texts)) == 3


class Elsewhere(wiring.Component):
    """Whose source is none of the package's."""

    def __init__(self, config):
        self.config = config
        super().__init__({"i": In(8), "o": Out(8)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(self.i)
        return m


class TwoArguments(IntToFp32):
    """Whose configuration does not say all."""

    def __init__(self, config, more):
        super().__init__(config)


@pytest.mark.parametrize("make", [lambda: Elsewhere(CONFIG), lambda: TwoArguments(CONFIG, 1)])
def test_others_are_converted_each_time(make, conversions):
    assert converted(make(), None, "dut") == converted(make(), None, "dut")
    assert len(conversions) == 2
