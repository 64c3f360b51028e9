# SPDX-License-Identifier: Apache-2.0
"""A CSD-chain alone, in a design of one's own: two dot products of eight int8 in eight DSP48E2.

    python docs/examples/own_chain.py [-o FILE.v]

simulates it in Amaranth's simulator, compares it with numpy, and writes its Verilog.
"""

import argparse
from pathlib import Path

import numpy as np
from amaranth.hdl import Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.compute.chain import CsdChain
from flightllm_hw.compute.layouts import EXCESS, EXCESS_OF_CODE, Pair
from flightllm_hw.config import ChainConfig
from flightllm_hw.export.verilog import convert
from flightllm_hw.primitives.delay import Delay, DelayConfig
from flightllm_hw.sim.pysim import simulate

CONFIG = ChainConfig()
N = CONFIG.length


class TwoDots(wiring.Component):
    """y[r] = sum over k of w[r][k] * x[k] for two rows, new ones in every cycle."""

    w: In(data.ArrayLayout(data.ArrayLayout(signed(8), N), 2))
    x: In(data.ArrayLayout(signed(8), N))
    y: Out(data.ArrayLayout(signed(CONFIG.sum_bits), 2))

    def elaborate(self, platform):
        m = Module()
        m.submodules.chain = chain = CsdChain(CONFIG)
        for k in range(N):
            # The chain is systolic: what belongs to DSP k comes stagger(k) cycles later.
            for name, value, port in (("lo", self.w[0][k], chain.operands[k].code),
                                      ("hi", self.w[1][k], chain.operands[k].mate),
                                      ("x", self.x[k], chain.columns[k])):
                late = Delay(DelayConfig(width=8, cycles=CONFIG.stagger(k)))
                m.submodules[f"{name}_{k}"] = late
                excess = EXCESS_OF_CODE if name != "x" else 0
                m.d.comb += [late.i.eq(value + excess), port.eq(late.o)]
            # Dense: the sparse MUX picks what the two codes are too large by.
            m.d.comb += chain.dense[k].eq(1)
            m.d.comb += [pair.eq(Pair.const(EXCESS)) for pair in chain.offers[k]]
        m.d.comb += [self.y[0].eq(chain.sums[-1].lo), self.y[1].eq(chain.sums[-1].hi)]
        return m


def run(w, x):
    """The sums of every row pair (n, 2, N) and vector (n, N), simulated."""
    dut, got = TwoDots(), []
    latency = CsdChain(CONFIG).latency

    async def feed(ctx):
        for cycle in range(len(x) + latency):
            if cycle < len(x):
                ctx.set(dut.w, w[cycle].tolist())
                ctx.set(dut.x, x[cycle].tolist())
            if cycle >= latency:
                got.append([ctx.get(dut.y[0]), ctx.get(dut.y[1])])
            await ctx.tick()

    simulate(dut, feed)
    return np.array(got)


def main(arguments=None):
    """Simulate, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, help="where the Verilog goes")
    args = parser.parse_args(arguments)
    rng = np.random.default_rng(1)
    w = rng.integers(-128, 128, (50, 2, N))
    x = rng.integers(-128, 128, (50, N))
    w[0], x[0] = -128, -128
    assert (run(w, x) == np.einsum("nrk,nk->nr", w, x)).all()
    print("50 pairs of dot products, all exact")
    if args.output:
        args.output.write_text(convert(TwoDots(), name="two_dots"), encoding="utf-8")


if __name__ == "__main__":
    main()
