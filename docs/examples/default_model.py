# SPDX-License-Identifier: Apache-2.0
"""The default model's shape and its arithmetic in PyTorch, for ``train_default_model.py``.

::

    token ──► embedding ──► 4 x [ + attention(norm), + mlp(norm) ] ──► norm ──► embedding^T
    attention   q, k, v of 4, 2, 2 heads; q and k turned by the position; o
    mlp         down(silu(gate(x)) * up(x))
"""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["CONFIG", "CONTEXT", "GENERATION", "VOCABULARY", "Llama", "initial"]

VOCABULARY, DIM, HIDDEN, LAYERS, HEADS, KV_HEADS, CONTEXT = 2048, 128, 320, 4, 4, 2, 512
HEAD = DIM // HEADS
EPSILON, THETA = 1e-5, 10000.0
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "torch_dtype": "float16",
    "vocab_size": VOCABULARY, "hidden_size": DIM, "intermediate_size": HIDDEN,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
    "head_dim": HEAD, "max_position_embeddings": CONTEXT, "rms_norm_eps": EPSILON,
    "rope_theta": THETA, "rope_scaling": None, "hidden_act": "silu", "attention_bias": False,
    "mlp_bias": False, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0,
}
GENERATION = {"bos_token_id": 0, "eos_token_id": 0, "do_sample": True, "temperature": 0.8,
              "top_p": 0.95}


class Llama:
    """Weights under Hugging Face's names, and what they compute."""

    def __init__(self, weights: dict[str, Tensor]):
        self.weights = weights
        self.seen: dict[str, Tensor] = {}
        """Mean squares of a linear layer's inputs, when asked for."""
        frequency = THETA ** (-torch.arange(0, HEAD, 2) / HEAD)
        angle = torch.outer(torch.arange(CONTEXT), frequency)
        self.cos, self.sin = angle.cos(), angle.sin()

    @property
    def embedding(self) -> Tensor:
        return self.weights["model.embed_tokens.weight"]

    def linear(self, name: str, x: Tensor) -> Tensor:
        if name in self.seen:
            self.seen[name] += x.float().square().mean((0, 1))
        return functional.linear(x, self.weights[f"{name}.weight"])

    def norm(self, name: str, x: Tensor) -> Tensor:
        return functional.rms_norm(x, (DIM,), self.weights[f"{name}.weight"], EPSILON)

    def turn(self, x: Tensor) -> Tensor:
        """Turn (first half, second half) of each head by its position."""
        first, second = x.chunk(2, -1)
        cos, sin = self.cos[:x.shape[-2]], self.sin[:x.shape[-2]]
        return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)

    def attention(self, name: str, x: Tensor) -> Tensor:
        q, k, v = (self.linear(f"{name}.{part}_proj", x).unflatten(-1, (-1, HEAD)).transpose(1, 2)
                   for part in "qkv")
        k, v = (part.repeat_interleave(HEADS // KV_HEADS, 1) for part in (self.turn(k), v))
        mixed = functional.scaled_dot_product_attention(self.turn(q), k, v, is_causal=True)
        return self.linear(f"{name}.o_proj", mixed.transpose(1, 2).flatten(2))

    def mlp(self, name: str, x: Tensor) -> Tensor:
        gate = functional.silu(self.linear(f"{name}.gate_proj", x))
        return self.linear(f"{name}.down_proj", gate * self.linear(f"{name}.up_proj", x))

    def __call__(self, tokens: Tensor) -> Tensor:
        """Logits are these (batch, length, DIM) times the embedding: see :func:`losses`."""
        x = functional.embedding(tokens, self.embedding)
        for n in range(LAYERS):
            layer = f"model.layers.{n}"
            x = x + self.attention(f"{layer}.self_attn", self.norm(f"{layer}.input_layernorm", x))
            x = x + self.mlp(f"{layer}.mlp", self.norm(f"{layer}.post_attention_layernorm", x))
        return self.norm("model.norm", x)

    def losses(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Sum of the nats of all targets; in pieces whose logits stay in the cache."""
        pieces = zip(self(tokens).flatten(0, 1).split(512), targets.flatten().split(512),
                     strict=True)
        return torch.stack([functional.cross_entropy((x @ self.embedding.T).float(), target,
                                                     reduction="sum")
                            for x, target in pieces]).sum()


def initial(seed: int) -> dict[str, Tensor]:
    """Random weights; what adds to the residual starts smaller."""
    random = torch.Generator().manual_seed(seed)
    shapes = {"self_attn.q_proj": (DIM, DIM), "self_attn.k_proj": (KV_HEADS * HEAD, DIM),
              "self_attn.v_proj": (KV_HEADS * HEAD, DIM), "self_attn.o_proj": (DIM, DIM),
              "mlp.gate_proj": (HIDDEN, DIM), "mlp.up_proj": (HIDDEN, DIM),
              "mlp.down_proj": (DIM, HIDDEN)}
    weights = {"model.embed_tokens.weight": torch.randn(VOCABULARY, DIM, generator=random) * 0.02}
    for n in range(LAYERS):
        for name, (rows, columns) in shapes.items():
            scale = columns ** -0.5
            if name in ("self_attn.o_proj", "mlp.down_proj"):
                scale /= (2 * LAYERS) ** 0.5
            weights[f"model.layers.{n}.{name}.weight"] = scale * torch.randn(
                rows, columns, generator=random)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"model.layers.{n}.{name}.weight"] = torch.ones(DIM)
    return weights | {"model.norm.weight": torch.ones(DIM)}
