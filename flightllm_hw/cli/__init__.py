# SPDX-License-Identifier: Apache-2.0
"""The program ``flightllm-hw``: a module for each command."""

from .main import main

__all__ = ["main"]
