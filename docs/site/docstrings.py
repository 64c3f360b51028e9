# SPDX-License-Identifier: Apache-2.0
"""Docstrings as this project writes them, to reStructuredText.

They are numpydoc, with a section ``Members`` for a component's ports. Napoleon reads that; what it
does not know is done here:

- a docstring of an attribute is a sentence, and what stands before its colon is no type;
- ``|x|`` is a magnitude, and not a substitution.
"""

import re

from sphinx.ext.napoleon import Config, NumpyDocstring

__all__ = ["setup", "translated"]

SETTINGS = Config(napoleon_custom_sections=[("Members", "params_style"),
                                            ("Attributes", "params_style")],
                  napoleon_use_param=False, napoleon_use_ivar=False, napoleon_use_rtype=False)

# Whatever stands in ``...`` stays as it is.
MAGNITUDE = re.compile(r"(``.*?``)|\|")


def escaped(lines):
    """The lines with magnitudes' bars escaped, but for those of literal blocks."""
    literal = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        yield line if literal is not None else MAGNITUDE.sub(lambda m: m[1] or r"\|", line)
        if literal is None and line.rstrip().endswith("::"):
            literal = indent


def translated(lines, what="module"):
    """A docstring's lines as reStructuredText; ``what`` it belongs to."""
    lines = list(escaped(lines))
    if what in ("attribute", "data", "property"):
        return lines
    return NumpyDocstring(lines, SETTINGS, what=what).lines()


def setup(app):
    """Called by Sphinx."""
    def process(app, what, name, value, options, lines):
        lines[:] = translated(lines, what)

    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True}
