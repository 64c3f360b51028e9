# SPDX-License-Identifier: Apache-2.0
"""The core: control, units, lanes and special functions, for no card in particular."""
