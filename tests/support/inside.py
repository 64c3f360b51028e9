# SPDX-License-Identifier: Apache-2.0
"""Components opened up for a proof: what is inside can be named, taken out, and got wrong."""

import inspect
import sys
import textwrap

from amaranth.hdl import Elaboratable, Fragment, Module, Signal, Value
from amaranth.lib.wiring import In, Out

__all__ = ["Inside", "mutant"]


class Inside(Elaboratable):
    """A component, what it is made of, and its signals by their names.

    ``inside["filled"]`` is the signal of that name which the component drives,
    ``inside["queue.filled"]`` one that its submodule drives. ``inside.placed[Queue]`` is the
    component of that class which was placed (:func:`~flightllm_hw.hierarchy.place`), the last one
    of several. Of classes that are ``free`` nothing is left of what they do: their outputs are
    anything at all, as the solver likes, which is more than they can do.

    ``inputs`` are the ports of a bench: those of the component, and what is free.
    """

    def __init__(self, component, free=()):
        self._free = tuple(free)
        self.placed = {}
        self.inputs = _ports(component, In)
        self._fragment = Fragment.get(component, self)

    def share(self, component):
        """As a platform: what stands for a component that is placed."""
        self.placed[type(component)] = component
        if not isinstance(component, self._free):
            return component
        self.inputs += _ports(component, Out)
        return Module()

    def __getitem__(self, path):
        *parts, name = path.split(".")
        fragment = self._fragment
        for part in parts:
            fragment = fragment.find_subfragment(part)
        # Ports of what is placed are wires of where it is.
        names = {name, "_".join((*parts[-1:], name))}
        found = {id(signal): signal for statements in fragment.statements.values()
                 for signal in statements._lhs_signals() if signal.name in names}
        if len(found) != 1:
            raise KeyError(f"There must be one signal {path!r}, not {len(found)}")
        return found.popitem()[1]

    def state(self, name):
        """Whether the component's state machine is in the state of that name."""
        machine = self._fragment.find_generated("fsm")
        return machine.state == machine.encoding[name]

    def elaborate(self, platform):
        return self._fragment


def _ports(component, flow):
    values = [Value.cast(value) for _, member, value in component.signature.flatten(component)
              if member.flow is flow]
    return [value for value in values if isinstance(value, Signal)]


def mutant(component, old, new):
    """The class of components whose ``elaborate`` says ``new`` where it should say ``old``."""
    source = textwrap.dedent(inspect.getsource(component.elaborate))
    assert source.count(old) == 1, f"{old!r} is in {component.__name__} {source.count(old)} times"
    names = dict(vars(sys.modules[component.__module__]))
    exec(source.replace(old, new), names)
    return type(component.__name__, (component,), {"elaborate": names["elaborate"]})
