# SPDX-License-Identifier: Apache-2.0
"""What the kernel is made from, and what its core tells of itself."""

from dataclasses import dataclass

from amaranth.lib import data

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.errors import report
from flightllm_hw.control.layouts import PC_BITS
from flightllm_hw.core.bank import counters
from flightllm_hw.core.counters import GLOBAL, LANE

from .registers import RegisterMap

__all__ = ["KernelConfig", "status"]


@dataclass(frozen=True, kw_only=True)
class KernelConfig:
    """A kernel.

    Parameters
    ----------
    accelerator : AcceleratorConfig
        The accelerator that it is.
    trace : bool
        Whether it has ports that tell what the core's units do: for simulation, as a card has
        nothing to connect them to.
    """

    accelerator: AcceleratorConfig
    trace: bool = False

    @property
    def lanes(self) -> int:
        """Lanes, each with a memory port."""
        return self.accelerator.lanes

    @property
    def map(self) -> RegisterMap:
        """The registers."""
        return RegisterMap(self.accelerator)


def status(config: KernelConfig) -> data.StructLayout:
    """What can be read of the core."""
    return data.StructLayout({
        "stuck": 1, "error": report(), "pc": PC_BITS,
        "counters": counters(GLOBAL),
        "lane_counters": data.ArrayLayout(counters(LANE), config.lanes)})
