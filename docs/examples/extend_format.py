# SPDX-License-Identifier: Apache-2.0
"""A new weight format: ternary weights, -s, 0, s, as 2-bit codes on a tape, and back.

    python docs/examples/extend_format.py

What a format must become is codes, scales and maybe zero points. The tape is read back by the
golden machine's reader, which was written from the tape's page and not from the encoder.
"""

import numpy as np

from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import Pattern, QuantizedWeights, dequantize_exact, two_level
from flightllm_hw.golden.tape import read_matrix
from flightllm_hw.isa.matrix import MatrixShape
from flightllm_hw.presets import preset

GROUP = 128


def ternary(signs, scales):
    """Signs in -1, 0, 1, (rows, K), with a scale for every 128 columns, (rows, K / 128)."""
    row_scale, group_scale = two_level(scales)
    return QuantizedWeights(codes=signs.astype(np.int8), zero=None, row_scale=row_scale,
                            group_scale=group_scale, bits=2, group=GROUP)


def main(rows=64, k=512):
    """Make a matrix, its tape, and read it."""
    rng, lane = np.random.default_rng(1), preset("u280").lane
    signs = rng.integers(-1, 2, (rows, k))
    scales = rng.uniform(0.01, 0.02, (rows, k // GROUP)).astype(np.float32)
    weights = ternary(signs, scales)
    error = np.abs(dequantize_exact(weights) - signs * np.repeat(scales, GROUP, axis=1)).max()
    assert error <= weights.row_scale.max() / 2 * 1.001

    shape, beats = encode(weights, np.ones((rows, k), bool), Pattern.DENSE, lane)
    fields = {name: getattr(shape, name) for name in MatrixShape.__dataclass_fields__}
    found = read_matrix(beats, MatrixShape(**fields), lane)
    assert (found.codes[:rows, :k] == signs).all()
    assert (found.row_scale[:rows] == weights.row_scale).all()
    bits = beats.size * 8 / signs.size
    print(f"{rows} x {k} ternary weights: {len(beats)} beats, {bits:.3f} bits a weight,"
          f" no scale off by more than {error:.1e}")


if __name__ == "__main__":
    main()
