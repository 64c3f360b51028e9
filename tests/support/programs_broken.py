# SPDX-License-Identifier: Apache-2.0
"""Programs with one thing wrong, and what must be said of it.

Each begins as a random program, and stays one but for the mistake. The golden machine predicts the
whole report, its address among it; what is said here knows nothing of the golden machine.
"""

from dataclasses import replace

from flightllm_hw.isa.encoding import InstructionError, decode, from_bytes, to_bytes
from flightllm_hw.isa.errors import FETCH, Detail, Error
from flightllm_hw.isa.table import LOOPS, Unit
from support.programs import SIZE
from support.programs_broken_units import (
    append_bus,
    append_outside,
    lanes_operation,
    memory_bus,
    memory_operation,
    memory_outside,
    tape_bus,
    tape_outside,
    tape_truncated,
    vector_operation,
)
from support.programs_plan import Plan

QUEUE = 16
"""Instructions that a unit's queue holds."""


def illegal_word(rng, config):
    """Any 512 bits, most of them with the opcode and mode of a kind."""
    plan = Plan(rng, config)
    pc = plan.emit("SYS.SYNC")
    while True:
        word = bytearray(rng.bytes(SIZE))
        if rng.random() < 0.5:
            # Some of an instruction's own bits are wrong.
            own = plan.d.order.drafts[int(rng.integers(pc + 1))].build()
            word = bytearray(to_bytes(own))
            word[int(rng.integers(1, SIZE))] ^= 1 << int(rng.integers(8))
        elif rng.random() < 0.7:
            word[0] = to_bytes(plan.d.order.drafts[int(rng.integers(pc + 1))].build())[0]
        try:
            from_bytes(bytes(word))
        except InstructionError as error:
            return plan.end(Error(error.reason.value), pc=pc, words=[(pc, bytes(word))])


def illegal_reason(rng, config):
    """One of the five reasons."""
    plan = Plan(rng, config)
    pc = plan.emit("SYS.SYNC")
    words = {Error.KIND: 0x7B, Error.ZERO: 0x1F | 1 << int(rng.integers(60, 512)),
             Error.TOKENS: 1 | 1 << int(rng.integers(8, 16)), Error.VALUE: 4 | 7 << 64,
             Error.PATCH: 0x1F | 1 << 25}
    error = list(words)[int(rng.integers(len(words)))]
    try:
        decode(words[error])
        raise AssertionError
    except InstructionError as wrong:
        assert wrong.reason == error
    return plan.end(error, pc=pc, words=[(pc, words[error].to_bytes(SIZE, "little"))])


def too_deep(rng, config):
    """A loop too many."""
    plan = Plan(rng, config)
    plan.d.order.barrier()
    for depth in range(LOOPS + 1):
        pc = plan.emit("SYS.LOOP", count=plan.d.some(1, 9), length=LOOPS + 1 - depth)
    plan.emit("SYS.SYNC")
    return plan.end(Error.LOOPS, pc=pc)


def overflow(rng, config):
    """256 tokens that nobody takes."""
    plan = Plan(rng, config)
    plan.d.order.barrier()
    plan.emit("SYS.LOOP", count=plan.d.some(256, 300), length=1)
    plan.d.order.block += 1
    giver = [Unit.VECTOR, Unit.CONTROL][plan.d.some(0, 1)]
    if giver is Unit.VECTOR:
        pc = plan.emit("MISC.PASS", segments=1, rows=1)
    else:
        pc = plan.emit("SYS.SYNC")
    plan.d.order.drafts[pc].release.add(Unit(plan.d.some(0, 3)))
    plan.d.order.block += 1
    return plan.end(Error.OVERFLOW, pc=pc)


def program_cut(rng, config):
    """The window ends before the program does."""
    plan = Plan(rng, config)
    pc = plan.emit("SYS.SYNC")
    broken = plan.end(Error.OUTSIDE, pc=pc)
    p = broken.program
    end = p.origin + SIZE * pc + plan.d.some(0, SIZE // plan.d.beat - 1) * plan.d.beat
    return replace(broken, program=replace(p, host=p.host[:end]))


def program_left(rng, config):
    """The program goes on outside of its window."""
    plan = Plan(rng, config)
    length = plan.d.some(1 << 14, (1 << 16) - 1)
    pc = plan.emit("SYS.LOOP", count=0, length=length)
    return plan.end(Error.OUTSIDE, pc=pc + 1 + length)


def program_unreadable(rng, config):
    """Memory does not give an instruction."""
    plan = Plan(rng, config)
    pc = plan.emit("SYS.SYNC")
    broken = plan.end(Error.NONE, pc=pc)
    broken.error = [Error.SLVERR, Error.DECERR][plan.d.some(0, 1)]
    at = broken.program.origin + SIZE * pc + plan.d.some(0, SIZE - 1)
    broken.program.failing = [(None, at, 1, Detail(broken.error - FETCH))]
    return broken


def token_missing(rng, config):
    """A wait for a token that never comes."""
    plan = Plan(rng, config)
    plan.d.order.barrier()
    where = plan.d.some(0, 3)
    if where == 0:
        pc = at = plan.emit("SYS.SYNC")
    elif where == 1:
        at = plan.emit("MISC.PASS", segments=1, rows=1)
    else:
        at = plan.emit("LD.VECTOR", address=0, rows=1)
    plan.d.order.drafts[at].wait.add(Unit(plan.d.some(0, 3)))
    if where == 3:
        for _ in range(plan.d.some(QUEUE, 20)):
            pc = plan.emit("LD.VECTOR", address=0, rows=1)
        pc = at + QUEUE
    broken = plan.end(Error.WATCHDOG)
    end = len(broken.program.words) - 1
    # Tokens that nobody needs may be taken from the one that waits.
    broken.pc = pc if where in (0, 3) else end
    return broken


def append_missing(rng, config):
    """A fence without an append."""
    plan = Plan(rng, config)
    d = plan.d
    d.catch_up(range(config.lanes))
    d.order.barrier()
    matrix = d.matrix()
    d.load_pieces(matrix.pieces, [plan.d.some(0, config.lanes - 1)])
    d.operation(matrix.shape, codes=False)
    broken = plan.end(Error.WATCHDOG)
    broken.pc = len(broken.program.words) - 1
    return broken


BROKEN = (
    illegal_word, illegal_reason, too_deep, overflow, program_cut, program_left,
    program_unreadable, token_missing, append_missing, memory_outside, memory_operation,
    memory_bus, lanes_operation, tape_truncated, tape_outside, tape_bus, vector_operation,
    append_outside, append_bus)
"""All of them: functions of a random generator and a configuration."""
