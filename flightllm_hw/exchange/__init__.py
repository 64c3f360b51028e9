# SPDX-License-Identifier: Apache-2.0
"""What passes between the lanes and the special function unit: results, codes, scales."""
