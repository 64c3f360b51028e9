# SPDX-License-Identifier: Apache-2.0
"""What a model that cannot be compiled raises: one sentence that a user can act on."""

__all__ = ["CompileError"]


class CompileError(ValueError):
    """A model that does not fit an accelerator: what is too great, and how great it may be."""
