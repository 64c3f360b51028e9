# SPDX-License-Identifier: Apache-2.0
"""The decoder layer in Amaranth's own simulator, which no Verilog and no compiler has part in."""

import numpy as np
from numpy.testing import assert_array_equal

from flightllm_hw.core.core import Core, CoreConfig
from flightllm_hw.golden.machine import Stop
from flightllm_hw.sim.core import HOST, lane_base
from flightllm_hw.sim.pysim import simulate
from support.decoder_layer import DIM, HOST_BYTES, LANE_BYTES, TINY, Layer, X, machine_with
from support.pysim_memory import serve

POSITIONS = 2


def test_first_positions(rng):
    layer = Layer(np.random.default_rng(0))
    machine = machine_with(layer)
    x = np.random.default_rng(1).standard_normal((POSITIONS, DIM)).astype(np.float32)
    dut = Core(CoreConfig(accelerator=TINY))
    host = machine.host.data.copy()
    lanes = [lane.memory.data.copy() for lane in machine.lanes]

    async def bench(ctx):
        ctx.set(dut.host_base, HOST)
        ctx.set(dut.host_limit, HOST + HOST_BYTES)
        ctx.set(dut.origin, HOST)
        for n in range(TINY.lanes):
            ctx.set(dut.lane_base[n], lane_base(n))
            ctx.set(dut.lane_limit[n], lane_base(n) + LANE_BYTES)
        for position in range(POSITIONS):
            raw = x[position].view(np.uint8)
            host[X:X + len(raw)] = raw
            machine.host.write(X, raw)
            machine.start(0, [position])
            assert machine.run().reason is Stop.END
            ctx.set(dut.preset_en, 1)
            ctx.set(dut.preset_at, 1)
            ctx.set(dut.preset_data, position)
            await ctx.tick()
            ctx.set(dut.preset_en, 0)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick().until(dut.done)
            assert_array_equal(host, machine.host.data)
            for image, lane in zip(lanes, machine.lanes, strict=True):
                assert_array_equal(image, lane.memory.data)

    ports = ((dut.m_axi_host, host, HOST),
             *((getattr(dut, f"m_axi_{n}"), image, lane_base(n)) for n, image in enumerate(lanes)))
    simulate(dut, bench, background=[b for port in ports for b in serve(*port, rng)],
             deadline=20_000)
