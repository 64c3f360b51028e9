# SPDX-License-Identifier: Apache-2.0
"""Instructions and their 512 bits."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flightllm_hw.formats import Pattern
from flightllm_hw.isa.encoding import InstructionError, Reason, decode, encode, from_bytes, to_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.passes import as_pass, from_pass
from flightllm_hw.isa.patches import apply_patches
from flightllm_hw.isa.table import BITS, KINDS, PATCHES, Bank, Target, Unit, kind, layout
from flightllm_hw.isa.vector import Addend, Arrange, Factor, Function, VectorPass, Wait
from support.instructions import instructions

REGISTERS = st.lists(st.integers(0, 2 ** 32 - 1), min_size=32, max_size=32)
thorough = settings(max_examples=150, deadline=None, derandomize=True)


def put(word, k, **fields):
    """A word with other bits in some fields."""
    for name, value in fields.items():
        start, f = layout(k)[name]
        word = word & ~((1 << f.bits) - 1 << start) | value << start
    return word


def judge(word):
    """Whether a word is legal, straight from the rules: its reason, or none."""
    text = f"{word:0512b}"[::-1]

    def number(start, bits):
        return int(text[start:start + bits][::-1], 2)

    kinds = [k for k in KINDS if (k.opcode, k.mode) == (number(0, 4), number(4, 4))]
    if not kinds:
        return Reason.KIND
    places, start = [], 64
    for f in kinds[0].fields:
        places.append((f, number(start, f.bits)))
        start += f.bits
    if "1" in text[60:64] + text[start:]:
        return Reason.ZERO
    if kinds[0].name == "LD.TAPE" and "1" in text[8:16]:
        return Reason.TOKENS
    if any(f.enum and value not in {m.value for m in f.enum} for f, value in places):
        return Reason.VALUE
    for patch in range(4):
        target = number(21 + 11 * patch, 6)
        if target and (target > len(places) or places[target - 1][0].enum):
            return Reason.PATCH
    return None


@pytest.mark.parametrize("k", KINDS, ids=lambda k: k.name)
def test_bits_give_the_instruction_again(k):
    @settings(thorough, max_examples=40)
    @given(instructions((k,)))
    def check(instruction):
        word = encode(instruction)
        assert decode(word) == instruction
        assert hash(decode(word)) == hash(instruction)
        assert encode(decode(word)) == word
        assert judge(word) is None
        assert from_bytes(to_bytes(instruction)) == instruction
        assert to_bytes(instruction) == word.to_bytes(64, "little")
        assert dataclasses.replace(instruction) == instruction

    check()


def test_every_field_lies_where_the_table_says():
    got = encode(Instruction.of("ST.SCALARS", wait={Unit.VECTOR}, release={Unit.MEMORY, Unit.LANES},
                                address=0x3_0000_0001, step=5, d=7, count=512,
                                patches=[(31, "d"), (1, "address")]))
    fields = 0x3_0000_0001 | 5 << 34 | 7 << 58 | 511 << 67
    patches = 1 | 1 << 5 | 31 << 11 | 3 << 16
    assert got == 2 | 1 << 4 | 0b0100 << 8 | 0b0011 << 12 | patches << 16 | fields << 64


def test_what_is_left_out_is_zero_or_one():
    empty = Instruction.of("MISC.PASS")
    assert encode(empty) == 5
    assert empty["rows"] == empty["segments"] == 1
    assert empty["a"] == 0 and empty["k1"] == 0.0
    assert empty["function"] is Function.EXP and empty["target"] is Target.ACTIVATIONS


def test_values_are_those_that_a_program_means():
    got = Instruction.of("MM", pattern=2, bits=np.int64(4), masked=True)
    assert got["pattern"] is Pattern.S2_4 and got["bits"] == 4 and got["masked"] == 1
    got = Instruction.of("MISC.PASS", k1=0.1, k2=-2, rows=65536)
    assert got["k1"] == np.float32(0.1) and isinstance(got["k1"], np.float32)
    assert got["k2"] == -2.0 and got["rows"] == 65536


@thorough
@given(instructions(), st.integers(0, BITS - 1), st.integers(0, BITS - 1))
def test_a_word_is_judged_by_the_rules(instruction, one, other):
    for word in (encode(instruction) ^ 1 << one, encode(instruction) ^ 1 << one ^ 1 << other):
        reason = judge(word)
        if reason is None:
            decode(word)
            continue
        with pytest.raises(InstructionError) as error:
            decode(word)
        assert error.value.reason is reason


@thorough
@given(st.sampled_from(KINDS), st.integers(0, 2 ** BITS - 1))
def test_random_words_are_judged_by_the_rules(k, word):
    used = sum(f.bits for _, f in layout(k).values())
    word = put(word % (1 << used), k, opcode=k.opcode, mode=k.mode, reserved=0)
    reason = judge(word)
    if reason is None:
        assert decode(word).kind is k
    else:
        with pytest.raises(InstructionError) as error:
            decode(word)
        assert error.value.reason is reason


def test_illegal_words_have_a_reason_and_a_sentence():
    plain, tape = kind("MISC.PASS"), kind("LD.TAPE")
    for word, reason, match in (
            (0, Reason.KIND, "Opcode and mode must be those of an instruction, not 0 and 0"),
            (0x3F, Reason.KIND, "not 15 and 3"),
            (put(5, plain, reserved=8), Reason.ZERO, "MISC.PASS must have zeros in its reserved"),
            (5 | 1 << 463, Reason.ZERO, "and from bit 463 on"),
            (0x0F | 1 << 511, Reason.ZERO, "SYS.END .* from bit 64 on"),
            (put(1, tape, wait=1), Reason.TOKENS, "LD.TAPE can neither wait nor release"),
            (put(1, tape, release=8), Reason.TOKENS, "LD.TAPE can neither wait nor release"),
            (put(5, plain, arrange=3), Reason.VALUE, "must be one of PLAIN, PAIRS, HALVES, not 3"),
            (put(5, plain, field_0=44), Reason.PATCH, "no field of number 44"),
            (put(5, plain, field_3=12), Reason.PATCH, "no field of number 12 that a register can"),
            (put(0x0F, kind("SYS.END"), field_1=1), Reason.PATCH, "no field of number 1 "),
            # Of several reasons the first counts.
            (put(1, tape, reserved=1, wait=1, field_0=63), Reason.ZERO, "LD.TAPE must have zeros"),
            (put(5, plain, arrange=3, field_0=63), Reason.VALUE, "MISC.PASS arrange must be")):
        with pytest.raises(InstructionError, match=match) as error:
            decode(word)
        assert error.value.reason is reason


def test_places_of_patches_mean_nothing():
    k = kind("LD.VECTOR")
    want = Instruction.of("LD.VECTOR", patches=[(7, "address"), (3, "o")])
    first = {"register_0": 7, "field_0": 1, "register_1": 3, "field_1": 2}
    last = {"register_1": 3, "field_1": 2, "register_3": 7, "field_3": 1, "register_0": 31}
    for fields in (first, last):
        assert decode(put(0x11, k, **fields)) == want
    assert encode(want) == put(0x11, k, **first)
    assert Instruction.of("LD.VECTOR", patches=[(3, "o"), (7, "address")]) == want


@thorough
@given(instructions(), REGISTERS)
def test_patches_add_registers_to_the_stored_bits(instruction, registers):
    got = apply_patches(instruction, registers)
    word = encode(dataclasses.replace(instruction, patches=()))
    for register, name in instruction.patches:
        start, f = layout(instruction.kind)[name]
        added = (word >> start) + (registers[register] if register else 0)
        word = put(word, instruction.kind, **{name: added % (1 << f.bits)})
    assert encode(got) == word
    assert apply_patches(encode(instruction), registers) == got


def test_patches_of_counts_and_constants():
    registers = [99, 65535, 5, 0x3F800000] + [0] * 28
    got = apply_patches(Instruction.of(
        "MISC.PASS", rows=3, a=9,
        patches=[(1, "rows"), (3, "k1"), (0, "a"), (2, "k2")]), registers)
    assert got["rows"] == 2                     # (2 + 65535) mod 2^16, and one more
    assert got["k1"] == 1.0 and got["a"] == 9   # r0 is zero, whatever is there
    assert got["k2"].view(np.uint32) == 5
    assert apply_patches(Instruction.of("LD.TAPE", lanes=2 ** 64 - 1, patches=[(2, "lanes")]),
                         registers)["lanes"] == 4
    with pytest.raises(ValueError, match="Registers must be 32, not 31"):
        apply_patches(got, registers[1:])


def test_a_pass_is_an_instruction_and_back(rng):
    for _ in range(50):
        p = VectorPass(
            a=int(rng.integers(65536)), b=3, o=int(rng.integers(65536)), a_step=5, b_still=True,
            segments=int(rng.integers(1, 257)), rows=2 * int(rng.integers(1, 32769)),
            limit=int(rng.integers(2 ** 20)), limit_step=1, arrange=Arrange(rng.integers(3)),
            first=Factor(rng.integers(4)), function=Function(rng.integers(7)), s=511, d_step=1,
            k1=float(np.float32(rng.normal())), k2=-0.0, wait=Wait(rng.integers(3)))
        instruction = from_pass(p, wait={Unit.LANES}, patches=[(1, "a")], scales=Bank.Z, word=7)
        assert instruction["order"] is p.wait and instruction["word"] == 7
        got = as_pass(apply_patches(decode(encode(instruction)), [0] * 32))
        assert got == p
        assert [type(getattr(got, f.name)) for f in dataclasses.fields(got)] == [
            type(getattr(p, f.name)) for f in dataclasses.fields(p)]


def test_what_is_no_pass_is_refused():
    with pytest.raises(ValueError, match="Instruction must be MISC.PASS, not MV"):
        as_pass(Instruction.of("MV"))
    with pytest.raises(ValueError, match="A pass must have its patches applied"):
        as_pass(Instruction.of("MISC.PASS", patches=[(0, "a")]))
    with pytest.raises(ValueError, match="even for HALVES, not 3"):
        as_pass(Instruction.of("MISC.PASS", arrange=Arrange.HALVES, rows=3))
    with pytest.raises(ValueError, match="Pass order must be given by the pass alone"):
        from_pass(VectorPass(), order=Wait.DRAIN)
    with pytest.raises(ValueError, match="MISC.PASS fields must be among a, .*, not 'lanes'"):
        from_pass(VectorPass(), lanes=1)


@pytest.mark.parametrize(("name", "arguments", "match"), [
    ("MV", {"o": 65536}, r"MV o must be an integer in 0\.\.65535, not 65536"),
    ("MV", {"o": -1}, r"0\.\.65535, not -1"),
    ("MV", {"o": 1.0}, r"0\.\.65535, not 1.0"),
    ("MV", {"o": Factor.B}, r"0\.\.65535, not <Factor.B: 1>"),
    ("MV", {"pattern": 7}, "MV pattern must be one of DENSE, .*, not 7"),
    ("MV", {"rows": 1}, "MV fields must be among pattern, .*, not 'rows'"),
    ("SYS.END", {"d": 1}, r"SYS.END fields must be among \(\), not 'd'"),
    ("LD.VECTOR", {"rows": 0}, r"LD.VECTOR rows must be an integer in 1\.\.65536, not 0"),
    ("LD.VECTOR", {"rows": 65537}, r"1\.\.65536, not 65537"),
    ("MISC.PASS", {"addend": Factor.B}, "addend must be one of NONE, .*, not <Factor.B: 1>"),
    ("MISC.PASS", {"k1": "1"}, "MISC.PASS k1 must be an FP32 number, not '1'"),
    ("MISC.PASS", {"k1": 1e39}, r"must be an FP32 number, not 1e\+39"),
    ("MISC.PASS", {"k1": 10 ** 400}, "must be an FP32 number, not 10+"),
    ("MV", {"wait": {2}}, "MV wait must be a set of units, not frozenset"),
    ("LD.TAPE", {"release": {Unit.LANES}}, "LD.TAPE can neither wait nor release"),
    ("MV", {"patches": [(1, "pattern")]}, "MV patches must be of bits, .*, not 'pattern'"),
    ("SYS.SYNC", {"patches": [(1, "d")]}, r"SYS.SYNC patches must be of \(\), not 'd'"),
    ("MV", {"patches": [(32, "o")]}, r"MV registers must be in 0\.\.31, not 32"),
    ("MV", {"patches": [(-1, "o")]}, r"MV registers must be in 0\.\.31, not -1"),
    ("MV", {"patches": [(1, "o")] * (PATCHES + 1)}, "MV patches must be at most 4, not 5"),
])
def test_bad_instructions_are_refused(name, arguments, match):
    with pytest.raises(ValueError, match=match):
        Instruction.of(name, **arguments)


def test_words_of_another_size_are_refused():
    with pytest.raises(ValueError, match="Instruction must fit 512 bits, not -1"):
        decode(-1)
    with pytest.raises(ValueError, match="Instruction must fit 512 bits"):
        decode(1 << 512)
    with pytest.raises(ValueError, match="Instruction must have 64 bytes, not 63"):
        from_bytes(bytes(63))


def test_instructions_are_frozen_and_differ_by_bits():
    one = Instruction.of("MISC.PASS", k1=0.0)
    assert one != Instruction.of("MISC.PASS", k1=-0.0)
    assert one == Instruction.of("MISC.PASS")
    nan = Instruction.of("MISC.PASS", k1=np.nan)
    assert nan == Instruction.of("MISC.PASS", k1=np.nan)
    with pytest.raises(TypeError):
        one.fields["a"] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.wait = frozenset()


def test_it_prints_as_a_program_in_python_writes_it():
    one = Instruction.of("MISC.PASS", wait={Unit.LANES, Unit.MEMORY}, function=Addend(0).value,
                         addend=Addend.SCALAR, rows=9, d=3, patches=[(2, "d")])
    assert repr(one) == ("Instruction.of('MISC.PASS', wait={Unit.MEMORY, Unit.LANES}, rows=9,"
                         " addend=Addend.SCALAR, d=3, patches=((2, 'd'),))")
