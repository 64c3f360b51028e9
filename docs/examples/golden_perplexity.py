# SPDX-License-Identifier: Apache-2.0
"""A compiled model's perplexity on the golden machine beside that of its FP32 reference.

Both name the tokens of the same stories, one after the other; the golden machine executes the
program that the accelerator would, to the bit::

    python docs/examples/golden_perplexity.py MODEL STORIES.jsonl --stories 100

STORIES has a JSON object with "text" a line. With ``--calibration TEXTS.jsonl`` codes are chosen by
what 32 other texts make of them.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress import Recipe, Setting
from flightllm_hw.compiler.flm import open_flm
from flightllm_hw.compiler.load import load
from flightllm_hw.golden.model import Model
from flightllm_hw.golden.perplexity import perplexity, read_texts
from flightllm_hw.presets import preset
from flightllm_hw.runtime.calibrated import Calibrated, read_calibration
from flightllm_hw.runtime.golden import GoldenDevice
from flightllm_hw.runtime.session import Session


def golden_logits(model):
    """From tokens to the logits after each, on the golden machine."""
    session = Session(model, GoldenDevice(model.config))

    def logits(tokens):
        # A position's keys and values are written before they are read: no need to clear any.
        session.position = 0
        session.runs.clear()
        return np.stack([session.feed([token]) for token in tokens])
    return logits


def compare(path, texts, preset_name, setting, calibration=None):
    """Perplexities: of the reference, of the golden machine."""
    checkpoint, recipe = load(path), Recipe.uniform(setting)
    by = calibration and Calibrated(checkpoint, recipe, read_calibration(calibration, checkpoint))
    tokens = [checkpoint.tokenizer.encode(text) for text in texts]
    with TemporaryDirectory() as folder:
        compiled = open_flm(compile_model(
            checkpoint, preset(preset_name), Path(folder) / "model.flm",
            recipe=recipe, compress=by))
        context = compiled.context
        return (perplexity(Model(checkpoint).logits, tokens, context),
                perplexity(golden_logits(compiled), tokens, context))


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--stories", type=int, default=100)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--group", type=int, default=32)
    parser.add_argument("--zero-point", action="store_true")
    parser.add_argument("--calibration", type=Path)
    args = parser.parse_args(argv)
    setting = Setting(bits=args.bits, group=args.group, zero_point=args.zero_point)
    reference, golden = compare(args.model, read_texts(args.texts, args.stories), args.preset,
                                setting, args.calibration)
    how = "calibrated" if args.calibration else "to nearest"
    print(f"{args.model.name}, {setting} {how}, {args.stories} stories: FP32 {reference:.4f},"
          f" golden machine {golden:.4f} ({100 * (golden / reference - 1):+.2f} %)")


if __name__ == "__main__":
    main()
