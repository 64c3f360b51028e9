# SPDX-License-Identifier: Apache-2.0
"""Between the card's memory and the streams of the core: AXI4 masters."""
