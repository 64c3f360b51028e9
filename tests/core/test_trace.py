# SPDX-License-Identifier: Apache-2.0
"""The time line that a core's events make: as the Trace Event Format has it, and what ran.

What ran is known from the golden machine, whose control takes the same instructions one by one.
"""

import importlib.util
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.errors import Error
from flightllm_hw.isa.table import Unit
from flightllm_hw.sim.core import CoreBench
from flightllm_hw.sim.trace import Event, Span, spans, trace_events, write_trace
from support.core import equal
from support.decoder_layer import HOST_BYTES, LANE_BYTES, POSITIONS, TINY, Layer, machine_with

DOCS = Path(__file__).resolve().parents[2] / "docs"
UNITS = (Unit.MEMORY, Unit.LANES, Unit.VECTOR)

# Loads, turns round and stores, twice nested; how often is in a register.
LOOPS = """
SYS.ADD d=2 x=0 y=0x800
SYS.LOOP count=r1 {
    SYS.LOOP count=2 {
        LD.VECTOR release(VECTOR) address=r2 o=0 rows=4
        MISC.PASS wait(MEMORY) release(MEMORY) a=0 o=8 rows=4 limit=16 function=IDENTITY \
output=BUFFER output_tap=FUNCTION order=DRAIN
        ST.VECTOR wait(VECTOR) address=0x800+r2 a=8 rows=4
        SYS.ADD d=2 x=r2 y=8
    }
    LD.VECTOR address=0 o=16 rows=1
}
SYS.END
"""

# Fields of the format's events of these two phases, and which of them there must be.
META = {"name", "ph", "pid", "tid", "args", "cat", "ts"}
COMPLETE = META | {"dur", "tdur", "tts", "cname", "sf", "stack", "esf", "estack"}
NEEDS = {"M": {"name", "ph", "pid", "args"}, "X": {"name", "ph", "pid", "tid", "ts", "dur"}}
METADATA = {"process_name": "name", "process_labels": "labels", "process_sort_index": "sort_index",
            "thread_name": "name", "thread_sort_index": "sort_index"}


def read(path):
    """The file's object; NaN and Infinity are none of JSON."""
    def refuse(constant):
        raise ValueError(constant)
    return json.loads(path.read_text(), parse_constant=refuse)


def complete(trace):
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


def check_format(trace):
    """The object form of the Trace Event Format, as much of it as there is to a time line."""
    assert isinstance(trace["traceEvents"], list)
    assert trace.get("displayTimeUnit", "ms") in ("ms", "ns")
    threads = {}
    for event in trace["traceEvents"]:
        phase = event["ph"]
        assert NEEDS[phase] <= set(event) <= (META if phase == "M" else COMPLETE), event
        assert isinstance(event["name"], str) and event["name"]
        # bool is an int to Python, but not in the file.
        for field in {"pid", "tid", "ts", "dur"} & set(event):
            assert type(event[field]) is int and event[field] >= 0, event
        assert isinstance(event.get("cat", ""), str) and isinstance(event.get("args", {}), dict)
        if phase == "M":
            assert set(event["args"]) == {METADATA[event["name"]]}
        if event["name"] == "thread_name":
            assert (event["pid"], event["tid"]) not in threads
            threads[event["pid"], event["tid"]] = event["args"]["name"]

    # Events of a thread nest or follow one another; these follow.
    ends = defaultdict(int)
    for event in sorted(complete(trace), key=lambda event: event["ts"]):
        thread = event["pid"], event["tid"]
        assert threads[thread] == event["cat"].lower()
        assert event["ts"] >= ends[thread], event
        ends[thread] = event["ts"] + event["dur"]
    assert set(threads.values()) == {unit.name.lower() for unit in Unit}


def executed(machine, registers):
    """Program counters in the order in which the golden machine takes them."""
    machine.start(0, registers)
    stopped, pcs = None, []
    while stopped is None:
        pcs.append(machine.pc)
        stopped = machine.step()
    assert stopped.reason is Stop.END
    return pcs


def check_what_ran(trace, program, pcs, cycles):
    """Each unit did its instructions, as often and in the order in which control came to them."""
    found = complete(trace)
    for unit in UNITS:
        own = [event for event in found if event["tid"] == unit.value]
        assert [event["args"]["pc"] for event in own] == [
            pc for pc in pcs if program[pc].kind.unit is unit
            and program[pc].kind.name != "LD.TAPE"]
        taken = [event["args"]["taken"] for event in own]
        assert taken == sorted(set(taken))
    for event in found:
        assert event["name"] == program[event["args"]["pc"]].kind.name
        assert 0 < event["args"]["taken"] <= event["ts"]
        assert event["ts"] + event["dur"] < cycles

    # Nothing was taken before its tokens were given. Of a pair of units both sides are in order.
    given, took = defaultdict(list), defaultdict(list)
    for event in found:
        unit, instruction = Unit(event["tid"]), program[event["args"]["pc"]]
        for other in instruction.release:
            given[unit, other].append(event["ts"] + event["dur"])
        for other in instruction.wait:
            took[other, unit].append(event["args"]["taken"])
    assert took
    for pair, moments in took.items():
        if Unit.CONTROL not in pair:
            assert len(moments) <= len(given[pair])
            assert all(a < b for a, b in zip(given[pair], moments, strict=False)), pair


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location(
        "decoder_layer_trace", DOCS / "examples/decoder_layer_trace.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_loops_are_told_as_often_as_they_run(rounds, rng, tmp_path):
    program = assemble(LOOPS)
    machine = Machine(TINY, host_bytes=HOST_BYTES, lane_bytes=LANE_BYTES)
    machine.host.write(0, np.frombuffer(b"".join(map(to_bytes, program)), np.uint8))
    machine.host.write(0x4000, rng.standard_normal(256).astype("<f4").view(np.uint8))
    bench = CoreBench(TINY, host_bytes=HOST_BYTES, lane_bytes=LANE_BYTES)
    bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
    outcome = bench.run(0, [rounds], trace=True)
    assert outcome.error is Error.NONE
    pcs = executed(machine, [rounds])
    assert equal(bench, machine)
    assert Counter(pcs)[3] == 2 * rounds
    if rounds:
        path = tmp_path / "trace.json"
        write_trace(path, spans(outcome.events), program)
        check_format(read(path))
        check_what_ran(read(path), program, pcs, outcome.cycles)
    else:
        assert not outcome.events


def test_the_layers_time_line_is_the_one_in_the_docs(example, tmp_path, capsys):
    example.main(["-o", str(tmp_path)])
    printed = capsys.readouterr().out
    assert printed in (DOCS / "core.md").read_text(), (
        "docs/core.md has other cycles than docs/examples/decoder_layer_trace.py")
    for name in ("decoder_layer.trace.json", "decoder_layer.svg"):
        assert (tmp_path / name).read_text() == (DOCS / "pictures" / name).read_text(), (
            "docs/pictures is old; run docs/examples/decoder_layer_trace.py")
    row = next(line for line in printed.splitlines() if line.startswith("| ideal memory |"))
    cycles = int(row.split("|")[3].replace(",", ""))
    trace = read(tmp_path / "decoder_layer.trace.json")
    layer = Layer(np.random.default_rng(0))
    check_format(trace)
    check_what_ran(trace, layer.program(), executed(machine_with(layer), [POSITIONS - 1]), cycles)


def test_one_unit_after_the_other():
    """What a unit takes while it works is drawn from where the work before it ends."""
    events = [Event(10, Unit.VECTOR, 3), Event(11, Unit.MEMORY, 4), Event(12, Unit.VECTOR, 5),
              Event(20, Unit.VECTOR, None), Event(25, Unit.MEMORY, None),
              Event(30, Unit.VECTOR, None), Event(31, Unit.VECTOR, 6)]
    found = spans(events)
    # The last one never ends.
    assert found == [Span(Unit.VECTOR, 3, 10, 20), Span(Unit.MEMORY, 4, 11, 25),
                     Span(Unit.VECTOR, 5, 12, 30)]
    trace = trace_events(found)
    check_format(trace)
    assert [(e["name"], e["ts"], e["dur"], e["args"]["taken"]) for e in complete(trace)] == [
        ("pc 3", 10, 10, 10), ("pc 4", 11, 14, 11), ("pc 5", 20, 10, 12)]


@pytest.mark.parametrize("spoil", [
    lambda event: event.update(dur=-1), lambda event: event.update(ts=1.5),
    lambda event: event.update(tid=9), lambda event: event.update(dur=10_000),
    lambda event: event.pop("pid"), lambda event: event.update(name=""),
    lambda event: event.update(ph="B"), lambda event: event.update(begin=0)],
    ids=["negative", "fraction", "nobody's", "overlap", "no pid", "no name", "phase", "unknown"])
def test_a_spoilt_file_is_noticed(spoil):
    trace = read(DOCS / "pictures/decoder_layer.trace.json")
    check_format(trace)
    spoil(complete(trace)[3])
    with pytest.raises((AssertionError, KeyError)):
        check_format(trace)
