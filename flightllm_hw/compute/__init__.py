# SPDX-License-Identifier: Apache-2.0
"""The matrix engine: configurable sparse DSP chains and what feeds them."""
