# SPDX-License-Identifier: Apache-2.0
"""Figures of the special function unit: the tables of ``docs/sfu.md``.

The unit of the `u280` preset, 16 elements a cycle. ``--resources`` adds what it takes of the card,
estimated by Yosys (some minutes).
"""

import argparse
import math

import numpy as np

from flightllm_hw.compiler.operations import Operations
from flightllm_hw.export.platform import VendorPlatform
from flightllm_hw.export.report import resource_report
from flightllm_hw.export.verilog import design
from flightllm_hw.formats import functions
from flightllm_hw.isa.timing import schedule
from flightllm_hw.isa.vector import Function, Reduce, Step
from flightllm_hw.presets import preset
from flightllm_hw.sfu.unit import SpecialFunctionUnit

CONFIG = preset("u280").sfu

# LLaMA2-7B.
HIDDEN, HEADS, HEAD, INNER, CONTEXT = 4096, 32, 128, 11008, 128

# Rows at which vectors lie; what takes how long does not depend on them.
X, Y, TABLE, OUT = 0, 1024, 2048, 3072

ABSMAX = {"step": Step.OVER, "k1": 127.0}


def operations():
    """Every operation of 4096 elements: its name, its formula, its passes."""
    ops = Operations(CONFIG, 4096)
    return [
        ("RMSNorm", "x / sqrt(mean(x²) + ε) · w",
         ops.rms_norm(X, Y, OUT, eps=1e-5, scalar=0)),
        ("LayerNorm", "(x − mean) · w / sqrt(var + ε) + b",
         ops.layer_norm(X, Y, TABLE, OUT, eps=1e-5, mean=0, deviation=1)),
        ("L1 norm", "(x − mean) · w / (mean abs(x − mean) + ε) + b",
         ops.l1_norm(X, Y, TABLE, OUT, eps=1e-5, mean=0, deviation=1)),
        ("softmax", "exp(t − max t) / Σ exp(t − max t), t = x · c (+ mask)",
         ops.softmax(X, OUT, maximum=0, total=1)),
        ("attention codes", "round(exp(x · c − max) · s_v / u), u / Σ exp",
         ops.attention_codes(X, Y, maximum=0, unit=1, total=2)),
        ("RoPE", "x cos − y sin, y cos + x sin", ops.rope(X, TABLE, OUT)),
        ("gated SiLU", "x · sigmoid(x) · gate", ops.activate(Function.SILU, X, OUT, gate=Y)),
        ("GELU, ReLU, sigmoid, exp", "f(x)", ops.activate(Function.GELU, X, OUT)),
        ("add, multiply, scale", "x + y, x · y, x · c", ops.add(X, Y, OUT)),
        ("residual", "x + y, 1 / sqrt(mean((x + y)²) + ε)",
         ops.residual(X, Y, OUT, eps=1e-5, scalar=0)),
        ("quantize", "s = max abs x / 127, round(x / s)", ops.quantize(X, scalar=0)),
        ("argmax", "the first place of the greatest", ops.argmax(X, scalar=0)),
    ]


def layer():
    """A decoder layer for one token: what comes between two products of the matrix engine."""
    hidden, inner = Operations(CONFIG, HIDDEN), Operations(CONFIG, INNER)
    heads, scores = Operations(CONFIG, HEAD, HEADS), Operations(CONFIG, CONTEXT, HEADS)

    def codes(ops, passes):
        """Codes of what ``passes`` give, whose greatest magnitude they find on the way."""
        return [*ops.reduced(passes, Reduce.ABSMAX, scalar=32, **ABSMAX),
                ops.quantize(OUT, scalar=32)[1]]

    norm = codes(hidden, hidden.normalize(X, Y, OUT, scalar=0))
    turned = codes(heads, heads.rope(X, TABLE, OUT))
    attention = scores.attention_codes(X, Y, maximum=0, unit=32, total=64)
    return [
        ("attention norm and its codes", norm),
        ("RoPE of q and its codes", turned),
        ("RoPE of k and its codes", turned),
        ("codes of v", heads.quantize(X, scalar=32)),
        ("greatest scale of v", [scores.quantize(Y, scalar=32)[0]]),
        ("greatest scores, codes of exp", scores.maximum(X, scalar=0) + attention),
        ("codes of the heads' outputs", hidden.quantize(X, scalar=32)),
        ("residual and its mean square", hidden.residual(X, Y, X, eps=1e-5, scalar=0)),
        ("norm of the MLP and its codes", norm),
        ("gated SiLU and its codes", codes(inner, inner.activate(Function.SILU, X, OUT, gate=Y))),
        ("residual and its mean square", hidden.residual(X, Y, X, eps=1e-5, scalar=0)),
    ]


def cycles(passes):
    """From the first row to the last one written and the last scalar."""
    return schedule(passes, CONFIG.scalars).end


def worst(function, truth, arguments):
    """The greatest error in units of the last place, where results are normal."""
    with np.errstate(all="ignore"):
        want = truth(arguments.astype(np.float64))
        fits = (np.abs(want) >= 2.0 ** -125) & (np.abs(want) < 2.0 ** 127)
        unit = np.ldexp(1.0, np.frexp(want[fits])[1] - 24)
        return (np.abs(function(arguments[fits]) - want[fits]) / unit).max()


def errors():
    """Functions, and their greatest errors over every exponent."""
    rng = np.random.default_rng(0)
    words = (np.arange(1, 255, dtype=np.uint32)[:, None] << 23
             | rng.integers(1 << 23, size=(254, 20_000), dtype=np.uint32)).ravel()
    x = np.concatenate([words, words | np.uint32(1 << 31)]).view(np.float32)
    erfc = np.frompyfunc(math.erfc, 1, 1)

    def sigmoid(v):
        return np.where(v < 0, np.exp(-np.abs(v)), 1) / (1 + np.exp(-np.abs(v)))

    return [
        ("exp", worst(functions.exp, np.exp, x)),
        ("sigmoid", worst(functions.sigmoid, sigmoid, x)),
        ("SiLU", worst(functions.silu, lambda v: v * sigmoid(v), x)),
        ("GELU", worst(functions.gelu, lambda v: v * erfc(-v / 2 ** 0.5).astype(float) / 2, x)),
        ("1 / x", worst(functions.reciprocal, lambda v: 1 / v, x)),
        ("1 / sqrt(x)", worst(functions.rsqrt, lambda v: 1 / np.sqrt(v), x[x > 0])),
    ]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resources", action="store_true")
    args = parser.parse_args()

    print("| operation | what it computes | passes | cycles for 4096 |")
    print("| --- | --- | ---: | ---: |")
    for name, formula, passes in operations():
        print(f"| {name} | {formula} | {len(passes)} | {cycles(passes):,} |")

    print("\n| LLaMA2-7B, a layer, context 128 | passes | rows | cycles |")
    print("| --- | ---: | ---: | ---: |")
    total = np.zeros(3, int)
    for name, passes in layer():
        figures = len(passes), sum(p.rows * p.segments for p in passes), cycles(passes)
        total += figures
        print(f"| {name} | " + " | ".join(f"{value:,}" for value in figures) + " |")
    print("| total | " + " | ".join(f"{value:,}" for value in total) + " |")

    print("\n| function | greatest error in ulp |\n| --- | ---: |")
    for name, error in errors():
        print(f"| {name} | {error:.2f} |")

    if args.resources:
        report = resource_report(design(SpecialFunctionUnit(CONFIG), platform=VendorPlatform()))
        print("\n| module, with all below it | instances | DSP | LUT | FF | BRAM | URAM | levels |")
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        for name, module in report.modules.items():
            part = module.total
            if part.lut * module.count >= 500 and not name.startswith(("delay", "rom")):
                print(f"| {name} | {module.count} | {part.dsp} | {part.lut:,} | {part.ff:,} |"
                      f" {part.bram:g} | {part.uram} | {module.logic_levels} |")


if __name__ == "__main__":
    main()
