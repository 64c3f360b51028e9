# SPDX-License-Identifier: Apache-2.0
"""Any legal instruction, for hypothesis to draw."""

from hypothesis import strategies as st

from flightllm_hw.isa.fields import from_bits
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import KINDS, PATCHES, REGISTERS, Unit

# Numbers whose text or bits are easily lost: infinite, NaN of all sorts, minus zero, subnormal.
AWKWARD = (0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000, 0xFFC00001, 0x80000000, 1)


def stored_bits(f):
    """What a field may hold, and rather the extremes."""
    if f.enum:
        return st.sampled_from([member.value for member in f.enum])
    last = (1 << f.bits) - 1
    extreme = [0, 1, last, last >> 1, last - (last >> 1), *(AWKWARD if f.fp32 else ())]
    return st.sampled_from(extreme) | st.integers(0, last)


@st.composite
def instructions(draw, kinds=KINDS):
    """An instruction of one of ``kinds``, with any fields, tokens and patches."""
    k = draw(st.sampled_from(kinds))
    units = st.frozensets(st.sampled_from(Unit)) if k.tokens else st.just(frozenset())
    given = draw(st.lists(st.sampled_from(k.fields), unique=True)) if k.fields else []
    patched = [f.name for f in k.fields if not f.enum]
    patch = st.tuples(st.integers(0, REGISTERS - 1), st.sampled_from(patched or ("none",)))
    return Instruction(k, {f.name: from_bits(f, draw(stored_bits(f))) for f in given},
                       draw(units), draw(units),
                       tuple(draw(st.lists(patch, max_size=PATCHES if patched else 0))))
