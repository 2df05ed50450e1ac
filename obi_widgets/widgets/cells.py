"""Which widget belongs to which cell: running a cell again replaces what it made before."""

from __future__ import annotations

import weakref
from typing import Any, Protocol


class Closable(Protocol):
    """What a cell can have made."""

    def close(self) -> None:
        """End it."""


_made: dict[str, tuple[str, list[weakref.ref[Closable]]]] = {}  # by cell: the run, what it made


def _running() -> tuple[str, str]:
    """Return the ids of the running cell and of this run of it; empty outside a notebook."""
    from IPython import get_ipython

    shell = get_ipython()
    parent: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = parent.get("metadata", {}).get("cellId", "")  # JupyterLab sends it, others need not
    return str(cell), str(parent.get("header", {}).get("msg_id", ""))


def replace_in_cell(widget: Closable) -> None:
    """Close what an earlier run of this cell made, and remember what this one makes."""
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
