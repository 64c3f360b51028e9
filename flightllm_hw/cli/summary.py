# SPDX-License-Identifier: Apache-2.0
"""What is said of a run: a table for people, an object for programs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.runtime.session import Session
from flightllm_hw.runtime.story import Story

__all__ = ["as_json", "print_bench", "print_summary"]


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


def print_bench(found: dict[str, Any], config: AcceleratorConfig) -> None:
    """Print the table of a measurement on stdout."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    sparse = "" if found["sparsity"] == "dense" else f" {found['sparsity']}"
    zero = " with zero points" if found["zero_point"] else ""
    table.add_row("model", f"{found['shape']}, W{found['bits']} G{found['group']}{zero}{sparse},"
                           f" random weights")
    table.add_row("device", f"simulated, {config.name}: {config.lanes} lanes,"
                            f" {config.macs} multiply-accumulates a cycle")
    table.add_row("memory", f"{found['memory']}: {found['deliverable_gb_s']:,.1f} GB/s deliverable")
    table.add_row(found["mode"], f"{found['tokens']} tokens from position 0 on"
                  if found["mode"] == "prefill" else f"a token at position {found['context'] - 1}")
    layers = f"{found['layers_simulated']} of {found['layers']} layers"
    table.add_row("layers", f"{layers} simulated, the others extrapolated"
                  if found["extrapolated"] else f"all {found['layers']} simulated")
    table.add_row("a token", f"{found['cycles_per_token']:,.0f} cycles")
    table.add_row("memory read", f"{found['bytes']:,} bytes, {found['bandwidth_share']:.1%} of what"
                                 f" is deliverable, {found['port_share']:.1%} of the ports' peak")
    table.add_row("chains", _macs(found))
    table.add_row("simulated rate", f"{found['tokens_per_second']:,.1f} tokens a second at"
                                    f" {found['clock_mhz']:g} MHz; no card was measured")
    table.add_row("golden machine", {None: "not compared", True: "equal to the bit"}.get(
        found["bit_exact"], f"DIFFERENT: {found['first_difference']}"))
    table.add_row("simulation", f"{found['cycles_simulated']:,} cycles in"
                                f" {found['simulation_seconds']:,.0f} s,"
                                f" {found['simulated_cycles_per_second']:,.0f} a second")
    Console(width=100).print(table)


def _macs(found: dict[str, Any]) -> str:
    own = f"{found['mac_per_dsp_per_cycle']:.3f} multiply-accumulates a DSP and cycle"
    if found["sparsity"] == "dense":
        return own
    return f"{own}, {found['mac_dense_equivalent_per_dsp_per_cycle']:.3f} dense-equivalent"
