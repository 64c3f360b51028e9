# SPDX-License-Identifier: Apache-2.0
"""Programs with one instruction that its unit cannot carry out."""


from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.tape import most_beats
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.errors import Detail, Error
from flightllm_hw.isa.table import Target
from flightllm_hw.isa.vector import Arrange, Output
from support.programs_plan import Plan, rewrite


def memory_outside(rng, config):
    """Loads and stores that are not wholly in the window."""
    plan = Plan(rng, config)
    d = plan.d
    # The window's end is not known yet.
    far = d.some((1 << 32) - (1 << 28), (1 << 32) - 1)
    straddles = d.chance(0.5)
    kind = d.some(0, 3)
    if kind == 0:
        pc = plan.emit("LD.VECTOR", address=far, rows=d.some(1, 40))
    elif kind == 1:
        pc = plan.emit("ST.VECTOR", address=far, rows=d.some(1, 40))
    elif kind == 2:
        pc = plan.emit("LD.STEPS", address=far, pairs=d.some(1, config.sfu.rotary_pairs))
    else:
        first = d.room(d.host, 64) * d.beat // 4
        step = 0 if straddles else d.some(1 << 22, (1 << 24) - 1)
        pc = plan.emit("ST.SCALARS", address=far if straddles else first, step=step,
                       count=d.some(2, 5))
    broken = plan.end(Error.MEMORY, Detail.OUTSIDE, pc)
    if straddles and kind < 3:
        draft = d.order.drafts[pc]
        size = {0: 4 * config.sfu.width, 1: 4 * config.sfu.width, 2: 8}[kind]
        beats = -(-size * draft.fields["pairs" if kind == 2 else "rows"] // d.beat)
        draft.fields["address"] = len(broken.program.host) // d.beat - d.some(0, beats - 1)
        rewrite(broken.program, pc, to_bytes(draft.build()))
    return broken


def memory_operation(rng, config):
    """More than the unit has."""
    plan = Plan(rng, config)
    d, sfu = plan.d, config.sfu
    kind = d.some(0, 2)
    if kind == 2 and sfu.rotary_pairs < 1024:
        pc = plan.emit("LD.STEPS", address=0, pairs=d.some(sfu.rotary_pairs + 1, 1024))
    else:
        pc = plan.emit(["LD.VECTOR", "ST.VECTOR"][kind % 2], address=0,
                       rows=d.some(sfu.rows + 1, 1 << 16))
    return plan.end(Error.MEMORY, Detail.OPERATION, pc)


def memory_bus(rng, config):
    """Memory that answers a load or a store with an error."""
    plan = Plan(rng, config)
    d = plan.d
    kind, rows = d.some(0, 3), d.some(1, 40)
    size = 4 * config.sfu.width * rows
    # Nothing else is near.
    first = d.room(d.host, 1024) + 512 // d.beat
    at = d.room(d.host, size + 1024)
    at = max(first, at)
    if kind < 2:
        response = plan.fail(None, at * d.beat, size)
        pc = plan.emit(["LD.VECTOR", "ST.VECTOR"][kind], address=at, rows=rows)
    elif kind == 2:
        pairs = d.some(1, config.sfu.rotary_pairs)
        response = plan.fail(None, at * d.beat, min(8 * pairs, size))
        pc = plan.emit("LD.STEPS", address=at, pairs=pairs)
    else:
        step, count = d.some(0, 9), d.some(1, 8)
        word = at * d.beat // 4
        response = plan.fail(None, 4 * (word + step * d.some(0, count - 1)), 4)
        d.room(d.host, 4 * step * count + 64)
        pc = plan.emit("ST.SCALARS", address=word, step=step, count=count)
    return plan.end(Error.MEMORY, response, pc)


def lanes_operation(rng, config):
    """An operation that no lane can carry out."""
    plan = Plan(rng, config)
    lane = config.lane
    good = {"pattern": Pattern.DENSE, "bits": 4, "row_blocks": 1, "group_tiles": 4, "groups": 1,
            "last_tiles": 4, "tokens": 1}
    bad = [{"tokens": 0}, {"tokens": 2}, {"bits": 7}, {"bits": int(rng.choice([0, 1, 9, 15]))},
           {"group_tiles": int(rng.choice([0, 1, 3, 5, 17, 31]))}, {"row_blocks": 0},
           {"groups": 0}, {"last_tiles": 0}, {"last_tiles": 5},
           {"bits": 3, "last_tiles": 3}, {"bits": 5, "last_tiles": 1},
           *({"pattern": p, "last_tiles": 3} for p in lane.patterns if p is not Pattern.DENSE),
           *({"pattern": p} for p in Pattern if p not in lane.patterns)]
    fields, name = bad[int(rng.integers(len(bad)))], "MV"
    if rng.random() < 0.3:
        fields = {"tokens": int(rng.choice([0, lane.tokens + 1, 31]))}
        name = "MM"
    return plan.end(Error.LANES, Detail.OPERATION, plan.emit(name, **good | fields))


def _planted_tape(plan):
    """A matrix in one piece, and a lane: the shape, beats, the piece's first beat, the lane."""
    d = plan.d
    shape = d.raw_shape()
    beats = most_beats(shape, d.config.lane)
    # Bursts of nobody else.
    d.lane_room([bytes(1024)] * len(d.lanes))
    at = d.lane_room([d.raw_bytes(shape) for _ in d.lanes])
    d.lane_room([bytes(1024)] * len(d.lanes))
    return shape, beats, at, d.some(0, len(d.lanes) - 1)


def _others(d, lane, at, beats):
    d.load_tape([n for n in range(len(d.lanes)) if n != lane], at, beats)


def tape_truncated(rng, config):
    """A lane's tape ends before its matrix."""
    plan = Plan(rng, config)
    d = plan.d
    shape, beats, at, lane = _planted_tape(plan)
    _others(d, lane, at, beats)
    kept = d.some(0, beats - 1)
    if kept or d.chance(0.5):
        d.load_tape([lane], at, kept)
    d.operation(shape, codes=False)
    return plan.end(Error.LANES, Detail.TRUNCATED, plan.pc - 1)


def tape_outside(rng, config):
    """A piece of a lane's tape is not in the window."""
    plan = Plan(rng, config)
    d = plan.d
    shape, beats, at, lane = _planted_tape(plan)
    _others(d, lane, at, beats)
    kept = d.some(0, beats - 1)
    end = len(d.lanes[0]) // d.beat
    if kept:
        d.load_tape([lane], at, kept)
    wild = [d.some(end, (1 << 32) - 1), end - d.some(0, beats - kept - 1)][d.some(0, 1)]
    d.load_tape([lane], wild, beats - kept)
    d.operation(shape, codes=False)
    return plan.end(Error.LANES, Detail.OUTSIDE, plan.pc - 1)


def tape_bus(rng, config):
    """A beat of a lane's tape cannot be read."""
    plan = Plan(rng, config)
    d = plan.d
    shape, beats, at, lane = _planted_tape(plan)
    response = plan.fail(lane, at * d.beat, beats * d.beat)
    d.load_tape(range(len(d.lanes)), at, beats)
    d.operation(shape, codes=False)
    return plan.end(Error.LANES, response, plan.pc - 1)


def vector_operation(rng, config):
    """A pass or a table that the unit cannot make."""
    plan = Plan(rng, config)
    d, sfu = plan.d, config.sfu
    append = {"output": Output.CODES, "target": Target(d.some(1, 2)), "spread": 1}
    bad = [{"rows": d.some(sfu.rows + 1, 1 << 16)},
           {"rows": 2 * d.some(0, 3) + 1, "arrange": Arrange.HALVES},
           append | {"spread": 0}, append | {"group": d.some(1, 7)}, append | {"limit_step": 1}]
    if sfu.rotary_pairs < 1024 and d.chance(0.2):
        pc = plan.emit("MISC.TABLE", pairs=d.some(sfu.rotary_pairs + 1, 1024))
    else:
        pc = plan.emit("MISC.PASS", **{"segments": 1, "rows": 1}
                       | bad[int(rng.integers(len(bad)))])
    return plan.end(Error.VECTOR, Detail.OPERATION, pc)


def _append(plan, **places):
    """An append of a few codes to the first lanes."""
    d = plan.d
    return plan.emit("MISC.PASS", **{
        "segments": d.some(1, d.config.lanes), "rows": 4, "limit": 4 * d.config.sfu.width,
        "output": Output.CODES, "target": Target(d.some(1, 2)), "spread": 1} | places)


def append_outside(rng, config):
    """Keys or values beyond the lanes' windows."""
    plan = Plan(rng, config)
    d = plan.d
    end = len(d.lanes[0]) // d.beat
    if d.chance(0.3):
        pc = _append(plan, target=Target.KEYS, address=0, high=4, low=1,
                     scale_address=d.some(end * d.beat // 4, (1 << 36) - 1))
    else:
        address = [d.some(end, (1 << 32) - 1), end - d.some(1, 9)][d.some(0, 1)]
        pc = _append(plan, address=address, high=d.some(9, 1 << 15), low=d.some(9, 255),
                     place=d.some(0, 7))
    return plan.end(Error.VECTOR, Detail.OUTSIDE, pc)


def append_bus(rng, config):
    """Memory that answers an append with an error, in the first lane."""
    plan = Plan(rng, config)
    d = plan.d
    at = d.lane_room([bytes(2048)] * len(d.lanes)) + 512 // d.beat
    response = plan.fail(0, at * d.beat, 8)
    pc = _append(plan, address=at, high=8, low=2, place=d.some(0, 7), target=Target.VALUES)
    return plan.end(Error.VECTOR, response, pc)
