# SPDX-License-Identifier: Apache-2.0
"""AXI signatures: names, widths, halves, errors; and the checker of their rules."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from flightllm_hw.export.platform import BehaviouralPlatform
from flightllm_hw.export.verilog import convert
from flightllm_hw.interfaces.axi import (
    Access,
    Axi4Interface,
    Axi4LiteInterface,
    Axi4LiteSignature,
    Axi4Signature,
    Response,
)
from flightllm_hw.sim.axi_rules import AxiRuleError, AxiRules
from flightllm_hw.sim.verilator import module_ports

ADDRESS = "valid ready id addr len size burst cache prot"
CHANNELS = {"aw": ADDRESS, "w": "valid ready data strb last", "b": "valid ready id resp",
            "ar": ADDRESS, "r": "valid ready id data resp last"}


def names(*channels):
    return {channel + name for channel in channels for name in CHANNELS[channel].split()}


def test_members_are_named_as_in_the_standard():
    both = Axi4Signature(data_bits=256, id_bits=6)
    assert set(both.members) == names("aw", "w", "b", "ar", "r")
    reads = Axi4Signature(data_bits=256, id_bits=6, access=Access.READ)
    assert set(reads.members) == names("ar", "r")
    writes = Axi4Signature(data_bits=256, id_bits=6, access=Access.WRITE)
    assert set(writes.members) == names("aw", "w", "b")
    none = Axi4Signature(data_bits=256, id_bits=0)
    assert set(both.members) - set(none.members) == {"awid", "bid", "arid", "rid"}


def test_parameters_and_widths():
    signature = Axi4Signature(data_bits=512, id_bits=3, access=Access.READ)
    assert (signature.data_bits, signature.id_bits, signature.access) == (512, 3, Access.READ)
    port = signature.create()
    assert isinstance(port, Axi4Interface)
    assert (port.data_bits, port.id_bits, port.access) == (512, 3, Access.READ)
    assert [len(x) for x in (port.araddr, port.arlen, port.rdata, port.arid)] == [64, 8, 512, 3]
    assert port.rresp.shape() is Response
    assert signature.members["arvalid"].flow == Out
    assert signature.members["rvalid"].flow == In
    lite = Axi4LiteSignature(address_bits=12)
    assert (lite.address_bits, lite.data_bits) == (12, 32)
    port = lite.create()
    assert isinstance(port, Axi4LiteInterface)
    assert [len(x) for x in (port.awaddr, port.wdata, port.wstrb)] == [12, 32, 4]


def test_equal_parameters_are_equal_signatures():
    def axi(**changes):
        return Axi4Signature(**{"data_bits": 64, "id_bits": 1} | changes)

    assert axi() == axi()
    assert axi() != axi(data_bits=128)
    assert axi() != axi(id_bits=2)
    assert axi() != axi(access=Access.READ)
    assert repr(axi()) == "Axi4Signature(data_bits=64, id_bits=1, access=Access.BOTH)"
    lite = Axi4LiteSignature(address_bits=12)
    assert lite == Axi4LiteSignature(address_bits=12)
    assert lite != Axi4LiteSignature(address_bits=13)
    assert lite != axi()
    assert repr(lite) == "Axi4LiteSignature(address_bits=12, data_bits=32)"


@pytest.mark.parametrize("make, message", [
    (lambda: Axi4Signature(data_bits=48),
     "AXI4 data width must be one of 32, 64, 128, 256, 512, 1024, not 48"),
    (lambda: Axi4Signature(data_bits=64, id_bits=17), r"AXI4 ID width must be in 0\.\.16, not 17"),
    (lambda: Axi4Signature(data_bits=64, access=Access(0)), "AXI4 access must be"),
    (lambda: Axi4LiteSignature(address_bits=0),
     r"AXI4-Lite address width must be in 1\.\.64, not 0"),
    (lambda: Axi4LiteSignature(address_bits=12, data_bits=128),
     "AXI4-Lite data width must be one of 32, 64, not 128"),
    (lambda: Axi4Signature(data_bits=64, access=Access.READ).create().half(Access.WRITE),
     "has no Access.WRITE"),
])
def test_errors_name_the_value(make, message):
    with pytest.raises(ValueError, match=message):
        make()


class Through(wiring.Component):
    """A port that is made of two halves."""

    config = None
    s: In(Axi4Signature(data_bits=32))
    m_axi: Out(Axi4Signature(data_bits=32))

    def elaborate(self, platform):
        m = Module()
        for access in (Access.READ, Access.WRITE):
            connect(m, flipped(self.s).half(access), flipped(self.m_axi.half(access)))
        return m


def test_exported_names_are_those_that_vivado_infers():
    text = convert(Through(), platform=BehaviouralPlatform())
    ports = {port.name: port for port in module_ports(text, "through")}
    assert {f"m_axi_{name}" for name in names(*CHANNELS)} <= set(ports)
    assert not ports["m_axi_awaddr"].is_input and ports["m_axi_awaddr"].width == 64
    assert ports["m_axi_rdata"].is_input
    for line in ("assign m_axi_araddr = s_araddr;", "assign s_bresp = m_axi_bresp;"):
        assert line in text


# The checker, cycle by cycle.


def judge(*cycles, data_bits=64):
    """What the checker says of cycles, each a dict of the members that are not zero."""
    port = Axi4Signature(data_bits=data_bits, id_bits=0).create()
    rules = AxiRules(port)
    paths = [f"{channel}{field}" for channel in rules.channels for field in rules._fields[channel]]
    constant = {"arburst": 1, "awburst": 1, "arsize": 3, "awsize": 3}
    for n, members in enumerate(cycles):
        rules.check(n, [(constant | members).get(path, 0) for path in paths])
    rules.finish()
    return rules


def ar(address=0, beats=1, **members):
    return {"arvalid": 1, "arready": 1, "araddr": address, "arlen": beats - 1} | members


def aw(address=0, beats=1, **members):
    return {"awvalid": 1, "awready": 1, "awaddr": address, "awlen": beats - 1} | members


def r(**members):
    return {"rvalid": 1, "rready": 1} | members


def w(**members):
    return {"wvalid": 1, "wready": 1} | members


B = {"bvalid": 1, "bready": 1}


def test_rules_let_good_traffic_through():
    rules = judge(ar(64, 2), ar(4088) | r(), r(rlast=1), r(rlast=1),
                  w(), w(wlast=1), aw(8, 2), B)
    assert [(x.address, x.beats) for x in rules.reads] == [(64, 2), (4088, 1)]
    assert [(x.address, x.beats) for x in rules.writes] == [(8, 2)]
    assert rules.beats["r"] == [1, 2, 3]


@pytest.mark.parametrize("cycles, message", [
    ([ar(arready=0), {}], "arvalid was taken back in cycle 1"),
    ([ar(8, arready=0), ar(16)], "araddr changed before ready in cycle 1: 0x8 -> 0x10"),
    ([ar(), r(rready=0, rdata=1), r(rdata=2)], "rdata changed before ready"),
    ([ar(arburst=0)], "is not INCR"),
    ([ar(arsize=2)], "is not of whole beats"),
    ([ar(4)], "is not aligned"),
    ([ar(0, 17)], "has more than 16 beats"),
    ([ar(4088, 2)], "crosses a page of 4 KiB"),
    ([r(rlast=1)], "that nobody asked for"),
    ([ar() | r(rlast=1)], "that nobody asked for"),
    ([ar(0, 2), r(rlast=1)], "rlast is 1 in cycle 1, with 1 beats"),
    ([ar(), r()], "rlast is 0"),
    ([aw(0, 2), w(wlast=1)], "burst of 2 beats got wlast with beat 1"),
    ([aw(), w()], "burst of 1 beats got no wlast"),
    ([aw(), B], "not sent to its end"),
    ([ar()], "reads without an answer"),
    ([aw(), w(wlast=1)], "writes without data or answer"),
    ([ar(arready=0)], "Channel ar still offers"),
])
def test_rules_find(cycles, message):
    with pytest.raises(AxiRuleError, match=message):
        judge(*cycles)


def test_rules_limit_bursts_to_512_bytes():
    judge(ar(0, 8, arsize=6), *[r()] * 7, r(rlast=1), data_bits=512)
    with pytest.raises(AxiRuleError, match="more than 512 bytes"):
        judge(ar(0, 9, arsize=6), data_bits=512)
