"""How Sphinx builds the site: ``sphinx-build -W --keep-going -n docs build/site``.

Nothing is downloaded, so that it builds without a network.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from pathlib import Path

import obi_widgets as obi

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # for the modules beside this one

_declared = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]

project = _declared["name"]
author = _declared["authors"][0]["name"]
project_copyright = author
release = obi.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "docstrings",
    "numpydoc",
    "figures",
    "notebook_pages",
]
exclude_patterns = ["_templates", "_made"]
templates_path = ["_templates"]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
default_role = "autolink"  # links `Name` where there is one, else it is as it is
highlight_language = "none"  # a block that names no language is no code
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# The API, a page a name.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings say the types
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
python_maximum_signature_line_length = 88

# `Gate` and `gate` are one file where a file system does not tell cases apart.
_lower = Counter(name.lower() for name in obi.__all__)
autosummary_filename_map = {
    f"obi_widgets.{name}": f"obi_widgets.{name}-class"
    for name in obi.__all__
    if name[0].isupper() and _lower[name.lower()] > 1
}

# Pages that are no page of Sphinx's: see notebook_pages.py.
(HERE / "_made/extra").mkdir(parents=True, exist_ok=True)
html_extra_path = ["_made/extra"]

html_theme = "pydata_sphinx_theme"
html_title = project
html_baseurl = _declared["urls"]["Documentation"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_sidebars = {page: [] for page in ("index", "start", "pays", "concepts", "gallery")}
html_theme_options = {
    "logo": {"text": project},
    "github_url": _declared["urls"]["Source"],
    "header_links_before_dropdown": 7,
    "show_prev_next": True,
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
