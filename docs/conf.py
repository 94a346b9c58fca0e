"""How Sphinx builds the documents.  `make docs` first writes the generated pages (see ``generate.py``)."""

from importlib.metadata import version as installed_version

project = "oomparse"
author = "the oomparse authors"
copyright = "2026, the oomparse authors"  # noqa: A001  # Sphinx's name for it
version = release = installed_version("oomparse")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"oomparse {release}"
html_copy_source = False
html_static_path = ["_static"]
