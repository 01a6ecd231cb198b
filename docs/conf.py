"""Sphinx: these pages, the API from docstrings, the commands from the program: `make docs` builds it."""

from __future__ import annotations

import sys
from pathlib import Path

import samj_bridge

sys.path.insert(0, str(Path(__file__).parent))  # its directive

project = "samj-bridge"
author = "the samj-bridge developers"
project_copyright = "2026, the samj-bridge developers"
version = release = samj_bridge.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.viewcode",
    "command_pages",
]
exclude_patterns = ["_build", "scripts"]
html_theme = "pydata_sphinx_theme"
html_title = "samj-bridge"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_show_sourcelink = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Code blocks without a language are the console or a listing: no lexer may complain about them.
highlight_language = "text"

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections name the types, in the field's words
autodoc_member_order = "bysource"
autodoc_mock_imports = ["torch"]  # inside the environment only
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "code"  # as docstrings use single back-ticks

# Pages name files of the repository, which are no pages: GitHub shows them, the site links to nothing.
suppress_warnings = ["myst.xref_missing"]
nitpicky = False
linkcheck_ignore = [r".*"]  # the network is not asked; tests/architecture checks links between pages
