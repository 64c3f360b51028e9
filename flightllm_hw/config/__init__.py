# SPDX-License-Identifier: Apache-2.0
"""The frozen configuration that everything is built from.

One :class:`AcceleratorConfig` goes into a component, a compiler or a simulator; every width,
depth and count elsewhere is a field or a property of it. Limits are checked here, once, when the
configuration is built.
"""

from .accelerator import AcceleratorConfig
from .chain import ChainConfig
from .lane import LaneConfig
from .sfu import SfuConfig

__all__ = ["AcceleratorConfig", "ChainConfig", "LaneConfig", "SfuConfig"]
