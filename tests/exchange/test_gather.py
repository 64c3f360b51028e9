# SPDX-License-Identifier: Apache-2.0
"""Results of all lanes to rows and maxima, against their formulas, however everyone stalls."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import Out, connect, flipped
from numpy.testing import assert_array_equal

from flightllm_hw.arith.layouts import QUIET_NAN
from flightllm_hw.config import AcceleratorConfig, LaneConfig, SfuConfig
from flightllm_hw.exchange.gather import Gather
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import flush
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.sim import verilator
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from support.lint import lint
from support.sfu import anything, ordinary


def config(name, lanes, chains, tokens, width, crossings):
    return ExchangeConfig(accelerator=AcceleratorConfig(
        name=name, lanes=lanes, crossings=crossings, lane=LaneConfig(chains=chains, tokens=tokens),
        sfu=SfuConfig(width=width, rows=4096, scalars=512)))


CONFIGS = {c.accelerator.name: c for c in (
    ExchangeConfig(accelerator=replace(preset("tiny"), crossings=0)),
    config("narrow", 3, 1, 4, 2, 1),
    config("shared", 11, 4, 4, 4, 3),
    config("small", 4, 4, 16, 8, 2),
    config("wide", 18, 16, 16, 16, 4),
)}


class Counted(wiring.Component):
    """The gather, with ``done`` as a stream."""

    def __init__(self, config):
        self.gather = Gather(config)
        members = dict(self.gather.signature.members)
        del members["done"], members["halt"]
        super().__init__({**members, "o_done": Out(stream.Signature(1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.gather = self.gather
        for name, member in self.gather.signature.members.items():
            if name == "halt":
                continue
            if name == "done":
                m.d.comb += self.o_done.valid.eq(self.gather.done)
            elif member.flow is wiring.In:
                connect(m, flipped(getattr(self, name)), getattr(self.gather, name))
            else:
                connect(m, getattr(self.gather, name), flipped(getattr(self, name)))
        return m


@pytest.fixture(scope="module", params=CONFIGS)
def bench(request):
    c = CONFIGS[request.param]
    return c, verilator.compile(Counted(c))


def order(c, pattern, tokens):
    """Rows and tokens of a row block's results, in the order in which a lane gives them."""
    chains, two = c.lane.chains, c.lane.chain.tokens(pattern) == 2
    split = c.lane.chain.splits(pattern) > 1
    for step in range((tokens + 1) // 2 if two else tokens):
        for half in range(2):
            for chain in range(chains):
                if two:
                    if 2 * step + half < tokens:
                        yield chain, 2 * step + half
                elif pattern is Pattern.DENSE or split:
                    yield 2 * chain + (half ^ split), step
                elif not half:
                    yield chain, step


def draw(rng, c, blocks, aligned=False):
    """An operation, and every lane's results: (lanes, tokens, rows)."""
    pattern = c.lane.patterns[int(rng.integers(len(c.lane.patterns)))]
    rows = c.lane.tile_rows(pattern)
    tokens = int(rng.integers(1, c.lane.tokens + 1)) if rng.random() < 0.7 else 1
    count = int(rng.integers(1, blocks + 1))
    lane_rows = int(rng.integers(1, count * rows + 1))
    if aligned:
        lane_rows = count * rows
    room = 1 << c.row_bits
    step = -(-c.lanes * lane_rows // c.width)
    assert step * tokens < room
    op = {"pattern": pattern.value, "row_blocks": count, "tokens": tokens,
          "o": int(rng.integers(room)), "o_step": step + int(rng.integers(3)),
          "lane_rows": lane_rows, "limit": int(rng.integers(count * rows + 2)),
          "limit_step": int(rng.integers(2)), "maxima": int(rng.integers(2)),
          "d": int(rng.integers(1 << c.scalar_bits))}
    shape = (c.lanes, tokens, count * rows)
    kind = rng.integers(3)
    y = ordinary(rng, shape) if kind else anything(rng, shape)
    if kind == 2:
        y = -np.abs(y)
    sent = [(y[:, token, block * rows + row].view(np.uint32), row, token)
            for block in range(count) for row, token in order(c, pattern, tokens)]
    return op, y, (np.stack([bits for bits, _, _ in sent], 1),
                   np.array([row for _, row, _ in sent]), np.array([t for _, _, t in sent]))


def golden(c, op, y, buffer, scalars):
    """Writes an operation's elements and maxima."""
    for lane in range(c.lanes):
        for token in range(op["tokens"]):
            kept = y[lane, token, :op["lane_rows"]]
            e = lane * op["lane_rows"] + np.arange(len(kept))
            row = (op["o"] + token * op["o_step"] + e // c.width) % len(buffer)
            buffer[row, e % c.width] = kept.view(np.uint32)
            if op["maxima"]:
                counted = flush(kept)[:op["limit"] + token * op["limit_step"]]
                # A zero is +0, whatever it was; NaN is the greatest.
                at = (op["d"] + lane * op["tokens"] + token) % len(scalars)
                if np.isnan(counted).any():
                    scalars[at] = QUIET_NAN
                else:
                    greatest = np.max(counted, initial=np.float32(-np.inf)) + np.float32(0)
                    scalars[at] = greatest.view(np.uint32)


def parts(c, op, rows):
    """How many rows, or parts of one, an operation gives."""
    first = np.arange(c.lanes)[:, None] * op["lane_rows"] + np.arange(op["row_blocks"]) * rows
    return int(((first % c.width + rows - 1) // c.width + 1).sum()) * op["tokens"]


def run(bench, drawn, **options):
    c, sim = bench
    fields = {name: np.array([op[name] for op, _, _ in drawn]) for name in drawn[0][0]}
    inputs = {"i": sim.pack("i", fields)}
    row = np.concatenate([r for _, _, (_, r, _) in drawn])
    token = np.concatenate([t for _, _, (_, _, t) in drawn])
    bits = np.concatenate([b for _, _, (b, _, _) in drawn], 1)
    for n in range(c.lanes):
        inputs[f"i_{n}"] = sim.pack(f"i_{n}", {
            "value": {"fraction": bits[n] & 0x7F_FFFF, "exponent": bits[n] >> 23 & 0xFF,
                      "sign": bits[n] >> 31}, "row": row, "token": token})
    patterns = {p.value: c.lane.tile_rows(p) for p in c.lane.patterns}
    outputs = {
        "o_row": sum(parts(c, op, patterns[op["pattern"]]) for op, _, _ in drawn),
        "o_scalar": sum(c.lanes * op["tokens"] * op["maxima"] for op, _, _ in drawn),
        "o_done": len(drawn)}
    return sim.stream(inputs, outputs, deadline=100_000, **options)


def check(bench, drawn, moved):
    c, sim = bench
    buffer = np.zeros((1 << c.row_bits, c.width), np.uint32)
    scalars = np.zeros(1 << c.scalar_bits, np.uint32)
    expected, expected_scalars = buffer.copy(), scalars.copy()
    for op, y, _ in drawn:
        golden(c, op, y, expected, expected_scalars)
    rows = sim.unpack("o_row", moved["o_row"])
    enables = rows["enables"][:, None] >> np.arange(c.width) & 1
    for row, enable, elements in zip(rows["row"], enables, rows["elements"], strict=True):
        buffer[row] = np.where(enable, elements, buffer[row])
    assert_array_equal(buffer, expected)
    got = sim.unpack("o_scalar", moved["o_scalar"])
    for at, value in zip(got["at"], got["value"], strict=True):
        scalars[at] = value
    assert_array_equal(scalars, expected_scalars)
    # Nothing is written twice, and everything before its operation is done.
    kept = [c.lanes * op["tokens"] * op["lane_rows"] for op, _, _ in drawn]
    assert enables.sum() == sum(kept)
    times = np.repeat(moved.cycles["o_row"], enables.sum(1))
    for done, last in zip(moved.cycles["o_done"], np.cumsum(kept) - 1, strict=True):
        assert times[last] < done
    assert not sim.run({}, 50)["o_row_valid"].any()


@pytest.mark.parametrize("lanes", [STEADY, BURSTY, STARVED], ids=str)
@pytest.mark.parametrize("rows", [STEADY, BURSTY], ids=str)
def test_results_arrive(bench, lanes, rows, rng):
    c, sim = bench
    sim.reset()
    for blocks in (1, 2, 5):
        drawn = [draw(rng, c, blocks) for _ in range(8)]
        traffic = {"o_row": rows, "o_scalar": rows, "i": lanes}
        traffic |= {f"i_{n}": (lanes, STEADY, BURSTY)[int(rng.integers(3))]
                    for n in range(c.lanes)}
        moved = run(bench, drawn, traffic=traffic, seed=int(rng.integers(1 << 30)))
        check(bench, drawn, moved)


def test_many_row_blocks(bench, rng):
    c, sim = bench
    sim.reset()
    for _ in range(4):
        drawn = [draw(rng, c, 12, aligned=bool(n % 2)) for n in range(4)]
        check(bench, drawn, run(bench, drawn))


@pytest.mark.parametrize("name, share", [("small", 0.45), ("wide", 0.45)])
def test_half_a_result_a_lane_and_cycle(name, share, rng):
    c = CONFIGS[name]
    bench = c, verilator.compile(Counted(c))
    rows = c.lane.tile_rows(Pattern.DENSE)
    while True:
        drawn = [draw(rng, c, 1, aligned=True)]
        if drawn[0][0]["pattern"] == Pattern.DENSE.value and drawn[0][0]["tokens"] == 1:
            break
    op, y, (bits, row, token) = drawn[0]
    op["row_blocks"], op["lane_rows"], op["maxima"] = 20, 20 * rows, 1
    drawn = [(op, np.tile(y, (1, 1, 20)), tuple(np.tile(x, 20) for x in (bits, row, token)))]
    moved = run(bench, drawn)
    check(bench, drawn, moved)
    taken = max(moved.cycles[f"i_{n}"][-1] - moved.cycles[f"i_{n}"][0] for n in range(c.lanes))
    assert 20 * rows / taken >= share


@pytest.mark.rtl
def test_costs_little_and_has_short_paths(tmp_path):
    exported = design(Gather(ExchangeConfig(accelerator=preset("u280"))),
                      platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.dsp == 0
    assert report.total.lut <= 8500
    assert report.logic_levels <= 8
