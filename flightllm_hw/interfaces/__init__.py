# SPDX-License-Identifier: Apache-2.0
"""Streams, and later buses and registers."""
