# SPDX-License-Identifier: Apache-2.0
"""Train the default model: a Llama of 0.95 million parameters, and its 2:4 sparse sister.

Trains a tokenizer, then the dense model; prunes its linear layers to 2 of every 4 weights along
the input, and trains on with what was pruned held at zero. About an hour on one core::

    python docs/examples/train_default_model.py STORIES.jsonl EVAL.jsonl flightllm_hw/models

Both files hold an object with "text" a line. Progress goes to TARGET/training_log.csv; what is
needed to go on after a break goes to ``--work``, and a second call goes on from there.
"""

import argparse
import csv
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from default_model import CONFIG, CONTEXT, GENERATION, VOCABULARY, Llama, initial
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor

from flightllm_hw.formats.pattern import Pattern
from flightllm_hw.formats.sparsity import prune_mask

BOUNDARY = "<|endoftext|>"
"""Token 0 stands before each story and after it."""

SEED = 1
TOKENS = 4096
"""Tokens in a step."""
HELD_OUT = 200
"""Stories at the end of the training file that only the log sees."""

@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Steps at a constant rate after a short warm-up, then linearly to zero."""

    name: str
    steps: int
    falling: int
    """The last steps, in which the rate falls."""
    long: int
    """The last steps, whose windows are as long as the context; the others are half of it."""
    rate: float


DENSE = Recipe(name="default", steps=3600, falling=2200, long=1000, rate=5e-3)
SPARSE = Recipe(name="default_2_4", steps=1600, falling=1500, long=800, rate=2.5e-3)


def read(path: Path) -> list[str]:
    """The stories of a file."""
    return [json.loads(line)["text"] for line in path.read_text().splitlines()]


def train_tokenizer(stories: list[str]) -> Tokenizer:
    """Byte-level BPE; text begins with the boundary."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(stories, trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[BOUNDARY], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOUNDARY} $A", special_tokens=[(BOUNDARY, 0)])
    return tokenizer


def window(stream: Tensor, step: int, length: int) -> Tensor:
    """The windows (TOKENS / length, length + 1) of a step: each epoch cuts and shuffles anew."""
    count = TOKENS // length
    steps = (len(stream) - 2 * length) // length // count
    epoch, step = divmod(step, steps)
    random = torch.Generator().manual_seed(SEED + epoch)
    start = int(torch.randint(length, (1,), generator=random))
    chosen = torch.randperm(steps * count, generator=random)[step * count:(step + 1) * count]
    return stream[(start + chosen * length)[:, None] + torch.arange(length + 1)]


def batched(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[:, :-1], x[:, 1:]


def prune(model: Llama, stream: Tensor) -> dict[str, Tensor]:
    """Masks of what is kept: in each 4 inputs the 2 of largest magnitude times input's RMS."""
    names = [name for name in model.weights if name.endswith("_proj.weight")]
    model.seen = {name.removesuffix(".weight"): torch.zeros(model.weights[name].shape[1])
                  for name in names}
    with torch.no_grad():
        for step in range(8):
            model(window(stream, step, CONTEXT)[:, :-1])
    salience = {name: model.weights[name].detach() * model.seen[name.removesuffix(".weight")].sqrt()
                for name in names}
    model.seen = {}
    return {name: torch.from_numpy(prune_mask(x.numpy(), Pattern.S2_4))
            for name, x in salience.items()}


def train(model: Llama, recipe: Recipe, stream: Tensor, held: Tensor, masks: dict[str, Tensor],
          log: Path, work: Path) -> None:
    """Follow the recipe, from the last checkpoint on if there is one."""
    for name, weight in model.weights.items():
        weight.requires_grad_()
        weight.data *= masks.get(name, 1)
    matrices = [w for name, w in model.weights.items() if name.endswith("_proj.weight")]
    others = [w for name, w in model.weights.items() if not name.endswith("_proj.weight")]
    optimizers = [torch.optim.Muon(matrices, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
                  torch.optim.AdamW(others, betas=(0.9, 0.95), weight_decay=0.01)]
    first, total, began, spent = 0, torch.zeros(()), time.monotonic(), 0.0
    checkpoint = work / f"{recipe.name}.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint)
        first, spent = state["step"], state["seconds"]
        for name, weight in model.weights.items():
            weight.data = state["weights"][name]
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        forget(log, recipe.name, first)
    for step in range(first, recipe.steps):
        rate = recipe.rate * min((step + 1) / 100, 1, (recipe.steps - step) / recipe.falling)
        length = CONTEXT if step >= recipe.steps - recipe.long else CONTEXT // 2
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.losses(*batched(window(stream, step, length))) / TOKENS
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.weights.values(), 1.0)
        for name, mask in masks.items():
            model.weights[name].grad *= mask
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad()
        for name, mask in masks.items():
            model.weights[name].data *= mask
        total += loss.detach()
        if (step + 1) % 50 == 0:
            seconds = spent + time.monotonic() - began
            row = [recipe.name, step + 1, (step + 1) * TOKENS, f"{total / 50:.4f}", "",
                   f"{rate:.2e}", f"{seconds:.0f}"]
            total = torch.zeros(())
            if (step + 1) % 250 == 0 or step + 1 == recipe.steps:
                with torch.no_grad():
                    row[4] = f"{model.losses(*batched(held)) / held[:, 1:].numel():.4f}"
                torch.save({"step": step + 1, "seconds": seconds,
                            "weights": {name: w.detach() for name, w in model.weights.items()},
                            "optimizers": [optimizer.state_dict() for optimizer in optimizers]},
                           checkpoint)
            with log.open("a", newline="") as file:
                csv.writer(file).writerow(row)
            print(*row, flush=True)


def forget(log: Path, name: str, step: int) -> None:
    """Take what a log says of steps after ``step`` away: they will be taken again."""
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for line in lines if not (
        line.startswith(f"{name},") and int(line.split(",")[1]) > step)))


def write(folder: Path, weights: dict[str, Tensor], tokenizer: Tokenizer) -> None:
    """A Hugging Face folder; weights as float16."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: weight.detach().half() for name, weight in weights.items()},
              folder / "model.safetensors", {"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    for name, content in ("config", CONFIG), ("generation_config", GENERATION):
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


@torch.no_grad()
def perplexity(folder: Path, stories: list[str]) -> str:
    """Of a folder's model on stories, each alone, behind the boundary."""
    model = Llama({name: w.float() for name, w in load_file(folder / "model.safetensors").items()})
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokens = [torch.tensor([encoding.ids]) for encoding in tokenizer.encode_batch(stories)]
    nats = sum(model.losses(*batched(story)).item() for story in tokens)
    count = sum(story.numel() - 1 for story in tokens)
    size = sum(len(story.encode()) for story in stories)
    return (f"{folder.name}: {math.exp(nats / count):.4f} a token, {math.exp(nats / size):.4f} "
            f"a byte ({count} tokens, {size} bytes)")


@torch.no_grad()
def sample(folder: Path, count: int, temperature: float, seed: int) -> str:
    """A story of at most ``count`` tokens."""
    model = Llama({name: w.float() for name, w in load_file(folder / "model.safetensors").items()})
    random, tokens = torch.Generator().manual_seed(seed), [0]
    for _ in range(count):
        logits = model(torch.tensor([tokens]))[0, -1] @ model.embedding.T
        chances = torch.softmax(logits / temperature, 0)
        tokens.append(int(torch.multinomial(chances, 1, generator=random)))
        if tokens[-1] == 0:
            break
    return Tokenizer.from_file(str(folder / "tokenizer.json")).decode(tokens)


def main() -> None:
    """Train both models."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stories", type=Path)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--work", type=Path, default=Path("build/default_model"))
    args = parser.parse_args()
    # Sums of another number of threads differ in their last bits.
    torch.set_num_threads(1)
    args.target.mkdir(parents=True, exist_ok=True)
    args.work.mkdir(parents=True, exist_ok=True)

    stories = read(args.stories)
    tokenizer = train_tokenizer(stories)
    parts = [torch.tensor([token for encoding in tokenizer.encode_batch(part)
                           for token in encoding.ids])
             for part in (stories[:-HELD_OUT], stories[-HELD_OUT:])]
    stream, held = parts[0], parts[1].unfold(0, CONTEXT + 1, CONTEXT)
    log = args.target / "training_log.csv"
    if not any(args.work.iterdir()):
        log.write_text("model,step,tokens,loss,held_out,rate,seconds\n")

    model, masks = Llama(initial(SEED)), {}
    for recipe in DENSE, SPARSE:
        if recipe is SPARSE:
            model = Llama({name: weight.detach().clone() for name, weight in model.weights.items()})
            masks = prune(model, stream)
        train(model, recipe, stream, held, masks, log, args.work)
        write(args.target / recipe.name, model.weights, tokenizer)
        print(perplexity(args.target / recipe.name, read(args.evaluation)))
        print(sample(args.target / recipe.name, 200, 0.8, SEED))


if __name__ == "__main__":
    main()
