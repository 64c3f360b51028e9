# SPDX-License-Identifier: Apache-2.0
"""The AXI memory is attached to what fits, with timings that can be."""

from dataclasses import replace

import pytest

from flightllm_hw.boards import card
from flightllm_hw.boards.timing import HBM2
from flightllm_hw.sim.memory import IDEAL, AxiMemory, MemoryTiming, ddr, hbm
from flightllm_hw.sim.verilator import compile_verilog
from support.memory_bench import HBM, MHZ, compiled


def test_what_does_not_fit_is_named():
    sim = compiled(512)
    sim.restart()
    with pytest.raises(ValueError, match="no port other_arvalid and none other_awvalid"):
        AxiMemory(sim, "other", clock_mhz=MHZ)
    with pytest.raises(ValueError, match="1 ports need 1 values, not 2"):
        AxiMemory(sim, "m_axi", clock_mhz=MHZ, base=[0, 1])
    plain = compile_verilog("module p(input clk, output o);\n  assign o = clk;\nendmodule\n", "p")
    with pytest.raises(ValueError, match=r"extra_sources=\[AXI_MEMORY_SOURCE\]"):
        AxiMemory(plain, "m_axi", clock_mhz=MHZ)
    memory = AxiMemory(sim, "m_axi", clock_mhz=MHZ)
    sim.restart()
    with pytest.raises(RuntimeError, match="The memory is gone"):
        memory.read(0, 1)


def test_a_changed_header_is_compiled_anew(tmp_path):
    source, header = tmp_path / "model.cpp", tmp_path / "number.h"
    source.write_text('#include "number.h"\nextern "C" int number() { return NUMBER; }\n')
    text = "module n(input clk, output o);\n  assign o = clk;\nendmodule\n"
    for number in (3, 4):
        header.write_text(f"#define NUMBER {number}\n")
        assert compile_verilog(text, "n", extra_sources=[source]).library.number() == number


def test_timings_are_checked_and_come_from_the_card():
    assert hbm(card("vhk158")).peak_gb_s == 12.8
    assert ddr(card("u280")).peak_gb_s == ddr(card("u250")).peak_gb_s == 19.2
    assert HBM.deliverable_gb_s(512, 225.0) == pytest.approx(13.1, abs=0.02)
    assert HBM.deliverable_gb_s(256, 300.0) == 9.6
    with pytest.raises(ValueError, match="u250 has no HBM"):
        hbm(card("u250"))
    with pytest.raises(ValueError, match="u50 has no DDR"):
        ddr(card("u50"))
    with pytest.raises(ValueError, match="needs a peak rate"):
        MemoryTiming(latency_ns=1.0, dram=HBM2)
    with pytest.raises(ValueError, match="not 0 reads and 64 writes"):
        replace(IDEAL, reads=0)
    with pytest.raises(ValueError, match="must be positive, not -1"):
        replace(IDEAL, latency_ns=-1.0)
    with pytest.raises(ValueError, match="must rise"):
        replace(HBM2, hit_ns=200.0)
    with pytest.raises(ValueError, match="banks must be a power of two, not 12"):
        replace(HBM2, banks=12)
    with pytest.raises(ValueError, match="must fit"):
        replace(HBM2, refresh_stall_ns=4000.0)
