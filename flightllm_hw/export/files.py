# SPDX-License-Identifier: Apache-2.0
"""A configuration to files: its Verilog and its resource report."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flightllm_hw import __version__
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.kernel.kernel import Kernel
from flightllm_hw.kernel.layouts import KernelConfig

from .kernel import VitisKernel
from .mapping import Ahead
from .platform import BehaviouralPlatform, SharedModules, VendorPlatform
from .report import resource_report
from .verilog import Design, design

__all__ = ["FLAVOURS", "export", "verilog_text", "write", "write_text"]

FLAVOURS = ("behavioural", "vendor")
"""What primitives turn into: plain Verilog, or instances of AMD's cells."""


def export(config: AcceleratorConfig, flavour: str = "vendor") -> Design:
    """The kernel that ``config`` describes; its top module is ``flightllm_<name>``.

    Raises
    ------
    ValueError
        If there is no such flavour.
    """
    _check(flavour)
    vendor = flavour == "vendor"
    return _design(config, VendorPlatform(config.target) if vendor else BehaviouralPlatform())


def _check(flavour: str) -> None:
    if flavour not in FLAVOURS:
        raise ValueError(f"Flavour must be one of {', '.join(FLAVOURS)}, not {flavour!r}")


def _design(config: AcceleratorConfig, platform: SharedModules) -> Design:
    kernel = VitisKernel(Kernel(KernelConfig(accelerator=config)))
    with _uncollected():
        return design(kernel, name=f"flightllm_{config.name}", platform=platform)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looking for garbage: a third of an export's time, and there is next to none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _mapped_ahead(config: AcceleratorConfig) -> Design:
    """The vendor flavour, mapped to primitives while it is made."""
    with Ahead() as ahead:
        return _design(config, VendorPlatform(config.target, ahead.take))


def verilog_text(config: AcceleratorConfig, exported: Design, flavour: str) -> str:
    """What is written of ``exported``: its Verilog, with a head that says what it is."""
    return (f"// SPDX-License-Identifier: Apache-2.0\n"
            f"// flightllm-hw {__version__}, configuration {config.name}"
            f" ({config.digest():08x}), {flavour}\n{exported.text}")


def write(config: AcceleratorConfig, directory: Path, *, flavour: str = "vendor",
          report: bool = True) -> list[Path]:
    """Write ``flightllm_<name>.v`` and, if wanted, ``report.json`` and ``report.md``.

    Resources are estimated from the vendor flavour whatever is written, because Yosys finds no more
    than the multiplier of a DSP slice by itself. The folder is made at once, for minutes are lost
    if it cannot be; files when everything is done, each as a whole or not at all.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If there is no such flavour.
    YosysMissing
        If a report is wanted that cannot be made.
    OSError
        If a file cannot be written.
    """
    _check(flavour)
    directory.mkdir(parents=True, exist_ok=True)
    mapped = _mapped_ahead(config) if report else None
    exported = mapped if mapped and flavour == "vendor" else export(config, flavour)
    texts = {f"{exported.top}.v": verilog_text(config, exported, flavour)}
    if mapped:
        estimate = resource_report(mapped, config.target)
        texts |= {"report.json": estimate.to_json(), "report.md": estimate.to_markdown()}
    return [write_text(directory / name, text) for name, text in texts.items()]


def write_text(path: Path, text: str) -> Path:
    """Write beside ``path``, then rename: the file is there as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path
