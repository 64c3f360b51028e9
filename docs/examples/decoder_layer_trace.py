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
from html import escape
from pathlib import Path

import numpy as np

from flightllm_hw.boards import card
from flightllm_hw.golden.machine import Stop
from flightllm_hw.isa.errors import Error
from flightllm_hw.isa.table import Arrange, Target, Unit
from flightllm_hw.isa.vector import Addend, Factor, Function, Output, Step
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
UNITS = {Unit.MEMORY: "#8fb8de", Unit.LANES: "#f2b880", Unit.VECTOR: "#a3cfa0"}

# Pixels; a letter of the bars' text is about so wide.
LEFT, RIGHT, TOP, WIDTH, BAR, GAP, LETTER = 70, 20, 30, 1000, 18, 14, 5.6
TICK = 500


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


def label(text, short, width, gap):
    """What stands in a bar or, if there is room, behind it: a text and how far from its left."""
    def fits(some, pixels):
        return LETTER * len(some) + 4 <= pixels

    if fits(text, width):
        return text, 3
    if fits(text, gap):
        return text, width + 4
    return (short, 2) if fits(short, width + 2) else ("", 0)


def rows_of(found):
    """Every span's row: below those of its unit that it overlaps; and each unit's rows."""
    row, most = {}, {}
    for unit in UNITS:
        ends = []
        for span in (span for span in found if span.unit is unit):
            at = next((n for n, end in enumerate(ends) if end <= span.taken), len(ends))
            ends[at:at + 1] = [span.done]
            row[span] = at
        most[unit] = max(1, len(ends))
    return row, most


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
    scale = (WIDTH - LEFT - RIGHT) / cycles
    row, most = rows_of(found)
    top, below = {}, TOP
    for unit in UNITS:
        top[unit] = below
        below += most[unit] * BAR + GAP
    height = below + 30

    def x(cycle):
        return f"{LEFT + scale * cycle:.1f}"

    def y(span):
        return top[span.unit] + BAR * row[span]

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" font-family="sans-serif" font-size="11" fill="#222">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="13">A token of the decoder layer, position'
        f' {POSITIONS - 1}, preset tiny, ideal memory: {cycles:,} cycles</text>']
    for unit in UNITS:
        lines += [
            f'<rect x="{LEFT}" y="{top[unit] - GAP // 4}" width="{WIDTH - LEFT - RIGHT}"'
            f' height="{most[unit] * BAR + GAP // 2}" fill="#f4f4f4"/>',
            f'<text x="{LEFT - 8}" y="{top[unit] + 13}" text-anchor="end">{unit.name}</text>']
    for cycle in range(0, cycles, TICK):
        lines += [
            f'<path d="M{x(cycle)} {TOP - 4}V{below}" stroke="#ddd"/>',
            f'<text x="{x(cycle)}" y="{below + 14}" text-anchor="middle">{cycle:,}</text>']
    products = iter(PRODUCTS)
    means = {n: meaning(i, products) for n, i in enumerate(program)}
    # Where the next bar of each one's row begins.
    behind, free = {}, dict.fromkeys(((unit, n) for unit in UNITS for n in range(most[unit])),
                                     cycles + RIGHT / scale)
    for span in reversed(found):
        behind[span] = free[span.unit, row[span]]
        free[span.unit, row[span]] = span.taken
    for span in found:
        width = scale * (span.done - span.taken)
        kind = program[span.pc].kind.name
        whole = f"{kind} {means[span.pc]}".strip()
        text, at = label(means[span.pc] or kind.removeprefix("MISC."), kind.split(".")[0], width,
                         scale * (behind[span] - span.done) - 4)
        lines += [
            f'<g><title>{span.pc}: {escape(whole)}, cycles {span.taken:,} to {span.done:,}</title>',
            f'<rect x="{x(span.taken)}" y="{y(span)}" width="{max(1, width):.1f}"'
            f' height="{BAR - 2}" rx="2" fill="{UNITS[span.unit]}" stroke="#666"'
            f' stroke-width="0.5"/>']
        if text:
            lines.append(f'<text x="{LEFT + scale * span.taken + at:.1f}" y="{y(span) + 12}">'
                         f'{escape(text)}</text>')
        lines.append("</g>")
    for giver, taker in tokens(found, program):
        lines.append(f'<path class="token" d="M{x(giver.done)} {y(giver) + BAR // 2 - 1}'
                     f'L{x(taker.taken)} {y(taker) + BAR // 2 - 1}" stroke="#b03060"'
                     ' stroke-width="1.2"/>')
    lines += [f'<text x="{WIDTH - RIGHT}" y="{below + 28}" text-anchor="end">cycles; red: a token'
              '</text>', "</svg>", ""]
    return "\n".join(lines)


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
    write_trace(args.output / "decoder_layer.trace.json", found, program)
    (args.output / "decoder_layer.svg").write_text(svg(found, program, outcome.cycles))


if __name__ == "__main__":
    main()
