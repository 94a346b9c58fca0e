"""How Sphinx builds the documents.  `make docs` first writes the generated pages (see ``generate.py``)."""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

project = "oomparse"
author = "the oomparse authors"
copyright = "2026, the oomparse authors"  # noqa: A001  # Sphinx's name for it
version = release = installed_version("oomparse")

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

extensions = ["myst_parser", "format_diagrams"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"oomparse {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["oomparse.css"]
