# SPDX-License-Identifier: Apache-2.0
"""HBM_CATTRIP is low in every build, and no design gets at it."""

import pytest
from amaranth.build import Attrs, Pins, Resource, ResourceError
from amaranth.build.res import PortMetadata
from amaranth.hdl import DriverConflict, Elaboratable, IOPort, Module
from amaranth.lib import io

from flightllm_hw.boards import card
from flightllm_hw.boards.platforms import PLATFORMS, platform
from support.alveo import Nothing, built, elaborated, tied_low

BALLS = {"u280": "D32", "u50": "J18", "u55c": "BE45"}
PORT = "hbm_cattrip_0__io"


# A design that asks for nothing, one that asks for everything else, and the self-test.
DESIGNS = ("nothing", "all", "selftest")


class Asks(Elaboratable):
    """A design that asks for a resource and drives it high."""

    def __init__(self, ask):
        self.ask = ask

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = io.Buffer("o", self.ask(platform))
        m.d.comb += buffer.o.eq(1)
        return m


def test_all_cards_with_hbm_are_here():
    assert set(BALLS) == {name for name in PLATFORMS if card(name).memory.kind == "HBM"}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", BALLS)
def test_it_is_in_every_builds_constraints(name, design):
    lines = built(name, design).files[f"{design}.xdc"].splitlines()
    assert [line for line in lines if PORT in line] == [
        f'set_property LOC {BALLS[name]} [get_ports "{PORT}"]',
        f'set_property IOSTANDARD "LVCMOS18" [get_ports "{PORT}"]',
        f'set_property PULLDOWN "TRUE" [get_ports "{PORT}"]']
    assert sum(f" LOC {BALLS[name]} " in line for line in lines) == 1


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", BALLS)
def test_it_is_tied_low_in_every_builds_netlist(name, design, tmp_path):
    netlist = elaborated(built(name, design).files[f"{design}.v"], design, tmp_path)
    assert tied_low(netlist, PORT)


def test_a_pin_that_is_driven_high_is_not_low(tmp_path):
    """The check itself: a card without the pin, a design that drives another one."""
    plan = platform("u250").prepare(Asks(lambda p: p.request("led", 0, dir="-")), "top")
    netlist = elaborated(plan.files["top.v"], "top", tmp_path)
    assert not tied_low(netlist, "led_0__io")
    assert PORT not in netlist["ports"]


@pytest.mark.parametrize("name", BALLS)
@pytest.mark.parametrize("options", [{"dir": "-"}, {}, {"dir": "o", "xdr": 1}], ids=str)
def test_a_design_that_asks_for_it_gets_a_sentence(name, options):
    def ask(platform):
        return platform.request("hbm_cattrip", **options)

    with pytest.raises(ResourceError, match="hbm_cattrip belongs to the platform, which drives it"
                       " low in every build: high cuts the card's power and can leave it unus"):
        platform(name).prepare(Asks(ask), "top")


@pytest.mark.parametrize("name", BALLS)
def test_a_design_cannot_give_the_pin_another_name(name):
    def ask(platform):
        platform.add_resources([Resource("lamp", 0, Pins(BALLS[name], dir="o"),
                                         Attrs(IOSTANDARD="LVCMOS18"))])
        return platform.request("lamp", dir="-")

    with pytest.raises(ResourceError, match=f"lamp_0 uses physical pin {BALLS[name]}, but it is"
                       " already used by resource component hbm_cattrip_0"):
        platform(name).prepare(Asks(ask), "top")


@pytest.mark.parametrize("name", BALLS)
def test_a_design_cannot_make_a_port_on_the_pin(name):
    def ask(platform):
        return io.SingleEndedPort(IOPort(1, name="lamp", metadata=[
            PortMetadata(BALLS[name], {"IOSTANDARD": "LVCMOS18"})]))

    with pytest.raises(ResourceError, match=f"Pin {BALLS[name]} of the {name} has 2 ports"):
        platform(name).prepare(Asks(ask), "top")


@pytest.mark.parametrize("name", BALLS)
def test_a_design_cannot_drive_the_platforms_own_port(name):
    with pytest.raises(DriverConflict, match=PORT):
        platform(name).prepare(Asks(lambda p: p._cattrip), "top")


def test_overrides_reach_neither_the_pin_nor_the_configuration(monkeypatch):
    monkeypatch.setenv("AMARANTH_add_constraints", "# another's")
    monkeypatch.setenv("AMARANTH_script_after_read", "# another's")
    plan = platform("u280").prepare(Nothing(), "top", add_constraints="# lost")
    assert "# another's" in plan.files["top.xdc"] and "LOC D32" in plan.files["top.xdc"]
    assert 'read_xdc "configuration.xdc"' in plan.files["top.tcl"]
    assert plan.files["configuration.xdc"] == platform("u280").configuration()


def test_no_card_pulls_unused_pins_up():
    for name in PLATFORMS:
        configuration = platform(name).configuration()
        assert "UNUSEDPIN PULLDOWN" in configuration and "PULLUP" not in configuration
