# SPDX-License-Identifier: Apache-2.0
"""Sections on the accelerator: its configuration, its resources, its lanes on dies."""

from typing import Any

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.report.dies import dies
from flightllm_hw.report.floorplan import floorplan
from flightllm_hw.report.markup import Markup, tag
from flightllm_hw.report.pieces import bar, command, figure, kind, section, table
from flightllm_hw.report.resources import Resource, resources
from flightllm_hw.report.roofline import ridge

__all__ = ["accelerator", "lanes_on_dies", "taken"]


def accelerator(config: AcceleratorConfig, memory: dict[str, Any], source: str) -> Markup:
    """What the configuration says.

    Parameters
    ----------
    config : AcceleratorConfig
    memory : dict
        Any estimate: it tells of the memory.
    source : str
        Arguments that name the configuration.
    """
    lane, chain, sfu, card = config.lane, config.lane.chain, config.sfu, config.target
    left = [
        ("card", "none: a design that is only simulated" if card is None
         else f"{card.name}, {card.part}"),
        ("lanes", f"{config.lanes}, a memory port of {lane.beat_bits} bits each"),
        ("chains", f"{lane.chains} of {chain.length} DSPs a lane, {config.dsp:,} DSPs in all"),
        ("patterns", ", ".join(map(str, lane.patterns))),
        ("peak", f"{config.macs:,} multiply-accumulates a cycle on dense weights"),
    ]
    right = [
        ("memory", f"{memory['memory']}, {memory['deliverable_gb_s']:,.1f} GB/s deliverable"),
        ("ridge", f"{ridge(config, memory):.2f} multiply-accumulates for each byte"),
        ("FIFO", f"{lane.fifo_beats:,} beats a lane"),
        ("special functions", f"{sfu.width} elements a cycle, a vector buffer of {sfu.rows:,} rows"
                              f" in {'URAM' if sfu.style == 'ultra' else 'block RAM'}"),
        ("clock", f"{config.clock_mhz} MHz, assumed: no timing was closed"),
    ]
    return section(
        "Configuration",
        tag("p", kind("counted"), f" Digest {config.digest():08x}."),
        tag("div", table((), left, words=2), table((), right, words=2), class_="pair"),
        command(f"flightllm-hw info {config.name}" if source.startswith("--preset") else ""))


def taken(config: AcceleratorConfig, found: dict[str, Any] | None, source: str) -> Markup:
    """Resources, beside the card's."""
    some, make = resources(config, found), f"flightllm-hw verilog {source} -o DIR"
    if found is None:
        told = tag("p", kind("counted"), " DSPs, URAM and the vector buffer's block RAM. LUTs,"
                   " flip-flops and all block RAM are estimated by an export, which takes minutes;"
                   " give its report.json with ", tag("code", "--resources"), ".")
    else:
        told = tag("p", kind("estimated"), " Yosys mapped the design, module by module; nothing was"
                   " placed or routed. At most "
                   f"{found['logic_levels']} LUTs lie between two registers.")
    # All else is nothing that a configuration says.
    parts = ("lanes", "special functions", "all else")[:2 if found is None else 3]
    wide = 2 + len(_card_head(config)) + len(parts)
    return section(
        "Resources", told,
        table(("", "all", *_card_head(config), *parts),
              [_row(one, config)[:wide] for one in some]),
        tag("p", tag("span", class_="key blue"), "lanes ", tag("span", class_="key amber"),
            "special functions ", *((tag("span", class_="key violet"), "all else")
                                    if found is not None else ()), class_="keys")
        if config.target is not None else "",
        command(make))


def _card_head(config: AcceleratorConfig) -> tuple[str, ...]:
    return () if config.target is None else (f"{config.target.name} has", "of it", "")


def _row(one: Resource, config: AcceleratorConfig) -> list[str]:
    total, *parts = (f"{value:,.10g}" for value in (one.total, one.lanes, one.special, one.rest))
    if config.target is None:
        return [one.name, total, *parts]
    if not one.there:
        return [one.name, total, "not known", "", "", *parts]
    share = one.total / one.there
    title = f"{one.name}: {share:.1%} of the card's"
    return [one.name, total, f"{one.there:,}",
            tag("span", f"{share:.1%}", **({"class_": "over"} if share > 1 else {})),
            bar([(one.lanes / one.there, "blue"), (one.special / one.there, "amber"),
                 (one.rest / one.there, "violet")], title), *parts]


def lanes_on_dies(config: AcceleratorConfig, source: str) -> Markup:
    """The floorplan."""
    plan = floorplan(config)
    several = len(plan.dies) > 1
    told = []
    if not plan.known:
        told.append("How many dies the card has stands in no document that was read: all lanes are"
                    " drawn on one.")
    elif several:
        told.append(f"Lanes are shared out evenly; {config.crossings} registers on each way to"
                    " them, one on either side of a border"
                    + (", reach every die." if plan.reached
                       else ": too few to reach every die."))
    head = ("", "lanes", "DSP", "URAM", "RAMB36")
    rows = [[die.name or "the device", str(len(die.lanes)), f"{die.dsp:,}", f"{die.uram:,}",
             f"{die.bram:,}"] for die in reversed(plan.dies)]
    there = (plan.dsp, plan.uram, plan.bram)
    if any(there):
        rows.append(["each die has", "", *(f"{n:,}" for n in there)])
    return section(
        "Floorplan",
        tag("p", kind("plan"), " Nothing was placed. ", *told),
        tag("div", figure(dies(config, plan)), tag("div", table(head, rows), tag("p", (
            "Of lanes, special functions and vector buffer. " if config.target is not None else "")
            + ("A die has its share of the card." if any(there) else ""), class_="note"),
            command(f"flightllm-hw report {source} -o report.html")), class_="pair"))
