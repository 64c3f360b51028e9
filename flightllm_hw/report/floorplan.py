# SPDX-License-Identifier: Apache-2.0
"""Which lanes could be on which die: a plan that follows from a configuration; nothing was placed.

::

    SLR2   lanes 21 .. 31             registers on the way: two a border, one on either side
    SLR1   lanes 10 .. 20   a copy of the vector buffer
    SLR0   lanes  0 ..  9   control, special functions, the other copy
           HBM

Lanes are where a package has them placed (``package/placement.py``). What is no lane is on the
lowest die from which ``crossings`` registers reach all others. A vector buffer that takes more
block RAM than a die has its second copy on the next one. Each die has the same part of the card.
"""

from dataclasses import dataclass, replace

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.package.placement import dies as lanes_to_dies

__all__ = ["Die", "Floorplan", "floorplan"]


@dataclass(frozen=True, kw_only=True)
class Die:
    """A die.

    Parameters
    ----------
    name : str
    lanes : range
    parts : tuple of str
        What else is there.
    borders : int
        On the way to what is no lane.
    dsp, uram, bram : int
        Of lanes, special functions and vector buffer.
    """

    name: str
    lanes: range
    parts: tuple[str, ...]
    borders: int
    dsp: int
    uram: int
    bram: int


@dataclass(frozen=True, kw_only=True)
class Floorplan:
    """All dies, the lowest first.

    Parameters
    ----------
    dies : tuple of Die
    known : bool
        Whether it is known how many there are.
    reached : bool
        Whether there are registers enough for all borders.
    dsp, uram, bram : int
        That a die has; 0 where that is not known.
    """

    dies: tuple[Die, ...]
    known: bool
    reached: bool
    dsp: int
    uram: int
    bram: int


def floorplan(config: AcceleratorConfig) -> Floorplan:
    """The plan for a configuration; a card whose dies are not known has one, and so has none."""
    card, lane, sfu = config.target, config.lane, config.sfu
    placed = () if card is None else lanes_to_dies(config, card)
    count = card.slr if card is not None and placed else 1
    reach = config.crossings // 2
    farthest = [max(n, count - 1 - n) for n in range(count)]
    home = next((n for n, far in enumerate(farthest) if far <= reach), (count - 1) // 2)
    there = {name: 0 if card is None else getattr(card, name) // count
             for name in ("dsp", "uram", "bram")}
    dies, first = list[Die](), 0
    for n in range(count):
        own = placed.count(n) if placed else config.lanes
        dies.append(Die(
            name=f"SLR{n}" if placed else "", borders=abs(n - home),
            lanes=range(first, first + own), parts=(), dsp=own * lane.dsp_total,
            uram=own * lane.uram, bram=0))
        first += own
    copies = [home, home]
    if count > 1 and sfu.bram > there["bram"]:
        copies[1] = home + 1 if home + 1 < count else home - 1
    dies[home] = replace(dies[home], dsp=dies[home].dsp + sfu.dsp,
                         parts=("control", "special functions"))
    for at in copies:
        die = dies[at]
        dies[at] = replace(die, uram=die.uram + sfu.uram // 2, bram=die.bram + sfu.bram // 2)
    for at in set(copies):
        what = "vector buffer" if copies[0] == copies[1] else "vector buffer, a copy"
        dies[at] = replace(dies[at], parts=(*dies[at].parts, what))
    return Floorplan(dies=tuple(dies), known=card is None or bool(placed),
                     reached=farthest[home] <= reach, **there)

