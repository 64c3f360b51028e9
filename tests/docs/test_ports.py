# SPDX-License-Identifier: Apache-2.0
"""Every component's page has a picture of its ports, and they are those of its signature."""

import re
import xml.etree.ElementTree as ET

import instances
import ports
import pytest
from amaranth.hdl import Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from flightllm_hw.interfaces.stream import Queue, QueueConfig
from flightllm_hw.memory.reader import AxiReader

KINDS = [kind for module in ports.modules() for kind in instances.components(module)]
TITLE = re.compile(r"(\w+): (in|out), (wires|stream|bus), ([\d,]+) bits?")
PACKAGES = {"arith", "compute", "control", "core", "dequant", "exchange", "interfaces", "kernel",
            "lane", "memory", "primitives", "sfu", "units"}


def pictured(text):
    """What a picture says of its ports: in or out, kind and bits, by name."""
    groups = [one for one in ET.fromstring(text).iter() if one.get("class") == "port"]
    found = [TITLE.fullmatch(group.find("{*}title").text).groups() for group in groups]
    return {name: (way, kind, int(bits.replace(",", ""))) for name, way, kind, bits in found}


def wired(component):
    """The same of the wires that there are."""
    found = {}
    for (name, *path), _, value in component.signature.flatten(component):
        member = component.signature.members[name]
        way, kind, bits = found.get(name, ("in" if member.flow is In else "out", "wires", 0))
        if not member.is_port:
            streams = isinstance(getattr(component, name).signature, stream.Signature) or (
                isinstance(getattr(component, name).signature.flip(), stream.Signature))
            kind = "stream" if streams else "bus"
        if kind != "stream" or path[0] == "payload":
            bits += len(Value.cast(value))
        found[name] = way, kind, bits
    return found


@pytest.mark.parametrize("kind", KINDS, ids=ports.name_of)
def test_ports_are_those_of_the_signature(kind):
    component = instances.instance(kind)
    picture = ports.drawn(component)
    assert pictured(picture) == wired(component)
    texts = [text.strip() for text in ET.fromstring(picture).itertext()]
    assert kind.__name__ in texts
    assert set(component.signature.members) <= set(texts)


def test_all_packages_of_the_hardware_are_drawn():
    assert {kind.__module__.split(".")[1] for kind in KINDS} >= PACKAGES
    assert len(KINDS) == len(set(KINDS)) > 100


def test_another_signature_gives_another_picture():
    narrow, wide = (Queue(QueueConfig(width=bits)) for bits in (8, 9))
    assert pictured(ports.drawn(narrow))["i"] == ("in", "stream", 8)
    assert pictured(ports.drawn(wide))["o"] == ("out", "stream", 9)
    assert pictured(ports.drawn(narrow)) != wired(wide)


def test_buses_and_streams_are_told_apart():
    picture = pictured(ports.drawn(instances.instance(AxiReader)))
    assert [picture[name][1] for name in ("i", "space", "m_axi")] == ["stream", "wires", "bus"]


def test_a_component_that_nobody_can_make_is_named():
    class OddConfig(instances.DelayConfig):
        pass

    class Odd(wiring.Component):
        def __init__(self, config: OddConfig):
            super().__init__({})

    with pytest.raises(LookupError, match=r"OddConfig: its fields width, cycles have no defaults"):
        instances.instance(Odd)


def test_pictures_stand_behind_the_first_paragraph():
    waves = {"a.B": [("A step", "Two tiles", "chain_step")]}
    lines = ports.inserted(["It is.", "", "More."], "a.B", waves)
    assert lines[0] == "It is." and lines[-1] == "More."
    assert ".. image:: /pictures/ports/a.B.svg" in lines
    assert ".. image:: /pictures/waves/chain_step.svg" in lines
    # A picture in letters belongs to what stands before it.
    literal = ports.inserted(["It is::", "", "    --"], "a.B", waves)
    assert literal[-3:] == ["It is::", "", "    --"]


def test_waveforms_are_found_in_their_page():
    page = (ports.Path(ports.__file__).parents[1] / "waveforms.md").read_text(encoding="utf-8")
    found = ports.shown(page)
    assert sum(map(len, found.values())) == page.count("](pictures/waves/")
    assert set(found) <= set(map(ports.name_of, KINDS))
