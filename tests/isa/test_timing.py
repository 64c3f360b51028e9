# SPDX-License-Identifier: Apache-2.0
"""Schedules that were made by hand, one rule at a time."""

import pytest

from flightllm_hw.isa.timing import PACE, REDUCING_PACE, ROW, SCALAR, schedule
from flightllm_hw.isa.vector import (
    Arrange,
    Factor,
    Output,
    Reduce,
    Step,
    VectorPass,
    Wait,
)

SCALARS = 16


def rows(*passes):
    return schedule(passes, SCALARS).rows


def writes(count, **fields):
    return VectorPass(rows=count, output=Output.BUFFER, **fields)


def test_a_row_a_cycle_and_passes_without_a_gap():
    first, second = rows(VectorPass(rows=5), VectorPass(rows=4))
    assert first == (0, 1, 2, 3, 4)
    assert second == (5, 6, 7, 8)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_short_segments_take_the_pace(count):
    times, = rows(VectorPass(rows=count, segments=3))
    step = max(count, PACE)
    assert times == tuple(step * segment + row for segment in range(3) for row in range(count))


@pytest.mark.parametrize("count", [1, 7, 8, 9])
def test_reduced_segments_end_eight_cycles_apart(count):
    times, = rows(VectorPass(rows=count, segments=3, reduce=Reduce.SUM, d_step=1))
    ends = times[count - 1::count]
    step = max(count, REDUCING_PACE)
    assert ends == (count - 1, count - 1 + step, count - 1 + 2 * step)


def test_the_reductions_pace_holds_a_rotations_last_two_rows():
    times, = rows(VectorPass(rows=4, segments=2, arrange=Arrange.HALVES, reduce=Reduce.ABSMAX,
                             d_step=1))
    assert times == (0, 1, 2, 3, 4, 5, 10, 11)


def test_a_drain_waits_for_the_last_row_before():
    first, second, third = rows(writes(5), writes(2, wait=Wait.DRAIN), VectorPass(wait=Wait.NONE))
    assert second == (4 + ROW, 5 + ROW)
    assert third == (second[-1] + 1,)


@pytest.mark.parametrize("before", [1, 10, ROW, 2 * ROW])
def test_a_chain_follows_the_pass_before_row_by_row(before):
    first, second = rows(writes(before), VectorPass(rows=before, wait=Wait.CHAIN))
    if before <= ROW:
        # Row n right behind row n of the pass before; the drain is over by then for short ones.
        assert second == tuple(ROW + row for row in range(before))
    else:
        assert second == tuple(before + row for row in range(before))


def test_a_chain_of_a_rotation_keeps_one_row_more_away():
    first, second = rows(writes(4), VectorPass(rows=4, wait=Wait.CHAIN, arrange=Arrange.HALVES))
    assert second == (ROW + 1, ROW + 2, ROW + 3, ROW + 4)


def test_a_scalar_comes_behind_its_segments_last_row():
    made = VectorPass(rows=10, reduce=Reduce.SUM, d=3)
    for reader in (VectorPass(first=Factor.SCALAR, s=3), VectorPass(output=Output.CODES, z=3),
                   VectorPass(reduce=Reduce.MAX, d=3),
                   VectorPass(reduce=Reduce.SUM, step=Step.UNDER, z=3, d=4)):
        assert rows(made, reader)[1] == (9 + SCALAR,)
    for other in (VectorPass(first=Factor.SCALAR, s=4), VectorPass(s=3, z=3, d=3)):
        assert rows(made, other)[1] == (10,)


def test_scalars_are_awaited_segment_by_segment():
    made = VectorPass(rows=20, segments=4, reduce=Reduce.SUM, d=14, d_step=1)
    reader = VectorPass(rows=3, segments=4, first=Factor.SCALAR, s=14, s_step=1)
    times = rows(made, reader)[1]
    # The scalars are 14, 15, 0 and 1; each comes twenty cycles behind the one before.
    assert times[::3] == tuple(20 * segment + 19 + SCALAR for segment in range(4))


def test_the_end_is_that_of_rows_and_scalars():
    assert schedule([writes(5)], SCALARS).end == 4 + ROW
    assert schedule([VectorPass(rows=5, reduce=Reduce.MAX)], SCALARS).end == 4 + SCALAR
