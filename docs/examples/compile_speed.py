# SPDX-License-Identifier: Apache-2.0
"""How long a model of LLaMA2-7B's shape takes to compile for the U280, from disk to disk::

    python docs/examples/compile_speed.py [layers] [bits] [group] [folder]

Without arguments all 32 layers at W4 G128, below the current folder: 13.5 GB of random FP16 weights
and 4.1 GB of compiled model, deleted at the end. With fewer layers the time of 32 is extrapolated
from the time of each; the embedding and the head are always whole. The checkpoint is written shard
by shard and put out of the system's cache, so that it is read from the disk.
"""

import json
import os
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from flightllm_hw.compiler.compile import compile_model
from flightllm_hw.compiler.compress.recipe import Recipe, Setting
from flightllm_hw.compiler.load import load
from flightllm_hw.presets import preset

CONFIG = {"architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "intermediate_size": 11008,
          "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
          "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "hidden_act": "silu",
          "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2}
LAYERS, CONTEXT = 32, 256
OUTER = {"embed_tokens.weight": (32000, 4096), "lm_head.weight": (32000, 4096),
         "norm.weight": (4096,)}
LAYER = {f"self_attn.{name}_proj.weight": (4096, 4096) for name in "qkvo"} | {
    "mlp.gate_proj.weight": (11008, 4096), "mlp.up_proj.weight": (11008, 4096),
    "mlp.down_proj.weight": (4096, 11008), "input_layernorm.weight": (4096,),
    "post_attention_layernorm.weight": (4096,)}

# Every tensor is a piece of these, and then of their beginning again: drawing billions takes longer
# than compiling them.
DRAWN = np.random.default_rng(0).normal(0, 0.02, (1 << 22) + 12345).astype("<f2")


def write_shard(path, shapes):
    """A safetensors file of random weights, on the disk and not in memory."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "F16", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        while end:
            end -= file.write(memoryview(DRAWN)[:end // 2].cast("B"))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_model(folder, layers):
    """A folder as Hugging Face has them, a shard for each layer."""
    folder.mkdir()
    shards = {"outer.safetensors": {
        ("" if name.startswith("lm_head") else "model.") + name: shape
        for name, shape in OUTER.items()}}
    for n in range(layers):
        shards[f"layer-{n:02}.safetensors"] = {
            f"model.layers.{n}.{name}": shape for name, shape in LAYER.items()}
    for name, shapes in shards.items():
        write_shard(folder / name, shapes)
    places = {tensor: name for name, shapes in shards.items() for tensor in shapes}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": layers}))
    return folder


def peak():
    """The most memory that the process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main():
    layers, bits, group = map(int, (*sys.argv[1:4], *("32", "4", "128")[len(sys.argv[1:4]):]))
    with tempfile.TemporaryDirectory(dir=sys.argv[4] if sys.argv[4:] else ".") as place:
        model = write_model(Path(place) / "model", layers)
        size = sum(file.stat().st_size for file in model.iterdir())
        print(f"{layers} of {LAYERS} layers, {size / 1e9:.2f} GB of FP16; {peak():.0f} MB of memory"
              " before", flush=True)
        start, starts, worked = time.perf_counter(), [], time.process_time()

        def tell(name):
            if name.endswith((".q", "head")):
                starts.append(time.perf_counter() - start)

        recipe = Recipe(default=Setting(bits=bits, group=group))
        done = compile_model(load(model), preset("u280"), Path(place) / "model.flm",
                             context=CONTEXT, recipe=recipe, progress=tell)
        seconds = time.perf_counter() - start
        worked = time.process_time() - worked
        each = (starts[-1] - starts[0]) / layers
        print(f"W{bits} G{group}: {seconds:.1f} s ({worked:.1f} s of processors' time),"
              f" {each:.2f} s for each layer; at most {peak():.0f} MB of memory;"
              f" {done.stat().st_size / 1e9:.3f} GB")
        if layers < LAYERS:
            print(f"{LAYERS} layers would take {seconds + (LAYERS - layers) * each:.0f} s")


if __name__ == "__main__":
    main()
