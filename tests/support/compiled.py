# SPDX-License-Identifier: Apache-2.0
"""Compiled models, token by token on the golden machine."""

from dataclasses import replace

import numpy as np

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.golden.model import Cache, Model
from support.checkpoints import LLAMA, Drawn


def any_shape(rng, config=LLAMA, **changes):
    """A model of any sizes."""
    shapes = (config := replace(config, **changes)).shapes().items()
    return Drawn(config, {name: (rng.standard_normal(shape) / shape[-1] ** 0.5 if len(shape) > 1
                                 else rng.uniform(0.5, 1.5, shape) - name.endswith(".bias")
                                 ).astype(np.float32)
                          for name, shape in shapes}, {}, {})


def compiled(checkpoint, config, folder, **options):
    """A model, by way of a file."""
    return open_flm(compile_model(checkpoint, config, folder / "model.flm", **options), config)


class Golden:
    """A golden machine with a compiled model in its memories."""

    def __init__(self, model, **options):
        self.model = model
        self.machine = Machine(model.config, host_bytes=model.host_bytes,
                               lane_bytes=model.lane_bytes, **options)
        self.machine.host.write(0, model.host)
        for lane, image in zip(self.machine.lanes, model.lanes, strict=True):
            lane.memory.write(0, image)

    def step(self, token, position):
        """Logits behind a token, or behind a tile of tokens."""
        program = self.model.decode if isinstance(token, int) else self.model.prefill
        self.machine.start(program, self.model.registers(token, position))
        stopped = self.machine.run()
        assert stopped.reason is Stop.END, stopped
        assert not any(lane.tape.pieces for lane in self.machine.lanes)
        assert not np.any(self.machine.queues.tokens)
        return self.model.read_logits(self.machine.host.data)


def distance(got, want):
    """How far logits are from others, in deviations of these."""
    return np.sqrt(((got - want) ** 2).mean() / want.var())


def deviation(checkpoint, model, tokens, **options):
    """How far logits are from those of the reference."""
    golden = Golden(model, **options)
    got = np.array([golden.step(token, n) for n, token in enumerate(tokens)])
    return distance(got, Model(checkpoint).logits(tokens, Cache()))


def greedy(golden, checkpoint, first, count):
    """Greedy tokens of the machine, those of the reference behind the same ones, and its logits.

    The third tells how far apart the reference's best two are, each in its logits' deviation.
    """
    reference, cache = Model(checkpoint), Cache()
    token, got, want, gaps = first, [], [], []
    for position in range(count):
        logits = golden.step(token, position)
        expected = reference.logits([token], cache)[0]
        best = np.sort(expected)[-2:]
        got.append(int(logits.argmax()))
        want.append(int(expected.argmax()))
        gaps.append(float((best[1] - best[0]) / expected.std()))
        token = got[-1]
    return got, want, gaps
