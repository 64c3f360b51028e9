# SPDX-License-Identifier: Apache-2.0
"""What control and the lanes tell one another."""

from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from flightllm_hw.config import AcceleratorConfig
from flightllm_hw.control.layouts import TAPE
from flightllm_hw.lane.layouts import operation

from .faults import fault_report

__all__ = ["BACK", "THERE", "lane_link", "piece"]

THERE = ("descriptor_valid", "operation_valid", "halt", "begin")
"""Flags that go to a lane."""

BACK = ("room", "quiet", "appending", "moves")
"""Flags that come from one."""


def piece() -> data.StructLayout:
    """A piece of a lane's tape, in beats from the lane's base on; as LD.TAPE has it."""
    bits = {f.name: f.bits for f in TAPE.fields}
    return data.StructLayout({name: bits[name] for name in ("address", "beats", "fence")})


def lane_link(config: AcceleratorConfig) -> wiring.Signature:
    """Wires to a lane and back, seen from control.

    - ``descriptor_valid``, ``descriptor``: a :func:`piece` to read. ``room``: for it, and for those
      that may be under way.
    - ``operation_valid``, ``operation``: one to carry out
      (:func:`~flightllm_hw.lane.layouts.operation`).
    - ``halt``, ``quiet``: drop everything; it is done. ``begin``: a program begins.
    - ``appending``: keys or values are not in memory yet. ``moves``: something goes on.
    - ``fault``, ``append_fault``: of the tape or an operation, and of an append
      (:func:`~.faults.fault_report`).
    """
    return wiring.Signature({
        **dict.fromkeys(THERE, Out(1)), "descriptor": Out(piece()),
        "operation": Out(operation(config.lane)),
        **dict.fromkeys(BACK, In(1)),
        "fault": In(fault_report()), "append_fault": In(fault_report()),
    })
