# SPDX-License-Identifier: Apache-2.0
"""What a model of any shape takes on the simulated RTL: random weights, measured and checked."""
