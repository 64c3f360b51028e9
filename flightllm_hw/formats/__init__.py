# SPDX-License-Identifier: Apache-2.0
"""The numeric contract: number formats, rounding, sparsity, packing; numpy only."""
