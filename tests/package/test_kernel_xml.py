# SPDX-License-Identifier: Apache-2.0
"""``kernel.xml``: its form, and that the hardware has its arguments where it says."""

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

import flightllm_hw
from flightllm_hw.package.kernel_xml import kernel_xml
from flightllm_hw.presets import PRESETS, TINY, U280
from flightllm_hw.sim.verilator import compile
from support.kernel import FULL, MASK, SMALLEST, Host, ToyKernel, draw_arguments, seen
from support.packages import ports
from support.schema import Element, complaints

PAGE = Path(flightllm_hw.__file__).parent.parent / "docs" / "registers.md"

HEX = r"0x[0-9A-F]+"
ADDRESSABLE = {"portType": "addressable", "base": "0x0"}
SCHEMA = Element("root", {"versionMajor": "1", "versionMinor": "[0-9]+"}, [
    Element("kernel", {
        "name": r"[A-Za-z]\w*", "language": "ip_c", "vlnv": r"[\w.-]+:[\w.-]+:[\w.-]+:[\d.]+",
        "attributes": "", "preferredWorkGroupSizeMultiple": r"\d+", "workGroupSize": r"\d+",
        "interrupt": "true|false",
        "hwControlProtocol": "ap_ctrl_hs|ap_ctrl_chain|ap_ctrl_none|user_managed"}, [
            Element("ports", {}, [
                Element("port", {"name": r"[a-z]\w*", "mode": "slave", "range": HEX,
                                 "dataWidth": "32", **ADDRESSABLE}, least=1, most=1),
                Element("port", {"name": r"[a-z]\w*", "mode": "master", "range": HEX,
                                 "dataWidth": "32|64|128|256|512|1024", **ADDRESSABLE}, least=1)]),
            Element("args", {}, [
                Element("arg", {"name": r"[a-z]\w*", "addressQualifier": qualifier, "id": r"\d+",
                                "port": port, "size": size, "offset": HEX, "type": kind,
                                "hostOffset": "0x0", "hostSize": size}, least=1)
                for qualifier, port, size, kind in (
                    ("1", r"m_axi_\w+", "0x8", r"void\*"),
                    ("0", "s_axi_control", "0x4", "uint"))])])])
"""After UG1702, "RTL Kernel XML File": elements and attributes, all of which must be there."""


@cache
def root(preset):
    return ElementTree.fromstring(kernel_xml(PRESETS[preset]))


def args(preset):
    return {arg.get("name"): arg for arg in root(preset).iter("arg")}


@pytest.mark.parametrize("preset", PRESETS)
def test_it_has_the_documented_form(preset):
    assert complaints(root(preset), SCHEMA) == []
    assert [int(arg.get("id")) for arg in root(preset).iter("arg")] == list(range(
        len(args(preset))))


@pytest.mark.parametrize("old, new, complaint", [
    ('hostSize="0x4"', 'hostSize="4"', "arg"),
    (' language="ip_c"', "", "kernel lacks language"),
    ('mode="master"', 'mode="slave"', "port: 4 of at most 1"),
    ("<args>", "<args><stream/>", "args has no stream"),
    ('workGroupSize="1"', 'workGroupSize="1" x="1"', "kernel knows no x"),
    ("ap_ctrl_hs", "ap_ctrl", "hwControlProtocol"),
])
def test_the_form_is_looked_at(old, new, complaint):
    text = kernel_xml(TINY)
    assert old in text
    found = complaints(ElementTree.fromstring(text.replace(old, new)), SCHEMA)
    assert any(complaint in sentence for sentence in found), found


@pytest.mark.parametrize("preset", PRESETS)
def test_ports_are_those_of_the_verilog(preset):
    widths = {name.removesuffix("_wdata"): width for name, width, _ in ports(preset)
              if name.endswith("_wdata")}
    assert {port.get("name"): int(port.get("dataWidth")) for port in root(preset).iter("port")
            } == widths
    kernel = root(preset).find("kernel")
    assert kernel.get("name") == f"flightllm_{preset}"
    pointers = [arg.get("port") for arg in root(preset).iter("arg")
                if arg.get("addressQualifier") == "1"]
    assert sorted(pointers) == sorted(set(widths) - {"s_axi_control"})


def test_offsets_are_those_of_the_page_about_registers():
    rows = re.findall(r"^\| 0x(\w+)(?: \+ (\d+) n)? \| `(\w+)` \| (\d+) \| RW \|",
                      PAGE.read_text(), re.MULTILINE)
    want = {}
    for offset, step, name, bits in rows:
        for n in range(U280.lanes if step else 1):
            want[name.replace("_n", f"_{n}") if step else name] = (
                int(offset, 16) + n * int(step or 0), int(bits) // 8)
    for name in ("CTRL", "GIE", "IER", "ISR", "CANCEL"):
        del want[name]
    assert {name: (int(arg.get("offset"), 0), int(arg.get("size"), 0))
            for name, arg in args("u280").items()} == want


@pytest.mark.parametrize("config", [SMALLEST, FULL], ids=["2 lanes", "32 lanes"])
def test_the_hardware_takes_arguments_from_these_offsets(config, rng):
    """As XRT writes them: one block of words, its gaps zero, then CTRL."""
    sim = compile(ToyKernel(config))
    sim.restart()
    sim.reset()
    host, values = Host(sim, config), draw_arguments(rng, config)
    found = ElementTree.fromstring(kernel_xml(config.accelerator)).iter("arg")
    words = {}
    for arg in found:
        for n in range(int(arg.get("size"), 0) // 4):
            words[int(arg.get("offset"), 0) + 4 * n] = values[arg.get("name")] >> 32 * n & MASK
    for offset in range(0x10, max(words) + 4, 4):
        assert host.write_word(offset, words.get(offset, 0)) == 0
    host.write("CTRL", 1)
    assert host.poll() & 2
    assert host.results() == seen(values, config.lanes)
