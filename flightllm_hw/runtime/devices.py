# SPDX-License-Identifier: Apache-2.0
"""Devices by their names."""

from pathlib import Path

from flightllm_hw.config import AcceleratorConfig

from .device import Device
from .golden import GoldenDevice
from .simulated import SimulatedDevice
from .xrt import XrtDevice

__all__ = ["DEVICES", "open_device"]

DEVICES = tuple(kind.name for kind in (GoldenDevice, SimulatedDevice, XrtDevice))


def open_device(name: str, config: AcceleratorConfig, *, xclbin: Path | None = None,
                traced: bool = False, waves: Path | None = None) -> Device:
    """A device.

    Parameters
    ----------
    name : str
        One of :data:`DEVICES`.
    config : AcceleratorConfig
    xclbin : path, optional
        What a card is loaded with.
    traced, waves
        Of the :class:`~.simulated.SimulatedDevice`; the others have neither.

    Raises
    ------
    DeviceError
        If it cannot be had.
    ValueError
        If there is no such device, or it cannot do what is asked for.
    """
    if name not in DEVICES:
        raise ValueError(f"Device must be one of {', '.join(DEVICES)}, not {name!r}")
    if name != SimulatedDevice.name and (traced or waves is not None):
        raise ValueError(f"Only the simulated device has a time line and waves, not {name!r}")
    if name == GoldenDevice.name:
        return GoldenDevice(config)
    if name == XrtDevice.name:
        return XrtDevice(config, xclbin)
    return SimulatedDevice(config, traced=traced, waves=waves)
