# SPDX-License-Identifier: Apache-2.0
"""Making a model small: bits, groups, zero points, N:M pruning, and which blocks attention sees."""

from flightllm_hw.compiler.compress.attention import AttentionMask, LocalGlobal
from flightllm_hw.compiler.compress.compressed import Compressed, compress
from flightllm_hw.compiler.compress.layers import choose_bits_of_runs
from flightllm_hw.compiler.compress.precision import choose_bits, mix_precision, sensitivity
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.compress.report import Line, Report
from flightllm_hw.compiler.compress.walk import (
    Calibration,
    compress_model,
    matrices,
    measure_sensitivity,
)

__all__ = ["AttentionMask", "Calibration", "Compressed", "Line", "LocalGlobal", "Recipe",
           "Report", "Setting", "choose_bits", "choose_bits_of_runs", "compress", "compress_model",
           "matrices", "measure_sensitivity", "mix_precision", "sensitivity"]
