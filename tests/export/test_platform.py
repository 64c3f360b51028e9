# SPDX-License-Identifier: Apache-2.0
"""What is shared, how it is named and what it is tied to."""

import pytest
from amaranth.hdl import Instance
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.vendor import XilinxPlatform

from flightllm_hw.boards import CARDS, card
from flightllm_hw.export.platform import BehaviouralPlatform, VendorPlatform, snake_case
from flightllm_hw.export.verilog import design
from flightllm_hw.hierarchy import SharingPlatform
from support.toys import Array, ArrayConfig, Increment, Product, ProductConfig, Wires


@pytest.mark.parametrize("name, expected", [
    ("CsdChain", "csd_chain"), ("Dsp48e2", "dsp48e2"), ("HTTPServer2Go", "http_server2_go"),
    ("Lane", "lane"),
])
def test_modules_are_named_in_snake_case(name, expected):
    assert snake_case(name) == expected


@pytest.mark.parametrize("platform", [BehaviouralPlatform, VendorPlatform])
def test_platforms_share(platform):
    assert isinstance(platform(), SharingPlatform)


def test_only_the_vendor_platform_is_the_vendors():
    assert not isinstance(BehaviouralPlatform(), XilinxPlatform)
    for name in CARDS:
        platform = VendorPlatform(card(name))
        assert isinstance(platform, XilinxPlatform)
        assert f"{platform.device}-{platform.package}-{platform.speed}" == card(name).part


def test_equal_components_are_elaborated_once():
    platform = BehaviouralPlatform()
    before = Product.elaborated
    instances = [platform.share(Product(ProductConfig())) for _ in range(100)]
    assert Product.elaborated == before + 1
    assert {instance.type for instance in instances} == {"product"}
    assert len({id(instance) for instance in instances}) == 100


def test_configurations_are_numbered_in_order_of_use():
    platform = BehaviouralPlatform()
    widths = [6, 3, 6, 9, 3]
    names = [platform.share(Product(ProductConfig(width))).type for width in widths]
    assert names == ["product", "product_1", "product", "product_2", "product_1"]


def test_instances_are_tied_to_ports_that_are_no_constants():
    cell = Product(ProductConfig())
    instance = BehaviouralPlatform().share(cell)
    assert isinstance(instance, Instance)
    assert {name: kind for name, (_, kind) in instance.ports.items()} == {
        "i_payload": "i", "i_valid": "i", "add": "i", "o_payload": "o", "o_valid": "o",
        "clk": "i"}
    assert instance.ports["o_payload"][0] is cell.o.payload


def test_clock_and_reset_are_there_where_they_are_used():
    platform = BehaviouralPlatform()
    assert set(platform.share(Wires(ProductConfig())).ports) == {"i", "o"}
    assert {"clk", "rst"} <= set(platform.share(Array(ArrayConfig())).ports)


def test_the_number_of_modules_does_not_depend_on_that_of_instances():
    few = design(Array(ArrayConfig(rows=1, columns=1)))
    before = Product.elaborated
    many = design(Array(ArrayConfig(rows=8, columns=16)))
    assert Product.elaborated == before + 1
    assert list(few.counts) == list(many.counts)
    assert many.counts == {"array": 1, "row": 8, "product": 128, "wires": 128, "row.first": 16}
    assert many.text.count("\nmodule ") == len(many.counts)


def test_components_without_a_configuration_cannot_be_shared():
    with pytest.raises(TypeError, match="Increment must have a config, a frozen dataclass, to be"):
        BehaviouralPlatform().share(Increment(8))


def test_ports_must_not_flatten_to_the_same_name():
    class Clash(wiring.Component):
        config = 0

        def __init__(self):
            super().__init__({"a_b": In(1), "a": In(wiring.Signature({"b": In(1)}))})

    with pytest.raises(ValueError, match="Clash has two ports that flatten to 'a_b'"):
        BehaviouralPlatform().share(Clash())
