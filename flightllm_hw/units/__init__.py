# SPDX-License-Identifier: Apache-2.0
"""The fronts of the units: from control's tasks to what carries them out."""
