# SPDX-License-Identifier: Apache-2.0
"""The page about instructions."""

from pathlib import Path

import flightllm_hw
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.document import markdown
from flightllm_hw.isa.table import KINDS, layout

PAGE = Path(flightllm_hw.__file__).parent.parent / "docs" / "isa.md"


def test_the_page_is_that_of_the_table():
    assert PAGE.read_text() == markdown(), (
        "docs/isa.md is not made from the table as it is; write what"
        " flightllm_hw.isa.document.markdown() returns into it")


def test_the_page_tells_every_field():
    lines = markdown().splitlines()
    for k in KINDS:
        begin = next(n for n, line in enumerate(lines)
                     if line.startswith("## ") and k.name in line[3:].split(", "))
        section = "\n".join(lines[begin + 1:]).split("\n## ")[0]
        for number, f in enumerate(k.fields, 1):
            start = layout(k)[f.name][0]
            bits = f"{start + f.bits - 1} .. {start}" if f.bits > 1 else str(start)
            assert f"| {number} | {bits} | `{f.name}` | {f.text} |" in section
            for member in f.enum or ():
                assert f"{member.value} {member.name}" in section


def test_examples_on_the_page_are_programs():
    code = [line[4:] for line in markdown().splitlines() if line.startswith("    ")]
    # Remarks follow at column 52.
    assert len(assemble("\n".join(line[:52] for line in code))) == 5
