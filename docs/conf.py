# SPDX-License-Identifier: Apache-2.0
"""The documentation site: Sphinx with MyST; `make docs` builds it, and a warning is an error."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "site"))

project = "flightllm_hw"
author = "the flightllm_hw contributors"
project_copyright = "Apache-2.0"

extensions = [
    "myst_parser",             # the pages are Markdown
    "sphinx.ext.autodoc",      # pages of components, from their docstrings
    "docstrings",              # which are written as numpydoc: docs/site/docstrings.py
    "references",              # names, as Python finds them: docs/site/references.py
    "waves",                   # draws waveforms: docs/site/waves.py
    "ports",                   # draws components' ports: docs/site/ports.py
    "components",              # lists packages and modules: docs/site/components.py
]
exclude_patterns = ["site"]
nitpicky = True

# Markdown: anchors for headings, so that pages can link to each other's sections.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]
# ASCII pictures and commands stand in indented blocks, which have no language.
highlight_language = "none"

# Docstrings: what a class takes is told by its docstring; its base classes are Amaranth's.
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "exclude-members": "elaborate, signature"}
autodoc_typehints = "none"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
html_theme = "furo"
html_title = "flightllm_hw"
html_static_path = []
html_show_sphinx = False
