"""What Sphinx makes of docstrings, and links to the pages of public names."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from docutils import nodes
from escaping import escape
from sphinx.addnodes import pending_xref

import obi_widgets as obi

if TYPE_CHECKING:
    from docutils.nodes import TextElement
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_NAME = re.compile(r"obi\.(\w+)(\(.*\))?$")
"""A public name or a call of it, written as code."""


def _process(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,  # noqa: ANN401
    options: Any,  # noqa: ANN401
    lines: list[str],
) -> None:
    lines[:] = escape(lines)


def _is_not_ours(
    app: Sphinx,
    what: str,
    name: str,
    obj: Any,  # noqa: ANN401
    skip: bool,
    options: Any,  # noqa: ANN401
) -> bool | None:
    """Leave out what a class has from ipywidgets, traitlets or Python."""
    function = getattr(obj, "fget", None) or getattr(obj, "func", None) or obj
    module = getattr(function, "__module__", None) or ""
    return None if module.startswith("obi_widgets") else True


def _named(app: Sphinx, doctree: nodes.document) -> None:
    """Let each public name in the running text lead to its page."""
    for literal in list(doctree.findall(nodes.literal)):
        found = _NAME.match(literal.astext())
        if not found or found[1] not in obi.__all__:
            continue
        if isinstance(literal.parent, nodes.reference | pending_xref | nodes.title):
            continue
        link = pending_xref(
            refdomain="py",
            reftype="obj",
            reftarget=f"obi_widgets.{found[1]}",
            refdoc=app.env.docname,
            refexplicit=True,
        )
        literal.replace_self(link)
        link += literal


def _private(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> TextElement | None:
    """Show the name of a module as it is: only public names have pages."""
    target = node.get("reftarget", "")
    return text if target.startswith("obi_widgets.") and find_spec(target) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Have docstrings escaped before numpydoc takes them apart, and names linked."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _is_not_ours)
    app.connect("missing-reference", _private)
    app.connect("doctree-read", _named)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
