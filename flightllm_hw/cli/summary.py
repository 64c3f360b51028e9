# SPDX-License-Identifier: Apache-2.0
"""What is said of a run: a table for people, an object for programs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.story import Story

__all__ = ["as_json", "print_summary"]


def as_json(session: Session, story: Story) -> dict[str, Any]:
    """The object that ``--json`` prints; cycles are null on devices without a clock."""
    return {
        "text": story.text, "token_ids": story.tokens, "ended": story.ended,
        "device": session.device.name, "prefill_cycles": story.prefill_cycles,
        "cycles_per_token": story.cycles_per_token, "bandwidth_share": story.bandwidth_share,
    }


def print_summary(session: Session, story: Story) -> None:
    """Print the table on stderr: the text alone is on stdout."""
    config = session.model.config
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("device", f"{session.device.name}, {config.name}: {config.lanes} lanes,"
                            f" {config.macs} multiply-accumulates a cycle")
    table.add_row("tokens", f"{len(story.prompt)} of the prompt, {len(story.tokens)} new;"
                            f" {story.ended}")
    decoded = [cycles for cycles in story.cycles_per_token if cycles is not None]
    if story.prefill_cycles is not None:
        table.add_row("prompt", f"{story.prefill_cycles:,} cycles")
    if decoded:
        mean = sum(decoded) / len(decoded)
        table.add_row("a new token", f"{mean:,.0f} cycles ({min(decoded):,} to"
                                     f" {max(decoded):,})")
        table.add_row("of these", ", ".join(f"{name} {share:.0%}"
                                            for name, share in story.shares.items()))
        table.add_row("simulated rate", f"{1e6 * config.clock_mhz / mean:,.0f} tokens a second at"
                                        f" {config.clock_mhz:g} MHz; no card was measured")
    Console(stderr=True, width=100).print(table)
