# SPDX-License-Identifier: Apache-2.0
"""The page about the kernel's registers, made from their table: ``docs/registers.md``."""

import re
from collections.abc import Iterable

from flightllm_hw.config import AcceleratorConfig

from .registers import ADDRESS_BITS, ARGUMENTS, READBACK, Kind, Register, RegisterMap

__all__ = ["markdown"]

_INTRODUCTION = """\
# Registers

What the host reads and writes on `s_axi_control`, AXI4-Lite with {bits} bits of address, for
{lanes} lanes (`{name}`). This page is made from `flightllm_hw/kernel/registers.py`; the runtime
takes offsets from there too.

- The arguments are one block from 0x{arguments:03X} on, {last} being the last. What lies between
  them reads as zero and ignores what is written, as all offsets do that are not named here: every
  access is answered, with OKAY.
- Registers of 64 bits are two words, the lower one first.
- Bytes whose strobe is off are not written.
- Arguments can be written while a program runs; they are for the next one. A reset leaves them as
  they are.
- Everything from 0x{readback:03X} on belongs to the last program until the next one starts, and to
  the one that runs while it does.

A program is run by writing the arguments, then 1 to CTRL, and by reading CTRL until ap_done is on,
or by waiting for `interrupt`. The kernel makes a window of each pointer, which should be a multiple
of 4096: no access leaves it.

    host window    host .. host + host_pages * 4096 - 1        program at host + program * 64
    lane n         lane_n .. lane_n + lane_pages * 4096 - 1
"""

_HEADINGS = {
    Kind.CONTROL: "Control",
    Kind.POINTER: "Arguments: pointers",
    Kind.SCALAR: "Arguments: numbers",
    Kind.STATUS: "Status",
    Kind.COUNTER: "Counters",
}


def markdown(config: AcceleratorConfig) -> str:
    """The page for ``config``, which has two lanes or more, in Markdown."""
    registers = RegisterMap(config)
    blocks = [_INTRODUCTION.format(
        bits=ADDRESS_BITS, lanes=config.lanes, name=config.name, arguments=ARGUMENTS,
        last=registers.arguments[-1].name, readback=READBACK)]
    for kind, heading in _HEADINGS.items():
        some = [r for r in registers if r.kind is kind]
        blocks += [f"## {heading}\n", _registers(some)]
        for register in some:
            if register.parts:
                blocks += [f"### {register.name}\n", _parts(register)]
    return "\n".join(blocks)


def _registers(registers: Iterable[Register]) -> str:
    """A table of registers; those of the lanes, which are alike, in one line each."""
    first = {r.name.replace("lane_0", "lane_n"): r for r in registers if _lane(r) == 0}
    second = {r.name.replace("lane_1", "lane_n"): r for r in registers if _lane(r) == 1}
    rows = []
    for r in registers:
        name = r.name.replace("lane_0", "lane_n")
        if _lane(r) is None:
            rows.append((f"0x{r.offset:03X}", f"`{r.name}`", r.bits, r.access, r.text))
        elif _lane(r) == 0:
            step = second[name].offset - first[name].offset
            rows.append((f"0x{r.offset:03X} + {step} n", f"`{name}`", r.bits, r.access,
                         r.text.replace("lane 0", "lane n")))
    return _table(("offset", "register", "bits", "access", "meaning"), rows)


def _lane(register: Register) -> int | None:
    """The lane that a register belongs to."""
    found = re.match(r"lane_(\d+)", register.name)
    return int(found[1]) if found else None


def _parts(register: Register) -> str:
    """The table of what a register is made of."""
    rows = ((f"{p.at + p.bits - 1} .. {p.at}" if p.bits > 1 else p.at, p.name, p.text)
            for p in register.parts)
    return _table(("bits", "name", "meaning"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
