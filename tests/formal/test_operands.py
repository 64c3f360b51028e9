# SPDX-License-Identifier: Apache-2.0
"""Proofs, for all inputs, that a DSP's operands are what it is to multiply."""

import pytest
from amaranth.hdl import Assert, Assume, Module, Signal, Value, signed

from flightllm_hw.compute.layouts import EXCESS, EXCESS_OF_CODE, Pair, packed
from flightllm_hw.compute.select import DENSE, SPARSE, SparseMux
from flightllm_hw.config import ChainConfig
from support.formal import prove

CONFIG = ChainConfig()
HALF = CONFIG.slots // 2


def bench(least=-127):
    """A sparse MUX; what its DSP multiplies by must be two codes, or two activations."""
    m = Module()
    m.submodules.mux = mux = SparseMux(CONFIG)
    dense = Signal()
    codes = [Signal(signed(8), name=f"code_{n}") for n in range(2)]
    index = Signal(8)
    column = Signal(signed(8))
    lo = [Signal(signed(8), name=f"lo_{n}") for n in range(HALF)]
    hi = [Signal(signed(8), name=f"hi_{n}") for n in range(HALF)]
    m.d.comb += [Assume(x >= least) for x in hi]
    m.d.comb += [mux.dense.eq(dense), mux.column.eq(column),
                 mux.operand.code.eq(codes[0] + EXCESS_OF_CODE)]
    wanted = Signal(signed(27))
    by = Signal(signed(8))
    with m.If(dense):
        m.d.comb += [
            mux.operand.mate.eq(codes[1] + EXCESS_OF_CODE),
            *(pair.eq(Pair.const(EXCESS)) for pair in mux.offer),
            wanted.eq((codes[1] << 18) + codes[0]),
            by.eq(column),
            Assert(mux.inmode == DENSE),
            Assert((mux.d - mux.a)[:27].as_signed() == wanted),
        ]
    with m.Else():
        m.d.comb += [mux.operand.mate.eq(index), by.eq(codes[0]), Assert(mux.inmode == SPARSE)]
        m.d.comb += [Value.cast(mux.offer[n]).eq(packed(lo[n], hi[n])) for n in range(HALF)]
        for n in range(HALF):
            with m.If(index == n):
                m.d.comb += [wanted.eq((hi[n] << 18) + lo[n]),
                             Assert(mux.a == wanted)]
            with m.If(index == HALF + n):
                m.d.comb += Assert(mux.a[:18].as_signed() == mux.offer[n].hi)
    m.d.comb += Assert(mux.b == by)
    return m, [dense, *codes, index, column, *lo, *hi]


@pytest.mark.formal
def test_two_codes_and_two_activations_are_packed(tmp_path):
    m, ports = bench()
    status, log = prove(tmp_path, m, ports, depth=1)
    assert status == 0, log


@pytest.mark.formal
def test_an_activation_of_minus_128_has_no_room(tmp_path):
    # The bound is sharp, and the proof can fail.
    m, ports = bench(least=-128)
    status, log = prove(tmp_path, m, ports, depth=1)
    assert status != 0 and "FAIL" in log
