# SPDX-License-Identifier: Apache-2.0
"""Simulation: Amaranth's own simulator and compiled ones behind small functions."""
