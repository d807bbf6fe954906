"""Sphinx. ``bash .ci/run docs`` builds the docs, and fails at what is amiss."""

from __future__ import annotations

import importlib.metadata
import re
from typing import TYPE_CHECKING

from docutils.nodes import Text, inline
from sphinx.util.inspect import TypeAliasForwardRef

import websocket_kit
from websocket_kit import testing

if TYPE_CHECKING:
    from docutils.nodes import Element, document
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "websocket_kit"
author = "websocket_kit contributors"
try:
    release = importlib.metadata.version("websocket-kit")
except importlib.metadata.PackageNotFoundError:  # a checkout that is not installed
    release = ""

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = "websocket_kit"
html_show_copyright = False

myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"Endpoint": "Endpoint", "Handler": "Handler"}
TypeAliasForwardRef.__repr__ = lambda alias: alias.name  # in a union, as "Endpoint | None"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# No inventories are fetched, so that the docs build offline: only our public names are links.
nitpick_ignore_regex = [("py:.*", r"(?!websocket_kit\.[A-Za-z]+$).*")]


def link_to_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contents: Element
) -> Element | None:
    """Link ``websocket_kit.connection.WebSocket`` to where ``websocket_kit.WebSocket`` stands."""
    module, _, name = node["reftarget"].rpartition(".")
    for package in (testing, websocket_kit):
        if module.startswith(f"{package.__name__}.") and name in package.__all__:
            target = f"{package.__name__}.{name}"
            return env.domains.python_domain.resolve_xref(
                env, node["refdoc"], app.builder, node["reftype"], target, node, contents
            )
    return None


def show_what_is_for_sphinx(app: Sphinx, page: str, source: list[str]) -> None:
    """Take ``<!-- sphinx`` off the directives, which elsewhere nobody wants to see."""
    if page == "changelog":  # elsewhere a link
        source[0] = (app.srcdir.parent / "CHANGELOG.md").read_text("utf-8")
    source[0] = re.sub(r"<!-- sphinx\n(.*?)-->\n", r"\1", source[0], flags=re.DOTALL)


def show_unset_defaults_as_dots(_app: Sphinx, page: document) -> None:
    """Write ``timeout=...`` in a signature, as its overloads have it, for ``timeout=UNSET``."""
    for default in page.findall(inline):
        if "default_value" in default["classes"] and default.astext() == "UNSET":
            default[0] = Text("...")


def setup(app: Sphinx) -> None:
    """Register the above."""
    app.connect("doctree-read", show_unset_defaults_as_dots)
    app.connect("source-read", show_what_is_for_sphinx)
    app.connect("missing-reference", link_to_public_name)
