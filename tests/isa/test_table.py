# SPDX-License-Identifier: Apache-2.0
"""The one table."""

import pytest

from flightllm_hw.isa.table import BITS, HEADER, HEADER_BITS, KINDS, kind, layout
from flightllm_hw.isa.vector import widths
from flightllm_hw.presets import PRESETS


def test_fields_lie_one_behind_the_other():
    for k in KINDS:
        end = 0
        for start, f in layout(k).values():
            assert start == end
            end += f.bits
        assert HEADER_BITS <= end <= BITS
        assert list(layout(k))[:len(HEADER)] == [f.name for f in HEADER]


def test_every_value_with_a_name_fits_its_field():
    for k in KINDS:
        for f in k.fields:
            if f.enum:
                values = [member.value for member in f.enum]
                assert 0 in values and max(values) < 1 << f.bits
                assert not f.less_one and not f.fp32


def test_a_kind_is_found_by_its_name():
    assert [kind(k.name) for k in KINDS] == list(KINDS)
    with pytest.raises(ValueError, match=r"Instruction must be one of LD.TAPE, .*, not 'LD'"):
        kind("LD")


@pytest.mark.parametrize("name", PRESETS)
def test_every_pass_of_every_preset_fits(name):
    renamed = {"last_segment": "segments", "last_row": "rows", "wait": "order"}
    places = layout(kind("MISC.PASS"))
    for field, width in widths(PRESETS[name].sfu).items():
        assert places[renamed.get(field, field)][1].bits >= width, field
