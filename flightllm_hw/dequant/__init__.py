# SPDX-License-Identifier: Apache-2.0
"""From beats of the tape to tiles of int8 codes."""
