# SPDX-License-Identifier: Apache-2.0
"""A configuration, a card and a flow to the files of a package."""

from dataclasses import replace

from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import flow as flow_of
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.export.files import verilog_text
from flightllm_hw.export.verilog import Design

from .common import Contents, Subject
from .errors import PackageError
from .vitis import vitis_files
from .vivado import vivado_files

__all__ = ["FLOWS", "check", "contents"]

FLOWS = ("vitis", "vivado")
"""Ways to a bitstream."""


def check(config: AcceleratorConfig, card: Card, flow: str) -> None:
    """Complain of what cannot be packaged, before anything takes time.

    A configuration that names no card goes onto any that it fits on, as it is: its digest, which
    programs are compiled for, does not change.

    Raises
    ------
    PackageError
        If the configuration is another card's or does not fit, or there is no such flow.
    """
    if flow not in FLOWS:
        raise PackageError(f"Flow must be one of {', '.join(FLOWS)}, not {flow!r}")
    if config.card not in (None, card.name):
        raise PackageError(f"The configuration {config.name} is for the {config.card}, not for the"
                           f" {card.name}: name that card, or a configuration for this one")
    try:
        replace(config, card=card.name)
    except ValueError as error:
        raise PackageError(f"{error}") from None
    if flow == "vitis" and flow_of(card.name).vitis is None:
        raise PackageError(f"There is no Vitis platform for the {card.name}: --flow vivado gives an"
                           " IP-XACT package for a shell that you have")


def contents(config: AcceleratorConfig, card: Card, flow: str, rtl: Design) -> Contents:
    """The package's files by their paths.

    Parameters
    ----------
    config : AcceleratorConfig
    card : Card
    flow : str
        One of :data:`FLOWS`.
    rtl : Design
        The exported kernel, its primitives instances of the vendor's cells.

    Raises
    ------
    PackageError
        As :func:`check`.
    """
    check(config, card, flow)
    subject = Subject(config, card)
    facts = flow_of(card.name)
    files = {f"rtl/{subject.kernel}.v": verilog_text(config, rtl, "vendor"),
             "configuration.json": config.to_json() + "\n"}
    if flow == "vitis":
        assert facts.vitis is not None
        return files | vitis_files(subject, facts.vitis)
    return files | vivado_files(subject, facts)
