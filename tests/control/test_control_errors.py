# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a program or the memory: it ends, says why and where, the next runs."""

import pytest

from flightllm_hw.control.errors import Error
from flightllm_hw.control.layouts import UNITS
from flightllm_hw.isa.table import BITS, KINDS, Unit
from flightllm_hw.sim.traffic import BURSTY
from support.control import END, build, draw_block, draw_task, draw_word, spoil
from support.control_bench import (
    BASE,
    CONFIGS,
    PROGRAM,
    Bench,
    UnitModel,
    check,
    check_tokens,
    expect,
)

EACH = pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
SIZE = BITS // 8


def runs_again(bench, rng):
    """After an error the next program finds nothing of the last one."""
    words = [draw_word(rng, KINDS[1], patches=[(n, 1), (n + 1, 2)]) for n in range(0, 30, 6)]
    words += [*draw_block(rng, 12, 0), END]
    bench.load(words)
    check(expect(words), bench.run(rng))


@EACH
def test_illegal_words_stop(config, rng):
    bench = Bench(config, traffic=BURSTY)
    seen = set()
    for _ in range(12):
        words = [*draw_block(rng, 12, 0), END]
        at = int(rng.integers(len(words)))
        words[at] = (spoil(rng, words[at]) if rng.random() < 0.7 else
                     draw_word(rng, KINDS[rng.integers(len(KINDS))], named=False))
        try:
            want = expect(words, most=800)
        except AssertionError:
            continue
        # A spoilt header may have turned into another task, whose tokens never come.
        got_tokens = all(not wait for tasks in want.tasks.values() for *_, wait, _ in tasks)
        if want.error is Error.NONE or not got_tokens:
            continue
        bench.load(words)
        got = bench.run(rng)
        check(want, got)
        seen.add(got.error)
    words = [draw_task(rng, Unit.VECTOR), 0x7B, END]
    bench.load(words)
    got = bench.run(rng)
    check(expect(words), got)
    assert (got.error, got.pc, got.address) == (Error.KIND, 1, 0)
    runs_again(bench, rng)


@EACH
@pytest.mark.parametrize("word, error", [
    (0, Error.KIND),
    (END | 1 << 60, Error.ZERO),
    (END | 1 << 511, Error.ZERO),
    (build("LD.TAPE") | 1 << 8, Error.TOKENS),
    (build("MV") | 7 << 64, Error.VALUE),
    (END | 1 << 21, Error.PATCH),
    (build("MV") | 1 << 21, Error.PATCH),
], ids=lambda x: x.name if isinstance(x, Error) else None)
def test_each_reason(config, word, error, rng):
    bench = Bench(config)
    words = [draw_task(rng, Unit.LANES), word, draw_task(rng, Unit.LANES), END]
    bench.load(words)
    got = bench.run(rng)
    assert (got.error, got.pc) == (error, 1)
    check(expect(words), got)
    runs_again(bench, rng)


@EACH
def test_a_program_without_an_end_runs_into_its_limit(config, rng):
    bench = Bench(config)
    for count in (1, 2, 11):
        words = [draw_task(rng, Unit.MEMORY) for _ in range(count)]
        bench.load(words)
        got = bench.run(rng)
        check(expect(words), got)
        assert (got.error, got.pc, got.address) == (Error.OUTSIDE, count, PROGRAM + SIZE * count)
    runs_again(bench, rng)


@EACH
def test_wild_jumps_stop_at_the_limit(config, rng):
    bench = Bench(config)
    for length in (1, 7, 100, 65535):
        words = [draw_task(rng, Unit.MEMORY), build("SYS.LOOP", count=0, length=length), END]
        bench.load(words)
        got = bench.run(rng)
        assert got.pc == (2 + length)
        assert (got.error, got.address) == (Error.OUTSIDE, PROGRAM + SIZE * (2 + length))
    # A body that reaches beyond the program, and one that begins behind an inner one's end.
    words = [build("SYS.LOOP", count=2, length=9), draw_task(rng, Unit.VECTOR)]
    bench.load(words)
    check(expect(words), bench.run(rng))
    words = [build("SYS.LOOP", count=2, length=2), build("SYS.LOOP", count=2, length=3),
             *[draw_task(rng, Unit.VECTOR)] * 3, END]
    bench.load(words)
    check(expect(words), bench.run(rng))
    runs_again(bench, rng)


@EACH
@pytest.mark.parametrize("response, error", [("SLVERR", Error.SLVERR), ("DECERR", Error.DECERR)])
def test_bus_errors_stop_where_the_program_gets_there(config, response, error, rng):
    for at in range(8):
        bench = Bench(config, traffic=BURSTY)
        words = [draw_task(rng, Unit.MEMORY) for _ in range(12)]
        words[2] = build("SYS.LOOP", count=3, length=2)
        words[6] = build("SYS.LOOP", count=0, length=1)
        words[10] = END
        bench.load(words)
        last = config.port.beat_bytes * int(rng.integers(config.fetch.beats))
        address = PROGRAM + SIZE * at + last
        bench.memory.fail(range(address, address + 1), response)
        got = bench.run(rng)
        if at == 7:
            # Jumped over.
            check(expect(words), got)
            assert got.error is Error.NONE
            continue
        assert (got.error, got.pc) == (error, at)
        assert got.address == address
        want = expect(words[:at])
        want.error = error
        check(want, got)


@EACH
def test_errors_behind_the_end_are_none(config, rng):
    bench = Bench(config)
    words = [draw_task(rng, Unit.MEMORY), END, END]
    for start in (2, 3):
        bench.load(words)
        bench.memory.fail(range(PROGRAM + SIZE * start, PROGRAM + SIZE * 40))
        check(expect(words), bench.run(rng))
        bench = Bench(config)
    # Several kinds of errors ahead: the one that the program meets is told.
    words = [draw_task(rng, Unit.MEMORY) for _ in range(9)]
    bench.load(words)
    address = PROGRAM + SIZE * 7
    bench.memory.fail(range(address, address + 1), "DECERR")
    got = bench.run(rng)
    assert (got.error, got.pc, got.address) == (Error.DECERR, 7, address)


@EACH
def test_a_program_must_be_aligned_and_inside(config, rng):
    bench = Bench(config)
    bench.load([END])
    for origin, error in ((PROGRAM + 4, Error.MISALIGNED), (BASE - SIZE, Error.OUTSIDE),
                          ((1 << 64) - SIZE, Error.OUTSIDE), (PROGRAM + SIZE, Error.OUTSIDE)):
        bench.sim.poke("origin", origin)
        got = bench.run(rng)
        assert (got.error, got.pc, got.address) == (error, 0, origin)
    bench.sim.poke("origin", PROGRAM)
    runs_again(bench, rng)


@EACH
def test_loops_are_four_deep(config, rng):
    bench = Bench(config)
    task = draw_task(rng, Unit.VECTOR)
    for depth in (4, 5):
        words = [*(build("SYS.LOOP", count=2, length=n) for n in range(depth, 0, -1)), task, END]
        bench.load(words)
        got = bench.run(rng)
        check(expect(words), got)
        assert got.error is (Error.NONE if depth == 4 else Error.LOOPS)
    # A fifth that is not entered is none.
    for count, length in ((0, 1), (9, 0), (0, 0)):
        words = [*(build("SYS.LOOP", count=2, length=n + 1) for n in range(4, 0, -1)),
                 build("SYS.LOOP", count=count, length=length), task, END]
        bench.load(words)
        got = bench.run(rng)
        check(expect(words), got)
        assert got.error is Error.NONE
    runs_again(bench, rng)


@EACH
def test_the_watchdog_ends_what_cannot_go_on(config, rng):
    bench = Bench(config, watchdog=400)
    # Control waits for a token that nobody gives; then a unit does; then more than its queue holds.
    for words in ([build("SYS.SYNC", wait={Unit.LANES}), END],
                  [draw_task(rng, Unit.VECTOR, wait=1), END],
                  [*[draw_task(rng, Unit.VECTOR, wait=1)] * 40, END]):
        words = [draw_task(rng, Unit.MEMORY), *words]
        bench.load(words)
        got = bench.run(rng)
        assert got.error is Error.WATCHDOG and not got.stuck
        assert [len(got.tasks[unit]) for unit in UNITS] == [1, 0, 0]
        assert 400 < got.cycles < 480 + 22 * len(words)
        runs_again(bench, rng)
    # A unit is never done, or never ready.
    for model in (UnitModel(rng, hold=1), UnitModel(rng, willing=0)):
        bench = Bench(config, watchdog=400)
        words = [*[draw_task(rng, Unit.LANES)] * 3, END]
        bench.load(words)
        got = bench.run(rng, units={unit: model if unit is Unit.LANES else UnitModel(rng)
                                    for unit in UNITS})
        assert got.error is Error.WATCHDOG and got.stuck
        assert 800 < got.cycles < 960


@EACH
def test_progress_keeps_the_watchdog_quiet(config, rng):
    bench = Bench(config, watchdog=400)
    words = [draw_task(rng, Unit.LANES), END]
    bench.load(words)

    def alive(bench, cycle, got):
        bench.sim.poke("progress", int(cycle % 350 == 0))

    slow = UnitModel(rng)
    slow.accept = lambda cycle, number: slow.due.append(cycle + 3000)
    units = {unit: slow if unit is Unit.LANES else UnitModel(rng) for unit in UNITS}
    check(expect(words), bench.run(rng, units=units, at=alive))


@EACH
def test_cancel(config, rng):
    bench = Bench(config, traffic=BURSTY)
    for when in (0, 1, 5, 17, 40, 41, 42, 43, 44, 45, 46, 47, 48, 200, 333):
        words = [*draw_block(rng, 60, 0), END]
        bench.load(words)

        def cancel(bench, cycle, got, when=when):
            bench.sim.poke("cancel", int(cycle == when))

        want = expect(words)
        got = bench.run(rng, at=cancel)
        assert got.error is Error.CANCELLED and not got.stuck
        assert got.pc in want.path
        want.error, want.pc = Error.CANCELLED, got.pc
        check(want, got)
        runs_again(bench, rng)


@EACH
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_units_error_stops_the_others(config, unit, rng):
    bench = Bench(config)
    name = unit.name.lower()
    words = [draw_task(rng, u) for u in UNITS for _ in range(3)] * 4 + [END]
    bench.load(words)

    def fail(bench, cycle, got):
        # In the cycle in which it would be done with its second task.
        if len(got.done[unit]) == 2:
            bench.sim.poke(f"{name}_error", 0x5A)
            bench.sim.poke(f"{name}_error_address", 0x1234_5678_9ABC_DEF0)

    want = expect(words)
    got = bench.run(rng, at=fail)
    assert (got.error, got.detail) == (Error[unit.name], 0x5A)
    assert got.address == 0x1234_5678_9ABC_DEF0
    assert got.pc == want.tasks[unit][1][1]
    want.error, want.pc = got.error, got.pc
    check(want, got)
    assert len(got.tasks[unit]) < len(want.tasks[unit])
    bench.sim.poke(f"{name}_error", 0)
    runs_again(bench, rng)


@EACH
def test_an_overflow_of_tokens_is_an_error(config, rng):
    bench = Bench(config)
    # Control to a unit; a unit to another; a unit to itself.
    for giver, taker in ((Unit.CONTROL, Unit.LANES), (Unit.VECTOR, Unit.MEMORY),
                         (Unit.LANES, Unit.LANES)):
        give = (build("SYS.SYNC", release={taker}) if giver is Unit.CONTROL else
                draw_task(rng, giver, release=1 << taker))
        for count in (255, 256):
            words = [draw_task(rng, Unit.VECTOR), build("SYS.LOOP", count=count, length=1), give,
                     END]
            bench.load(words)
            got = bench.run(rng)
            want = expect(words)
            if count == 256:
                want.error, want.pc = Error.OVERFLOW, 2
            check(want, got)
    runs_again(bench, rng)


@EACH
def test_of_255_tokens_none_is_lost(config, rng):
    bench = Bench(config)
    words = [build("SYS.LOOP", count=255, length=1), build("SYS.SYNC", release={Unit.LANES}),
             build("SYS.LOOP", count=255, length=1), draw_task(rng, Unit.LANES, wait=8), END]
    bench.load(words)
    want = expect(words)
    got = bench.run(rng)
    check(want, got)
    check_tokens(want, got)
    # And not one too many.
    bench = Bench(config, watchdog=300)
    words[2] = build("SYS.LOOP", count=256, length=1)
    bench.load(words)
    got = bench.run(rng)
    assert got.error is Error.WATCHDOG and len(got.tasks[Unit.LANES]) == 255
