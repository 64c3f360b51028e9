# SPDX-License-Identifier: Apache-2.0
"""What a configuration takes of its card: counted from it, or from what an export found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.report.errors import ReportError
from flightllm_hw.report.runs import parsed

__all__ = ["Resource", "read_resources", "resources"]

NAMES = {"dsp": "DSP48E2", "lut": "LUT", "ff": "flip-flops", "bram": "RAMB36E2",
         "uram": "URAM288"}
LANE, SPECIAL = "lane_node", "special_function_unit"
"""Modules of an export."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind.

    Parameters
    ----------
    name : str
    lanes, special, rest : float
        What lanes, special functions and all else take.
    there : int
        That the card has; 0 where that is not known, or there is none.
    """

    name: str
    lanes: float
    special: float
    rest: float
    there: int

    @property
    def total(self) -> float:
        """All that is taken."""
        return self.lanes + self.special + self.rest


def read_resources(path: Path, config: AcceleratorConfig) -> dict[str, Any]:
    """An export's ``report.json``.

    Raises
    ------
    ReportError
        If it is none, or of another configuration.
    OSError
    """
    found = parsed(path, "a resource report")
    try:
        modules = found["modules"]
        numbers = [found["logic_levels"], *(found[name] for name in NAMES)]
        for own in (LANE, SPECIAL):
            numbers += [modules[own]["count"], *(modules[own][name] for name in NAMES)]
        top = next(iter(modules))
    except (KeyError, TypeError, IndexError, AttributeError, StopIteration):
        raise ReportError(f"{path} is no report.json of flightllm-hw verilog") from None
    if not all(type(number) in (int, float) and 0 <= number < 1e9 for number in numbers):
        raise ReportError(f"{path}: resources must be numbers from 0 on")
    lanes, wanted = modules[LANE]["count"], f"flightllm_{config.name}"
    if (top, lanes) != (wanted, config.lanes):
        raise ReportError(f"{path} is of {top} with {lanes} lanes, not of {wanted} with"
                          f" {config.lanes}")
    return found


def resources(config: AcceleratorConfig, found: dict[str, Any] | None = None) -> list[Resource]:
    """All that is known: without an export, what follows from the configuration."""
    card = config.target
    there = {name: 0 if card is None else int(getattr(card, name)) for name in NAMES}
    if found is None:
        lane, sfu = config.lane, config.sfu
        own = {"dsp": (config.lanes * lane.dsp_total, sfu.dsp), "bram": (0, sfu.bram),
               "uram": (config.lanes * lane.uram, sfu.uram)}
        return [Resource(name=NAMES[name], lanes=lanes, special=special, rest=0,
                         there=there[name]) for name, (lanes, special) in own.items()]
    lane, special = found["modules"][LANE], found["modules"][SPECIAL]
    result = []
    for name, called in NAMES.items():
        parts = lane["count"] * lane[name], special["count"] * special[name]
        result.append(Resource(name=called, lanes=parts[0], special=parts[1],
                               rest=max(0, found[name] - sum(parts)), there=there[name]))
    return result
