# SPDX-License-Identifier: Apache-2.0
"""Modules are mapped alike, with or without what memories need."""

from collections import Counter

import pytest

from flightllm_hw.arith.convert import IntToFp32, IntToFp32Config
from flightllm_hw.export import mapping
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.rtlil import split
from flightllm_hw.export.verilog import design
from flightllm_hw.interfaces.stream import Queue, QueueConfig


def mapped(component):
    """The primitives of each module."""
    modules = split(design(component, platform=VendorPlatform()).rtlil)
    found = mapping.map_modules(modules)
    return {name: Counter(cell["type"] for cell in netlist["cells"].values())
            for name, netlist in found.items()}


@pytest.fixture(autouse=True)
def commands(tmp_path, monkeypatch):
    """What Yosys is told, its results in a cache that begins empty."""
    monkeypatch.setenv("FLIGHTLLM_CACHE", str(tmp_path))
    told, run = [], mapping.subprocess.run

    def noted(command, **options):
        if "synth_xilinx" in command[-1]:
            told.append(command[-1])
        return run(command, **options)

    monkeypatch.setattr(mapping.subprocess, "run", noted)
    return told


def test_what_has_no_memory_is_mapped_as_if_it_had(commands, tmp_path, monkeypatch):
    first = mapped(IntToFp32(IntToFp32Config(width=16)))
    assert commands and all("-run" in command for command in commands)
    commands.clear()
    monkeypatch.setenv("FLIGHTLLM_CACHE", str(tmp_path / "again"))
    monkeypatch.setattr(mapping, "_has_memory", lambda module: True)
    assert mapped(IntToFp32(IntToFp32Config(width=16))) == first
    assert commands and not any("-run" in command for command in commands)
    assert sum(count for types in first.values() for name, count in types.items()
               if name.startswith("LUT")) > 50


def test_a_memory_is_mapped_to_one(commands):
    found = mapped(Queue(QueueConfig(width=64, depth=64)))
    assert sum(count for types in found.values() for name, count in types.items()
               if name.startswith("RAM")) > 0
    assert any("-run" not in command for command in commands)
