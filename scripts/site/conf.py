"""Sphinx's settings for the site of the course; scripts/build_site.py lays out what it reads."""

from IPython.lib.lexers import IPython3Lexer
from sphinx.application import Sphinx

project = "See inside an LLM application"
author = "The rag-tutorials contributors"
project_copyright = "2026, The rag-tutorials contributors. Texts and pictures: CC BY 4.0; code: MIT"

extensions = ["myst_nb"]
exclude_patterns = ["clean/**"]
root_doc = "index"
templates_path = ["templates"]

# MyST: headings have the ids that code hosts give them, so links are the same everywhere.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_block", "colon_fence"]

# The outputs are in the notebooks that are read; nothing is run by Sphinx.
nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # else each page asks a CDN for it
nb_merge_streams = True

# ``site --links`` passes over a running course, and the repository until it has an address.
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1)\b", r"https://github\.com/YOUR-ACCOUNT/"]
linkcheck_anchors = False  # many pages make theirs by a script
linkcheck_retries = 2

html_theme = "sphinx_book_theme"
html_title = project
html_favicon = "../../src/rag_tutorials/launcher.svg"  # else a host is asked for one in vain
html_sidebars = {"**": ["home.html", "search-button-field.html", "sbt-sidebar-nav.html"]}
html_static_path = ["static"]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "home_page_in_toc": True,
    "navbar_persistent": [],
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
}


def setup(app: Sphinx) -> None:
    """Read code blocks as a notebook does: some begin with ``!`` or ``%``."""
    app.add_lexer("python", IPython3Lexer)
