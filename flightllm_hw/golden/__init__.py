# SPDX-License-Identifier: Apache-2.0
"""What the hardware must do, to the bit, in plain numpy."""
