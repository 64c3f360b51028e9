# SPDX-License-Identifier: Apache-2.0
"""The numeric contract: number formats, rounding, sparsity, packing; numpy only.

What a number means is decided here and nowhere else: compiler, golden machine and the tests of the
hardware call these functions. Integers are exact; floats are IEEE float32 without subnormals.
"""

from flightllm_hw.formats.activation import dequantize_activations, quantize_activations
from flightllm_hw.formats.blocks import block_mask, pack_mask, unpack_mask
from flightllm_hw.formats.dot import (
    DOT_BITS,
    check_dot_bound,
    check_shape_bound,
    dot_products,
    group_sums,
    scale_result,
)
from flightllm_hw.formats.fp32 import SMALLEST_NORMAL, flush
from flightllm_hw.formats.pair import PAIR_SPACING, pack_pair, unpack_sums
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.planes import pack_planes, unpack_planes
from flightllm_hw.formats.quantize import quantize_weights
from flightllm_hw.formats.rounding import code_range, round_half_even, saturate
from flightllm_hw.formats.scale import GROUP_SCALE_MAX, combine, two_level
from flightllm_hw.formats.sparsity import compress, expand, prune_mask
from flightllm_hw.formats.weight import (
    CODE_BITS,
    GROUP_SIZES,
    QuantizedWeights,
    dequantize,
    dequantize_exact,
)

__all__ = [
    "CODE_BITS", "DOT_BITS", "GROUP_SCALE_MAX", "GROUP_SIZES", "PAIR_SPACING", "SMALLEST_NORMAL",
    "Pattern", "QuantizedWeights", "block_mask", "check_dot_bound", "check_shape_bound",
    "code_range", "combine", "compress", "dequantize", "dequantize_activations",
    "dequantize_exact", "dot_products", "expand", "flush", "group_sums", "pack_mask", "pack_pair",
    "pack_planes", "prune_mask", "quantize_activations", "quantize_weights", "round_half_even",
    "saturate", "scale_result", "two_level", "unpack_mask", "unpack_planes", "unpack_sums",
]
