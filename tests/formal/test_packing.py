# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all inputs, that packed sums come out whole.

Products are free variables in their range. A chain of sixteen stands for all: eight products, an
overflow adjust unit, eight more, the node. What leaves an adjust unit has a remainder below 2^10
again, so the argument repeats for every further run of eight.
"""

import pytest
from amaranth.hdl import Assert, Assume, Module, Signal, signed

from flightllm_hw.compute.reduce import OverflowAdjust, ReductionNode, ReductionNodeConfig
from flightllm_hw.config import ChainConfig
from support.formal import prove

RUN = 8
LOW, HIGH = -128 * 127, 128 * 128


def free_products(m, name, low=LOW, high=HIGH):
    """The packed sum of a run of free products, and the two sums that it should hold."""
    products = []
    for n in range(2 * RUN):
        product = Signal(signed(16), name=f"{name}_{n}")
        m.d.comb += Assume((product >= low) & (product <= high))
        products.append(product)
    lo, hi = Signal(signed(20), name=f"{name}_lo"), Signal(signed(20), name=f"{name}_hi")
    packed = Signal(signed(48), name=f"{name}_packed")
    m.d.comb += [
        lo.eq(sum(products[:RUN])),
        hi.eq(sum(products[RUN:])),
        packed.eq((hi << 18) + lo),
    ]
    return products, packed, lo, hi


def bench(chain, low=LOW, high=HIGH):
    """A run, an adjust unit, a run, and the node: their sums must be the sums of all products."""
    m = Module()
    first, packed_0, lo_0, hi_0 = free_products(m, "first", low, high)
    second, packed_1, lo_1, hi_1 = free_products(m, "second", low, high)
    m.submodules.oau = oau = OverflowAdjust(chain)
    m.submodules.rn = rn = ReductionNode(ReductionNodeConfig(chain=chain, adjusted=True, both=True))
    m.d.comb += [
        oau.p.eq(packed_0),
        rn.p.eq(oau.adjusted + packed_1),
        rn.adjustment.eq(oau.after),
    ]
    started = Signal()
    lo, hi = Signal(signed(21)), Signal(signed(21))
    m.d.sync += [started.eq(1), lo.eq(lo_0 + lo_1), hi.eq(hi_0 + hi_1)]
    with m.If(started):
        m.d.comb += Assert((rn.lo == lo) & (rn.hi == hi))
    return m, first + second


@pytest.mark.formal
def test_sixteen_products_and_an_adjust_unit_are_exact(tmp_path):
    m, ports = bench(ChainConfig(length=16, window=16))
    status, log = prove(tmp_path, m, ports, depth=2)
    assert status == 0, log


@pytest.mark.formal
def test_one_more_in_a_product_and_the_proof_fails(tmp_path):
    # The bound is sharp, and the proof can fail: (-128) * (-129) does not fit.
    m, ports = bench(ChainConfig(length=16, window=16), high=HIGH + 128)
    status, log = prove(tmp_path, m, ports, depth=2)
    assert status != 0 and "FAIL" in log


@pytest.mark.formal
def test_eight_products_unpack_without_an_adjust_unit(tmp_path):
    chain = ChainConfig()
    m = Module()
    products, packed, lo_0, hi_0 = free_products(m, "products")
    m.submodules.rn = rn = ReductionNode(
        ReductionNodeConfig(chain=chain, adjusted=False, both=True))
    m.d.comb += rn.p.eq(packed)
    started = Signal()
    lo, hi = Signal(signed(20)), Signal(signed(20))
    m.d.sync += [started.eq(1), lo.eq(lo_0), hi.eq(hi_0)]
    with m.If(started):
        m.d.comb += Assert((rn.lo == lo) & (rn.hi == hi))
    status, log = prove(tmp_path, m, products, depth=2)
    assert status == 0, log
