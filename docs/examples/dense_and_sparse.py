# SPDX-License-Identifier: Apache-2.0
"""What 2:4 is worth: cycles a token of the default model and of its sister, trained 2:4.

    python docs/examples/dense_and_sparse.py [PRESET]

Both write a few tokens on the simulated RTL; the first time, the simulator is built.
"""

import sys

from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.formats import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.runtime.devices import open_device
from flightllm_hw.runtime.models import DEFAULT_MODEL, compiled_model
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.story import Story

MODELS = {
    "dense": (DEFAULT_MODEL, Recipe(default=Setting(bits=4, group=32))),
    "2:4": (DEFAULT_MODEL.with_name("default_2_4"),
            Recipe(default=Setting(bits=4, group=32, pattern=Pattern.parse("2:4")))),
}


def cycles(name, config, tokens):
    """Cycles from a new token to the next, on the simulated kernel, and the text."""
    path, recipe = MODELS[name]
    compiled = compiled_model(path, config, context=64, recipe=recipe)
    with open_device("simulated", config) as device:
        story = Story(Session(compiled, device), compiled.tokenizer.encode(""),
                      Sampler(), tokens)
        text = "".join(story)
    return story.cycles_per_token, text


def main(name="tiny", tokens=2):
    """Print a line for each."""
    config, found = preset(name), {}
    for kind in MODELS:
        taken, text = cycles(kind, config, tokens)
        found[kind] = sum(taken) / len(taken)
        print(f"{kind:6} {found[kind]:10,.0f} cycles a token    {text!r}")
    print(f"2:4 takes {found['2:4'] / found['dense']:.0%} of the cycles")
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
