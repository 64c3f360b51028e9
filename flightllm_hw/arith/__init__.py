# SPDX-License-Identifier: Apache-2.0
"""Arithmetic in FP32: plain pipelines, IEEE to the bit but for subnormals."""
