# SPDX-License-Identifier: Apache-2.0
"""A new operation of the special function unit: squared ReLU, o = max(x, 0)^2, as one pass.

    python docs/examples/extend_operation.py

Formula, passes, and the simulated unit beside the golden machine and the formula, to the bit.
"""

import numpy as np

from flightllm_hw.compiler.operations import Operations
from flightllm_hw.config import SfuConfig
from flightllm_hw.formats import arithmetic
from flightllm_hw.golden.operations import relu
from flightllm_hw.golden.vector import VectorMachine
from flightllm_hw.isa.vector import Function, LastFactor, Output
from flightllm_hw.sim.sfu import SfuBench

X, OUT = 0, 64


class MyOperations(Operations):
    """The operations that there are, and one more."""

    def squared_relu(self, x, o):
        """o = relu(x)^2; 1 pass: the function's result is the last factor, too."""
        return [self._pass(a=x, o=o, function=Function.RELU, last=LastFactor.ITSELF,
                           output=Output.BUFFER)]


def squared_relu(x):
    """The formula: two roundings' worth of FP32 as the accelerator has it."""
    return arithmetic.multiply(relu(x), relu(x))


def main(n=37):
    """Run it on both, compare all three."""
    config = SfuConfig(width=4, rows=16384)
    x = np.random.default_rng(1).standard_normal((1, n)).astype(np.float32)
    x[0, :3] = 1e-30, -0.0, 3e38
    passes = MyOperations(config, n).squared_relu(X, OUT)
    rows = -(-n // config.width)
    padded = np.pad(x, ((0, 0), (0, rows * config.width - n))).reshape(rows, -1)

    machine = VectorMachine(config)
    machine.buffer[X:X + rows] = padded
    machine.run(*passes)
    golden = machine.buffer[OUT:OUT + rows].ravel()[:n]

    unit = SfuBench(config)
    unit.write(X, x)
    unit.run(passes)
    simulated = unit.read(OUT, rows).ravel()[:n]

    want = squared_relu(x)[0]
    assert (golden.view(np.uint32) == want.view(np.uint32)).all()
    assert (simulated.view(np.uint32) == want.view(np.uint32)).all()
    print(f"{n} elements in {len(passes)} pass: formula, golden machine and simulated unit agree")


if __name__ == "__main__":
    main()
