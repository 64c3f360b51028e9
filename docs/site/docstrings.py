# SPDX-License-Identifier: Apache-2.0
"""Docstrings as this project writes them, to reStructuredText.

They are numpydoc, with a section ``Members`` for a component's ports. Napoleon reads that; what it
does not know is done here:

- a docstring of an attribute is a sentence, and what stands before its colon is no type;
- ``|x|`` is a magnitude, and not a substitution;
- a paragraph behind a component's members (latency, reset, cost) is none of them;
- a component takes what its ``__init__`` takes, and not what Amaranth's metaclass does.
"""

import inspect
import re

from sphinx.ext.napoleon import Config, NumpyDocstring

__all__ = ["setup", "translated"]

SETTINGS = Config(napoleon_custom_sections=[("Members", "params_style"),
                                            ("Attributes", "params_style")],
                  napoleon_use_param=False, napoleon_use_ivar=False, napoleon_use_rtype=False)

# Sections whose entries begin at the margin.
LISTS = {"Parameters", "Members", "Attributes", "Returns", "Raises"}

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


def noted(lines):
    """The lines with a heading before paragraphs that follow a list of parameters or members."""
    listing = False
    for n, line in enumerate(lines):
        below = lines[n + 1] if n + 1 < len(lines) else ""
        if line and below and set(below) == {"-"}:
            listing = line in LISTS
        elif (listing and line and not line[0].isspace() and not lines[n - 1]
              and " : " not in line and not below.startswith(" ")):
            listing = False
            yield from ("Notes", "-----")
        yield line


def translated(lines, what="module"):
    """A docstring's lines as reStructuredText; ``what`` it belongs to."""
    lines = list(escaped(lines))
    if what in ("attribute", "data", "property"):
        return lines
    return NumpyDocstring(list(noted(lines)), SETTINGS, what=what).lines()


def signature(what, value):
    """What a class takes."""
    if what != "class" or "__init__" not in vars(value):
        return None
    taken = inspect.signature(value.__init__)
    some = [one.replace(annotation=inspect.Parameter.empty)
            for one in list(taken.parameters.values())[1:]]
    return str(taken.replace(parameters=some, return_annotation=inspect.Signature.empty))


def setup(app):
    """Called by Sphinx."""
    def process(app, what, name, value, options, lines):
        lines[:] = translated(lines, what)

    def sign(app, what, name, value, options, found, result):
        own = signature(what, value) if found and "src_loc_at" in found else None
        return (own, result) if own else None

    app.connect("autodoc-process-docstring", process)
    app.connect("autodoc-process-signature", sign)
    return {"parallel_read_safe": True}
