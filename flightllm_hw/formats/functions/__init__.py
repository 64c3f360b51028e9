# SPDX-License-Identifier: Apache-2.0
"""Elementary functions of float32, decided once: tables and polynomials in integers.

Each function is a table of quadratic polynomials with integer coefficients, computed from 40 exact
digits, and a rule of integer arithmetic that evaluates it. The hardware has the same tables; what
it computes is what these functions compute, to the bit.
"""

from flightllm_hw.formats.functions.exponential import exp, gelu, sigmoid, silu
from flightllm_hw.formats.functions.inverse import reciprocal, rsqrt
from flightllm_hw.formats.functions.rotary import rotary_phase, rotary_steps
from flightllm_hw.formats.functions.sine import sine_cosine

__all__ = ["exp", "gelu", "reciprocal", "rotary_phase", "rotary_steps", "rsqrt", "sigmoid", "silu",
           "sine_cosine"]
