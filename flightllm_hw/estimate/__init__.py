# SPDX-License-Identifier: Apache-2.0
"""How many cycles a model takes, estimated: nothing is simulated."""
