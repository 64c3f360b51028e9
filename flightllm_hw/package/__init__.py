# SPDX-License-Identifier: Apache-2.0
"""A kernel with everything around it that the vendor's tools need to make a bitstream."""
