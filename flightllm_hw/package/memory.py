# SPDX-License-Identifier: Apache-2.0
"""Which memory each of a kernel's ports is tied to, and where that is in the address map.

::

    lane n ──► channel n, alone                              HBM pseudo-channel, or DIMM
    host ────► a DIMM of its own, or the channels that no lane has, or the last lane's with it
    dma ─────► all of it: through one HBM port, and every DIMM's

A lane reads its channel at its full rate, so nobody else is tied to it where that can be helped.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from flightllm_hw.boards import Card
from flightllm_hw.boards.flows import flow
from flightllm_hw.config import AcceleratorConfig

__all__ = ["DDR_BASE", "DMA", "HOST", "Port", "Window", "banks", "ports", "windows"]

HOST = "m_axi_host"
"""The kernel's port to the host's memory; lane n's is ``m_axi_n``."""

DMA = "dma"
"""What the host writes and reads all memories with."""

DDR_BASE = 0x40_0000_0000
"""Address of the first DIMM in the address map of the Vivado flow; the HBM is at 0."""


@dataclass(frozen=True)
class Port:
    """A port of a memory controller.

    Parameters
    ----------
    number : int
        Which: of the HBM's, or of the DIMMs.
    sources : tuple of str
        Who is tied to it: ports of the kernel, :data:`DMA`.
    """

    number: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """Memory that a master sees.

    Parameters
    ----------
    source : str
        A port of the kernel, or :data:`DMA`.
    kind : str
        ``"HBM"`` or ``"DDR"``.
    port : int
        The controller's port it goes through.
    channel : int
        The channel behind it.
    base, size : int
        Where it is, in bytes.
    """

    source: str
    kind: str
    port: int
    channel: int
    base: int
    size: int


def _lane(number: int) -> str:
    return f"m_axi_{number}"


def _host_channels(config: AcceleratorConfig, card: Card) -> range:
    """The channels of the host's port where there is no other memory: those that are left."""
    count = card.memory.count
    free = range(config.lanes, count) if config.lanes < count else range(count - 1, count)
    # DIMMs are not one memory, as neighbouring pseudo-channels are.
    return free if card.memory.kind == "HBM" else free[:1]


def banks(config: AcceleratorConfig, card: Card) -> dict[str, str]:
    """The Vitis bank of every port of the kernel, such as ``HBM[3]``, the host's first."""
    there = _host_channels(config, card)
    span = f"{there[0]}:{there[-1]}" if len(there) > 1 else f"{there[0]}"
    vitis = flow(card.name).vitis
    own = vitis.host if vitis is not None else ""
    return {HOST: own or f"{card.memory.kind}[{span}]",
            **{_lane(n): f"{card.memory.kind}[{n}]" for n in range(config.lanes)}}


def ports(config: AcceleratorConfig, card: Card) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """The ports of the HBM and those of the DIMMs that a block design has."""
    first_free = min(config.lanes, card.memory.count - 1)
    lanes = {n: [_lane(n)] for n in range(config.lanes)}
    shared = lanes.setdefault(first_free, [])
    if card.memory.kind == "DDR":
        shared.append(HOST)
        return (), tuple(Port(n, (*sources, DMA)) for n, sources in sorted(lanes.items()))
    dimms = _dimms(card)
    shared += [DMA] if dimms else [HOST, DMA]
    return (tuple(Port(n, tuple(sources)) for n, sources in sorted(lanes.items())),
            tuple(Port(n, ((HOST,) if n == 0 else ()) + (DMA,)) for n in range(dimms)))


def _dimms(card: Card) -> int:
    vivado = flow(card.name).vivado
    return 0 if vivado is None else len(vivado.dimms)


def windows(config: AcceleratorConfig, card: Card) -> Iterator[Window]:
    """What each master of a block design sees: the kernel's ports their own, the DMA everything."""
    hbm, ddr = ports(config, card)
    each = card.memory.bytes_each
    for port in hbm:
        for source in port.sources:
            seen = {DMA: range(card.memory.count), HOST: _host_channels(config, card)}
            for channel in seen.get(source, range(port.number, port.number + 1)):
                yield Window(source, "HBM", port.number, channel, channel * each, each)
    base = DDR_BASE
    for port in ddr:
        size = _dimm_bytes(card, port.number)
        for source in port.sources:
            yield Window(source, "DDR", port.number, port.number, base, size)
        base += size


def _dimm_bytes(card: Card, number: int) -> int:
    vivado = flow(card.name).vivado
    assert vivado is not None
    gib: int = vivado.dimms[number].gib
    return gib << 30
