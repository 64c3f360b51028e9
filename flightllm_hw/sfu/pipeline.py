# SPDX-License-Identifier: Apache-2.0
"""The cycles of the pipeline: when a row is where.

Cycle 0 is that in which a row's addresses are at the vector buffer.
"""

from flightllm_hw.arith.add import Fp32Add
from flightllm_hw.arith.exponential import Exponential
from flightllm_hw.arith.multiply import Fp32Multiply
from flightllm_hw.arith.quantize import Fp32Quantize
from flightllm_hw.primitives.ram import Ram

__all__ = ["ADDED", "APPLIED", "ARRANGED", "CODED", "FACTORED", "LATENCY", "MULTIPLIED", "READ",
           "TAPPED", "WRITTEN"]

READ = Ram.latency + 1
"""Operands are there, a row before them and a row behind them too."""

ARRANGED = READ + 1
"""They are in front of the first multipliers."""

MULTIPLIED = ARRANGED + Fp32Multiply.latency
"""The first products."""

ADDED = MULTIPLIED + 1 + Fp32Add.latency
"""The sums; the cycle more chooses the addend."""

APPLIED = ADDED + Exponential.latency + 1
"""What the function gave; the cycle more chooses the function."""

FACTORED = APPLIED + 1 + Fp32Multiply.latency
"""The last products; the cycle more chooses the factor."""

TAPPED = FACTORED + 1
"""What is written, put out and reduced."""

CODED = TAPPED + Fp32Quantize.latency
"""The codes."""

WRITTEN = TAPPED + 1
"""The vector buffer is written."""

LATENCY = WRITTEN + 1
"""A row that is read now sees what was written."""
