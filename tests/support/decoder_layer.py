# SPDX-License-Identifier: Apache-2.0
"""A decoder layer written by hand (``programs/decoder_layer.asm``), and an ordinary FP32 layer."""

from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from flightllm_hw.compiler.kv import KeyHome, ValueHome
from flightllm_hw.compiler.tape import encode
from flightllm_hw.formats import QuantizedWeights, dequantize, quantize_weights
from flightllm_hw.formats.functions import rotary_steps
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.golden.machine import Machine
from flightllm_hw.isa.assembly import assemble
from flightllm_hw.isa.encoding import to_bytes
from flightllm_hw.presets import preset

TINY = preset("tiny")
TEXT = (Path(__file__).parent.parent / "programs" / "decoder_layer.asm").read_text()
DIM, HEADS, HEAD, HIDDEN, POSITIONS, BASE = 32, 2, 16, 48, 40, 1e4
BEAT = 8
HOST_BYTES, LANE_BYTES = 1 << 18, 1 << 16
X, Y = 0x2000 * BEAT, 0x2020 * BEAT
KEYS, VALUES = 0x800, 0x900


class Layer:
    """Random weights, quantized, on the lanes' tapes, and the same as FP32."""

    def __init__(self, rng):
        self.norms = 1 + 0.1 * rng.standard_normal((2, DIM)).astype(np.float32)
        self.real, self.lanes, self.names = {}, [[], []], {}
        share = HIDDEN // 2
        # Scores are scaled by the queries' weights.
        plans = {
            "qkv": [[(slice(n * HEAD, (n + 1) * HEAD), part) for part in "qkv"] for n in range(2)],
            "out": [[(slice(n * 16, n * 16 + 16), "out")] for n in range(2)],
            "up": [[(slice(n * share, (n + 1) * share), part) for part in ("gate", "up")]
                   for n in range(2)],
            "down": [[(slice(n * 16, n * 16 + 16), "down")] for n in range(2)]}
        shapes = {"q": (DIM, DIM), "k": (DIM, DIM), "v": (DIM, DIM), "out": (DIM, DIM),
                  "gate": (HIDDEN, DIM), "up": (HIDDEN, DIM), "down": (DIM, HIDDEN)}
        self.weights = {name: quantize_weights(
            (rng.standard_normal(shape) / np.sqrt(shape[1]) / (4 if name == "q" else 1)
             ).astype(np.float32), bits=8, group=16) for name, shape in shapes.items()}
        self.real = {name: dequantize(w) for name, w in self.weights.items()}
        for name, plan in plans.items():
            for n, parts in enumerate(plan):
                shape, beats = encode(*_rows(self.weights, parts), Pattern.DENSE, TINY.lane)
                self.lanes[n].append(beats)
            self.names[name] = " ".join(
                f"{f}={getattr(shape, f) if f != 'pattern' else 'DENSE'}".replace("False", "0")
                for f in shape.__dataclass_fields__)

    def program(self):
        """The text with this layer's matrices filled in."""
        first, *rest = (len(beats) for beats in self.lanes[0])
        lines = [line if line.startswith(";") else line.format(
            qkv_beats=first, rest=first, rest_beats=sum(rest), **self.names)
            if "{" in line else line for line in TEXT.splitlines()]
        return assemble("\n".join(lines))

    def load(self, machine):
        raw = b"".join(to_bytes(i) for i in self.program())
        machine.host.write(0, np.frombuffer(raw, np.uint8))
        give(machine, 0x2040 * BEAT, self.norms)
        give(machine, 0x2060 * BEAT, rotary_steps(BASE, HEAD))
        for lane, beats in zip(machine.lanes, self.lanes, strict=True):
            lane.memory.write(0, np.concatenate(beats).ravel())
            for home, at in ((KeyHome, KEYS), (ValueHome, VALUES)):
                empty = home(config=TINY.lane, head=HEAD, context=POSITIONS).empty()
                lane.memory.write(at * BEAT, empty.ravel())

    def reference(self, x):
        """The layer in PyTorch, float64, for tokens 0 .. n - 1, (n, DIM)."""
        r = {name: torch.from_numpy(w).double() for name, w in self.real.items()}
        norms = torch.from_numpy(self.norms).double()
        x = torch.from_numpy(x).double()
        normed = functional.rms_norm(x, (DIM,), norms[0], 1e-5)
        q, k, v = (functional.linear(normed, r[name]).view(-1, HEADS, HEAD).transpose(0, 1)
                   for name in "qkv")
        angle = torch.outer(torch.arange(len(x)).double(),
                            BASE ** (-torch.arange(0, HEAD, 2).double() / HEAD))
        # The queries' weights hold the scores' scale.
        mixed = functional.scaled_dot_product_attention(
            _turn(q, angle), _turn(k, angle), v, is_causal=True, scale=1.0)
        x = x + functional.linear(mixed.transpose(0, 1).reshape(len(x), DIM), r["out"])
        normed = functional.rms_norm(x, (DIM,), norms[1], 1e-5)
        gate, up = (functional.linear(normed, r[name]) for name in ("gate", "up"))
        return (x + functional.linear(functional.silu(gate) * up, r["down"])).numpy()


def _rows(weights, parts):
    """Rows of several matrices as one, and all of them kept."""
    taken = [(weights[name], rows) for rows, name in parts]
    joined = QuantizedWeights(
        codes=np.concatenate([w.codes[rows] for w, rows in taken]), zero=None,
        row_scale=np.concatenate([w.row_scale[rows] for w, rows in taken]),
        group_scale=np.concatenate([w.group_scale[rows] for w, rows in taken]), bits=8, group=16)
    return joined, np.ones(joined.codes.shape, bool)


def _turn(x, angle):
    """Adjacent pairs as complex numbers, turned by their angles."""
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2)


def give(machine, address, values):
    """Values to the host's memory."""
    machine.host.write(address, np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8))


def machine_with(layer):
    """A golden machine whose memories hold the layer and its program."""
    machine = Machine(TINY, host_bytes=HOST_BYTES, lane_bytes=LANE_BYTES)
    layer.load(machine)
    return machine
