# SPDX-License-Identifier: Apache-2.0
"""The platforms that designs are exported for: what primitives are, and what is shared.

A platform here does not build anything. It tells primitives which of their two forms to take, and
keeps the modules that :func:`flightllm_hw.hierarchy.place` shares.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import ClockSignal, Instance, ResetSignal
from amaranth.lib import wiring
from amaranth.vendor import XilinxPlatform

from flightllm_hw.boards import Card

from .rtlil import RtlilModule, flat_ports, to_rtlil

__all__ = ["BehaviouralPlatform", "SharedModule", "SharedModules", "VendorPlatform", "snake_case"]


def snake_case(name: str) -> str:
    """``CsdChain`` to ``csd_chain``, ``HTTPServer2`` to ``http_server2``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@dataclass(frozen=True)
class SharedModule:
    """A component that was converted once.

    Parameters
    ----------
    name : str
        Its Verilog module.
    modules : tuple of RtlilModule
        That module, and the private ones below it.
    """

    name: str
    modules: tuple[RtlilModule, ...]

    def instance(self, component: wiring.Component) -> Instance:
        """An instance of the module, tied to the ports of ``component``."""
        ports: dict[str, Any] = {}
        for name, flow, signal in flat_ports(component):
            ports[f"{'i' if flow is wiring.In else 'o'}_{name}"] = signal
        domain = {"clk": ClockSignal, "rst": ResetSignal}
        for name in self.modules[0].inputs:
            if f"i_{name}" not in ports:
                if name not in domain:
                    raise ValueError(f"Shared module {self.name} must use no clock domain but"
                                     f" sync, yet it has the input {name!r}")
                ports[f"i_{name}"] = domain[name]("sync")
        return Instance(self.name, **ports)


class SharedModules:
    """The modules of one export: each distinct component is converted once.

    A component is what its type and its ``config`` say. Its module is named after the type,
    ``csd_chain``; further configurations are ``csd_chain_1``, ``csd_chain_2`` in the order of
    their first use. Modifiers such as ``ResetInserter`` do not reach into shared components.

    Parameters
    ----------
    met : callable or None
        Is told of each shared module's modules once they are converted, leaves first.
    """

    def __init__(self, met: Callable[[tuple[RtlilModule, ...]], None] | None = None) -> None:
        self._met = met
        self._shared: dict[Any, SharedModule] = {}
        self._names: set[str] = set()

    def share(self, component: wiring.Component) -> Instance:
        """An instance of the module that ``component`` is, which is converted when first met.

        Raises
        ------
        TypeError
            If ``component`` has no hashable ``config`` to be known by.
        """
        # Amaranth warns of components that are never elaborated, as most of these are not.
        component._MustUse__used = True
        try:
            key = (type(component), component.config)
            known = self._shared.get(key)
        except (AttributeError, TypeError):
            raise TypeError(f"{type(component).__name__} must have a config, a frozen dataclass, to"
                            f" be placed as a shared module") from None
        if known is None:
            # The name is taken first: components below may be of the same type.
            name = self.reserve(snake_case(type(component).__name__))
            known = SharedModule(name, tuple(to_rtlil(component, name, self)))
            self._shared[key] = known
            if self._met is not None:
                self._met(known.modules)
        return known.instance(component)

    @property
    def shared(self) -> tuple[SharedModule, ...]:
        """Every shared module so far, parents after children."""
        return tuple(self._shared.values())

    def reserve(self, name: str) -> str:
        """Take ``name`` for a module, with a number behind it where it is taken already."""
        unique, number = name, 0
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        return unique


class BehaviouralPlatform(SharedModules):
    """Plain Verilog for any simulator and any device: primitives are behavioural."""


class VendorPlatform(SharedModules, XilinxPlatform):  # type: ignore[misc]
    """AMD's devices: primitives are instances of the vendor's cells, such as ``DSP48E2``.

    The base class only marks it as such; nothing is built with it.

    Parameters
    ----------
    card : Card or None
        Whose part the platform is for; the U280's part without one.
    met : callable or None
        As in :class:`SharedModules`.
    """

    resources = ()
    connectors = ()
    default_clk = None

    def __init__(self, card: Card | None = None,
                 met: Callable[[tuple[RtlilModule, ...]], None] | None = None) -> None:
        part: str = "xcu280-fsvh2892-2L-e" if card is None else card.part
        self._device, self._package, self._speed = part.split("-", 2)
        SharedModules.__init__(self, met)
        XilinxPlatform.__init__(self)

    @property
    def device(self) -> str:
        """The die, such as ``xcu280``."""
        return self._device

    @property
    def package(self) -> str:
        """The package, such as ``fsvh2892``."""
        return self._package

    @property
    def speed(self) -> str:
        """Speed and temperature grade, such as ``2L-e``."""
        return self._speed
