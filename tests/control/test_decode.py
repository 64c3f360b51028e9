# SPDX-License-Identifier: Apache-2.0
"""The decoder against the table: what is legal, why not, and registers added to fields."""

import numpy as np
import pytest

from flightllm_hw.control.decode import Decoder
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.isa.encoding import InstructionError, Reason, decode
from flightllm_hw.isa.patches import apply_patches
from flightllm_hw.isa.table import HEADER_BITS, KINDS
from flightllm_hw.sim.traffic import STEADY, TRAFFIC
from support.control import (
    any_kind,
    as_int,
    decoder_bench,
    draw_registers,
    draw_word,
    pack_words,
    spoil,
)


def write_registers(sim, registers):
    sim.run({"write_en": np.ones(len(registers), np.uint32),
             "write_at": np.arange(len(registers), dtype=np.uint32),
             "write_data": np.array(registers, np.uint32)})
    sim.poke("write_en", 0)


def run(words, registers, traffic=STEADY):
    """Kind, reason, wait, release and body of each word; and the transfers."""
    sim = decoder_bench()
    sim.restart()
    write_registers(sim, registers)
    moved = sim.stream({"i": pack_words(words)}, {"o": len(words)}, traffic=traffic)
    got = sim.unpack("o", moved["o"])
    return [{"kind": int(got["kind"][n]), "reason": int(got["reason"][n]),
             "wait": int(got["wait"][n]), "release": int(got["release"][n]),
             "body": as_int(np.atleast_1d(got["body"][n]))} for n in range(len(words))], moved


def golden(word, registers):
    try:
        instruction = apply_patches(decode(word), registers)
    except InstructionError as error:
        return {"reason": error.reason.value}
    start, body = 0, 0
    for field, bits in zip(instruction.kind.fields, instruction.stored, strict=True):
        body |= bits << start
        start += field.bits
    return {"reason": 0, "kind": KINDS.index(instruction.kind), "body": body,
            "wait": sum(1 << u for u in instruction.wait),
            "release": sum(1 << u for u in instruction.release)}


def tokens(rng, kind):
    return [int(rng.integers(16)) if kind.tokens else 0 for _ in range(2)]


@pytest.mark.parametrize("traffic", TRAFFIC, ids=str)
def test_decodes_what_the_table_says(traffic, rng):
    kinds = [*KINDS] * 20
    words = [draw_word(rng, k, *tokens(rng, k)) for k in kinds]
    words += [spoil(rng, draw_word(rng, k, *tokens(rng, k))) for k in kinds * 3]
    words += [draw_word(rng, k, named=False) for k in KINDS * 10]
    words = [words[n] for n in rng.permutation(len(words))]
    registers = draw_registers(rng)
    got, _ = run(words, registers, traffic)
    reasons = set()
    for word, mine in zip(words, got, strict=True):
        want = golden(word, registers)
        reasons.add(want["reason"])
        assert {name: mine[name] for name in want} == want, hex(word)
    assert reasons == {0, *Reason}


def test_every_opcode_and_mode(rng):
    words = [code | int(rng.integers(2)) << HEADER_BITS for code in range(256)]
    got, _ = run(words, [0] * 32)
    assert [g["reason"] for g in got] == [golden(w, [0] * 32)["reason"] for w in words]


def test_every_field_is_patched_with_carries(rng):
    # A field of ones, and ones around it: what the carry does is seen.
    registers = [0, 1, 0xFFFF_FFFF, 0x8000_0000, *draw_registers(rng)[4:]]
    words = []
    for kind in KINDS:
        for number in range(1, len(kind.fields) + 1):
            for register in (1, 2, 3, int(rng.integers(32))):
                ones = {f.name: (1 << f.bits) - 1 for f in kind.fields if not f.enum}
                words.append(draw_word(rng, kind, patches=[(register, number)],
                                       values=ones if register < 3 else {}))
                words.append(draw_word(rng, kind, patches=[(register, number)] * 4))
    got, _ = run(words, registers)
    for word, mine in zip(words, got, strict=True):
        want = golden(word, registers)
        assert {name: mine[name] for name in want} == want, hex(word)


def test_latency():
    plain = draw_word(np.random.default_rng(0), KINDS[1], patches=[])
    # Fields of one word and of two: LD.VECTOR's address, LD.TAPE's lanes over three.
    one = draw_word(np.random.default_rng(0), KINDS[1], patches=[(1, 1)])
    three = draw_word(np.random.default_rng(0), KINDS[0], patches=[(1, 4)])
    for word, cycles in ((plain, Decoder.latency), (one, 2 + 3), (three, 2 + 5)):
        _, moved = run([word], [0] * 32)
        assert moved.cycles["o"][0] - moved.cycles["i"][0] == cycles


def test_clear_forgets_an_instruction(rng):
    sim = decoder_bench()
    sim.restart()
    words = [draw_word(rng, any_kind(rng)) for _ in range(2)]
    sim.stream({"i": pack_words(words[:1])}, {})
    sim.poke("clear", 1)
    sim.run({}, 30)
    sim.poke("clear", 0)
    sim.poke("o_ready", 1)
    assert not sim.run({}, 40)["o_valid"].any()
    moved = sim.stream({"i": pack_words(words[1:])}, {"o": 1})
    want = golden(words[1], [0] * 32)
    assert int(sim.unpack("o", moved["o"])["kind"][0]) == want["kind"]


@pytest.mark.rtl
def test_paths_are_short():
    report = resource_report(design(Decoder(), platform=VendorPlatform()))
    print(report.total, report.logic_levels)
    assert report.logic_levels <= 8
    assert report.total.dsp == report.total.bram == 0
