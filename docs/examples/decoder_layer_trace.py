# SPDX-License-Identifier: Apache-2.0
"""The time line of a token in the decoder layer: which unit worked at what, cycle by cycle.

Position 39 of ``tests/programs/decoder_layer.asm`` on the simulated core of the preset ``tiny``,
compared to the bit with the golden machine; and the cycles of the first position and of this one::

    python docs/examples/decoder_layer_trace.py [-o docs/pictures]

writes ``decoder_layer.trace.json``, which https://ui.perfetto.dev shows, and ``decoder_layer.svg``,
a bar from where a unit took an instruction to where it was done, a line for every token.
"""

import argparse
import sys
from collections import defaultdict, deque
from pathlib import Path

import numpy as np
from trace_picture import ROWS

from flightllm_hw.boards import card
from flightllm_hw.golden.machine import Stop
from flightllm_hw.isa.errors import Error
from flightllm_hw.isa.table import Arrange, Target, Unit
from flightllm_hw.isa.vector import Addend, Factor, Function, Output, Step
from flightllm_hw.report.drawing import alone
from flightllm_hw.report.timeline import Bar, timeline
from flightllm_hw.sim.core import CoreBench
from flightllm_hw.sim.memory import IDEAL, hbm
from flightllm_hw.sim.trace import spans, write_trace

# The layer's weights and memories are those of the tests, which are no package.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))

from support.core import equal
from support.decoder_layer import (
    DIM,
    HOST_BYTES,
    LANE_BYTES,
    POSITIONS,
    TINY,
    Layer,
    X,
    give,
    machine_with,
)

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
PRODUCTS = ("q, k, v", "scores", "values", "output", "gate, up", "down")
UNITS = (Unit.MEMORY, Unit.LANES, Unit.VECTOR)


def token(layer, position, timing):
    """How the core did the token of ``position``; the golden machine did those before it."""
    rng = np.random.default_rng(1)
    machine = machine_with(layer)
    bench = CoreBench(TINY, host_bytes=HOST_BYTES, lane_bytes=LANE_BYTES, timing=timing)
    for now in range(position + 1):
        give(machine, X, rng.standard_normal(DIM).astype(np.float32))
        bench.write(machine.host.data, [lane.memory.data for lane in machine.lanes])
        machine.start(0, [now])
        assert machine.run().reason is Stop.END
    outcome = bench.run(0, [position], trace=True)
    assert outcome.error is Error.NONE and equal(bench, machine)
    return outcome


def meaning(instruction, products):
    """What a product or a pass is for; nothing for all others."""
    i = instruction
    if i.kind.name == "MV":
        return next(products)
    if i.kind.name != "MISC.PASS":
        return ""
    if i["output"] is Output.CODES:
        whose = {Target.KEYS: "k ", Target.VALUES: "v "}.get(i["target"], "")
        return "exp, codes" if i["function"] is Function.EXP else f"{whose}codes"
    if i["arrange"] is Arrange.PAIRS:
        return "rotate"
    if i["function"] is Function.SILU:
        return "gated SiLU"
    if i["addend"] is Addend.B:
        return "residual"
    if i["step"] is Step.ROOT:
        return "mean square"
    return "norm" if i["first"] is Factor.SCALAR else "scale"


def tokens(found, program):
    """Pairs of spans: one gave a token when it was done, the other waited for it."""
    given, pairs = defaultdict(deque), []
    moments = [(span.done, 0, span) for span in found] + [(span.taken, 1, span) for span in found]
    for _, takes, span in sorted(moments, key=lambda moment: moment[:2]):
        instruction = program[span.pc]
        if takes:
            pairs += [(given[unit, span.unit].popleft(), span) for unit in instruction.wait]
        else:
            for unit in instruction.release:
                given[span.unit, unit].append(span)
    return pairs


def svg(found, program, cycles):
    """The picture."""
    products, bars = iter(PRODUCTS), {}
    means = {n: meaning(i, products) for n, i in enumerate(program)}
    for span in found:
        kind = program[span.pc].kind.name
        whole = f"{kind} {means[span.pc]}".strip()
        bars[span] = Bar(
            row=span.unit.name, start=span.taken, end=span.done,
            text=means[span.pc] or kind.removeprefix("MISC."), short=kind.split(".")[0],
            title=f"{span.pc}: {whole}, cycles {span.taken:,} to {span.done:,}")
    return alone(timeline(
        f"A token of the decoder layer, position {POSITIONS - 1}, preset tiny, ideal memory:"
        f" {cycles:,} cycles", ROWS, list(bars.values()), first=0, last=cycles,
        ties=[(bars[giver], bars[taker]) for giver, taker in tokens(found, program)],
        unit="cycles; red: a token"))


def main(arguments=None):
    """Write both files, print the cycles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=PICTURES, help="where the files go")
    args = parser.parse_args(arguments)
    layer = Layer(np.random.default_rng(0))
    program = layer.program()
    last = POSITIONS - 1
    print(f"| cycles of a token | position 0 | position {last} |\n| --- | ---: | ---: |")
    for name, timing in (("HBM", hbm(card("u280"))), ("ideal memory", IDEAL)):
        first, outcome = (token(layer, position, timing) for position in (0, last))
        print(f"| {name} | {first.cycles:,} | {outcome.cycles:,} |")
    work = [outcome.counters[f"{unit.name.lower()}_busy"] for unit in UNITS]
    work.append(outcome.lane_counters[0]["multiplying"])
    names = " | ".join(unit.name for unit in UNITS)
    print(f"\n| position {last}, ideal memory | {names} | chains |")
    print(f"| --- |{' ---: |' * len(work)}")
    print(f"| cycles with work | {' | '.join(f'{count:,}' for count in work)} |")
    found = spans(outcome.events)
    args.output.mkdir(parents=True, exist_ok=True)
    write_trace(args.output / "decoder_layer.trace.json", found, program)
    (args.output / "decoder_layer.svg").write_text(svg(found, program, outcome.cycles))


if __name__ == "__main__":
    main()
