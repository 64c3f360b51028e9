# SPDX-License-Identifier: Apache-2.0
"""Random programs on the golden machine: whatever the order, they leave the same behind."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.golden.machine import Stop
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import from_bytes, to_bytes
from flightllm_hw.isa.table import KINDS
from flightllm_hw.presets import preset
from support.programs import random_program
from support.programs_broken import BROKEN

EACH = pytest.mark.parametrize("config", ["tiny", "small"])


def images(machine):
    """All memories, one behind the other."""
    return np.concatenate([machine.host.data, *(lane.memory.data for lane in machine.lanes)])


@EACH
@pytest.mark.parametrize("part", range(5))
def test_tokens_order_all_that_must_be(config, part, rng):
    for _ in range(30):
        program = random_program(rng, preset(config))
        stopped, machine = program.run()
        assert stopped.reason is Stop.END, (stopped, program.text)
        other, again = program.run(order=rng)
        assert other == stopped
        np.testing.assert_array_equal(images(machine), images(again))


def test_a_missing_token_is_noticed(rng):
    """What the test above is worth: without all tokens memories differ."""
    differ = 0
    for _ in range(20):
        program = random_program(rng, preset("tiny"))
        _, machine = program.run()
        free = []
        for word in program.words:
            i = from_bytes(word)
            free.append(replace(i, fields=dict(i.fields), wait=frozenset(), release=frozenset()))
        raw = b"".join(map(to_bytes, free))
        host = program.host.copy()
        host[program.origin:program.origin + len(raw)] = np.frombuffer(raw, np.uint8)
        wild = replace(program, host=host)
        differ += any(not np.array_equal(images(machine)[:program.origin],
                                         images(wild.run(order=rng)[1])[:program.origin])
                      for _ in range(4))
    assert differ > 15


def test_all_of_the_table_is_used(rng):
    """Every kind; every field with more than one value, and with a register added."""
    seen, patched, names = {}, set(), set()
    for n in range(120):
        program = random_program(rng, preset(["tiny", "small"][n % 2]))
        for word in program.words:
            i = from_bytes(word)
            for f, bits in zip(i.kind.fields, i.stored, strict=True):
                seen.setdefault((i.kind.name, f.name), set()).add(bits)
                if f.enum:
                    names.add((f.name, i[f.name].name))
            patched |= {(i.kind.fields, name) for _, name in i.patches}
        assert [from_bytes(word) for word in program.words] == assemble(program.text)
    for k in KINDS:
        for f in k.fields:
            wanted = {m.name for m in f.enum} if f.enum else set()
            assert len(seen[k.name, f.name]) > 1, (k.name, f.name)
            assert wanted <= {name for field, name in names if field == f.name}, f.name
            if not f.enum and f.name != "length":
                # Kinds with the same fields share them.
                assert (k.fields, f.name) in patched, (k.name, f.name)


@EACH
@pytest.mark.parametrize("draw", BROKEN, ids=lambda draw: draw.__name__)
def test_what_is_wrong_is_said(config, draw, rng):
    for _ in range(6):
        broken = draw(rng, preset(config))
        stopped, _ = broken.program.run()
        assert (stopped.reason, stopped.error, stopped.detail, stopped.pc) == (
            Stop.ERROR, broken.error, broken.detail, broken.pc), stopped
        other, _ = broken.program.run(order=rng)
        assert other == stopped
