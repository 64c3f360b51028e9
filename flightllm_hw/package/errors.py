# SPDX-License-Identifier: Apache-2.0
"""Why a package cannot be made."""

__all__ = ["PackageError"]


class PackageError(Exception):
    """A card, flow, configuration or folder that there can be no package of; a sentence."""
