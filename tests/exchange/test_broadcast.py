# SPDX-License-Identifier: Apache-2.0
"""Codes of passes to activations, token scales, keys and values, against their formulas."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from numpy.testing import assert_array_equal

from flightllm_hw.config import AcceleratorConfig, LaneConfig, SfuConfig
from flightllm_hw.exchange.append import Append, append_port
from flightllm_hw.exchange.broadcast import Broadcast
from flightllm_hw.exchange.destinations import beat_shift, destination
from flightllm_hw.exchange.layouts import ExchangeConfig
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats.append import append_key, append_value
from flightllm_hw.memory.beats import write_layout
from flightllm_hw.memory.bursts import descriptor_layout
from flightllm_hw.presets import preset
from flightllm_hw.sfu.layouts import TAG_BITS, code_row, made_scalar
from flightllm_hw.sfu.pipeline import CODED
from flightllm_hw.sim import verilator
from flightllm_hw.sim.traffic import BURSTY, STARVED, STEADY
from support.lint import lint

CONFIGS = {c.accelerator.name: c for c in (
    ExchangeConfig(accelerator=replace(preset("tiny"), crossings=0)),
    ExchangeConfig(accelerator=replace(preset("small"), crossings=8)),
    ExchangeConfig(accelerator=AcceleratorConfig(
        name="wide", lanes=10, lane=LaneConfig(chains=16, window_words=64), sfu=SfuConfig())),
)}
BASE = 1 << 20


class Bench(wiring.Component):
    """The broadcast with an Append a lane; rows come when ``hold`` lets them, some cycles late."""

    def __init__(self, config):
        self.config = config
        self.broadcast = Broadcast(config)
        of = self.broadcast.signature.members
        sfu = config.accelerator.sfu
        port = append_port(config)
        super().__init__({
            **{name: of[name] for name in ("write_en", "write_tag", "write_data", "busy")},
            "i_codes": In(stream.Signature(code_row(sfu))),
            "i_scalar": In(stream.Signature(made_scalar(sfu))),
            **{name: member for name, member in of.items()
               if name.startswith("o_") and "append" not in name},
            **{f"d_{n}": Out(stream.Signature(descriptor_layout(port)))
               for n in range(config.lanes)},
            **{f"b_{n}": Out(stream.Signature(write_layout(port))) for n in range(config.lanes)},
            **{f"appends_{n}": Out(8) for n in range(config.lanes)},
            "writing": In(config.lanes),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.broadcast = dut = self.broadcast
        m.d.comb += [
            *(getattr(dut, name).eq(getattr(self, name))
              for name in ("write_en", "write_tag", "write_data")),
            self.busy.eq(dut.busy),
            self.i_codes.ready.eq(~dut.hold), self.i_scalar.ready.eq(1),
            dut.i_scalar_valid.eq(self.i_scalar.valid), dut.i_scalar.eq(self.i_scalar.payload),
        ]
        # As the pipeline has it: what has gone still comes.
        valid = self.i_codes.valid & self.i_codes.ready
        row = self.i_codes.payload.as_value()
        for n in range(CODED + 1):
            valid_n, row_n = Signal(name=f"valid_{n}"), Signal(len(row), name=f"row_{n}")
            m.d.sync += [valid_n.eq(valid), row_n.eq(row)]
            valid, row = valid_n, row_n
        m.d.comb += [dut.i_codes_valid.eq(valid), dut.i_codes.as_value().eq(row)]
        for name in dut.signature.members:
            if name.startswith("o_") and "append" not in name:
                m.d.comb += getattr(self, name).eq(getattr(dut, name))
        for n in range(self.config.lanes):
            m.submodules[f"append_{n}"] = append = Append(self.config)
            m.d.comb += [
                append.i_valid.eq(getattr(dut, f"o_{n}_append_valid")),
                append.i.eq(getattr(dut, f"o_{n}_append")),
                dut.append_ready[n].eq(append.ready),
                append.base.eq(BASE),
                append.writing.eq(self.writing[n]),
                getattr(self, f"appends_{n}").eq(append.appends),
            ]
            connect(m, append.o, flipped(getattr(self, f"d_{n}")))
            connect(m, append.o_beat, flipped(getattr(self, f"b_{n}")))
        return m


@pytest.fixture(scope="module", params=CONFIGS)
def bench(request):
    c = CONFIGS[request.param]
    return c, verilator.compile(Bench(c))


def tell(c, sim, tag, to):
    """Write a destination."""
    sim.poke("write_tag", tag)
    sim.poke("write_data", int.from_bytes(
        sim.pack("write_data", {k: np.array([v]) for k, v in to.items()}).tobytes(), "little"))
    sim.poke("write_en", 1)
    sim.run({}, 1, record=())
    sim.poke("write_en", 0)


def draw_rows(rng, c, tag, segments, rows):
    """Codes, (segments, rows, W), and each segment's z."""
    codes = rng.integers(-128, 128, (segments, rows, c.width))
    z = rng.integers(1 << 32, size=segments)
    row = np.arange(rows)
    return codes, z, {
        "row": np.zeros(segments * rows, int), "codes": (codes & 0xFF).reshape(-1, c.width),
        "segment": np.repeat(np.arange(segments), rows),
        "first": np.tile(row == 0, segments).astype(int),
        "last": np.tile(row == rows - 1, segments).astype(int),
        "z": np.repeat(z, rows), "tag": np.full(segments * rows, tag)}


def joined(parts):
    return {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}


def whose(c, to, g):
    if not to["spread"]:
        return range(c.lanes), (to["token"] + g) % c.lane.tokens
    lane = g >> to["group"]
    return [lane] if lane < c.lanes else [], (
        to["token"] + g % (1 << to["group"])) % c.lane.tokens


def watch(c, sim, inputs, extra=40):
    """Plays rows in every cycle, and records what is written."""
    count = max(len(x) for x in inputs.values())
    played = {}
    for name, words in inputs.items():
        gap = np.zeros((count + 80 + extra, words.shape[1]), np.uint32)
        gap[:len(words)] = words
        valid = np.zeros(len(gap), np.uint32)
        valid[:len(words)] = 1
        played |= {f"{name}_payload": gap, f"{name}_valid": valid}
    return sim.run(played)


@pytest.mark.parametrize("spread", [0, 1])
def test_activations_and_scales(bench, spread, rng):
    c, sim = bench
    sim.reset()
    words, window = c.lane.window_words, c.lane.chain.window
    for _ in range(6):
        memory = np.zeros((c.lanes, 2, words, window), np.uint8)
        scales = np.zeros((c.lanes, 2 * c.lane.tokens), np.uint32)
        parts, made, got_memory, got_scales = [], [], memory.copy(), scales.copy()
        for tag in rng.permutation(1 << TAG_BITS)[:4]:
            to = {"target": 0, "spread": spread, "group": int(rng.integers(4)),
                  "token": int(rng.integers(c.lane.tokens)), "word": int(rng.integers(words)),
                  "stride": int(rng.integers(words)), "bank": int(rng.integers(2)),
                  "scales": int(rng.integers(3))}
            tell(c, sim, int(tag), to)
            segments = int(rng.integers(1, 1 + min(2 * c.lane.tokens, 20)))
            rows = int(rng.integers(1, 9))
            codes, z, sent = draw_rows(rng, c, tag, segments, rows)
            parts.append(sent)
            for g in range(segments):
                lanes, token = whose(c, to, g)
                flat = np.zeros(-(-rows * c.width // window) * window, np.uint8)
                flat[:rows * c.width] = (codes[g] & 0xFF).ravel()
                at = (to["word"] + token // 2 * to["stride"] + np.arange(len(flat) // window))
                for lane in lanes:
                    memory[lane, token % 2, at % words] = flat.reshape(-1, window)
                    if to["scales"] == 1:
                        scales[lane, to["bank"] * c.lane.tokens + token] = z[g]
            if to["scales"] == 2:
                made.append((tag, to, segments))
        seen = [watch(c, sim, {"i_codes": sim.pack("i_codes", joined(parts))})]
        for tag, to, segments in made:
            value = rng.integers(1 << 32, size=segments)
            for g in range(segments):
                lanes, token = whose(c, to, g)
                for lane in lanes:
                    scales[lane, to["bank"] * c.lane.tokens + token] = value[g]
            seen.append(watch(c, sim, {"i_scalar": sim.pack("i_scalar", {
                "at": np.zeros(segments, int), "value": value, "segment": np.arange(segments),
                "tag": np.full(segments, tag)})}))
        for out in seen:
            for n in range(c.lanes):
                word, enable = out[f"o_{n}_word"][:, 0], out[f"o_{n}_word_en"][:, 0]
                data = np.ascontiguousarray(out[f"o_{n}_data"]).view(np.uint8)
                for bank in range(2):
                    for k in np.flatnonzero(enable >> bank & 1):
                        got_memory[n, bank, word[k]] = data[k, :window]
                for k in np.flatnonzero(out[f"o_{n}_scale_en"][:, 0]):
                    got_scales[n, out[f"o_{n}_scale_at"][k, 0]] = out[f"o_{n}_scale_data"][k, 0]
        assert_array_equal(got_memory, memory)
        assert_array_equal(got_scales, scales)
        assert not sim.peek("busy")


def test_a_row_and_a_reduction_at_once(bench, rng):
    # All of both arrive, whichever goes first.
    c, sim = bench
    sim.reset()
    tell(c, sim, 1, {"target": 0, "scales": 1})
    tell(c, sim, 2, {"target": 0, "scales": 2, "bank": 1})
    _, z, sent = draw_rows(rng, c, 1, 12, 1)
    value = rng.integers(1 << 32, size=12)
    out = watch(c, sim, {
        "i_codes": sim.pack("i_codes", joined([sent, sent, sent, sent, sent])),
        "i_scalar": sim.pack("i_scalar", {"at": np.zeros(12, int), "value": value,
                                          "segment": np.arange(12), "tag": np.full(12, 2)})})
    at = out["o_0_scale_at"][out["o_0_scale_en"][:, 0] == 1, 0]
    data = out["o_0_scale_data"][out["o_0_scale_en"][:, 0] == 1, 0]
    upper = at >= c.lane.tokens
    assert_array_equal(data[~upper], np.tile(z, 5))
    assert_array_equal(data[upper], value)


@pytest.mark.parametrize("traffic", [STEADY, BURSTY, STARVED], ids=str)
def test_keys_and_values(bench, traffic, rng):
    c, sim = bench
    sim.reset()
    bytes_ = 1 << beat_shift(c)
    size = 1 << 18
    for _ in range(4):
        memories = rng.integers(256, size=(c.lanes, size), dtype=np.uint8)
        expected = memories.copy()
        parts = []
        ends = np.array([sim.peek(f"appends_{n}") for n in range(c.lanes)])
        for tag in rng.permutation(1 << TAG_BITS)[:int(rng.integers(1, 6))]:
            target = int(rng.integers(1, 3))
            rows = int(rng.integers(1, 17)) * max(1, 8 // c.width)
            codes = rows * c.width
            limit = 8 * int(rng.integers(1, codes // 8 + 1))
            high, low = int(rng.integers(8, 200)), int(rng.integers(1, 20))
            to = {"target": target, "spread": 1, "address": int(rng.integers(100)), "high": high,
                  "low": low, "place": int(rng.integers(8)), "limit": limit,
                  "scale_address": int(rng.integers(size // 4))}
            tell(c, sim, int(tag), to)
            segments = int(rng.integers(1, c.lanes + 2))
            x, z, sent = draw_rows(rng, c, tag, segments, rows)
            parts.append(sent)
            DESTINATIONS[int(tag)] = to
            for lane in range(min(segments, c.lanes)):
                flat = x[lane].astype(np.int8).ravel()[:limit]
                where = {"beat_bytes": bytes_, **{k: to[k] for k in (
                    "address", "high", "low", "place")}}
                ends[lane] += 1
                if target == 1:
                    append_key(expected[lane], flat, z[lane:lane + 1].astype(np.uint32).view(
                        np.float32)[0], scale_address=to["scale_address"], **where)
                else:
                    append_value(expected[lane], flat, **where)
        rows = sim.pack("i_codes", joined(parts))
        counts = count_writes(c, parts)
        sim.poke("writing", 0)
        moved = sim.stream(
            {"i_codes": rows},
            {**{f"d_{n}": counts[n][0] for n in range(c.lanes)},
             **{f"b_{n}": counts[n][1] for n in range(c.lanes)}},
            traffic={name: traffic for n in range(c.lanes) for name in (f"d_{n}", f"b_{n}")}
            | {"i_codes": STEADY}, seed=int(rng.integers(1 << 30)))
        for n in range(c.lanes):
            told = sim.unpack(f"d_{n}", moved[f"d_{n}"])
            beats = sim.unpack(f"b_{n}", moved[f"b_{n}"])
            b = np.arange(bytes_)
            eight = np.asarray(beats["bytes"]).astype(np.uint64).reshape(-1, 1) >> np.arange(
                0, 64, 8, dtype=np.uint64) & 0xFF
            data = eight[:, (b // 8 + b % 8) % 8].astype(np.uint8)
            rows, columns = (np.asarray(beats[name]).astype(np.int64).reshape(-1, 1)
                             for name in ("rows", "columns"))
            masks = rows >> b // 8 & columns >> b % 8 & 1 == 1
            k = 0
            for address, count in zip(told["address"], told["beats"], strict=True):
                for step in range(int(count)):
                    at = int(address) - BASE + step * bytes_
                    memories[n, at:at + bytes_][masks[k]] = data[k][masks[k]]
                    k += 1
        assert_array_equal(memories, expected)
        assert not sim.run({}, 40)["d_0_valid"].any()
        assert_array_equal([sim.peek(f"appends_{n}") for n in range(c.lanes)], ends % 256)
        assert not sim.peek("busy")


def count_writes(c, parts):
    """Descriptors and beats of every lane."""
    counts = np.zeros((c.lanes, 2), int)
    bytes_ = 1 << beat_shift(c)
    size = min(8, bytes_ // 2)
    for sent in parts:
        to = DESTINATIONS[int(sent["tag"][0])]
        for lane in range(min(int(sent["segment"].max()) + 1, c.lanes)):
            key = to["target"] == 1
            units = to["limit"] // (8 if key else size)
            beats = max(1, 8 // bytes_) if key else max(1, 8 * size // bytes_)
            counts[lane] += [units + (to["target"] == 1), units * beats + (to["target"] == 1)]
    return counts


DESTINATIONS = {}


@pytest.mark.rtl
@pytest.mark.parametrize("component, most", [(Broadcast, 3500), (Append, 900)])
def test_costs_little_and_has_short_paths(component, most, tmp_path):
    exported = design(component(ExchangeConfig(accelerator=preset("u280"))),
                      platform=VendorPlatform())
    assert lint(exported.text, exported.top, tmp_path, vendor=True) == ""
    report = resource_report(exported)
    assert report.total.lut <= most
    assert report.logic_levels <= 8


def test_destinations_have_the_instructions_fields():
    assert len(destination(CONFIGS["wide"]).members) == 14
