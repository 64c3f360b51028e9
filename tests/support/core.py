# SPDX-License-Identifier: Apache-2.0
"""The compiled core beside the golden machine."""

import numpy as np

from flightllm_hw.sim.core import HOST, lane_base


def equal(bench, machine):
    """Whether the memories of both are equal; where not is printed."""
    host, lanes = bench.read()
    same = True
    for name, image, want in (("host", host, machine.host.data), *(
            (f"lane {n}", image, lane.memory.data)
            for n, (image, lane) in enumerate(zip(lanes, machine.lanes, strict=True)))):
        differ = np.flatnonzero(image != want)
        if len(differ):
            same = False
            print(f"{name}: {len(differ)} bytes differ, the first at {differ[0]:#x}")
    return same


def load(bench, program):
    """Put a program's memories into those of the bench, and its failing bytes."""
    bench.window(len(program.host), len(program.lanes[0]))
    bench.write(program.host, program.lanes)
    for lane, first, count, response in program.failing:
        base = HOST if lane is None else lane_base(lane)
        bench.memory.fail(range(base + first, base + first + count), response.name)


def carry(old, new):
    """What is not in memory stays from program to program."""
    for name in ("steps", "activations", "scales"):
        getattr(new.units, name)[:] = getattr(old.units, name)
    new.vector.buffer[:] = old.vector.buffer
    new.vector.scalars[:] = old.vector.scalars
