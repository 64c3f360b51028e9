# SPDX-License-Identifier: Apache-2.0
"""The FPGA's cells behind portable models; the only place with vendor instances."""
