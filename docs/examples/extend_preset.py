# SPDX-License-Identifier: Apache-2.0
"""A new preset: which number of lanes is worth it, by the estimator; the file that commands take.

    python docs/examples/extend_preset.py [FILE.json]

A preset is a value in ``flightllm_hw/presets.py``; before it is one, it is a file for ``--config``.
"""

import sys
from dataclasses import replace
from pathlib import Path

from flightllm_hw.bench.shapes import shape
from flightllm_hw.bench.work import Work
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.estimate.estimate import estimate
from flightllm_hw.presets import preset


def cycles(config):
    """Cycles of a token at the end of a context of 128, estimated."""
    model = shape("stories110m")
    return estimate(Work(mode="decode", name="stories110m", model=model, config=config,
                         recipe=Recipe(default=Setting(bits=4, group=128)), context=128, tokens=1,
                         layers=model.layers, seed=0))["cycles_per_token"]


def main(file=None):
    """Print a line a number of lanes, write the last one's configuration."""
    for lanes in (1, 2, 4, 12):
        config = replace(preset("small"), name=f"small_{lanes}", lanes=lanes)
        print(f"{lanes:2} lanes, {config.dsp:3} DSPs in chains: {cycles(config):9,.0f} cycles")
    text = config.to_json()
    assert AcceleratorConfig.from_json(text) == config
    if file is not None:
        Path(file).write_text(text, encoding="utf-8")
    return config


if __name__ == "__main__":
    main(*sys.argv[1:])
