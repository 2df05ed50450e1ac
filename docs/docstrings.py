"""Docstrings as reStructuredText: signs that we mean as they are, and it does not."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils.nodes import TextElement
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

_BULLET = re.compile(r"^(\s*)\+ ")
"""A line such as "+ is more bids" would be an item of a list."""

_SIGNS = re.compile(r"(``.+?``)|(\|)|(\(\*)")
"""|value| would be a substitution, and (*axes) would begin an emphasis."""


def escape(lines: list[str]) -> list[str]:
    """Return the lines with such signs escaped, but for code: examples and literal blocks."""
    escaped = []
    literal: int | None = None  # the indent of the line that began a literal block
    example = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if literal is not None and line.strip() and indent <= literal:
            literal = None
        example = bool(line.strip()) and (example or line.lstrip().startswith(">>>"))
        if literal is None and not example:
            if line.rstrip().endswith("::"):
                literal = indent
            line = _SIGNS.sub(lambda found: found[1] or found[0][:-1] + "\\" + found[0][-1], line)
            line = _BULLET.sub(r"\1\\+ ", line)
        escaped.append(line)
    return escaped


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


def _private(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> TextElement | None:
    """Show the name of a module as it is: only public names have pages."""
    target = node.get("reftarget", "")
    return text if target.startswith("obi_widgets.") and find_spec(target) else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Have docstrings escaped before numpydoc takes them apart."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-skip-member", _is_not_ours)
    app.connect("missing-reference", _private)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
