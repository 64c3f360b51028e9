# SPDX-License-Identifier: Apache-2.0
"""Configuration of the whole accelerator: JSON, digest, the card's limits."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

from flightllm_hw.boards import Card, card

from .checks import require_int
from .lane import LaneConfig
from .sfu import SfuConfig

__all__ = ["AcceleratorConfig"]


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
    sfu : SfuConfig
        The special function unit.
    crossings : int
        Registers between a lane and all that is not one, each way: one on either side of every
        border between the card's dies (SLR).
    card : str or None
        The card whose limits hold; None for a design that is only simulated.
    clock_mhz : int
        Clock that simulated cycles are turned into rates with.
    """

    name: str
    lanes: int
    lane: LaneConfig = field(default_factory=LaneConfig)
    sfu: SfuConfig = field(default_factory=SfuConfig)
    crossings: int = 2
    card: str | None = None
    clock_mhz: int = 225

    def __post_init__(self) -> None:
        require_int("Accelerator", "lanes", self.lanes)
        require_int("Accelerator", "crossings", self.crossings)
        require_int("Accelerator", "clock_mhz", self.clock_mhz)
        if not isinstance(self.name, str) or not self.name.isidentifier():
            raise ValueError(f"Accelerator name must be an identifier, not {self.name!r}")
        if not 1 <= self.lanes <= 64:
            raise ValueError(f"Accelerator lanes must be in 1..64, not {self.lanes!r}")
        if not 0 <= self.crossings <= 8:
            raise ValueError(f"Accelerator crossings must be in 0..8, not {self.crossings!r}")
        if not 1 <= self.clock_mhz <= 1000:
            raise ValueError(f"Accelerator clock_mhz must be in 1..1000, not {self.clock_mhz!r}")
        target = self.target
        if target is None:
            return
        if self.lanes > target.memory.count:
            raise ValueError(
                f"Accelerator lanes must be at most {target.memory.count}, the {target.memory.kind}"
                f" channels of the {target.name}, not {self.lanes!r}")
        needs = {"DSPs": (self.lanes * self.lane.dsp_total + self.sfu.dsp, target.dsp),
                 "URAMs": (self.lanes * self.lane.uram + self.sfu.uram, target.uram),
                 "BRAMs for the vector buffer": (self.sfu.bram, target.bram)}
        for what, (needed, there) in needs.items():
            # Zero: no document was read that states the card's number.
            if there and needed > there:
                raise ValueError(f"Accelerator {self.name} needs {needed} {what}, but the"
                                 f" {target.name} has {there}")

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
        config: AcceleratorConfig = _from_dict(cls, data, "configuration")
        return config

    def digest(self) -> int:
        """32 bits that tell this configuration from any other: of SHA-256 over the compact JSON."""
        compact = json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)
        return int.from_bytes(hashlib.sha256(compact.encode()).digest()[:4], "little")


def _from_dict(cls: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise ValueError(f"{where} must be an object, not {data!r}")
    known = {f.name: f for f in fields(cls)}
    for key in data:
        if key not in known:
            raise ValueError(f"{where} has no field {key!r}; its fields are {', '.join(known)}")
    values = {}
    for key, value in data.items():
        kind = known[key].type
        values[key] = _from_dict(kind, value, f"{where}.{key}") if is_dataclass(kind) else value
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from None
