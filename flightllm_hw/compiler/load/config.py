# SPDX-License-Identifier: Apache-2.0
"""What a model is, whatever file it came in, and the names and shapes of its tensors.

Names are the same for all formats::

    embedding                     (vocab, dim)
    positions                     (context, dim), OPT alone
    layers.N.attention_norm       (dim,)
    layers.N.q                    (heads * head_dim, dim)
    layers.N.k, layers.N.v        (kv_heads * head_dim, dim)
    layers.N.o                    (dim, heads * head_dim)
    layers.N.mlp_norm             (dim,)
    layers.N.gate                 (hidden, dim), Llama alone
    layers.N.up                   (hidden, dim)
    layers.N.down                 (dim, hidden)
    norm                          (dim,)
    head                          (vocab, dim), unless it is the embedding

A bias has the name of its tensor and ``.bias`` after it.
"""

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["ModelConfig", "Shape"]

Shape = tuple[int, ...]

_WORDS = {
    "architecture": ("llama", "opt"),
    "activation": ("silu", "relu"),
    "rope_style": ("adjacent", "halves", None),
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A decoder of the Llama or OPT family.

    Parameters
    ----------
    architecture : "llama" or "opt"
        Llama: RMSNorm, rotary positions, a gated MLP. OPT: LayerNorm with biases, learned
        positions, an MLP of two matrices.
    dim, hidden : int
        Elements of the residual stream, and inside the MLP.
    layers, heads, kv_heads, head_dim : int
        ``heads / kv_heads`` query heads share one head of keys and values.
    vocab, context : int
        Tokens there are, and tokens in a text at most.
    eps : float
        Of the norms.
    activation : "silu" or "relu"
    tied : bool
        Whether the embedding is the head, too.
    attention_bias, mlp_bias : bool
        Whether q, k, v and o, and the MLP's matrices, have biases.
    rope_theta : float or None
        Base of the rotation's frequencies; None where positions are learned.
    rope_style : "adjacent", "halves" or None
        Which elements of a head rotate together: 2i and 2i + 1, or i and i + head_dim / 2.
    bos : int or None
        Token that every text begins with.
    eos : tuple of int
        Tokens that end a text; the first is the one to write.

    Raises
    ------
    ValueError
        If anything is not as described.
    """

    architecture: Literal["llama", "opt"]
    dim: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    eps: float
    activation: Literal["silu", "relu"]
    tied: bool
    attention_bias: bool = False
    mlp_bias: bool = False
    rope_theta: float | None = None
    rope_style: Literal["adjacent", "halves"] | None = None
    bos: int | None = None
    eos: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("dim", "hidden", "layers", "heads", "kv_heads", "head_dim", "vocab",
                     "context"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"the model's {name} must be a positive integer, not {value!r}")
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                wanted = " or ".join(map(str, words))
                raise ValueError(f"the model's {name} must be {wanted},"
                                 f" not {getattr(self, name)!r}")
        if self.heads % self.kv_heads:
            raise ValueError(f"the model's {self.heads} heads cannot share {self.kv_heads} heads"
                             " of keys and values evenly")
        _require_positive("eps", self.eps)
        rotates = self.architecture == "llama"
        if rotates != (self.rope_style is not None) or rotates != (self.rope_theta is not None):
            raise ValueError("a Llama has rotary positions, an OPT has none, but the"
                             f" {self.architecture} model's rope_style is {self.rope_style!r}")
        if self.rope_theta is not None:
            _require_positive("rope_theta", self.rope_theta)
            if self.head_dim % 2:
                raise ValueError(f"the model's head_dim must be even, not {self.head_dim}: its"
                                 " elements rotate in pairs")
        for name, token in (("bos", self.bos), *(("eos", token) for token in self.eos)):
            if token is not None and (type(token) is not int or not 0 <= token < self.vocab):
                raise ValueError(f"the model's {name} token must be in 0..{self.vocab - 1},"
                                 f" not {token!r}")

    @property
    def q_rows(self) -> int:
        """Rows of q, columns of o."""
        return self.heads * self.head_dim

    @property
    def kv_rows(self) -> int:
        """Rows of k and of v."""
        return self.kv_heads * self.head_dim

    def layer_shapes(self) -> dict[str, Shape]:
        """Tensors of one layer, by their names without ``layers.N.``."""
        opt = self.architecture == "opt"
        norm = ("", ".bias") if opt else ("",)
        attention: dict[str, Shape] = {"q": (self.q_rows, self.dim), "k": (self.kv_rows, self.dim),
                                       "v": (self.kv_rows, self.dim), "o": (self.dim, self.q_rows)}
        mlp: dict[str, Shape] = {} if opt else {"gate": (self.hidden, self.dim)}
        mlp |= {"up": (self.hidden, self.dim), "down": (self.dim, self.hidden)}
        shapes: dict[str, Shape] = {}
        for name, matrices, biased in (("attention_norm", attention, self.attention_bias),
                                       ("mlp_norm", mlp, self.mlp_bias)):
            shapes |= {name + suffix: (self.dim,) for suffix in norm}
            shapes |= matrices
            if biased:
                shapes |= {f"{m}.bias": shape[:1] for m, shape in matrices.items()}
        return shapes

    def outer_shapes(self) -> dict[str, Shape]:
        """Tensors outside of the layers."""
        opt = self.architecture == "opt"
        shapes: dict[str, Shape] = {"embedding": (self.vocab, self.dim)}
        shapes |= {"positions": (self.context, self.dim)} if opt else {}
        shapes |= {"norm": (self.dim,)}
        shapes |= {"norm.bias": (self.dim,)} if opt else {}
        shapes |= {} if self.tied else {"head": (self.vocab, self.dim)}
        return shapes

    def shapes(self) -> dict[str, Shape]:
        """All tensors."""
        layer = self.layer_shapes()
        return self.outer_shapes() | {f"layers.{n}.{name}": shape for n in range(self.layers)
                                      for name, shape in layer.items()}


def _require_positive(name: str, value: object) -> None:
    if type(value) is not float or not math.isfinite(value) or value <= 0:
        raise ValueError(f"the model's {name} must be a positive number, not {value!r}")
