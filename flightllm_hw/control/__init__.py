# SPDX-License-Identifier: Apache-2.0
"""The program: from memory, instruction by instruction, to the queues of the units."""
