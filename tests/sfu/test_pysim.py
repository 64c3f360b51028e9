# SPDX-License-Identifier: Apache-2.0
"""The same equality in Amaranth's own simulator, which Verilog and its compiler have no part in."""

import numpy as np
from amaranth.hdl import Value

from flightllm_hw.config import SfuConfig
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
    VectorPass,
    Wait,
    encode,
)
from flightllm_hw.sfu.unit import SpecialFunctionUnit
from flightllm_hw.sim.pysim import send, simulate
from support.sfu import ordinary, same_bits

CONFIG = SfuConfig(width=2, rows=16, scalars=8, rotary_pairs=4)

# Every choice of every field is here, but for one Tap with some.
PASSES = [
    VectorPass(a=0, rows=3, limit=6, last=LastFactor.ITSELF, reduce=Reduce.SUM, step=Step.ROOT,
               k1=1 / 6, k2=1e-5, d=0),
    VectorPass(a=0, b=4, o=8, rows=3, limit=5, first=Factor.SCALAR, s=0, last=LastFactor.B,
               output=Output.BUFFER, wait=Wait.CHAIN),
    VectorPass(a=8, o=8, rows=1, segments=3, a_step=1, o_step=1, limit=2, first=Factor.CONSTANT,
               k1=-0.7, addend=Addend.B, b=4, b_still=True, function=Function.EXP,
               output=Output.BUFFER, reduce=Reduce.MAX, d=1, d_step=1, wait=Wait.CHAIN),
    VectorPass(a=8, b=0, rows=3, limit=6, addend=Addend.MINUS_SCALAR, s=2, function=Function.SILU,
               last=LastFactor.SCALAR, output=Output.OUT, output_tap=Tap.FUNCTION,
               reduce=Reduce.ABSMAX, step=Step.OVER, k1=127.0, d=4, wait=Wait.DRAIN),
    VectorPass(a=8, rows=3, limit=6, output=Output.CODES, z=4, reduce=Reduce.SUM,
               reduce_tap=Tap.FUNCTION, step=Step.UNDER, d=5),
    VectorPass(a=0, b=4, o=12, rows=2, limit=4, arrange=Arrange.HALVES, function=Function.RELU,
               output=Output.BUFFER),
    VectorPass(a=0, b=4, rows=2, limit=3, arrange=Arrange.PAIRS, function=Function.ABSOLUTE,
               output=Output.OUT, reduce=Reduce.ARGMAX, d=6),
    VectorPass(a=12, b=0, rows=2, limit=4, first=Factor.B, addend=Addend.SCALAR, s=3,
               function=Function.GELU, output=Output.OUT, reduce=Reduce.SUM, step=Step.AFFINE,
               k1=0.25, k2=1.0, d=7, wait=Wait.DRAIN),
    VectorPass(a=12, rows=2, limit=4, function=Function.SIGMOID, output=Output.OUT,
               reduce=Reduce.SUM, step=Step.RECIPROCAL, d=0),
]


def test_passes_give_what_the_golden_machine_gives(rng):
    dut = SpecialFunctionUnit(CONFIG)
    machine = VectorMachine(CONFIG)
    machine.buffer[:] = ordinary(rng, machine.buffer.shape)
    codes, rows, scalars = [], [], {}

    async def operate(ctx):
        await send(ctx, dut.i_row, [
            {"row": n, "enables": 3, "elements": row.view(np.uint32).tolist()}
            for n, row in enumerate(machine.buffer.copy())])
        await send(ctx, dut.i, [encode(p, CONFIG) for p in PASSES])
        await ctx.tick()
        while ctx.get(dut.busy):
            await ctx.tick()
        for _ in range(20):
            await ctx.tick()

    async def watch(ctx):
        while True:
            *_, has_codes, code_row, has_row, row, has_scalar, at, value = await ctx.tick().sample(
                dut.o_codes_valid, Value.cast(dut.o_codes.codes), dut.o_valid,
                Value.cast(dut.o.elements), dut.o_scalar_valid, dut.o_scalar.at,
                dut.o_scalar.value)
            if has_codes:
                codes.append(np.frombuffer(code_row.to_bytes(2, "little"), np.int8))
            if has_row:
                rows.append(np.frombuffer(row.to_bytes(8, "little"), np.float32))
            if has_scalar:
                scalars[at] = value

    simulate(dut, operate, background=[watch], deadline=4000)
    machine.run(*PASSES)
    np.testing.assert_array_equal(codes, np.concatenate(machine.codes))
    same_bits(np.array(rows), np.concatenate(machine.out))
    assert scalars == dict(enumerate(machine.scalars.tolist()))
