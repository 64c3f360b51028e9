# SPDX-License-Identifier: Apache-2.0
"""A lane: everything between one memory channel and exact sums."""
