# SPDX-License-Identifier: Apache-2.0
"""Draws the figures of the architecture: the kernel, a lane, a chain, a packed product, the homes.

    python docs/examples/figures.py [-o docs/pictures]

Widths and counts come from the preset ``u280``; ``tests/docs`` compares the files.
"""

import argparse
from pathlib import Path

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.formats.pair import PAIR_SPACING
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.report.drawing import Drawing, alone

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
MEMORY, CONTROL, MATRIX, VECTOR = "blue", "grey", "amber", "green"


def kernel(config: AcceleratorConfig):
    """All of it: registers, control, units, the ways to the lanes."""
    d = Drawing(1132, 620)
    lane = config.lane
    # What holds what.
    d.box(160, 20, 780, 580, f"flightllm_{config.name}", colour="frame", top=True)
    d.box(180, 150, 740, 435, "Core", top=True)
    # The host's side.
    d.box(8, 62, 120, 50, "s_axi_control", "AXI4-Lite, 32 bit", colour=CONTROL)
    d.box(8, 194, 120, 68, "m_axi_host", f"AXI4, {lane.beat_bits} bit", "programs, LD, ST",
          colour=MEMORY)
    d.box(8, 538, 120, 40, "interrupt", colour=CONTROL)
    d.box(200, 55, 170, 62, "ControlPort", "registers, handshake,", "arguments", colour=CONTROL)
    d.box(460, 55, 170, 62, "Launcher", "arguments to windows", "and registers", colour=CONTROL)
    d.arrow((128, 87), (198, 87), both=True)
    d.arrow((370, 87), (458, 87), label="start", at=(414, 80))
    d.arrow((200, 106), (144, 106), (144, 558), (130, 558))
    # Control and units.
    d.box(200, 195, 110, 66, "HostPort", "fetch before", "units", colour=MEMORY)
    d.box(380, 195, 240, 66, "Control", "fetch, decode, patches, loops,", "queues of 16, tokens",
          colour=CONTROL)
    d.arrow((545, 117), (545, 193), label="windows, r1 .., start", at=(553, 138), anchor="start")
    d.arrow((128, 228), (198, 228), both=True)
    d.arrow((310, 228), (378, 228), label="program", at=(343, 221))
    d.box(200, 320, 130, 54, "MemoryUnit", "LD, ST", colour=MEMORY)
    d.box(370, 320, 130, 54, "VectorUnit", "MISC", colour=VECTOR)
    d.box(530, 320, 120, 54, "LanesUnit", "MV, MM", colour=MATRIX)
    d.arrow((410, 261), (410, 285), (285, 285), (285, 318))
    d.arrow((435, 261), (435, 318))
    d.arrow((500, 261), (500, 285), (580, 285), (580, 318))
    d.text(443, 305, "tasks", small=True)
    d.arrow((230, 318), (230, 263), both=True)
    # The special function unit.
    d.box(200, 440, 290, 120, "SpecialFunctionUnit",
          f"vector buffer: {config.sfu.rows:,} rows of {config.sfu.width} FP32,",
          f"{config.sfu.width} elements a cycle; norms, softmax,", "RoPE, SiLU, residual, codes",
          colour=VECTOR)
    d.arrow((265, 374), (265, 438), both=True, label="rows", at=(258, 410), anchor="end")
    d.arrow((435, 374), (435, 438), label="passes", at=(441, 410), anchor="start")
    # The ways.
    d.box(692, 195, 120, 66, "Distribution", "pieces of tape,", "operations", colour=CONTROL)
    d.arrow((620, 228), (690, 228), label="LD.TAPE", at=(655, 221))
    d.arrow((650, 340), (704, 340), (704, 263))
    d.text(655, 333, "MV, MM", small=True)
    d.box(556, 440, 104, 50, "Broadcast", "codes, scales", colour=VECTOR)
    d.box(556, 510, 104, 50, "Gather", "rows, maxima", colour=MATRIX)
    d.arrow((490, 465), (553, 465), wide=True, label="codes", at=(518, 456))
    d.arrow((556, 535), (493, 535), wide=True, label="rows", at=(526, 526))
    d.arrow((620, 374), (620, 400), (680, 400), (680, 526), (662, 526), label="what comes",
            at=(632, 416))
    # Lanes and their channels: from the distribution, from the broadcast, to the gather.
    for n, y in enumerate((300, 372, 516)):
        number = (0, 1, config.lanes - 1)[n]
        d.box(800, y, 104, 52, f"LaneNode {number}", colour=MATRIX)
        d.arrow((724, y + 10), (798, y + 10))
        d.arrow((745, y + 26), (797, y + 26), wide=True)
        d.line((800, y + 42), (770, y + 42), wide=True)
        d.arrow((966, y + 20), (907, y + 20), wide=True)
        d.arrow((904, y + 38), (964, y + 38))
        d.box(968, y, 146, 52, f"m_axi_{number}",
              f"AXI4, {lane.beat_bits} bit, a channel", colour=MEMORY)
    d.line((724, 261), (724, 526))
    d.line((660, 465), (745, 465), (745, 465), wide=True)
    d.line((745, 326), (745, 542), wide=True)
    d.line((770, 342), (770, 558), wide=True)
    d.arrow((770, 550), (663, 550), wide=True)
    d.text(852, 476, "· · ·", bold=True, anchor="middle")
    d.text(1041, 470, f"{config.lanes} lanes, {config.lanes} channels", small=True,
           anchor="middle")
    d.text(1041, 250, f"every way to a node: {config.crossings}", small=True, anchor="middle")
    d.text(1041, 264, "registers, for borders of dies", small=True, anchor="middle")
    d.text(1041, 286, "tape in, keys and values out", small=True, anchor="middle")
    return alone(d.picture("The kernel: ports, control, units, special function unit, lanes"))


def one_lane(config: AcceleratorConfig):
    """A lane, from its port to results."""
    d = Drawing(1000, 470)
    c = config.lane
    rows, columns = c.tile_rows(Pattern.DENSE), c.tile_columns(Pattern.DENSE)
    d.box(8, 60, 92, 66, "m_axi_n", "reading half", f"{c.beat_bits} bit", colour=MEMORY)
    d.box(140, 60, 112, 66, "AxiReader", "bursts, credits", colour=MEMORY)
    d.box(292, 60, 124, 66, "PrefetchFifo", f"{c.fifo_beats:,} beats", "URAM, 2 out", colour=MEMORY)
    d.box(456, 60, 124, 66, "Gearbox", "planes or bytes", "of 2 .. 8 bits", colour=MATRIX)
    d.box(620, 60, 124, 66, "Dequantizer", "code = q - z", f"{2 * c.dsp} codes", colour=MATRIX)
    d.arrow((100, 93), (138, 93), wide=True)
    d.arrow((252, 93), (290, 93), wide=True)
    d.arrow((416, 84), (454, 84), wide=True)
    d.arrow((416, 102), (454, 102), wide=True)
    d.arrow((580, 93), (618, 93), wide=True, label="block", at=(598, 84))
    d.arrow((354, 126), (354, 150), (196, 150), (196, 128), label="room: a beat freed",
            at=(275, 166))
    d.text(275, 50, "1 beat a cycle", small=True, anchor="middle")
    d.text(435, 50, "2 beats", small=True, anchor="middle")
    # The chains.
    d.box(784, 60, 204, 168, f"ChainArray: {c.chains} chains", colour=MATRIX, top=True)
    for n, y in enumerate((90, 122, 184)):
        d.box(800, y, 172, 26, f"chain {(0, 1, c.chains - 1)[n]}: {c.chain.length} DSP48E2")
    d.text(886, 171, "· · ·", bold=True, anchor="middle")
    d.arrow((744, 93), (782, 93), wide=True, label="tile", at=(763, 84))
    d.text(700, 50, f"dense {rows} x {columns}, a tile a cycle", small=True, anchor="middle")
    # Activations.
    d.box(140, 220, 150, 66, "StepSequencer", "which token meets", "which tile", colour=CONTROL)
    d.box(456, 220, 170, 66, "ActivationBuffer", f"2 banks, {c.window_words:,} words",
          f"of {c.chain.window} int8", colour=VECTOR)
    d.arrow((290, 253), (454, 253), label="addresses, tags", at=(372, 246))
    d.arrow((626, 253), (705, 253), (705, 205), (782, 205), wide=True, label="windows",
            at=(698, 222), anchor="end")
    d.arrow((490, 126), (490, 190), (215, 190), (215, 218), label="headers", at=(232, 208),
            anchor="start")
    d.arrow((541, 330), (541, 288), wide=True, label="codes from Broadcast", at=(549, 312),
            anchor="start")
    d.arrow((60, 253), (138, 253), label="operations", at=(95, 246))
    # Results.
    d.box(784, 290, 204, 74, "Collector", "group sums, times u_g,", "added up: A, an integer",
          colour=MATRIX)
    d.arrow((886, 228), (886, 288), wide=True, label="exact sums", at=(896, 262),
            anchor="start")
    d.box(520, 372, 190, 66, "ResultScaler", "fp32(A) * fp32(s_row * s_x)", colour=VECTOR)
    d.arrow((886, 364), (886, 405), (712, 405), label="A, s_row", at=(800, 398))
    d.box(340, 372, 120, 66, "token scales", "two banks", colour=VECTOR)
    d.arrow((460, 405), (518, 405), label="s_x", at=(489, 398))
    d.arrow((635, 438), (635, 458), (140, 458), label="o: FP32, row, token: to Gather",
            at=(250, 451))
    d.arrow((556, 126), (556, 176), (756, 176), (756, 327), (782, 327), label="scales u_g, s_row",
            at=(566, 169), anchor="start")
    return alone(d.picture("A lane: memory port, FIFO, gearbox, dequantizer, chains, sums, scale"))


def chain(config: AcceleratorConfig):
    """The CSD-chain, a DSP group, and what lies in P."""
    d = Drawing(1000, 560)
    c = config.lane.chain
    width, gap = 176, 46
    d.text(20, 28, f"A chain: {c.length} DSP48E2 in {c.groups} groups, {c.nodes} reduction nodes",
           bold=True)
    d.box(20, 46, 860, 30, f"activations: a window of {c.window} int8, of each of two tokens",
          colour=VECTOR)
    for g in range(c.groups):
        x = 20 + g * (width + gap)
        d.box(x, 112, width, 90, colour=MATRIX)
        d.text(x + 12, 194, f"DG {g}", bold=True)
        for n in range(2):
            d.box(x + 12 + 80 * n, 124, 72, 52, f"DSP {2 * g + n}", "MUX, x, +")
        d.arrow((x + 84, 150), (x + 91, 150))
        d.arrow((x + 48, 76), (x + 48, 122))
        d.arrow((x + 128, 76), (x + 128, 122))
        if g + 1 < c.groups:
            d.arrow((x + width - 12, 150), (x + width + gap + 11, 150), label="PCIN",
                    at=(x + width + gap / 2 - 1, 143))
        if (g + 1) % c.node_groups == 0:
            node = g // c.node_groups
            at = x + width + (gap / 2 if g + 1 < c.groups else -48)
            d.box(at - 34, 240, 68, 32, f"RN {node}", colour=CONTROL)
            if g + 1 < c.groups:
                d.arrow((at, 150), (at, 238))
            else:
                d.arrow((at, 176), (at, 238))
            both = g + 1 == c.groups or c.splits_pairs
            d.arrow((at, 272), (at, 300), label=f"sums[{node}]: lo{', hi' if both else ''}",
                    at=(at, 315))
    cut = 20 + (width + gap) * c.node_groups
    d.arrow((cut + 48, 230), (cut + 48, 204), label="cut: start from zero", at=(cut + 50, 244),
            anchor="start")
    d.text(20, 228, "codes of DSP k come k cycles later:", small=True)
    d.text(20, 244, "all of a tile's sums leave together", small=True)
    # One DSP.
    d.text(20, 350, "One DSP48E2: two products", bold=True)
    d.box(20, 366, 452, 178)
    for n, (name, dense, sparse) in enumerate((
            ("D", "w1, w0 of two rows + excess", "0"),
            ("A", "the excess", "activations of two tokens: x1, x0"),
            ("B", "activation x", "code w"),
            ("product", f"w1 x * 2^{PAIR_SPACING} + w0 x", f"x1 w * 2^{PAIR_SPACING} + x0 w"))):
        y = 412 + 29 * n
        d.text(36, y, name, bold=True)
        d.text(108, y, dense, small=True)
        d.text(282, y, sparse, small=True)
    d.text(108, 386, "dense tile", bold=True)
    d.text(282, 386, "sparse tile", bold=True)
    d.text(36, 533, "product = (D - A) * B or A * B, as the DSP's pre-adder is told", small=True)
    # What lies in P.
    d.text(500, 350, "P after eight products: both sums, exact", bold=True)
    d.box(500, 392, 300, 40, "sum of hi", colour=MATRIX)
    d.box(800, 392, 180, 40, "sum of lo", colour=VECTOR)
    d.text(504, 386, "47", small=True)
    d.text(796, 386, f"{PAIR_SPACING}", small=True, anchor="end")
    d.text(804, 386, f"{PAIR_SPACING - 1}", small=True)
    d.text(976, 386, "0", small=True, anchor="end")
    for n, line in enumerate((
            f"lo = 8 products of int8: -130,048 .. 131,072, fewer than 2^{PAIR_SPACING} values,",
            f"so {PAIR_SPACING} bits tell them apart:",
            f"lo < 0 if bit {PAIR_SPACING - 1} is set and bits {PAIR_SPACING - 2} .. 10 are not"
            " all zero.",
            f"hi = P >> {PAIR_SPACING}, and one more if lo < 0: it had borrowed one.",
            "A reduction node (RN) does this, a cycle after P; tests/formal proves it.")):
        d.text(500, 460 + 20 * n, line, small=True)
    return alone(d.picture("A CSD-chain of DSP groups, two products in a DSP48E2, two sums in P"))


def homes(config: AcceleratorConfig):
    """A lane's memory, and where a token's keys and values go."""
    d = Drawing(1000, 440)
    two = 2 * config.lane.chains
    d.text(20, 26, "A lane's memory", bold=True)
    x = 20
    for name, width, colour in (("layer 0", 92, MATRIX), ("layer 1", 92, MATRIX),
                                ("· · ·", 56, ""), ("head", 92, MATRIX),
                                ("homes of layer 0", 150, VECTOR),
                                ("homes of layer 1", 150, VECTOR), ("· · ·", 56, "")):
        d.box(x, 38, width, 40, name, colour=colour)
        x += width
    d.text(20, 96, "weights: read once a token, from layer 0 to the head's end", small=True)
    d.arrow((426, 78), (426, 108), (250, 108), (250, 128))
    d.arrow((426, 108), (700, 108), (700, 128))
    # Keys: a position a row.
    d.text(20, 146, "Keys of a head: a position is a row", bold=True)
    for n, name in enumerate((f"positions 0 .. {two - 1}", f"positions {two} .. {2 * two - 1}")):
        y = 160 + 86 * n
        d.box(20, y, 440, 72, name, colour="frame", top=True)
        d.box(30, y + 28, 90, 34, "", "row scales", colour=CONTROL)
        d.box(124, y + 28, 82, 34, "", "scale beat", colour=CONTROL)
        d.box(210, y + 28, 240, 34, "", "tiles: 8 elements each", colour=VECTOR)
    for left, w in ((30, 90), (210, 240)):
        d.mark(left, 297, w, 5)
    d.text(20, 350, "a new position: eight consecutive bytes of each tile, and its scale",
           small=True, also="warn")
    # Values: a position a column.
    d.text(500, 146, "Values of a head: a position is a column", bold=True)
    for n, name in enumerate((f"elements 0 .. {two - 1}", f"elements {two} .. {2 * two - 1}")):
        y = 160 + 86 * n
        d.box(500, y, 480, 72, name, colour="frame", top=True)
        d.box(510, y + 28, 76, 34, "", "row scales", colour=CONTROL)
        d.box(590, y + 28, 70, 34, "", "scale beat", colour=CONTROL)
        d.box(664, y + 28, 200, 34, "", "16 tiles: 8 positions each", colour=VECTOR)
        d.box(868, y + 28, 70, 34, "", "scale beat", colour=CONTROL)
        d.text(946, y + 50, "· · ·", bold=True)
        d.mark(672, y + 28, 5, 34)
    d.text(500, 350, "a new position: one byte in every eight, in one tile of each region",
           small=True, also="warn")
    # How appending is ordered.
    for n, (name, colour) in enumerate((("MISC.PASS KEYS", VECTOR), ("Append", VECTOR),
                                        ("AxiWriter", MEMORY), ("bursts answered", MEMORY),
                                        ("fence opens", CONTROL),
                                        ("LD.TAPE is read", MEMORY))):
        d.box(20 + 164 * n, 378, 140, 40, name, colour=colour)
        if n:
            d.arrow((20 + 164 * n - 24, 398), (20 + 164 * n - 2, 398))
    return alone(d.picture("A lane's memory: weights, and the homes of keys and values"))


DRAWINGS = {"kernel": kernel, "lane": one_lane, "chain": chain, "homes": homes}


def drawings():
    """Every figure's text, by its name."""
    config = preset("u280")
    return {name: draw(config) for name, draw in DRAWINGS.items()}


def main(arguments=None):
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=PICTURES, help="where the files go")
    args = parser.parse_args(arguments)
    for name, text in drawings().items():
        (args.output / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
