# SPDX-License-Identifier: Apache-2.0
"""Running compiled models: devices, sessions, and how the next token is chosen."""
