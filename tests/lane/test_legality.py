# SPDX-License-Identifier: Apache-2.0
"""Which operations a lane refuses: the golden machine's rule, on shapes of every kind."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.testing import assert_array_equal

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.tasks import Task
from flightllm_hw.isa.table import kind
from flightllm_hw.lane.layouts import operation
from flightllm_hw.lane.legality import legal
from flightllm_hw.presets import preset
from flightllm_hw.sim import verilator

COUNT = 100_000


class Rule(wiring.Component):
    """The rule, by itself."""

    def __init__(self, config):
        self.config = config
        super().__init__({"i": In(operation(config)), "o": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(legal(m, self.config, self.i))
        return m


@pytest.mark.parametrize("name", ["tiny", "u280"])
def test_an_operation_is_refused_where_the_golden_machine_refuses_it(name, rng):
    config = preset(name)
    lane = config.lane
    drawn = {
        "pattern": rng.choice([p.value for p in Pattern], COUNT),
        "bits": np.where(rng.random(COUNT) < 0.9, rng.choice([2, 3, 4, 5, 6, 8], COUNT),
                         rng.integers(16, size=COUNT)),
        "row_blocks": np.where(rng.random(COUNT) < 0.98, rng.integers(1, 1 << 16, COUNT), 0),
        "group_tiles": np.where(rng.random(COUNT) < 0.9, rng.choice([2, 4, 8, 16], COUNT),
                                rng.integers(32, size=COUNT)),
        "groups": rng.choice([0, 1, 1, 2, 2, 3, 4, 5, 4094, 4095], COUNT),
        "last_tiles": np.where(rng.random(COUNT) < 0.9, rng.integers(9, size=COUNT),
                               rng.integers(32, size=COUNT)),
    }
    tokens = np.where(rng.random(COUNT) < 0.9, 1, rng.integers(lane.tokens + 2, size=COUNT))
    tokens = np.minimum(tokens, (1 << lane.tokens.bit_length()) - 1)
    sim = verilator.compile(Rule(lane))
    got = sim.run({"i": sim.pack("i", {"tape": drawn, "tokens": tokens})})["o"].ravel().astype(bool)

    rest = {"zero_point": 0, "masked": 0}
    expected = np.array([
        Task(kind("MM"), {**dict(zip(drawn, row, strict=True)), "pattern": Pattern(row[0]),
                          "tokens": t, **rest}, (), (), config).legal
        for row, t in zip(np.stack(list(drawn.values()), 1).tolist(), tokens.tolist(),
                          strict=True)])
    assert_array_equal(got, expected)
    # Of each pattern that the lane takes there were both kinds, with odd and even bits.
    for p in lane.patterns:
        for odd in range(2):
            of = (drawn["pattern"] == p.value) & (drawn["bits"] % 2 == odd)
            assert 100 < np.count_nonzero(got[of]) < np.count_nonzero(of) - 100
