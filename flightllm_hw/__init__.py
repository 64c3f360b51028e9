# SPDX-License-Identifier: Apache-2.0
"""FlightLLM as open, readable, parametric hardware."""

__version__ = "0.1.0"
