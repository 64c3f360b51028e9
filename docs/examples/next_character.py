# SPDX-License-Identifier: Apache-2.0
"""Write a line of story, every hidden layer of it multiplied by the simulated chains.

A small network (``train_next_character.py``) names one character after another. Its hidden layer
is a 256 x 256 matrix with 2 of every 4 weights kept; here those are 4-bit codes with group scales,
laid out in tiles, and what multiplies them by int8 activations is the Verilog of one lane of the
accelerator, compiled. Each product is compared with PyTorch's: to the bit with the same codes, and
as an error with the weights that the codes stand for. ``make demo`` runs it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from train_next_character import ALPHABET, WINDOW

from flightllm_hw.compiler.tile import lay_out, lay_windows, read_sums
from flightllm_hw.compute.array import ChainArray
from flightllm_hw.export.files import write
from flightllm_hw.formats import (
    dequantize,
    prune_mask,
    quantize_activations,
    quantize_weights,
    scale_result,
)
from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.presets import preset
from flightllm_hw.sim import verilator

HERE = Path(__file__).parent
GROUP = 32
PATTERN = Pattern.S2_4


class Layer:
    """A matrix on the chains of one simulated lane.

    Parameters
    ----------
    weights : ndarray of float32, (rows, K)
        PATTERN's sparsity.
    config : LaneConfig
        The lane.
    """

    def __init__(self, weights, config):
        self.config = config
        self.sim = verilator.compile(ChainArray(config), level=1)
        self.quantized = quantize_weights(weights, 4, GROUP)
        self.codes = self.quantized.centered()
        self.tiled = lay_out(self.codes, prune_mask(weights, PATTERN), PATTERN, config)
        blocks, steps = self.tiled.code.shape[:2]
        self.tiles = self.sim.pack("i_tile", {
            "pattern": np.full(blocks * steps, PATTERN.value),
            "elements": {name: part.reshape(-1, *part.shape[2:])
                         for name, part in (("code", self.tiled.code), ("mate", self.tiled.mate))},
        })
        self.cycles = self.steps = 0

    def __call__(self, x):
        """The product with int8 ``x``, (1, K), as exact integers (1, rows), u_g included."""
        blocks, steps = self.tiled.code.shape[:2]
        windows = lay_windows(x, PATTERN, self.config)[:, 0]
        sent = self.sim.pack("i_step", {"windows": np.tile(windows, (blocks, 1, 1)),
                                        "last": np.ones(blocks * steps, int)})
        got = self.sim.stream({"i_tile": self.tiles, "i_step": sent}, {"o": len(sent)},
                              deadline=4 * len(sent))
        self.cycles += got.total
        self.steps += len(sent)
        values = self.sim.unpack("o", got["o"])
        sums = np.stack([values["lo"], values["hi"]], -1).astype(np.int64)
        rows = read_sums(sums[:, None], PATTERN, self.config)[:, 0]
        # (row blocks, steps, rows of a tile) -> (rows, groups)
        columns = self.config.chain.columns(PATTERN)
        rows = rows.reshape(blocks, -1, GROUP // columns, rows.shape[-1]).sum(2)
        groups = rows.transpose(0, 2, 1).reshape(blocks * rows.shape[2], -1)
        groups = groups[:self.codes.shape[0]]
        return (groups * self.quantized.group_scale.astype(np.int64)).sum(1)[None]


def main():
    """Write a line, then the lane's Verilog."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompt", default="once upon a time")
    parser.add_argument("--characters", type=int, default=80)
    parser.add_argument("--preset", default="small")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/demo"))
    args = parser.parse_args()

    net = {name: tensor.float() for name, tensor in
           load_file(HERE / "next_character.safetensors").items()}
    config = preset(args.preset)
    layer = Layer(net["hidden"].numpy(), config.lane)
    codes = torch.from_numpy(layer.codes.astype(np.int64))
    exact = torch.from_numpy(dequantize(layer.quantized))

    text = [ALPHABET.index(c) for c in args.prompt.lower() if c in ALPHABET]
    text = [ALPHABET.index("\n")] * max(0, WINDOW - len(text)) + text
    print("".join(ALPHABET[c] for c in text).strip(), end="")
    worst = off = agreed = 0.0
    for _ in range(args.characters):
        x = net["embedding"][torch.tensor(text[-WINDOW:])].flatten()
        x_codes, s_x = quantize_activations(x.numpy()[None])
        sums = layer(x_codes)

        # The same codes in PyTorch's integers: no difference is allowed.
        grouped = codes.reshape(len(codes), -1, GROUP) * torch.from_numpy(
            x_codes.astype(np.int64)).reshape(-1, GROUP)
        u = torch.from_numpy(layer.quantized.group_scale.astype(np.int64))
        off += int((torch.from_numpy(sums[0]) != (grouped.sum(2) * u).sum(1)).sum())

        # The float weights: the format's error.
        hidden = torch.from_numpy(scale_result(sums, layer.quantized.row_scale, s_x))[0]
        want = exact @ x
        worst = max(worst, float((hidden - want).abs().max() / want.abs().max()))
        logits = torch.relu(hidden + net["hidden_bias"]) @ net["output"].T + net["output_bias"]
        reference = torch.relu(net["hidden"] @ x + net["hidden_bias"]) @ net["output"].T
        agreed += int(logits.argmax() == (reference + net["output_bias"]).argmax())
        text.append(int(logits.argmax()))
        print(ALPHABET[text[-1]], end="", flush=True)

    rows, k = net["hidden"].shape
    print(f"\n\n{args.characters} products of a {rows} x {k} matrix, {PATTERN} of 4-bit codes, on"
          f" {config.lane.chains} CSD-chains of {config.lane.chain.length} DSP48E2 (simulated)")
    print(f"  {layer.steps / args.characters:.0f} tiles and"
          f" {layer.cycles / args.characters:.0f} cycles a product,"
          f" {rows * k * args.characters / layer.steps / config.lane.dsp:.0f} weights a DSP a tile")
    print(f"  sums that differ from PyTorch's integers: {off:.0f} of {rows * args.characters}")
    print(f"  largest error of a product with int8 activations: {worst:.2%} of its largest value")
    print(f"  characters that PyTorch in FP32 would also name: {agreed:.0f} of {args.characters}")
    for path in write(config, args.output, flavour="vendor", report=False):
        print(f"  wrote {path}")
    return off > 0


if __name__ == "__main__":
    sys.exit(main())
