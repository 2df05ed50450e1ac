"""What a Jupyter kernel makes of messages that belong to none of its requests.

ipykernel lets a message be the answer to a request, its parent. A thread of ours has no request,
and is given the last one of any page. From 7.4 on, a widget also remembers the subshell of the
last request that it answered, and all that pages send to it goes there. When that subshell ends,
as some do at each page load, every page is answered `UnknownSubshellError`, for good.

Both names are private to ipykernel. Where they are absent, as in older releases and outside a
kernel, nothing is done and nothing is needed.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any


def forget_parent() -> None:
    """Let what this thread sends from now on belong to no request. First thing in a thread."""
    module: Any = sys.modules.get("ipykernel.kernelbase")  # absent: this is no ipykernel
    if module is None or not module.Kernel.initialized():
        return
    parent = getattr(module.Kernel.instance(), "_shell_parent", None)
    if isinstance(parent, ContextVar):
        parent.set({})


def deliver_as_addressed(comm: Any) -> None:  # noqa: ANN401 a comm of whichever kernel
    """Let what a page sends to a widget go where the page says, whoever used the widget before.

    A setting that a cell assigns, or a slider that another page moved, is an answer too: it would
    tie the slider to the cell's shell, or to that page's.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _addressed


def _addressed(_: object, subshell: str | None) -> str | None:
    return subshell
