# SPDX-License-Identifier: Apache-2.0
"""FP32 as hardware sees it: three fields, and zero wherever the exponent is."""

from amaranth.lib import data

from flightllm_hw.formats.fp32 import QUIET_NAN

__all__ = ["BIAS", "EXPONENT_MAX", "FRACTION_BITS", "QUIET_NAN", "Fp32"]

FRACTION_BITS = 23
"""Bits behind the leading one."""

BIAS = 127
"""The exponent of numbers in [1, 2)."""

EXPONENT_MAX = 255
"""The exponent of infinity and NaN."""


class Fp32(data.Struct):
    """A float32: (-1)^sign * 2^(exponent - 127) * 1.fraction.

    Exponent 0 is zero, whatever the fraction (:mod:`flightllm_hw.formats.fp32`); exponent 255 is
    infinity, or NaN where the fraction is not zero.
    """

    fraction: FRACTION_BITS
    exponent: 8
    sign: 1

    def is_zero(self):
        """Zero or subnormal, which counts as zero."""
        return ~self.exponent.any()

    def is_inf(self):
        """Infinity of either sign."""
        return self.exponent.all() & ~self.fraction.any()

    def is_nan(self):
        """NaN, quiet or signalling."""
        return self.exponent.all() & self.fraction.any()
