# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of ``docs/bench.md``: runs of the RTL as points, estimates as lines::

    python docs/examples/plots.py [-o docs/pictures]

Runs are those that ``docs/measurements`` holds; LLaMA2-7B with 4 bits on ``u280`` is estimated.
Nothing is simulated here. ``flightllm-hw report`` draws the same of any model.
"""

import argparse
from pathlib import Path

import measurements

from flightllm_hw.bench.shapes import shape
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.presets import preset
from flightllm_hw.report.drawing import alone
from flightllm_hw.report.estimates import estimate_all
from flightllm_hw.report.roofline import roofline
from flightllm_hw.report.shares import causes, shares
from flightllm_hw.report.subject import Subject
from flightllm_hw.report.sweeps import against_bits, against_context

PICTURES = Path(__file__).resolve().parents[1] / "pictures"
NAME, BITS, GROUP, CONTEXT = "llama2-7b", 4, 128, 128

SUBJECT = Subject(
    config=preset("u280"), name=NAME, model=shape(NAME),
    recipe=Recipe.uniform(Setting(bits=BITS, group=GROUP)), context=CONTEXT, tokens=CONTEXT,
    source=("--preset", "u280"))


def runs():
    """Measurements of this model, by name; those whose bits are several stand at none."""
    return {name: found for name, found in measurements.measured().items()
            if found["shape"] == NAME and found["group"] == GROUP
            and "--recipe" not in measurements.MEASUREMENTS[name]}


def pictures(found):
    """Files' names, and what is in them."""
    estimates, config = estimate_all(SUBJECT), SUBJECT.config
    decode = [run for run in found.values() if run["mode"] == "decode"]
    drawn = {
        "roofline": roofline(config, estimates.bits[0].found, estimates.prompts,
                             list(found.values())),
        "context": against_context(estimates.contexts,
                                   [run for run in decode if run["bits"] == BITS]),
        "bits": against_bits(estimates.bits,
                             [run for run in decode if run["context"] == CONTEXT])}
    for mode, name in (("decode", "decode_128"), ("prefill", "prefill_16")):
        run = found[name]
        estimated = estimate(SUBJECT.work(mode, context=run["context"], tokens=run["tokens"]))
        drawn[f"causes_{mode}"] = shares(f"Cycles by cause, {mode}",
                                         causes(config, run, estimated))
    return {f"{name}.svg": alone(picture) for name, picture in drawn.items()}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=PICTURES, help="where they go")
    args = parser.parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    for name, text in pictures(runs()).items():
        (args.output / name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
