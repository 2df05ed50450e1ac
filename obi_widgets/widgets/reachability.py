"""Whether a variable refers to a lab, or only the platform does.

ipywidgets refers to every open widget, the kernel to its comm, and IPython to what a cell has
shown. So a lab that no variable can reach is never garbage collected, and its feed would run for
ever. This module follows the references to a lab from referrer to referrer, up to the variables.
"""

from __future__ import annotations

import gc
import re
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import comm
import ipywidgets
from IPython import get_ipython
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import ExecutionResult

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = re.compile(r"_\d*|__|___")
"""Names of the variables in which IPython keeps outputs of cells."""

MAX_REFERRERS = 2_000
"""Largest number of referrers to follow; if there are more, the answer is yes."""

ENDS = (types.ModuleType, types.FrameType, types.CoroutineType, threading.Thread, type)
"""Types that contain variables or run: a reference from one of these ends the search."""

PASSING: tuple[type, ...] = (type(iter([])), type(iter(())), type(iter({}.values())))
"""Iterators. They are ignored: the loop that uses one also refers to its container."""

CONTAINERS = (list, tuple, dict, set)

SEARCHING = threading.Lock()
"""One search at a time: what another search refers to meanwhile would look like variables."""


def registry() -> dict[str, ipywidgets.Widget]:
    """Return all open widgets by their ids, as ipywidgets keeps them."""
    widgets: dict[str, ipywidgets.Widget] = sys.modules["ipywidgets.widgets.widget"]._instances
    return widgets


def held(objects: Iterable[object], inside: Iterable[object] = ()) -> bool:
    """Whether anything but the platform may refer to one of these objects, directly or not.

    Variables count, wherever they are, and so do running functions. The registry of widgets, comms
    and IPython's outputs do not count. If it cannot be decided, the answer is yes. The search takes
    a few tenths of a second, or longer in a process that has millions of objects.

    Parameters
    ----------
    objects : iterable of object
        Objects that belong together. References between them do not count.
    inside : iterable of object
        Further objects that belong to them. References from these do not count, and references to
        these are not searched.

    Returns
    -------
    bool
        True also if it cannot be decided.

    Notes
    -----
    The caller must not refer to the objects by a generator or a closure. Python does not tell to
    which function these belong, so the answer would be yes.
    """
    with SEARCHING:
        return _held(objects, inside)


def _held(objects: Iterable[object], inside: Iterable[object]) -> bool:
    targets = list(objects)  # those whose referrers are searched next
    shell = get_ipython()
    names: dict[str, Any] = shell.user_ns if shell is not None else {}
    if _named(names, {id(target) for target in targets}):
        return True
    gc.collect()  # so that garbage is no referrer
    running, ignored = _locals(names)
    platform = {id(registry()), id(comm.get_comm_manager().comms), id(names), id(names.get("_oh"))}
    platform.add(id(getattr(shell, "user_ns_hidden", None)))  # it has `_` too
    known = {id(target) for target in (*targets, *inside)}
    first = True
    while targets:
        ids = {id(target) for target in targets}
        if ids & running or _named(names, ids):
            return True
        # A call makes a tuple of any other sequence, and Python 3.13 finds it as a referrer.
        searched = tuple(targets)
        referrers = gc.get_referrers(*searched)
        temporary = ignored | {id(targets), id(searched), id(referrers)}
        targets = []
        explained: set[int] = set()  # targets with a referrer that was found
        for referrer in referrers:
            if id(referrer) in temporary or isinstance(referrer, PASSING):
                continue
            if isinstance(referrer, ENDS):
                return True
            explained.update(
                id(target) for target in gc.get_referents(referrer) if id(target) in ids
            )
            if id(referrer) in known or id(referrer) in platform:
                continue
            if isinstance(referrer, DisplayHook | ExecutionResult):
                continue
            known.add(id(referrer))
            targets.append(referrer)
        if len(known) > MAX_REFERRERS or (not first and explained != ids):
            return True  # a referrer that gc does not show
        first = False
        del searched, referrers  # they refer to the objects too
    return False


def forget_outputs(closed: Iterable[object]) -> None:
    """Remove these objects from IPython's outputs; otherwise they would never be freed."""
    shell = get_ipython()
    if shell is None:
        return
    ids = {id(widget) for widget in closed}
    names = shell.user_ns
    for outputs in (names.get("_oh", {}), shell.user_ns_hidden):
        for key, value in list(outputs.items()):
            if id(value) in ids:
                del outputs[key]
    for name, value in list(names.items()):
        if id(value) not in ids or not SHOWN.fullmatch(name):
            continue
        if value is getattr(shell.displayhook, name, None):  # `_`, `__` or `___`
            setattr(shell.displayhook, name, "")
            names[name] = ""
        else:
            del names[name]


def _named(names: dict[str, Any], ids: set[int]) -> bool:
    """Whether a variable of the notebook refers to one of these."""
    return any(id(value) in ids and not SHOWN.fullmatch(n) for n, value in list(names.items()))


def _locals(names: dict[str, Any]) -> tuple[set[int], set[int]]:
    """Return the ids of values of local variables in other threads, and ids to ignore.

    Ignored are containers in local variables of this thread, and the dicts in which Python before
    3.13 keeps a copy of local variables. Later versions return a view of the frame instead. It is
    not ignored: it is freed at once, and its id may be that of another object by then.
    """
    others: set[int] = set()
    ignored: set[int] = set()
    for thread, top in sys._current_frames().items():
        frame: types.FrameType | None = top
        while frame is not None:
            variables = frame.f_locals
            if variables is not names:
                if type(variables) is dict:
                    ignored.add(id(variables))
                if thread != threading.get_ident():
                    others.update(map(id, variables.values()))
                else:
                    ignored.update(id(v) for v in variables.values() if type(v) in CONTAINERS)
            frame = frame.f_back
    return others, ignored
