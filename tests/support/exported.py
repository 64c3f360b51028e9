# SPDX-License-Identifier: Apache-2.0
"""Presets' kernels, exported once a process."""

from functools import cache

from flightllm_hw.export import files
from flightllm_hw.presets import PRESETS

__all__ = ["export_once", "exported"]

export_once = cache(files.export)
"""The design of a configuration's kernel."""


def exported(preset, flavour="vendor"):
    """The design of a preset's kernel, by its name."""
    return export_once(PRESETS[preset], flavour)
