# SPDX-License-Identifier: Apache-2.0
"""The stream ports of a component, and the rules that both sides of a stream keep.

Once valid, a sender stays valid and holds its payload until the receiver is ready. On an input the
sender is the testbench, on an output it is the component.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, ShapeCastable, Value
from amaranth.lib import data, stream, wiring

__all__ = ["DeadlineError", "StreamPort", "StreamRuleError", "StreamRules", "stream_ports"]


class DeadlineError(AssertionError):
    """A simulation took more cycles than it was given."""


class StreamRuleError(AssertionError):
    """A sender withdrew what it had offered."""


@dataclass(frozen=True, eq=False)
class StreamPort:
    """A stream among the ports of a component.

    Parameters
    ----------
    name : str
        The path joined by underscores, as in exported Verilog.
    stream : stream.Interface
        Its signals.
    is_input : bool
        Whether the component receives.
    """

    name: str
    stream: Any
    is_input: bool

    @property
    def shape(self) -> Any:
        """Shape of the payload."""
        payload = self.stream.payload
        return payload.shape() if hasattr(payload, "shape") else Value.cast(payload).shape()

    @property
    def always_valid(self) -> bool:
        """Whether ``valid`` is constant."""
        return self.stream.signature.always_valid

    @property
    def always_ready(self) -> bool:
        """Whether ``ready`` is constant."""
        return self.stream.signature.always_ready


def stream_ports(component: Any) -> dict[str, StreamPort]:
    """Every stream port of ``component`` by name, those in arrays and interfaces included.

    Something without a signature has none.
    """
    if not hasattr(component, "signature"):
        return {}
    found = _walk((), component.signature, component)
    return {port.name: port for port in found}


def _walk(path: tuple[str, ...], signature: Any, owner: Any) -> Iterator[StreamPort]:
    for name, member in signature.members.items():
        if member.is_signature:
            yield from _index((*path, name), member, getattr(owner, name), member.dimensions)


def _index(path: tuple[str, ...], member: wiring.Member, value: Any,
           dimensions: tuple[int, ...]) -> Iterator[StreamPort]:
    if dimensions:
        for n in range(dimensions[0]):
            yield from _index((*path, str(n)), member, value[n], dimensions[1:])
    elif isinstance(member.signature, stream.Signature):
        is_input = member.signature.members["payload"].flow == wiring.In
        yield StreamPort("_".join(path), value, is_input)
    else:
        yield from _walk(path, member.signature, value)


class StreamRules:
    """Watches the streams of a component and counts what they move.

    Parameters
    ----------
    ports : dict of str to StreamPort
        The streams.

    Attributes
    ----------
    samples : list of Value
        What :meth:`check` wants to see of each cycle, sampled just before the clock's edge.
    moved : list of int
        Transfers, a port each.
    """

    def __init__(self, ports: dict[str, StreamPort]) -> None:
        self.ports = list(ports.values())
        self.samples = [Cat(p.stream.valid, p.stream.ready, Value.cast(p.stream.payload))
                        for p in self.ports]
        self.moved = [0] * len(self.ports)
        self._last = [0] * len(self.ports)

    def check(self, cycle: int, samples: tuple[int, ...]) -> None:
        """Judge one cycle.

        Raises
        ------
        StreamRuleError
            If a sender withdrew or changed its offer.
        """
        last = self._last
        for n, now in enumerate(samples):
            held = last[n]
            # Valid without ready, and anything but ready differs.
            if held & 3 == 1 and (now ^ held) & ~2:
                raise StreamRuleError(_sentence(self.ports[n], cycle, held, now))
            if now & 3 == 3:
                self.moved[n] += 1
            last[n] = now

    def forget(self) -> None:
        """Forgive every offer of the cycle before: the component was reset."""
        self._last = [0] * len(self.ports)

    def __str__(self) -> str:
        if not self.ports:
            return "it has no streams"
        return ", ".join(
            f"{p.name} moved {moved}"
            + ("" if last & 3 == 3 else
               f" ({'' if last & 1 else 'not '}valid, {'' if last & 2 else 'not '}ready)")
            for p, moved, last in zip(self.ports, self.moved, self._last, strict=True))


def _sentence(port: StreamPort, cycle: int, held: int, now: int) -> str:
    who = "the testbench" if port.is_input else "the component"
    what = f"Stream {port.name} broke a rule in cycle {cycle}: {who} "
    if not now & 1:
        return what + "took back valid before ready"
    changes = "; ".join(_changes(port.shape, held >> 2, now >> 2, "payload"))
    return what + f"changed the payload before ready: {changes}"


def _changes(shape: Any, old: int, new: int, path: str) -> Iterator[str]:
    if old == new:
        return
    if isinstance(shape, ShapeCastable):
        try:
            layout = data.Layout.cast(shape)
        except TypeError:
            yield f"{path} {shape.from_bits(old)!r} -> {shape.from_bits(new)!r}"
            return
        if isinstance(layout, (data.StructLayout, data.ArrayLayout)):
            for key, field in layout:
                mask = (1 << field.width) - 1
                step = f".{key}" if isinstance(key, str) else f"[{key}]"
                yield from _changes(field.shape, old >> field.offset & mask,
                                    new >> field.offset & mask, path + step)
            return
    yield f"{path} {old:#x} -> {new:#x}"
