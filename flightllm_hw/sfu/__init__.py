# SPDX-License-Identifier: Apache-2.0
"""The special function unit: everything between the matrix products, in FP32."""
