# SPDX-License-Identifier: Apache-2.0
"""The Vivado flow: the kernel as IP-XACT, and where the card's pins are known, a whole design."""

from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import Flow, Vivado

from .common import Contents, Subject, lanes_script
from .constraints import constraints
from .facts import SYSTEM, design_facts, kernel_facts
from .memory import DMA, HOST, Window, windows
from .texts import filled, shipped

__all__ = ["vivado_files"]


def vivado_files(subject: Subject, flow: Flow) -> Contents:
    """Everything but the RTL, by path."""
    files = {
        "scripts/facts.tcl": kernel_facts(subject.config, subject.card),
        "scripts/package_ip.tcl": shipped("package_ip.tcl"),
    }
    if flow.vivado is None:
        words = subject.words | {"shells": flow.shells}
        return files | {"README.md": filled("ip.md", **words), "Makefile": filled("ip.mk", **words)}
    return files | _design(subject, flow.vivado)


def _design(subject: Subject, vivado: Vivado) -> Contents:
    config, card = subject.config, subject.card
    memories = [*(["hbm.tcl"] if card.hbm_gb else []), *(["ddr4.tcl"] if vivado.dimms else [])]
    words = subject.words | {
        "memories": ", ".join(f"`scripts/{name}`" for name in memories),
        "tools": vivado.tools, "board": _board(card, vivado), "power": card.power_budget_w,
        "map": _map(subject), "system": SYSTEM}
    parts = ["project.tcl", "block_design.tcl", "host.tcl", "kernel.tcl", "finish.tcl",
             "bitstream.tcl", *memories]
    return {
        "README.md": filled("vivado.md", **words),
        "Makefile": filled("vivado.mk", **words),
        "scripts/facts.tcl": (kernel_facts(config, card)
                              + design_facts(config, card, vivado)),
        "scripts/place_lanes.tcl": lanes_script(subject),
        "constraints/card.xdc": constraints(card, vivado),
        **{f"scripts/{name}": shipped(name) for name in parts},
    }


def _board(card: Card, vivado: Vivado) -> str:
    """What is needed of the vendor's board files, in words."""
    if not vivado.by_board:
        return "No board files are needed: all pins are in `constraints/card.xdc`"
    return (f"The board files of `{card.board_part}` (Vivado's board store), which DDR4 has its"
            " pins from")


def _map(subject: Subject) -> str:
    """The address map as a table for people; neighbouring channels in one line."""
    rows: list[list[Window]] = []
    for window in windows(subject.config, subject.card):
        last = rows[-1][-1] if rows else None
        if last is not None and window.source == last.source and window.kind == last.kind and (
                window.base == last.base + last.size):
            rows[-1].append(window)
        else:
            rows.append([window])
    lines = ["| who | memory | from | to |", "| --- | --- | --- | --- |"]
    for row in rows:
        first, last = row[0], row[-1]
        span = f"{first.channel}" if first == last else f"{first.channel} to {last.channel}"
        who = {DMA: "DMA of the host", HOST: f"`{HOST}`"}.get(first.source, f"`{first.source}`")
        lines.append(f"| {who} | {first.kind} {span} | 0x{first.base:X} |"
                     f" 0x{last.base + last.size - 1:X} |")
    return "\n".join(lines)
