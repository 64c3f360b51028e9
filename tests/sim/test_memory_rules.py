# SPDX-License-Identifier: Apache-2.0
"""The AXI memory sees what masters do wrong."""

from dataclasses import replace

import numpy as np
import pytest

from flightllm_hw.sim.memory import IDEAL, AxiMemory, ProtocolError
from support.memory_bench import MHZ, Bench, compiled


def test_a_broken_rule_ends_the_simulation_and_is_kept():
    bench = Bench()
    with pytest.raises(RuntimeError, match="stopped: port m_axi broke a rule of AXI in cycle 0: a"
                                           " read of 8 beats at 0xfc0 crosses 4 KiB"):
        bench.read([(0xFC0, 8)])
    with pytest.raises(ProtocolError, match="cycle 0, port m_axi: a read of 8 beats at 0xfc0 cro"):
        bench.memory.check()


@pytest.mark.parametrize("beats, address, fields, sentence", [
    (4, 4096 - 128, {}, "crosses 4 KiB"),
    (9, 0, {}, "is longer than 512 bytes"),
    (17, 0, {"size": 3}, "is longer than 16 beats"),
    (1, 32, {}, "is not aligned to 64 bytes"),
    (2, 0, {"burst": 0}, "is not of type INCR"),
    (2, 0, {"burst": 2}, "is not of type INCR"),
    (2, 0, {"size": 5}, "does not have the full width as its size"),
])
@pytest.mark.parametrize("way", ["ar", "aw"])
def test_wrong_bursts_are_seen(way, beats, address, fields, sentence):
    bench = Bench(64 if fields.get("size") == 3 else 512, halt=False)
    bench.sim.stream({way: bench.requests([(address, beats)], **fields)}, {})
    (found,) = bench.memory.violations()
    name = {"ar": "read", "aw": "write"}[way]
    assert found == f"cycle 0, port m_axi: a {name} of {beats} beats at {address:#x} {sentence}"
    with pytest.raises(ProtocolError, match=sentence):
        bench.memory.check()


def test_limits_of_a_burst_can_be_widened():
    bench = Bench(64, max_beats=256, max_bytes=4096)
    bench.read([(0, 256)])
    bench.memory.check(finished=True)


@pytest.mark.parametrize("way, bit", [("ar", 3), ("ar", 64), ("ar", 68), ("aw", 12), ("w", 0),
                                      ("w", 512), ("w", 576)])
@pytest.mark.parametrize("fault", ["changed", "fell"])
def test_offers_stay_until_they_are_taken(way, bit, fault):
    # No room for a second read, for a second write or for data without an address.
    bench = Bench(timing=replace(IDEAL, reads=1, writes=1, latency_ns=1000.0), halt=False)
    if way != "w":
        bench.sim.stream({way: bench.requests([(0, 1)])}, {})
    width = bench.sim.ports[f"{way}_payload"].width
    values = [0, 0, 1 << bit if fault == "changed" else 0]
    rows = bench.sim.pack(way, np.array([v & (1 << width) - 1 for v in values], object))
    bench.sim.run({f"{way}_payload": rows,
                   f"{way}_valid": np.array([1, 1, int(fault == "changed")])})
    (found,) = bench.memory.violations()
    what = (f"the payload of {way}valid changed before {way}ready" if fault == "changed"
            else f"{way}valid fell before {way}ready")
    assert found.endswith(f"port m_axi: {what}")


@pytest.mark.parametrize("last, sentence", [
    ([0, 1, 0, 1], "wlast is 1 in beat 2 of 4"), ([0, 0, 0, 0], "wlast is 0 in beat 4 of 4")])
def test_wlast_is_in_the_last_beat(last, sentence):
    bench = Bench(halt=False)
    data = np.zeros((4, 64), np.uint8)
    bench.sim.stream({"aw": bench.requests([(0, 4)]), "w": bench.beats(data, [4], last=last)},
                     {"b": 1})
    (found,) = bench.memory.violations()
    assert found.endswith(sentence)


def test_bursts_under_way_do_not_overlap():
    bench = Bench(halt=False)
    data = np.zeros((1, 64), np.uint8)
    bench.sim.stream({"aw": bench.requests([(512, 2)])}, {})
    bench.sim.stream({"ar": bench.requests([(576, 1), (640, 1)])}, {"r": 2})
    bench.sim.stream({"aw": bench.requests([(512, 1)])}, {})
    bench.sim.stream({"w": bench.beats(np.repeat(data, 3, 0), [2, 1])}, {"b": 2})
    bench.sim.stream({"ar": bench.requests([(1024, 8)])}, {})
    bench.sim.stream({"aw": bench.requests([(1088, 1)])}, {})
    got = [text.split(": ")[1] for text in bench.memory.violations()]
    assert got == ["a read at 0x240 overlaps the unanswered write at 0x200",
                   "a write at 0x200 overlaps the unanswered write at 0x200",
                   "a write at 0x440 overlaps the unanswered read at 0x400"]


def test_no_response_is_lost():
    bench = Bench(halt=False)
    bench.sim.stream({"ar": bench.requests([(0, 4), (512, 1)])}, {"r": 2})
    assert bench.memory.pending() == {"m_axi": (2, 0)}
    bench.memory.check()
    with pytest.raises(ProtocolError, match="2 reads and 0 writes are still under way"):
        bench.memory.check(finished=True)
    bench.sim.reset(3)
    assert bench.memory.pending() == {"m_axi": (0, 0)}
    (found,) = bench.memory.violations()
    assert found.endswith("reset came while 2 reads and 0 writes were under way")
    assert len(bench.read([(0, 4)])[0]) == 4


def test_a_low_reset_is_one_too():
    sim = compiled(64, "ap_rst_n")
    sim.restart()
    AxiMemory(sim, "m_axi", clock_mhz=MHZ)
    sim.run({}, 5)
    assert not sim.peek("ar_ready") and not sim.peek("aw_ready")
    sim.poke("ap_rst_n", 1)
    sim.run({}, 1)
    assert sim.peek("ar_ready") and sim.peek("aw_ready")
