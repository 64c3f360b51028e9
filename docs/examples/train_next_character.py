# SPDX-License-Identifier: Apache-2.0
"""Train the small network of ``next_character.py``: the next character of a TinyStories story.

A window of 16 characters, each embedded in 16 numbers, one hidden layer of 256 whose matrix keeps
2 of every 4 weights, one output a character. Takes a few minutes::

    cd docs/examples
    python train_next_character.py STORIES.jsonl next_character.safetensors

STORIES.jsonl holds an object with "text" a line; the file that comes with the repository was made
from 10,500 stories of the public TinyStories data set (Eldan and Li, arXiv 2305.07759).
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.nn import functional

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.sparsity import prune_mask

ALPHABET = "\n !\"',.?abcdefghijklmnopqrstuvwxyz"
WINDOW, WIDTH, HIDDEN = 16, 16, 256
STEPS, BATCH = 12000, 1024


def read(path: Path) -> torch.Tensor:
    """The characters of all stories as numbers; others than the alphabet's become spaces."""
    stories = [json.loads(line)["text"].lower() for line in path.read_text().splitlines()]
    space = ALPHABET.index(" ")
    table = {ord(c): n for n, c in enumerate(ALPHABET)}
    text = "\n".join(stories)
    return torch.tensor([table.get(ord(c), space) for c in text], dtype=torch.long)


def forward(weights: dict[str, torch.Tensor], contexts: torch.Tensor) -> torch.Tensor:
    """Logits of the next character, (batch, alphabet)."""
    x = weights["embedding"][contexts].flatten(1)
    hidden = torch.relu(x @ weights["hidden"].T + weights["hidden_bias"])
    return hidden @ weights["output"].T + weights["output_bias"]


def main(stories: str, target: str) -> None:
    """Train, and write the weights as float16 (biases float32)."""
    torch.manual_seed(1)
    text = read(Path(stories))
    held_out = text[-200_000:]
    text = text[:-200_000]
    weights = {
        "embedding": torch.randn(len(ALPHABET), WIDTH) * 0.5,
        "hidden": torch.randn(HIDDEN, WINDOW * WIDTH) / (WINDOW * WIDTH) ** 0.5,
        "hidden_bias": torch.zeros(HIDDEN),
        "output": torch.randn(len(ALPHABET), HIDDEN) / HIDDEN ** 0.5,
        "output_bias": torch.zeros(len(ALPHABET)),
    }
    for tensor in weights.values():
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(weights.values(), lr=3e-3, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    offsets = torch.arange(WINDOW)
    mask = torch.ones(HIDDEN, WINDOW * WIDTH)
    for step in range(STEPS):
        # Dense for the first third, then 2:4 for good.
        if step == STEPS // 3:
            kept = prune_mask(weights["hidden"].detach().numpy(), Pattern.S2_4)
            mask = torch.from_numpy(kept.astype(np.float32))
        with torch.no_grad():
            weights["hidden"] *= mask
        at = torch.randint(len(text) - WINDOW - 1, (BATCH,))
        loss = functional.cross_entropy(
            forward(weights, text[at[:, None] + offsets]), text[at + WINDOW])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            at = torch.arange(0, len(held_out) - WINDOW - 1, 7)
            with torch.no_grad():
                held = functional.cross_entropy(
                    forward(weights, held_out[at[:, None] + offsets]), held_out[at + WINDOW])
            print(f"step {step + 1}  loss {loss.item():.4f}  held out {held.item():.4f}")
    with torch.no_grad():
        weights["hidden"] *= mask
    save_file({name: w.detach().to(torch.float32 if "bias" in name else torch.float16)
               for name, w in weights.items()}, target)


if __name__ == "__main__":
    main(*sys.argv[1:])
