# SPDX-License-Identifier: Apache-2.0
"""The core as a Vitis RTL kernel."""
