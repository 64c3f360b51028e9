# SPDX-License-Identifier: Apache-2.0
"""What compression costs: the tables of ``docs/compression.md``.

Perplexity of the float32 model with the weights that the codes stand for; activations stay float32.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import flightllm_hw
from flightllm_hw.compiler.compress import (
    AttentionMask,
    Recipe,
    Report,
    Setting,
    choose_bits_of_runs,
    compress_model,
    measure_sensitivity,
    mix_precision,
)
from flightllm_hw.compiler.load import load
from flightllm_hw.formats import Pattern
from flightllm_hw.golden.calibration import Calibration, Divergence
from flightllm_hw.golden.model import Model
from flightllm_hw.golden.perplexity import perplexity, read_texts

HERE = Path(flightllm_hw.__file__).parent


class Masked(Model):
    """A model whose heads see some blocks alone."""

    def __init__(self, weights, mask):
        super().__init__(weights)
        self.mask = mask

    def _softmax(self, layer, scores):
        seen = [self.mask.tokens(layer, head, scores.shape[1]) for head in range(len(scores))]
        hidden = torch.from_numpy(~np.stack(seen))
        return super()._softmax(layer, scores.masked_fill(hidden, -torch.inf))


class Figures:
    """Perplexities of one model."""

    def __init__(self, path, args):
        self.model = load(path)
        encode = self.model.tokenizer.encode
        # Never the same stories for both.
        stories = read_texts(args.stories, args.evaluation + args.calibration)
        self.calibration = [encode(text) for text in stories[args.evaluation:]]
        if args.part == "eval":
            stories = read_texts(args.stories.with_name("tinystories_eval.jsonl"), args.evaluation)
        self.texts = [encode(text) for text in stories[:args.evaluation]]
        self.reference = Model(self.model)
        self.exact = self.perplexity(self.reference)

    def perplexity(self, model):
        return perplexity(model.logits, self.texts, self.model.config.context)

    def walk(self):
        return Calibration(self.model, self.calibration)

    def compressed(self, recipe, calibrated):
        lines, weights = [], {}
        for name, got, line in compress_model(self.model, recipe,
                                              self.walk() if calibrated else None):
            lines.append(line)
            weights[name] = got.dequantize()
        return self.perplexity(self.reference.replaced(weights)), Report(lines)

    def row(self, what, recipe):
        cells = []
        for calibrated in (False, True):
            got, report = self.compressed(recipe, calibrated)
            cells.append(f"{got:.3f} ({got / self.exact - 1:+.1%})")
        print(f"| {what} | {report.average_bits:.2f} | " + " | ".join(cells) + " |", flush=True)
        return report


def head(*names):
    print("\n| " + " | ".join(names) + " |\n" + "| --- " + "| ---: " * (len(names) - 1) + "|")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, help="folder with stories260K.bin")
    parser.add_argument("stories", type=Path, help="tinystories_train.jsonl, _eval.jsonl beside")
    parser.add_argument("--calibration", type=int, default=32, help="texts to calibrate with")
    parser.add_argument("--evaluation", type=int, default=30, help="texts of the perplexity")
    parser.add_argument("--part", choices=("eval", "train"), default="eval",
                        help="of the stories, for the perplexity")
    parser.add_argument("--report", action="store_true", help="print errors of each matrix")
    args = parser.parse_args()
    torch.set_num_threads(1)

    def open_figures(path):
        figures = Figures(path, args)
        head(f"{path.name}: FP32 {figures.exact:.4f}", "bits", "to nearest", "calibrated")
        return figures

    figures = open_figures(args.models / "stories260K.bin")
    for bits, zero in ((8, False), (6, False), (5, False), (4, False), (4, True), (3, True),
                       (2, True)):
        setting = Setting(bits=bits, group=32, zero_point=zero)
        figures.row(setting, Recipe(default=setting))

    figures = open_figures(HERE / "models/default")
    for setting in (Setting(), Setting(bits=4, zero_point=True),
                    Setting(pattern=Pattern.S2_4), Setting(bits=4, pattern=Pattern.S2_4),
                    Setting(pattern=Pattern.S4_8), Setting(pattern=Pattern.S8_16)):
        report = figures.row(setting, Recipe.uniform(setting))
    recipe = Recipe(default=Setting(zero_point=True))
    for bits in (3, 4):
        report = figures.row(f"W{bits} everywhere, G32 zero point",
                             Recipe(default=Setting(bits=bits, zero_point=True)))
    for what, loss in (("by output", None),
                       ("measured", Divergence(figures.model, figures.calibration[:8]))):
        table, sizes = measure_sensitivity(figures.model, recipe, figures.walk(), loss=loss)
        for average in (3, 3.5, 4):
            mixed = mix_precision(recipe, table, sizes, average)
            report = figures.row(f"mixed {what}, at most {average}, G32 zero point", mixed)
            for runs in (1, 3, 4) if average == 3.5 else ():
                mixed = recipe.with_bits(choose_bits_of_runs(table, sizes, average, runs))
                figures.row(f"mixed {what}, at most {average}, {runs} run{'s'[:runs - 1]}, G32 zero"
                            " point", mixed)
    if args.report:
        print(report.table())
    dense = figures.exact

    head("default: blocks of attention", "density", "perplexity")
    walk, layers = figures.walk(), []
    for _ in range(figures.model.config.layers):
        layers.append(walk.attention())
        walk.step()
    mass = np.stack(layers)
    config, rows = figures.model.config, mass.shape[-1]
    masks = [("near 2, first 1", AttentionMask.local_global(config.layers, config.heads, rows,
                                                           near=2, first=1))]
    masks += [(f"by mass, {density}", AttentionMask.by_mass(mass, density))
              for density in (0.9, 0.75, 0.6, 0.5)]
    for name, mask in masks:
        figures.texts = [text[:rows * 64] for text in figures.texts]
        got = figures.perplexity(Masked(figures.model, mask))
        print(f"| {name} | {mask.density:.2f} | {got:.3f} ({got / dense - 1:+.2%}) |")

    figures = open_figures(HERE / "models/default_2_4")
    for setting in (Setting(pattern=Pattern.S2_4), Setting(bits=4, pattern=Pattern.S2_4),
                    Setting(bits=4, zero_point=True, pattern=Pattern.S2_4)):
        figures.row(setting, Recipe.uniform(setting))
    print(f"\nIts dense sister: {dense:.4f}")


if __name__ == "__main__":
    main()
