"""Sphinx configuration: `ci/docs` builds the site into docs/_build/html."""

import sys
import warnings
from importlib.metadata import version as installed_version
from importlib.util import find_spec
from pathlib import Path

from nanobragg.errors import NanobraggWarning

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))

project = "nanobragg"
author = copyright = "The nanobragg developers"
version = release = installed_version("nanobragg")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "_ext.made",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "_generated/*.md"]
templates_path = ["_templates"]
nitpicky = True
default_role = "literal"  # `name` in a docstring
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"exclude-members": "model_config"}
python_maximum_signature_line_length = 100
numpydoc_show_class_members = False
numpydoc_xref_param_type = False


def warnings_are_errors(gallery, script):
    """Turn warnings of nanobragg into errors, before each script of the gallery."""
    warnings.simplefilter("error", NanobraggWarning)


sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "gallery",
    "within_subsection_order": "FileNameSortKey",
    "filename_pattern": r"\.py$",
    "reset_modules": ("matplotlib", warnings_are_errors),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "image_srcset": ["2x"],
    "thumbnail_size": (400, 300),
}

# This file of MathJax includes its fonts, so that formulas need no network
MATHJAX = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax" / "tex-svg.js"
mathjax_path = MATHJAX.name

html_theme = "furo"
html_title = f"nanobragg {release.split('+')[0]}"
html_static_path = ["_static", str(MATHJAX)]
html_extra_path = ["_generated/notebook"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
