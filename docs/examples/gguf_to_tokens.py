# SPDX-License-Identifier: Apache-2.0
"""A GGUF file to tokens: made of the model that comes with the package, compiled, run.

    python docs/examples/gguf_to_tokens.py DIR

The file is written as llama.cpp's converter would write it, in F16; so its text must be that of the
original. The golden machine runs both: what the accelerator gives, to the bit.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

from flightllm_hw.presets import preset
from flightllm_hw.runtime.devices import open_device
from flightllm_hw.runtime.models import DEFAULT_MODEL, compiled_model
from flightllm_hw.runtime.sampling import Sampler
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.story import Story

NAMES = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
         "post_attention_layernorm": "ffn_norm"}


def name_of(name):
    """llama.cpp's name of a tensor."""
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{NAMES[rest.removesuffix('.weight')]}.weight"


def write(path, folder):
    """The Hugging Face folder as a GGUF file."""
    about = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    special = {token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    merges = [merge if isinstance(merge, str) else " ".join(merge)
              for merge in tokenizer["model"]["merges"]]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(about["max_position_embeddings"])
    writer.add_embedding_length(about["hidden_size"])
    writer.add_block_count(about["num_hidden_layers"])
    writer.add_feed_forward_length(about["intermediate_size"])
    writer.add_head_count(about["num_attention_heads"])
    writer.add_head_count_kv(about["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(about["rms_norm_eps"])
    writer.add_rope_dimension_count(about["head_dim"])
    writer.add_rope_freq_base(about["rope_theta"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text for text, _ in vocabulary])
    writer.add_token_types([3 if token in special else 1 for _, token in vocabulary])
    writer.add_token_merges(merges)
    writer.add_bos_token_id(about["bos_token_id"])
    writer.add_eos_token_id(about["eos_token_id"])
    for name, w in load_file(folder / "model.safetensors").items():
        if "q_proj" in name or "k_proj" in name:
            # llama.cpp rotates pairs of neighbours, Hugging Face an element and one half a head on.
            w = w.reshape(-1, 2, about["head_dim"] // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)
        writer.add_tensor(name_of(name), w.astype(np.float32 if w.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def text_of(model, prompt, tokens):
    """What a model writes."""
    config = preset("tiny")
    compiled = compiled_model(model, config, context=64)
    with open_device("golden", config) as device:
        session = Session(compiled, device)
        story = Story(session, compiled.tokenizer.encode(prompt), Sampler(), tokens)
        return "".join(story)


def main(folder, tokens=6):
    """Write the file; both must write the same text."""
    write(folder / "default.gguf", DEFAULT_MODEL)
    prompt = "Once upon a time"
    got, want = (text_of(model, prompt, tokens) for model in (folder / "default.gguf",
                                                              DEFAULT_MODEL))
    assert got == want, (got, want)
    print(got)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
