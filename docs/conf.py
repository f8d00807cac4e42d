"""How the pages are built: `make docs`. Nothing is fetched, neither while they are built nor by those who read them."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the examples are small: threads would only wait for each other

import graphrw  # noqa: E402  # found by the lines above

project = "graphrw"
copyright = "the graphrw authors"
extensions = [
    "myst_parser",
    "sphinx.ext.napoleon",  # before autodoc's other listeners: it reads the sections Args, Returns, Raises
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_gallery.gen_gallery",
    "docstrings",
    "house_pages",
    "mathml",
    "thumbnails",
]
root_doc = "index"
exclude_patterns = ["_build", "_ext", "_templates", "gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.zip"]
nitpicky = False
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
math_numfig = False

autosummary_generate = True
autosummary_imported_members = True  # a room is an `__init__.py` that names what its files hold
autosummary_ignore_module_all = False
autosummary_context = {"hall": graphrw.__all__}  # each thing has one page: that of the shortest name
autosummary_filename_map = {"graphrw.Walk": "graphrw.Walk-class"}  # beside `graphrw.walk`, where case does not count
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # torch and scikit-learn document theirs for their own sites
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False
templates_path = ["_templates"]

THEMES = ("images", "graphs", "points", "models")
sphinx_gallery_conf = {
    "examples_dirs": [str(HERE.parent / "examples" / theme) for theme in THEMES],
    "gallery_dirs": [f"gallery/{theme}" for theme in THEMES],
    "backreferences_dir": "gallery/uses",
    "doc_module": ("graphrw",),
    "within_subsection_order": "FileNameSortKey",
    "thumbnail_size": (480, 320),
    "min_reported_time": 1e9,  # times of one machine say nothing to the reader
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,  # its page loads a script from elsewhere
    "abort_on_example_error": True,
}

html_theme = "pydata_sphinx_theme"
html_title = "graphrw"
html_static_path = ["_static"]
html_css_files = ["house.css"]
html_show_sourcelink = False
html_copy_source = False
# Pages without pages below them have no sidebar, which would be empty.
html_sidebars = {page.stem: [] for page in HERE.glob("*.md") if page.stem not in ("api", "gallery")}
html_theme_options = {
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "show_toc_level": 2,
    "pygments_light_style": "tango",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
