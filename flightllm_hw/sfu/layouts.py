# SPDX-License-Identifier: Apache-2.0
"""What moves through the special function unit."""

from amaranth.lib import data

from flightllm_hw.config import SfuConfig
from flightllm_hw.isa.vector import SEGMENT_BITS, widths

__all__ = ["TAG_BITS", "beat", "code_row", "external_row", "made_scalar", "row", "scalar",
           "scalar_task", "vector_pass"]

TAG_BITS = 4
"""Width of a pass's tag, which comes out with its codes and scalars and means nothing in here."""


def vector_pass(config: SfuConfig):
    """A pass, as :func:`flightllm_hw.isa.vector.encode` has it, with a tag."""
    return data.StructLayout({**widths(config), "tag": TAG_BITS})


def beat(config: SfuConfig):
    """A row of a segment on its way through the pipeline, and what becomes of it.

    ``hi``: the second of a rotation's two rows. ``counts``: which elements count. The rest is the
    pass's, but for the scalars, which have been read.
    """
    of_pass = widths(config)
    return data.StructLayout({
        "hi": 1, "first_row": 1, "last_row": 1, "counts": config.width,
        **{name: of_pass[name] for name in (
            "arrange", "first", "addend", "function", "last", "output", "output_tap", "reduce",
            "reduce_tap", "step", "o", "d", "k1", "k2")},
        "s": 32, "z": 32, "segment": SEGMENT_BITS, "tag": TAG_BITS,
    })


def row(config: SfuConfig):
    """A row of FP32 elements."""
    return data.ArrayLayout(32, config.width)


def external_row(config: SfuConfig):
    """Elements to write into the vector buffer: those of ``row`` that ``enables`` names."""
    return data.StructLayout({
        "row": config.row_bits, "enables": config.width, "elements": row(config)})


def code_row(config: SfuConfig):
    """A row of int8 codes, and the row that the pass calls their output's.

    ``first``, ``last``: of the segment's rows, in the order in which they come. ``z`` is the
    segment's scalar.
    """
    return data.StructLayout({
        "row": config.row_bits, "codes": data.ArrayLayout(8, config.width),
        "segment": SEGMENT_BITS, "first": 1, "last": 1, "z": 32, "tag": TAG_BITS})


def scalar(config: SfuConfig):
    """A scalar and its number."""
    return data.StructLayout({"at": widths(config)["d"], "value": 32})


def made_scalar(config: SfuConfig):
    """A scalar that a pass has made of a segment."""
    return data.StructLayout({"at": widths(config)["d"], "value": 32,
                              "segment": SEGMENT_BITS, "tag": TAG_BITS})


def scalar_task(config: SfuConfig):
    """What is to become of a reduction."""
    return data.StructLayout({
        "step": widths(config)["step"], "d": widths(config)["d"], "k1": 32, "k2": 32, "z": 32,
        "kept": 1, "segment": SEGMENT_BITS, "tag": TAG_BITS})
