"""Signs of docstrings that we mean as they are, and reStructuredText does not."""

from __future__ import annotations

import re

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
