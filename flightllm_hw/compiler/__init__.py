# SPDX-License-Identifier: Apache-2.0
"""From matrices to what the lanes stream."""
