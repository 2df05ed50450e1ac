"""Messages from our threads to a page, without the request that ipykernel would add to them.

ipykernel sends each message as the answer to a request, its parent. Our threads answer no request,
so ipykernel takes the last request of any page. From 7.4 on, a widget also remembers the subshell
of the last request that it answered, and every message from a page to the widget goes to that
subshell. When the subshell ends, which can happen at each page load, every later message of every
page fails with `UnknownSubshellError`.

The functions here use two names that are private to ipykernel. Older releases do not have them and
need no correction; then the functions do nothing.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import Any


def forget_parent() -> None:
    """Send messages of this thread without a parent request. Call it first in a thread."""
    module: Any = sys.modules.get("ipykernel.kernelbase")  # absent outside a kernel
    if module is None or not module.Kernel.initialized():
        return
    parent = getattr(module.Kernel.instance(), "_shell_parent", None)
    if isinstance(parent, ContextVar):
        parent.set({})


def deliver_as_addressed(comm: Any) -> None:  # noqa: ANN401 a comm of whichever kernel
    """Deliver messages of a page to the subshell that the page names, and not to the last one.

    Otherwise a cell that assigns a setting, or another page that moves the slider, would redirect
    the slider's messages to the subshell of that cell or page.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = _addressed


def _addressed(_: object, subshell: str | None) -> str | None:
    return subshell
