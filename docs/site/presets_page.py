# SPDX-License-Identifier: Apache-2.0
"""The page about presets and cards, made from their values: ``docs/presets.md``."""

from flightllm_hw.boards import CARDS, card
from flightllm_hw.presets import PRESETS

__all__ = ["markdown"]

_HEAD = """\
# Presets and cards

Made from `flightllm_hw/presets.py` and `boards` by `docs/site/presets_page.py`. What every field
means: {py:class}`~flightllm_hw.config.accelerator.AcceleratorConfig`,
{py:class}`~flightllm_hw.config.lane.LaneConfig`,
{py:class}`~flightllm_hw.config.chain.ChainConfig`,
{py:class}`~flightllm_hw.config.sfu.SfuConfig`. How to have one of your own:
[a preset](extend/preset.md), [a card](extend/card.md).

## Presets

"""

_DERIVED = """
DSPs are those of the lanes and of the special function unit, URAM and block RAM those of their
buffers, all counted by the configuration; what synthesis finds is in the report of
`flightllm-hw verilog`. `.venv/bin/flightllm-hw info u280` says more of one.

"""

_CARDS = """
## Cards

Limits that configurations are checked against. A dash: no public document was read that states it.

"""


def table(head, rows):
    """A table in Markdown; all but the first column at the right."""
    lines = [head, ("---",) + ("---:",) * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


def markdown():
    """The page."""
    fields = ("name", "card", "lanes", "chains a lane", "DSPs a chain", "beat, bits",
              "FIFO, beats", "tokens a tile", "vector buffer, rows x width", "crossings", "MHz")
    values = [(f"`{c.name}`", c.card or "-", c.lanes, c.lane.chains, c.lane.chain.length,
               c.lane.beat_bits, f"{c.lane.fifo_beats:,}", c.lane.tokens,
               f"{c.sfu.rows:,} x {c.sfu.width}", c.crossings, c.clock_mhz)
              for c in PRESETS.values()]
    derived = [(f"`{c.name}`", f"{c.macs:,}", f"{c.lanes * c.lane.dsp_total + c.sfu.dsp:,}",
                f"{c.lanes * c.lane.uram + c.sfu.uram:,}", f"{c.sfu.bram:,}",
                f"{c.digest():08x}") for c in PRESETS.values()]
    cards = [(f"`{c.name}`", f"`{c.part}`", *(f"{n:,}" if n else "-" for n in (
        c.dsp, c.lut, c.ff, c.bram, c.uram, c.slr)),
        f"{c.memory.count} x {c.memory.bytes_each >> 20:,} MiB {c.memory.kind}",
        f"{c.memory.peak_gb_s:g}") for c in map(card, CARDS)]
    return "".join([
        _HEAD, table(fields, values), "\n",
        table(("name", "multiply-accumulates a cycle", "DSP", "URAM", "BRAM of the buffer",
               "digest"), derived), _DERIVED,
        _CARDS.lstrip("\n"),
        table(("card", "part", "DSP", "LUT", "FF", "BRAM36", "URAM", "SLRs", "memory",
               "GB/s a channel"), cards)])
