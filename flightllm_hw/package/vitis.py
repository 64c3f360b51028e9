# SPDX-License-Identifier: Apache-2.0
"""The Vitis flow: from RTL to an ``.xo``, and with a card's platform to an ``.xclbin``."""

from flightllm_hw.boards.flows import Vitis

from .common import Contents, Subject, lanes_script
from .facts import kernel_facts
from .kernel_xml import kernel_xml
from .memory import HOST, banks
from .texts import filled, shipped

__all__ = ["vitis_files"]


def vitis_files(subject: Subject, vitis: Vitis) -> Contents:
    """Everything but the RTL, by path."""
    config, card = subject.config, subject.card
    words = subject.words | {
        "platform": vitis.platform, "tools": vitis.tools, "host_bank": _host_text(subject),
        "bank": f"{card.memory.kind}[n]", "hz": config.clock_mhz * 1_000_000}
    return {
        "README.md": filled("vitis.md", **words),
        "Makefile": filled("vitis.mk", **words),
        "kernel.xml": kernel_xml(config),
        "connectivity.cfg": _connectivity(subject),
        "link.cfg": filled("link.cfg", **words),
        "scripts/facts.tcl": kernel_facts(config, card),
        "scripts/package_ip.tcl": shipped("package_ip.tcl"),
        "scripts/package_xo.tcl": shipped("package_xo.tcl"),
        "scripts/place_lanes.tcl": lanes_script(subject),
    }


def _connectivity(subject: Subject) -> str:
    """Every port's bank, and the die of a kernel that needs no more than one."""
    kernel, where = subject.kernel, subject.dies
    unit = f"{kernel}_1"
    lines = ["# SPDX-License-Identifier: Apache-2.0", "[connectivity]", f"nk={kernel}:1:{unit}"]
    lines += [f"sp={unit}.{port}:{bank}" for port, bank in banks(subject.config,
                                                                subject.card).items()]
    if len(set(where)) == 1:
        lines.append(f"slr={unit}:SLR{where[0]}")
    else:
        lines.append("# No slr: the lanes are on several dies, see scripts/place_lanes.tcl.")
    return "\n".join(lines) + "\n"


def _host_text(subject: Subject) -> str:
    """The host's bank in words, and what is to be known of it."""
    tied = banks(subject.config, subject.card)
    bank = tied.pop(HOST)
    if bank in tied.values():
        return (f"`{bank}`, which is a lane's as well, for there is no other: programs, embeddings"
                " and that lane's\nmemory must fit in it together. With a lane less they need not")
    return f"`{bank}`, which is no lane's"
