# SPDX-License-Identifier: Apache-2.0
"""Codes and scalars come out with what tells where they belong: segment, place, z, tag."""

import numpy as np
from numpy.testing import assert_array_equal

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import Arrange, Output, Reduce, VectorPass, encode
from flightllm_hw.sfu.layouts import TAG_BITS
from flightllm_hw.sim.sfu import SfuBench
from support.sfu import ordinary

CONFIG = SfuConfig(width=4, rows=256, scalars=32, rotary_pairs=16)


def test_codes_and_scalars_know_where_they_belong(rng):
    bench = SfuBench(CONFIG)
    sim = bench.sim
    bench.write(0, ordinary(rng, (256, 4)))
    z = rng.integers(1 << 32, size=32, dtype=np.uint32)
    bench.write_scalars(0, z)
    for _ in range(20):
        passes, tags = [], rng.permutation(1 << TAG_BITS)[:8]
        for _ in tags:
            halves = bool(rng.random() < 0.3)
            passes.append(VectorPass(
                a=int(rng.integers(256)), segments=int(rng.integers(1, 12)),
                rows=int(rng.integers(1, 5)) * (2 if halves else 1), limit=16,
                arrange=Arrange.HALVES if halves else Arrange.PLAIN,
                output=Output.CODES, z=int(rng.integers(16)), z_step=int(rng.integers(2)),
                # What is made is not what is read.
                reduce=Reduce.SUM if rng.random() < 0.5 else Reduce.NONE, d=31))
        fields = [encode(p, CONFIG) | {"tag": int(tag)}
                  for p, tag in zip(passes, tags, strict=True)]
        expected, scalars = [], []
        for p, tag in zip(passes, tags, strict=True):
            for g in range(p.segments):
                expected += [(g, int(r == 0), int(r == p.rows - 1), z[(p.z + g * p.z_step) % 32],
                              tag) for r in range(p.rows)]
                if p.reduce is Reduce.SUM:
                    scalars.append((g, tag))
        moved = sim.stream(
            {"i": sim.pack("i", {k: np.array([f[k] for f in fields]) for k in fields[0]})},
            {"o_codes": len(expected), "o_scalar": len(scalars)})
        got = sim.unpack("o_codes", moved["o_codes"])
        assert_array_equal(np.stack([got[k] for k in ("segment", "first", "last", "z", "tag")], 1),
                           np.array(expected))
        made = sim.unpack("o_scalar", moved["o_scalar"])
        assert_array_equal(np.stack([made["segment"], made["tag"]], 1),
                           np.array(scalars).reshape(-1, 2))
