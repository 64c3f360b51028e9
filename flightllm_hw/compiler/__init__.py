# SPDX-License-Identifier: Apache-2.0
"""From a loaded model to programs, and to what the lanes stream."""
