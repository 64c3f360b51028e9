# SPDX-License-Identifier: Apache-2.0
"""Programs as text."""

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flightllm_hw.formats import Pattern
from flightllm_hw.isa.assembly import assemble, disassemble
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import KINDS, Unit, kind
from support.instructions import instructions

thorough = settings(max_examples=100, deadline=None, derandomize=True)

PROGRAM = """\
SYS.ADD d=3 x=0x40 y=r1
SYS.LOOP count=r2 {
    LD.VECTOR release(LANES) address=0x1000+r4 rows=8
    SYS.LOOP count=0x2 {
        MV wait(MEMORY, VECTOR) release(VECTOR) pattern=S2_4 bits=4 tokens=1 o=64+r3+r4
    }
}
MISC.PASS rows=1+r5 function=IDENTITY k1=0.1 k2=-inf
SYS.END
"""


def loop(length, **rest):
    return Instruction.of("SYS.LOOP", count=2, length=length, **rest)


END = Instruction.of("SYS.END")


def test_a_program():
    program = assemble(PROGRAM)
    assert program == [
        Instruction.of("SYS.ADD", d=3, x=64, patches=[(1, "y")]),
        Instruction.of("SYS.LOOP", length=3, patches=[(2, "count")]),
        Instruction.of("LD.VECTOR", release={Unit.LANES}, address=4096, rows=8,
                       patches=[(4, "address")]),
        Instruction.of("SYS.LOOP", count=2, length=1),
        Instruction.of("MV", wait={Unit.MEMORY, Unit.VECTOR}, release={Unit.VECTOR},
                       pattern=Pattern.S2_4, bits=4, tokens=1, o=64,
                       patches=[(3, "o"), (4, "o")]),
        Instruction.of("MISC.PASS", function=4, k1=0.1, k2=-np.inf, patches=[(5, "rows")]),
        END,
    ]
    assert disassemble(program) == PROGRAM


@pytest.mark.parametrize("k", KINDS, ids=lambda k: k.name)
def test_every_instruction_survives_its_text(k):
    @settings(thorough, max_examples=40)
    @given(instructions((k,)))
    def check(instruction):
        text = disassemble([instruction])
        assert text.endswith("\n") and text.isascii()
        assert assemble(text) == [instruction]

    check()


@thorough
@given(st.lists(instructions() | st.builds(loop, st.integers(0, 8)), max_size=12))
@example([loop(2), loop(2), END, END])
@example([loop(0)])
@example([loop(1)])
@example([loop(5), loop(4), loop(3), loop(2), loop(1), END])
@example([loop(2, patches=[(1, "length")]), END, END])
@example([loop(1), loop(1), END])
def test_every_program_survives_its_text(program):
    text = disassemble(program)
    assert assemble(text) == program
    assert disassemble(assemble(text)) == text


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.integers(0, 2 ** 32 - 1))
@example(0x7F800001)
@example(0x7FC00000)
@example(0xFFC00000)
@example(0x80000000)
@example(0x00000001)
@example(0x7F7FFFFF)
def test_every_fp32_number_survives_its_text(bits):
    program = [Instruction.of("MISC.PASS", k1=np.uint32(bits).view(np.float32))]
    assert program[0].stored[27] == bits
    assert assemble(disassemble(program)) == program


def test_loops_are_braces_or_lengths():
    braces = "SYS.LOOP count=2 {\n SYS.LOOP count=3 { ; inner\n SYS.END\n } ; here\n}\n"
    assert assemble(braces) == assemble("SYS.LOOP count=2 length=2\n"
                                        "SYS.LOOP count=3 length=1\nSYS.END")
    # A loop that leaves the one around it, or is too deep, keeps its length.
    crossing = disassemble([loop(2), loop(2), END, END])
    assert crossing == ("SYS.LOOP count=0x2 {\n    SYS.LOOP count=0x2 length=2\n    SYS.END\n}\n"
                        "SYS.END\n")
    deep = disassemble([loop(5), loop(4), loop(3), loop(2), loop(1), END])
    assert deep.count("{") == 4 and "SYS.LOOP count=0x2 length=1\n" in deep
    assert disassemble([loop(0)]) == "SYS.LOOP count=0x2 {\n}\n"


def test_spaces_comments_and_empty_lines_do_not_matter():
    assert assemble("") == assemble("\n ; nothing\r\n\t\n") == []
    assert assemble("\tMV\to=3   wait( LANES ,VECTOR )  ; x=}\r\n") == [
        Instruction.of("MV", wait={Unit.LANES, Unit.VECTOR}, o=3)]
    assert assemble("MISC.PASS k1=0x3f800000 k2=1e+3+r2 a=0x0A") == [
        Instruction.of("MISC.PASS", a=10, k1=1, k2=1000, patches=[(2, "k2")])]


@pytest.mark.parametrize(("text", "match"), [
    ("SYS.END\nMW o=3", "^Line 2: Instruction must be one of LD.TAPE, .*, not 'MW'$"),
    ("mv", "not 'mv'$"),
    ("MV q=1", "^Line 1: MV fields must be among pattern, .*, not 'q'$"),
    ("MV o=1 o=2", "^Line 1: MV o must be given once$"),
    ("MV wait(LANES) wait(LANES)", "MV wait must be given once$"),
    ("MV wait(LANE)", "MV wait must be among MEMORY, LANES, VECTOR, CONTROL, not 'LANE'$"),
    ("MV wait()", "CONTROL, not ''$"),
    ("LD.TAPE wait(LANES)", "LD.TAPE can neither wait nor release$"),
    ("MV wait(LANES", r"MV cannot be followed by 'wait\(LANES'$"),
    ("MV o", "MV cannot be followed by 'o'$"),
    ("MV o=3}", "MV cannot be followed by 'o=3}'$"),
    ("MV o= 3", "MV cannot be followed by 'o= 3'$"),
    ("MV { o=3", "MV cannot be followed by '{ o=3'$"),
    ("MV o=70000", r"MV o must be an integer in 0\.\.65535, not 70000$"),
    ("MV o=-1", "MV o must be an integer, not '-1'$"),
    ("MV o=1_0", "not '1_0'$"),
    ("MV o=0x", "not '0x'$"),
    ("MV o=0x" + "f" * 41, r"MV o must be an integer, not '0xf+\.\.\.'$"),
    ("MV o=\u0663", "not '\u0663'$"),
    ("MV o=+r3", r"not '\+r3'$"),
    ("MV o=3+4", r"not '3\+4'$"),
    ("MV o=r3+4", r"not 'r3\+4'$"),
    ("MV o=3+r", r"not '3\+r'$"),
    ("MV o=3+r100", r"not '3\+r100'$"),
    ("MV o=r32", r"MV registers must be in 0\.\.31, not 32$"),
    ("MV o=r1+r1+r1+r1+r1", "MV patches must be at most 4, not 5$"),
    ("MV pattern=2:4", "MV pattern must be one of DENSE, .*, not '2:4'$"),
    ("MV pattern=r2", "MV patches must be of bits, .*, not 'pattern'$"),
    ("MV pattern=DENSE+r2", "MV patches must be of bits, .*, not 'pattern'$"),
    ("LD.VECTOR rows=r3", r"LD.VECTOR rows must be an integer in 1\.\.65536, not 0$"),
    ("MISC.PASS k1=x", "MISC.PASS k1 must be an FP32 number, not 'x'$"),
    ("MISC.PASS k1=1e39", r"k1 must be an FP32 number, not 1e\+39$"),
    ("MISC.PASS k1=1e400", "k1 must be an FP32 number, not '1e400'$"),
    ("MISC.PASS k1=0x3f8", "not '0x3f8'$"),
    ("SYS.END\n}", "^Line 2: there is no loop that } could end$"),
    ("SYS.LOOP {\nSYS.END", "^Line 1: the loop has no end }$"),
    ("SYS.LOOP length=1 {\n}", "{ must follow a SYS.LOOP without length$"),
    ("MV {\n}", "{ must follow a SYS.LOOP without length$"),
    ("SYS.LOOP {\n" * 5 + "}\n" * 5, "^Line 5: Loops must be at most 4 deep$"),
])
def test_errors_are_sentences_with_the_line(text, match):
    with pytest.raises(ValueError, match=match):
        assemble(text)


def test_a_loop_that_is_too_long_is_refused():
    body = "SYS.END\n" * 65536
    with pytest.raises(ValueError, match=r"^Line 65538: SYS.LOOP length must be an integer in"):
        assemble(f"SYS.LOOP {{\n{body}}}")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text() | st.lists(st.sampled_from([
    *(k.name for k in KINDS), *(f.name for f in kind("MISC.PASS").fields), "wait", "release", "(",
    ")", "LANES", "=", "+", "r", "r3", "0x", "1", "-", ".", "e", "{", "}", ";", "\n", " ",
    "SYS.LOOP", "\x00", "\u2028", "nan", "IDENTITY"])).map("".join))
def test_any_text_is_a_program_or_an_error(text):
    try:
        program = assemble(text)
    except ValueError as error:
        assert str(error).startswith("Line ")
    else:
        assert assemble(disassemble(program)) == program


@pytest.mark.parametrize("text", [
    "MV o=" + "9" * 10 ** 6, "MV o=0x" + "f" * 10 ** 5, "MV o=1" + "+r1" * 10 ** 5,
    "MV " + "x" * 10 ** 6, "MV " * 10 ** 5, "MISC.PASS k1=" + "1" * 10 ** 6, "}" * 10 ** 6,
    "MV wait(" + "LANES," * 10 ** 5, "MV" + " " * 10 ** 6 + "!", "MISC.PASS k1=1e" + "9" * 10 ** 6,
])
def test_long_texts_are_refused_soon_and_shortly(text):
    start = time.monotonic()
    with pytest.raises(ValueError, match="^Line 1: ") as error:
        assemble(text)
    assert time.monotonic() - start < 5
    assert len(str(error.value)) < 500
