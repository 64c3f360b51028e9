# SPDX-License-Identifier: Apache-2.0
"""Random tiles, and what they must come to: plain sums of products, one at a time."""

from dataclasses import dataclass

import numpy as np

from flightllm_hw.compute.layouts import EXCESS_OF_CODE
from flightllm_hw.formats.pattern import Pattern


def stored(pattern, code, mate):
    """Codes and second rows' codes, or indices, as a tile has them."""
    dense = pattern is Pattern.DENSE
    return code.astype(int) + EXCESS_OF_CODE, mate.astype(int) + (EXCESS_OF_CODE if dense else 0)


@dataclass
class Case:
    """A tile of every chain, the windows that meet it, and its sums."""

    pattern: Pattern
    code: np.ndarray  # (chains, length)
    mate: np.ndarray  # (chains, length), second rows' codes or indices
    windows: np.ndarray  # (passes, 2, window)

    @property
    def payload(self):
        return {"pattern": self.pattern.value,
                "elements": [[{"code": int(c), "mate": int(m)} for c, m in zip(*rows, strict=True)]
                             for rows in zip(*stored(self.pattern, self.code, self.mate),
                                             strict=True)]}

    @property
    def steps(self):
        last = len(self.windows) - 1
        return [{"windows": w.tolist(), "last": n == last} for n, w in enumerate(self.windows)]

    def sums(self, chain, n):
        """(chain, node, "lo" or "hi") -> the sum after pass n."""
        first, second = self.windows[n].astype(int)
        found = {}
        for c, (code, mate) in enumerate(zip(self.code.astype(int), self.mate, strict=True)):
            if self.pattern is Pattern.DENSE:
                x = first[:chain.length]
                found[c, chain.nodes - 1, "lo"] = sum(code[k] * x[k] for k in range(chain.length))
                found[c, chain.nodes - 1, "hi"] = sum(mate[k] * x[k] for k in range(chain.length))
                continue
            segment = chain.segment(self.pattern)
            splits = chain.length // segment
            for s in range(splits):
                node = (s + 1) * chain.nodes // splits - 1
                for x, half in ((first, "lo"), (second, "hi"))[:chain.tokens(self.pattern)]:
                    found[c, node, half] = sum(
                        code[s * segment + j]
                        * x[j // self.pattern.n * self.pattern.m + mate[s * segment + j]]
                        for j in range(segment))
        return found


def int8s(rng, shape, bits=8):
    """Random codes, or nothing but extremes, or nothing but the one that overflows first."""
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    draws = (rng.integers(low, high + 1, shape), rng.choice([low, high], shape),
             np.full(shape, low), np.zeros(shape, int))
    return draws[rng.choice(4, p=[0.5, 0.25, 0.2, 0.05])].astype(np.int8)


def draw(rng, config, pattern, passes, bits=8):
    """A random case for the chains of a lane."""
    chain = config.chain
    shape = (config.chains, chain.length)
    if pattern is Pattern.DENSE:
        mate = int8s(rng, shape, bits)
    else:
        blocks = chain.length // pattern.n
        mate = np.array([[np.sort(rng.choice(pattern.m, pattern.n, replace=False))
                          for _ in range(blocks)] for _ in range(config.chains)])
        mate = mate.reshape(shape).astype(np.int8)
    windows = int8s(rng, (passes, 2, chain.window))
    windows[:, 1:chain.tokens(pattern)] = np.maximum(windows[:, 1:chain.tokens(pattern)], -127)
    return Case(pattern, int8s(rng, shape, bits), mate, windows)
