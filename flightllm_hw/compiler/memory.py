# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in the lanes' memories and in the host's.

::

    lane    layer 0: k, v, q, o, up, down │ layer 1 │ .. │ head │ homes of layer 0 │ of layer 1 │ ..
    host    programs │ embedding │ positions │ norms and biases │ steps │ value scales │ logits

Layers take as many beats as their bits say, but all their homes as many. Of a layer, the lane's
homes follow one another: keys, values, keys, values. Host memory has the norm weights and biases of
a layer before those of the next, and the last norm's behind all.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from flightllm_hw.compiler.buffer import Buffer
from flightllm_hw.compiler.compress.attention import BLOCK
from flightllm_hw.compiler.errors import CompileError
from flightllm_hw.compiler.kv import LONG_GROUP, KeyHome, ValueHome
from flightllm_hw.compiler.matrices import Split, up
from flightllm_hw.compiler.runs import Matrix

__all__ = ["PROGRAM_BYTES", "HostMap", "LaneMap"]

PROGRAM_BYTES = 64 << 10
"""Room for all programs."""

_PAGE = 64


@dataclass(frozen=True)
class LaneMap:
    """A lane's memory, in beats; all lanes' are alike.

    Parameters
    ----------
    split : Split
    context : int
    parts : int
        Of the head.
    """

    split: Split
    context: int
    parts: int

    @property
    def beat(self) -> int:
        """Bytes of a beat."""
        return self.split.config.lane.beat_bits // 8

    @cached_property
    def keys(self) -> KeyHome:
        """Any home of keys."""
        return KeyHome(config=self.split.config.lane, head=self.split.model.head_dim,
                       context=self.context)

    @cached_property
    def values(self) -> ValueHome:
        """Any home of values; where blocks may be left out, each is a group."""
        group = LONG_GROUP if self.split.recipe.attention is None else BLOCK
        return ValueHome(config=self.split.config.lane, head=self.split.model.head_dim,
                         context=self.context, group=group)

    @cached_property
    def layers(self) -> tuple[int, ...]:
        """Of every layer's matrices, and of what is behind the last."""
        beats = (run.beats for run in self.split.runs for _ in run.layers)
        return tuple(accumulate(beats, initial=0))

    @cached_property
    def head(self) -> Matrix:
        """A part of the head."""
        return self.split.head(self.parts)

    @property
    def head_address(self) -> int:
        """Of the head's first part."""
        return self.layers[-1]

    @property
    def home_beats(self) -> int:
        """Keys and values of one head."""
        return self.keys.beats + self.values.beats

    @property
    def layer_home_beats(self) -> int:
        """From a layer's homes to the next's."""
        return self.split.homes * self.home_beats

    @property
    def homes(self) -> int:
        """Of the first layer's first home."""
        return self.head_address + self.parts * self.head.beats

    @property
    def beats(self) -> int:
        """In all."""
        return self.homes + self.split.model.layers * self.layer_home_beats

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self.beats * self.beat

    def check(self) -> None:
        """Complain if it is more than a memory channel has.

        Raises
        ------
        CompileError
        """
        config = self.split.config
        there, what = 1 << 32, "addresses reach"
        if config.target is not None:
            there, what = config.target.memory.bytes_each, f"a channel of the {config.card} has"
        if self.size > there:
            raise CompileError(f"Weights, keys and values at a context of {self.context} take"
                               f" {self.size >> 20} MiB of each lane's memory, but {what}"
                               f" {there >> 20} MiB")


@dataclass(frozen=True)
class HostMap:
    """The host's memory, in bytes.

    Parameters
    ----------
    buffer : Buffer
        Whose vectors there are.
    """

    buffer: Buffer

    @property
    def _split(self) -> Split:
        return self.buffer.split

    @property
    def beat(self) -> int:
        """Bytes of a beat."""
        return self._split.config.lane.beat_bits // 8

    def _bytes(self, rows: int) -> int:
        return up(4 * self._split.config.sfu.width * rows, self.beat)

    @property
    def vector(self) -> int:
        """From an embedding to the next, and from a learned position to the next."""
        return self._bytes(self.buffer.dim)

    @property
    def embedding(self) -> int:
        """Of token 0."""
        return PROGRAM_BYTES

    @property
    def positions(self) -> int:
        """Learned, of position 0."""
        return up(self.embedding + self._split.model.vocab * self.vector, _PAGE)

    @property
    def norms(self) -> int:
        """Of layer 0."""
        positions = 0 if self._split.turns else self.buffer.context
        return up(self.positions + positions * self.vector, _PAGE)

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Of a layer's norms and biases; behind them, of the next layer."""
        found, at = {}, 0
        sizes = {"attention_norm": self.buffer.norm, "mlp_norm": self.buffer.norm}
        for name, rows in (sizes | self.buffer.biases).items():
            found[name] = at
            at += self._bytes(rows)
        return found | {"next": at}

    @property
    def steps(self) -> int:
        """RoPE's."""
        end = self.norms + self._split.model.layers * self.offsets["next"]
        return up(end + self._bytes(self.buffer.norm), _PAGE)

    @property
    def filled(self) -> int:
        """Where what a file must hold ends."""
        pairs = self._split.model.head_dim // 2 if self._split.turns else 0
        return up(self.steps + 8 * pairs, _PAGE)

    value_scale_address = filled

    @property
    def head_scales(self) -> int:
        """Value scales of one head."""
        return self._bytes(self.buffer.positions)

    @property
    def home_scales(self) -> int:
        """Value scales of one home, lane after lane."""
        return self._split.config.lanes * self.head_scales

    @property
    def layer_scales(self) -> int:
        """Value scales of one layer."""
        return self._split.homes * self.home_scales

    @property
    def logits(self) -> int:
        """Of token 0, FP32."""
        return up(self.filled + self._split.model.layers * self.layer_scales, _PAGE)

    @property
    def part_logits(self) -> int:
        """From a part of the logits to the next."""
        return self._bytes(self.buffer.logits(self.buffer.parts))

    @property
    def size(self) -> int:
        """Bytes in all."""
        return up(self.logits + self.buffer.parts * self.part_logits, _PAGE)

    def check(self) -> None:
        """Complain if addresses of beats do not reach.

        Raises
        ------
        CompileError
        """
        if self.size > self.beat << 32:
            raise CompileError(f"The host's memory would be {self.size >> 20} MiB, beyond what"
                               f" addresses reach: {self.beat << 12} MiB")
