# SPDX-License-Identifier: Apache-2.0
"""The component that a configuration is exported as."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from flightllm_hw.compute.array import ChainArray
from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.hierarchy import place

from .rtlil import flat_ports

__all__ = ["LaneArray", "top"]


class LaneArray(wiring.Component):  # type: ignore[misc]
    """The chain arrays of all lanes side by side, every port brought out.

    Parameters
    ----------
    config : AcceleratorConfig
        Lanes.

    Members
    -------
    lane_0, lane_1, ... : Out
        Each lane's :class:`~flightllm_hw.compute.array.ChainArray`.
    """

    def __init__(self, config: AcceleratorConfig) -> None:
        self.config = config
        self._arrays = [ChainArray(config.lane) for _ in range(config.lanes)]
        super().__init__({f"lane_{n}": Out(array.signature)
                          for n, array in enumerate(self._arrays)})

    def elaborate(self, platform: Any) -> Module:
        """Place the lanes and tie their ports, one by one, to those of the same name."""
        m = Module()
        ports = {name: signal for name, _, signal in flat_ports(self)}
        for n, array in enumerate(self._arrays):
            place(m, platform, f"lane_{n}", array)
            for name, flow, signal in flat_ports(array):
                port = ports[f"lane_{n}_{name}"]
                m.d.comb += port.eq(signal) if flow is wiring.Out else signal.eq(port)
        return m


def top(config: AcceleratorConfig) -> wiring.Component:
    """The top component of ``config``."""
    return LaneArray(config)
