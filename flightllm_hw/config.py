# SPDX-License-Identifier: Apache-2.0
"""The frozen configuration that everything is built from.

One :class:`AcceleratorConfig` goes into a component, a compiler or a simulator; every width,
depth and count elsewhere is a field or a property of it. Limits are checked here, once, when the
configuration is built.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from flightllm_hw.boards import Card, card
from flightllm_hw.formats.pattern import Pattern

__all__ = ["AcceleratorConfig", "ChainConfig", "LaneConfig"]

T = TypeVar("T")


def _is_power_of_two(n: int) -> bool:
    return n > 0 and n & (n - 1) == 0


def _require_int(owner: str, name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{owner} {name} must be an integer, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class ChainConfig:
    """A configurable sparse DSP chain (CSD-chain, FlightLLM section 3.2).

    Parameters
    ----------
    length : int
        DSP48E2 in the chain, two to a DSP group (DG).
    window : int
        Columns of activations that a tile can draw from. A pattern so sparse that the whole chain
        would need more is served by a split chain instead: fewer columns, more rows.
    slots : int
        Inputs of each sparse MUX. One token can be picked from blocks of M <= ``slots``, two
        tokens at once from blocks of M <= ``slots`` / 2.
    code_bits : int
        The widest weight code that must be summed exactly; with activations of full-range int8 it
        decides where overflow adjust units (OAU) stand.
    """

    length: int = 8
    window: int = 32
    slots: int = 16
    code_bits: int = 8

    def __post_init__(self) -> None:
        for f in fields(self):
            _require_int("Chain", f.name, getattr(self, f.name))
        if not _is_power_of_two(self.length) or not 2 <= self.length <= 64:
            raise ValueError(f"Chain length must be a power of two in 2..64, not {self.length!r}")
        if not _is_power_of_two(self.window) or not 16 <= self.window <= 64:
            raise ValueError(f"Chain window must be 16, 32 or 64 columns, not {self.window!r}")
        if self.window < self.length:
            raise ValueError(f"Chain window must hold a column for each of the {self.length} DSPs,"
                             f" not {self.window!r} columns")
        if self.slots not in (16, 32):
            raise ValueError(f"Chain slots must be 16 or 32, not {self.slots!r}")
        if not 2 <= self.code_bits <= 8:
            raise ValueError(f"Chain code_bits must be in 2..8, not {self.code_bits!r}")

    @property
    def groups(self) -> int:
        """DSP groups (DG) of two cascaded DSP48E2."""
        return self.length // 2

    # What a tile of each pattern looks like.

    def supports(self, pattern: Pattern) -> bool:
        """Whether a whole block's kept codes fit in the chain."""
        return pattern.n <= self.length

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns that the chain can take."""
        return tuple(p for p in Pattern if self.supports(p))

    def segment(self, pattern: Pattern) -> int:
        """DSPs that sum into one result: the whole chain, or less where the window would not do."""
        if not self.supports(pattern):
            raise ValueError(f"A chain of {self.length} DSPs holds no block of {pattern}")
        return min(self.length, self.window * pattern.n // pattern.m)

    def splits(self, pattern: Pattern) -> int:
        """Segments that the chain is cut into; each serves a row (dense: a pair) of its own."""
        return self.length // self.segment(pattern)

    def columns(self, pattern: Pattern) -> int:
        """Columns along K that one tile covers."""
        return self.segment(pattern) * pattern.m // pattern.n

    def rows(self, pattern: Pattern) -> int:
        """Rows of weights that one tile covers."""
        return 2 if pattern is Pattern.DENSE else self.splits(pattern)

    def tokens(self, pattern: Pattern) -> int:
        """Tokens that one step multiplies: two where the sparse MUXes can pick both."""
        return 2 if pattern is not Pattern.DENSE and 2 * pattern.m <= self.slots else 1

    @property
    def nodes(self) -> int:
        """Reduction nodes (RN), at equal distances: what the most split pattern needs."""
        return max(self.splits(p) for p in self.patterns)

    # Exactness of the packed sums.

    @property
    def exact_run(self) -> int:
        """DSPs in a row whose packed sums unpack exactly, with a carried remainder below 2^10.

        A product of a b-bit code and an int8 activation lies in [-2^(b-1)*127, 2^(b-1)*128]; a sum
        of n of them takes n * 2^(b-1) * 255 + 1 values. With the remainder that an OAU leaves in
        the low field, n * 2^(b-1) * 255 + 2^10 <= 2^18 keeps them apart: n = 8 at b = 8.
        """
        return ((1 << 18) - (1 << 10)) // ((255 << self.code_bits) >> 1)

    def adjusts_before(self, group: int) -> bool:
        """Whether an OAU stands between DSP group ``group - 1`` and ``group``."""
        run = self.exact_run // 2 * 2
        return group > 0 and (2 * group) % run == 0

    @property
    def sum_bits(self) -> int:
        """Width of a result: the signed sum of ``length`` products of two int8."""
        return 16 + (self.length - 1).bit_length()


@dataclass(frozen=True, kw_only=True)
class LaneConfig:
    """A lane: what one memory channel feeds.

    Parameters
    ----------
    chains : int
        CSD-chains, all of which see the same activations.
    chain : ChainConfig
        Each of them.
    beat_bits : int
        Width of the memory port.
    """

    chains: int = 16
    chain: ChainConfig = field(default_factory=ChainConfig)
    beat_bits: int = 512

    def __post_init__(self) -> None:
        _require_int("Lane", "chains", self.chains)
        _require_int("Lane", "beat_bits", self.beat_bits)
        if not _is_power_of_two(self.chains) or self.chains > 64:
            raise ValueError(f"Lane chains must be a power of two in 1..64, not {self.chains!r}")
        if not _is_power_of_two(self.beat_bits) or not 32 <= self.beat_bits <= 1024:
            raise ValueError(f"Lane beat_bits must be a power of two in 32..1024,"
                             f" not {self.beat_bits!r}")

    @property
    def dsp(self) -> int:
        """DSP48E2 in the chains."""
        return self.chains * self.chain.length

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle on dense tiles: two a DSP."""
        return 2 * self.dsp


@dataclass(frozen=True, kw_only=True)
class AcceleratorConfig:
    """An accelerator for one card.

    Parameters
    ----------
    name : str
        The preset's name.
    lanes : int
        Lanes, each tied to a memory channel of its own.
    lane : LaneConfig
        Each of them.
    card : str or None
        The card whose limits hold; None for a design that is only simulated.
    clock_mhz : int
        Clock that simulated cycles are turned into rates with.
    """

    name: str
    lanes: int
    lane: LaneConfig = field(default_factory=LaneConfig)
    card: str | None = None
    clock_mhz: int = 225

    def __post_init__(self) -> None:
        _require_int("Accelerator", "lanes", self.lanes)
        _require_int("Accelerator", "clock_mhz", self.clock_mhz)
        if not self.name.isidentifier():
            raise ValueError(f"Accelerator name must be an identifier, not {self.name!r}")
        if not 1 <= self.lanes <= 64:
            raise ValueError(f"Accelerator lanes must be in 1..64, not {self.lanes!r}")
        if not 1 <= self.clock_mhz <= 1000:
            raise ValueError(f"Accelerator clock_mhz must be in 1..1000, not {self.clock_mhz!r}")
        target = self.target
        if target is None:
            return
        if self.lanes > target.memory.count:
            raise ValueError(
                f"Accelerator lanes must be at most {target.memory.count}, the {target.memory.kind}"
                f" channels of the {target.name}, not {self.lanes!r}")
        if target.dsp and self.dsp > target.dsp:
            raise ValueError(f"Accelerator {self.name} needs {self.dsp} DSPs, but the {target.name}"
                             f" has {target.dsp}")

    @property
    def target(self) -> Card | None:
        """The card, where one is named."""
        return None if self.card is None else card(self.card)

    @property
    def dsp(self) -> int:
        """DSP48E2 in all chains."""
        return self.lanes * self.lane.dsp

    @property
    def macs(self) -> int:
        """Multiply-accumulates per cycle on dense tiles."""
        return self.lanes * self.lane.macs

    # Files and registers.

    def to_json(self) -> str:
        """The configuration as JSON, keys sorted; :meth:`from_json` gives it back."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "AcceleratorConfig":
        """The configuration that ``text`` describes.

        Raises
        ------
        ValueError
            If ``text`` is not JSON, names an unknown field, or describes nothing that can be built.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"Configuration is not JSON: {error}") from None
        return _from_dict(cls, data, "configuration")

    def digest(self) -> int:
        """32 bits that tell this configuration from any other: of SHA-256 over the compact JSON."""
        compact = json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)
        return int.from_bytes(hashlib.sha256(compact.encode()).digest()[:4], "little")


def _from_dict(cls: type[T], data: Any, where: str) -> T:
    if not isinstance(data, dict):
        raise ValueError(f"{where} must be an object, not {data!r}")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            raise ValueError(f"{where} has no field {key!r}; its fields are {', '.join(known)}")
    values = {key: _from_dict(known[key].type, value, f"{where}.{key}")
              if is_dataclass(known[key].type) else value for key, value in data.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None
