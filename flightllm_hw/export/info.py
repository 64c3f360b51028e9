# SPDX-License-Identifier: Apache-2.0
"""Configurations in words and numbers, for people."""

from collections.abc import Iterable

from flightllm_hw.config import AcceleratorConfig

__all__ = ["describe", "overview"]


def overview(configs: Iterable[AcceleratorConfig]) -> str:
    """A line for each configuration."""
    return "\n".join(f"{c.name:<8} {c.lanes:>2} lanes x {c.lane.chains:>2} chains x"
                     f" {c.lane.chain.length} DSPs, card {c.card or '-'}" for c in configs)


def describe(config: AcceleratorConfig) -> str:
    """The configuration's fields and what follows from them, a line each."""
    lane, chain, card = config.lane, config.lane.chain, config.target
    rows = [
        ("name", config.name),
        ("digest", f"{config.digest():08x}"),
        ("lanes", str(config.lanes)),
        ("chains", f"{lane.chains} a lane, {config.lanes * lane.chains} in all"),
        ("chain", f"{chain.length} DSPs, window {chain.window}, slots {chain.slots}, codes of up to"
                  f" {chain.code_bits} bits"),
        ("patterns", ", ".join(map(str, chain.patterns))),
        ("memory port", f"{lane.beat_bits} bits a lane"),
        ("DSPs", str(config.dsp) if card is None or not card.dsp else
         f"{config.dsp} of {card.dsp}"),
        ("peak", f"{config.macs} multiply-accumulates a cycle on dense weights,"
                 f" {2e-3 * config.macs * config.clock_mhz:.4g} GOP/s at {config.clock_mhz} MHz"),
    ]
    if card is not None:
        rows += [
            ("card", f"{card.name}, {card.part}"),
            ("card memory", f"{card.memory.count} channels of {card.memory.kind},"
                            f" {card.memory.peak_gb_s:g} GB/s each"),
        ]
    return "\n".join(f"{name:<12} {value}" for name, value in rows)
