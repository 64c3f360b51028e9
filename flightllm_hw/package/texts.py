# SPDX-License-Identifier: Apache-2.0
"""Files that come with the package: scripts as they are, and texts with names to be filled in."""

from importlib import resources
from string import Template

__all__ = ["filled", "shipped"]


class _Text(Template):
    """``%{name}`` is filled in; Make's dollars are left alone."""

    delimiter = "%"


def shipped(name: str) -> str:
    """A file of ``templates``."""
    place = resources.files("flightllm_hw.package") / "templates" / name
    return place.read_text(encoding="utf-8")


def filled(template: str, **values: object) -> str:
    """A file of ``templates`` with its names filled in.

    Raises
    ------
    KeyError
        If one of them is not given.
    """
    return _Text(shipped(template)).substitute(values)
