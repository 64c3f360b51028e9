# SPDX-License-Identifier: Apache-2.0
"""A configuration and a model on it as one HTML page: figures in, text out."""
