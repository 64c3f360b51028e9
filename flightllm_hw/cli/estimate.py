# SPDX-License-Identifier: Apache-2.0
"""``flightllm-hw estimate``: what a model of a shape would take, without a simulation."""

import argparse
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.estimate.estimate import estimate

from .options import add_command
from .work import add_work, work

__all__ = ["add"]

_CAUSES = {"memory": "memory delivers", "engine": "chains multiply",
           "special": "special functions, with their loads", "control": "control"}


def add(commands: Any) -> None:
    """Add the command."""
    parser = add_command(
        commands, "estimate", "estimate cycles, without a simulation",
        "decode --shape llama2-7b --preset u280 --context 2048",
        "prefill --shape llama2-7b --preset u280 --sparsity 2:4 --tokens 128")
    add_work(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(execute=_execute)


def _execute(args: argparse.Namespace) -> int:
    wanted = work(args)
    found = estimate(wanted)
    if args.json:
        print(json.dumps(found))
    else:
        _print(found, wanted.config)
    return 0


def _print(found: dict[str, Any], config: AcceleratorConfig) -> None:
    """The table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    sparse = "" if found["sparsity"] == "dense" else f" {found['sparsity']}"
    zero = " with zero points" if found["zero_point"] else ""
    table.add_row("model", f"{found['shape']}, W{found['bits']} G{found['group']}{zero}{sparse}")
    table.add_row("device", f"{config.name}: {config.lanes} lanes, {config.macs}"
                            " multiply-accumulates a cycle")
    table.add_row("memory", f"{found['memory']}: {found['deliverable_gb_s']:,.1f} GB/s deliverable")
    table.add_row(found["mode"], f"{found['tokens']} tokens from position 0 on"
                  if found["mode"] == "prefill" else f"a token at position {found['context'] - 1}")
    table.add_row("a token", f"{found['cycles_per_token']:,.0f} cycles, estimated")
    table.add_row("of all cycles", ", ".join(
        f"{text} in {found['working_cycles'][name] / found['cycles']:.0%}"
        for name, text in _CAUSES.items()))
    table.add_row("memory read", f"{found['bytes']:,} bytes, {found['bandwidth_share']:.1%} of what"
                                 f" is deliverable, {found['port_share']:.1%} of the ports' peak")
    table.add_row("chains", f"{found['mac_per_dsp_per_cycle']:.3f} multiply-accumulates a DSP and"
                            " cycle" + (f", {found['mac_dense_equivalent_per_dsp_per_cycle']:.3f}"
                                        " dense-equivalent" if sparse else ""))
    table.add_row("estimated rate", f"{found['tokens_per_second']:,.1f} tokens a second at"
                                    f" {found['clock_mhz']:g} MHz; nothing was simulated or"
                                    " measured")
    Console(width=100).print(table)
