# SPDX-License-Identifier: Apache-2.0
"""Configurations and components to files: Verilog and reports."""
