# SPDX-License-Identifier: Apache-2.0
"""Submodules that are exported once, however often they are placed.

Amaranth writes a Verilog module per *instance*: 4096 equal DSP slices become 4096 modules, and take
minutes to get there. A component placed with :func:`place` becomes a module per distinct
*configuration* instead, where the platform knows how to (:mod:`flightllm_hw.export`), and an
ordinary submodule where it does not (simulation)::

    place(m, platform, f"chain_{n}", CsdChain(config))  ->  csd_chain chain_0 (...);
                                                            csd_chain chain_1 (...);

Either way the parent talks to the component's own ports.
"""

from typing import Any, Protocol, TypeVar, runtime_checkable

from amaranth.hdl import Elaboratable, Module, Signal, Value
from amaranth.lib import wiring

__all__ = ["SharingPlatform", "place"]

C = TypeVar("C", bound=wiring.Component)


@runtime_checkable
class SharingPlatform(Protocol):
    """A platform that turns a component into an instance of a module that it keeps."""

    def share(self, component: wiring.Component) -> Elaboratable:
        """What stands for ``component``: equal type and equal ``config``, equal module."""


def place(m: Module, platform: Any, name: str, component: C) -> C:
    """Make ``component`` the submodule ``name`` of ``m`` and give it back.

    ``component`` must be determined by its type and its ``config`` attribute, which is a frozen
    dataclass.
    """
    if not isinstance(platform, SharingPlatform):
        m.submodules[name] = component
        return component
    m.submodules[name] = platform.share(component)
    # The component's ports are now wires of the parent, where other children's have like names.
    for path, _, port in component.signature.flatten(component):
        wire = Value.cast(port)
        if isinstance(wire, Signal):
            wire.name = "_".join((name, *map(str, path)))
    return component
