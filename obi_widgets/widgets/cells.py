"""The widgets that each cell made: running a cell again closes those of its earlier run."""

from __future__ import annotations

import weakref
from typing import Any, Protocol


class Closable(Protocol):
    """A widget that a cell can make."""

    def close(self) -> None:
        """Close it."""


_made: dict[str, tuple[str, list[weakref.ref[Closable]]]] = {}
"""By the id of a cell: the id of its newest run, and the widgets of that run."""


def _running() -> tuple[str, str]:
    """Return the ids of the running cell and of this run; empty outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    parent: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId", "")  # some front-ends do not send it
    return str(cell), str(parent.get("header", {}).get("msg_id", ""))


def replace_in_cell(widget: Closable) -> None:
    """Close the widgets of an earlier run of this cell, and remember this widget."""
    cell, run = _running()
    if not cell:
        return
    before, made = _made.get(cell, ("", []))
    if before != run:
        for reference in made:
            if (old := reference()) is not None:
                old.close()
        made = []
    _made[cell] = (run, [*made, weakref.ref(widget)])
