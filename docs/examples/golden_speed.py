# SPDX-License-Identifier: Apache-2.0
"""How many tokens a second the golden machine decodes: a model of stories15M's shape, preset small.

Weights are random, codes of 8 bits in groups of 32; six heads share four lanes in two rounds::

    OPENBLAS_NUM_THREADS=1 python docs/examples/golden_speed.py [tokens] [first position]

Matrices are small, and one thread is the fastest: others wait for one another more than they work.
"""

import sys
import time

import numpy as np

from flightllm_hw.compiler.kv import KeyHome, ValueHome
from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights
from flightllm_hw.formats.functions import rotary_steps
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.machine import Machine, Stop
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.isa.instruction import Instruction
from flightllm_hw.isa.table import Bank, Target, Unit
from flightllm_hw.isa.vector import (
    Addend,
    Arrange,
    Factor,
    Function,
    LastFactor,
    Output,
    Reduce,
    Step,
    Tap,
    Wait,
)
from flightllm_hw.presets import preset

CONFIG = preset("small")
LANES, BEAT, WIDTH = CONFIG.lanes, CONFIG.lane.beat_bits // 8, CONFIG.sfu.width
LAYERS, DIM, HEADS, HIDDEN, VOCABULARY, CONTEXT = 6, 288, 6, 768, 32000, 256
HEAD = DIM // HEADS
ROUNDS = -(-HEADS // LANES)
ALL = (1 << LANES) - 1
HOST, LANE = 1 << 20, 1 << 23

# Host memory, in beats: x, norm weights of every layer, steps, scales of values, the token.
PROGRAM, X, NORMS, STEPS, SCALES, TOKEN = HOST // 2, 0, 0x400, 0x6000, 0x7000, 0x7F00

# Vector buffer, in rows; x is at row 0.
ROWS, HEAD_ROWS, SPAN = DIM // WIDTH, HEAD // WIDTH, CONTEXT // WIDTH
NORMED, QKV, TURNED, KEYS, TABLE, SCORES, HISTORY, ATTENDED, GATE, GATED, PROJECTED, WEIGHTS = (
    n * 256 for n in range(1, 13))
LOGITS = 4096

# Registers: what follows of the position, r1.
PROLOGUE = """
SYS.SHR d=3 x=r1 y=3            ; row block of keys, tile of values
SYS.AND d=4 x=r1 y=7            ; row or column there
SYS.MUL d=5 x=r3 y={block}      ; beats of the key blocks before
SYS.MUL d=6 x=r3 y={words}      ; word of the key's scale
SYS.AND d=7 x=r1 y=1
SYS.SHL d=7 x=r7 y=2
SYS.ADD d=6 x=r6 y=r7
SYS.SHR d=7 x=r4 y=1
SYS.ADD d=6 x=r6 y=r7
SYS.SHR d=7 x=r1 y=7            ; group of values
SYS.SHL d=8 x=r3 y=2            ; beats of tiles and groups before
SYS.ADD d=8 x=r8 y=r7
SYS.AND d=9 x=r3 y=15           ; tile in the group
LD.VECTOR address={x} o=0 rows={rows}
LD.STEPS release(VECTOR) address={steps} pairs={pairs}
MISC.TABLE wait(MEMORY) position=r1 o={table} pairs={pairs}
"""

ABSMAX = {"reduce": Reduce.ABSMAX, "reduce_tap": Tap.PRODUCT, "step": Step.OVER, "k1": 127.0}
NORM = {"last": LastFactor.ITSELF, "reduce": Reduce.SUM, "reduce_tap": Tap.PRODUCT,
        "step": Step.ROOT, "k1": 1 / DIM, "k2": 1e-5, "d": 0}
TO_BUFFER = {"output": Output.BUFFER, "output_tap": Tap.PRODUCT}
V, M, L = {Unit.VECTOR}, {Unit.MEMORY}, {Unit.LANES}


def vector(rows, **fields):
    """A pass; segments are full of numbers unless a limit is given."""
    return Instruction.of("MISC.PASS", **{
        "rows": rows, "limit": rows * WIDTH, "segments": 1, "function": Function.IDENTITY,
        "order": Wait.DRAIN, **fields})


def codes(rows, a, **fields):
    """Codes to the lanes' activations."""
    return vector(rows, a=a, output=Output.CODES, order=Wait.CHAIN,
                  **{"scales": Bank.Z, "release": L, **fields})


def heads(a, **fields):
    """A pass over all heads of a round, which lie as the lanes left them."""
    return vector(HEAD_ROWS, a=a, segments=LANES,
                  **{"a_step": 3 * ROUNDS * HEAD_ROWS, "d_step": 1, **fields})


def tape(address, beats, **fields):
    return Instruction.of("LD.TAPE", address=address, beats=beats, lanes=ALL, **fields)


def multiply(shape, word, o, lane_rows, **fields):
    return Instruction.of("MV", wait=V, release=V, **vars(shape), tokens=1, word=word, o=o,
                          lane_rows=lane_rows, **fields)


def normed(weights):
    """Row 0's x times scalar 0 and weights, quantized, to all lanes."""
    return [vector(ROWS, b=weights, o=NORMED, first=Factor.SCALAR, last=LastFactor.B, **TO_BUFFER,
                   **ABSMAX, d=1),
            codes(ROWS, NORMED, z=1)]


def attention(n, home, history):
    """Round ``n`` of heads, a lane each."""
    q, k, v = (QKV + (3 * n + part) * HEAD_ROWS for part in range(3))
    turned = {"b": TABLE, "o_step": HEAD_ROWS, "arrange": Arrange.PAIRS, **TO_BUFFER, **ABSMAX}
    own = {"spread": 1, "z_step": 1}
    to_memory = own | {"output": Output.CODES, "order": Wait.CHAIN}
    so_far = [(3, "rows"), (1, "limit")]
    scores = home.keys.shape(1), home.values.shape(1)
    return [
        tape(home.k, home.keys.row_block_beats, fence=1, patches=[(5, "beats")]),
        *(tape(home.v + p.address, p.beats, fence=p.address == 0, patches=[(8, "beats")])
          for p in home.values.pieces(1)),
        heads(q, o=TURNED, d=2, wait=L, **turned),
        heads(k, o=KEYS, d=8, **turned),
        heads(v, d=16, **ABSMAX),
        heads(KEYS, a_step=HEAD_ROWS, z=8, target=Target.KEYS, address=home.k + 3, high=16, low=4,
              scale_address=home.k * BEAT // 4,
              patches=[(5, "address"), (4, "place"), (6, "scale_address")],
              **to_memory | {"order": Wait.DRAIN}),
        heads(v, z=16, target=Target.VALUES, address=home.v + 3, high=home.values.region_beats,
              patches=[(8, "address"), (4, "place")], release=M, **to_memory),
        codes(HEAD_ROWS, TURNED, a_step=HEAD_ROWS, segments=LANES, z=2, word=64, **own),
        multiply(scores[0], 64, SCORES, CONTEXT, limit=1, maxima=1, d=24,
                 patches=[(3, "row_blocks"), (1, "limit")]),
        Instruction.of("ST.SCALARS", wait=V, address=history * BEAT // 4, step=CONTEXT, d=16,
                       count=LANES, patches=[(1, "address")]),
        Instruction.of("LD.VECTOR", release=V, address=history, o=HISTORY, rows=LANES * SPAN),
        vector(1, wait=M | L, a=HISTORY, a_step=SPAN, segments=LANES, d=32, d_step=1,
               patches=so_far, **ABSMAX | {"limit": 1}),
        codes(1, SCORES, a_step=SPAN, b=HISTORY, b_step=SPAN, segments=LANES, limit=1,
              addend=Addend.MINUS_SCALAR, s=24, s_step=1, function=Function.EXP,
              last=LastFactor.B, z=32, reduce=Reduce.SUM, reduce_tap=Tap.FUNCTION,
              step=Step.UNDER, d=40, d_step=1, word=80, patches=so_far,
              **own | {"scales": Bank.REDUCTION}),
        multiply(scores[1], 80, ATTENDED + n * LANES * HEAD_ROWS, HEAD,
                 patches=[(7, "groups"), (9, "last_tiles")]),
    ]


def layer(n, matrices, homes):
    """A layer's instructions."""
    qkv, out, up, down = (matrices[n, name] for name in ("qkv", "out", "up", "down"))
    share = HIDDEN // LANES // WIDTH
    rounds = [attention(r, homes[n, r], SCALES + (n * ROUNDS + r) * LANES * CONTEXT * 4 // BEAT)
              for r in range(ROUNDS)]
    return [
        Instruction.of("LD.VECTOR", wait=V if n else (), release=V, o=WEIGHTS, rows=2 * ROWS,
                       address=NORMS + 2 * n * DIM * 4 // BEAT),
        qkv.tape, vector(ROWS, wait=M, **NORM), *normed(WEIGHTS),
        multiply(qkv.shape, 0, QKV, 3 * ROUNDS * HEAD),
        *sum(rounds, []),
        out.tape, vector(ROWS, wait=L, a=ATTENDED, d=1, **ABSMAX),
        codes(ROWS, ATTENDED, z=1, word=128), multiply(out.shape, 128, PROJECTED, DIM // LANES),
        vector(ROWS, wait=L, b=PROJECTED, addend=Addend.B, output=Output.BUFFER,
               output_tap=Tap.FUNCTION, **NORM),
        *normed(WEIGHTS + ROWS),
        up.tape, multiply(up.shape, 0, GATE, 2 * HIDDEN // LANES),
        vector(share, wait=L, a=GATE, a_step=2 * share, b=GATE + share, b_step=2 * share, o=GATED,
               o_step=share, segments=LANES, function=Function.SILU, last=LastFactor.B,
               **TO_BUFFER),
        vector(HIDDEN // WIDTH, a=GATED, d=1, **ABSMAX),
        codes(HIDDEN // WIDTH, GATED, z=1, word=192),
        down.tape, multiply(down.shape, 192, PROJECTED, DIM // LANES),
        vector(ROWS, wait=L, release=M, b=PROJECTED, addend=Addend.B, **TO_BUFFER),
    ]


def greatest(classifier):
    """The last norm, the classifier, the token."""
    return [
        Instruction.of("LD.VECTOR", wait=V, release=V, address=NORMS, o=WEIGHTS, rows=ROWS),
        classifier.tape, vector(ROWS, wait=M, **NORM), *normed(WEIGHTS),
        multiply(classifier.shape, 0, LOGITS, VOCABULARY // LANES),
        vector(VOCABULARY // WIDTH, wait=L, release=M, a=LOGITS, reduce=Reduce.ARGMAX, d=7),
        Instruction.of("ST.SCALARS", wait=V, address=TOKEN * BEAT // 4, d=7, count=1),
        Instruction.of("SYS.END"),
    ]


class Matrix:
    """Random weights on all lanes: their shape, and the LD.TAPE that reads them."""

    def __init__(self, machine, rng, at, rows, k):
        for lane in machine.lanes:
            weights = QuantizedWeights(
                codes=rng.integers(-127, 128, (rows, k)).astype(np.int8), zero=None,
                row_scale=np.full(rows, 1e-4 / np.sqrt(k), np.float32),
                group_scale=rng.integers(100, 200, (rows, k // 32)).astype(np.uint16),
                bits=8, group=32)
            self.shape, beats = encode(weights, np.ones((rows, k), bool), Pattern.DENSE,
                                       CONFIG.lane)
            lane.memory.write(at * BEAT, beats.ravel())
        self.tape = tape(at, len(beats))
        self.end = at + len(beats)


class Home:
    """Keys and values of a lane's head, empty on all lanes."""

    keys, values = (kind(config=CONFIG.lane, head=HEAD, context=CONTEXT)
                    for kind in (KeyHome, ValueHome))

    def __init__(self, machine, at):
        self.k, self.v = at, at + self.keys.beats
        self.end = self.v + self.values.beats
        for lane in machine.lanes:
            lane.memory.write(self.k * BEAT, self.keys.empty().ravel())
            lane.memory.write(self.v * BEAT, self.values.empty().ravel())


def build(machine):
    """Fill the memories; how many instructions there are."""
    rng = np.random.default_rng(0)
    shapes = {"qkv": (3 * ROUNDS * HEAD, DIM), "out": (DIM // LANES, DIM),
              "up": (2 * HIDDEN // LANES, DIM), "down": (DIM // LANES, HIDDEN)}
    at, matrices, homes = 0, {}, {}
    for n in range(LAYERS):
        for name, shape in shapes.items():
            matrices[n, name] = Matrix(machine, rng, at, *shape)
            at = matrices[n, name].end
        for r in range(ROUNDS):
            homes[n, r] = Home(machine, at)
            at = homes[n, r].end
    classifier = Matrix(machine, rng, at, VOCABULARY // LANES, DIM)
    block = Home.keys.row_block_beats
    program = [*assemble(PROLOGUE.format(block=block, words=block * BEAT // 4, x=X, rows=ROWS,
                                         steps=STEPS, table=TABLE, pairs=HEAD // 2)),
               *(i for n in range(LAYERS) for i in layer(n, matrices, homes)),
               *greatest(classifier)]
    give(machine, PROGRAM, b"".join(map(to_bytes, program)))
    give(machine, NORMS * BEAT, rng.uniform(0.8, 1.2, (2 * LAYERS, DIM)).astype("<f4").tobytes())
    give(machine, STEPS * BEAT, rotary_steps(1e4, HEAD).tobytes())
    return len(program)


def give(machine, at, raw):
    machine.host.write(at, np.frombuffer(raw, np.uint8))


def decode(machine, rng, position):
    """A token."""
    give(machine, X * BEAT, rng.standard_normal(DIM).astype("<f4").tobytes())
    machine.start(PROGRAM, [position])
    stopped = machine.run()
    assert stopped.reason is Stop.END, stopped


def main():
    tokens, first = map(int, (*sys.argv[1:], *("10", "124")[len(sys.argv) - 1:]))
    machine = Machine(CONFIG, host_bytes=HOST, lane_bytes=LANE)
    length = build(machine)
    rng = np.random.default_rng(1)
    start = time.perf_counter()
    decode(machine, rng, first)
    warm = time.perf_counter()
    for n in range(1, tokens + 1):
        decode(machine, rng, first + n)
    seconds = time.perf_counter() - warm
    print(f"{length} instructions; the first token takes {warm - start:.2f} s, all others"
          f" {1000 * seconds / tokens:.0f} ms: {tokens / seconds:.1f} tokens a second")


if __name__ == "__main__":
    main()
