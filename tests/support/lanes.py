# SPDX-License-Identifier: Apache-2.0
"""Operations on a compiled lane, and what they must come to."""

import numpy as np

from flightllm_hw.formats import group_sums
from flightllm_hw.sim.traffic import STEADY
from support.tapes import payload


def load_activations(sim, config, x):
    """Write tokens, (tokens, K) of int8, into the buffer; returns the stride between pairs."""
    tokens, k = x.shape
    window = config.chain.window
    stride = -(-k // window)
    padded = np.pad(x, ((0, 0), (0, stride * window - k)), constant_values=0)
    words = padded.reshape(tokens, stride, window).view(np.uint8)
    raw = np.ascontiguousarray(words.reshape(-1, window)).view("<u4")
    token = np.repeat(np.arange(tokens), stride)
    word = token // 2 * stride + np.tile(np.arange(stride), tokens)
    sim.run({"write_en": (1 << token % 2)[:, None].astype(np.uint32),
             "write_word": word[:, None].astype(np.uint32), "write_data": raw})
    sim.poke("write_en", 0)
    return stride


def expected(weights, mask, x):
    """A, (tokens, rows): plain integers, from the codes."""
    centered = np.where(mask, weights.centered(), 0).astype(np.int8)
    sums = group_sums(centered, x, weights.group)
    return (sums * weights.group_scale.astype(np.int64)[None]).sum(-1)


def multiply(sim, config, shape, beats, x, traffic=STEADY, seed=0, deadline=1_000_000):
    """A of every row (with padding), (tokens, rows), and the transfers."""
    stride = load_activations(sim, config, x)
    op = sim.pack("i", {
        "tape": {name: np.array([value]) for name, value in payload(shape).items()},
        "tokens": np.array([len(x)]), "stride": np.array([stride])})
    rows = config.tile_rows(shape.pattern)
    count = shape.row_blocks * rows * len(x)
    got = sim.stream({"i": op, "i_beat": beats.view("<u4")}, {"o": count}, seed=seed,
                     deadline=deadline,
                     traffic={name: traffic for name in ("i_beat", "o")})
    values = sim.unpack("o", got["o"])
    result = np.full((len(x), shape.row_blocks * rows), 1 << 60, np.int64)
    block = np.arange(count) // (rows * len(x))
    row = block * rows + values["row"]
    result[values["token"], row] = values["sum"]
    got.row_scale = np.zeros(shape.row_blocks * rows, np.uint32)
    got.row_scale[row] = values["row_scale"]
    return result, got
