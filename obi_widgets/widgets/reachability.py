"""Whether a variable refers to a lab, or only the platform does.

ipywidgets holds every open widget, the kernel holds its comm, and IPython holds what a cell has
shown. So a lab that nobody can reach any more is never collected, and its feed would run for ever.
Here references to it are followed upwards, to the variables.
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
"""Names under which IPython keeps what cells have shown."""

MAX_HOLDERS = 2_000
"""Referrers that are followed; if there are more, the answer is yes."""

ENDS = (types.ModuleType, types.FrameType, types.CoroutineType, threading.Thread, type)
"""What is a variable's home itself, or runs."""

PASSING: tuple[type, ...] = (type(iter([])), type(iter(())), type(iter({}.values())))
"""Iterators: a loop has them, and holds what they go through as well."""

CONTAINERS = (list, tuple, dict, set)


def registry() -> dict[str, ipywidgets.Widget]:
    """Return all open widgets by their ids, as ipywidgets keeps them."""
    widgets: dict[str, ipywidgets.Widget] = sys.modules["ipywidgets.widgets.widget"]._instances
    return widgets


def held(objects: Iterable[object], inside: Iterable[object] = ()) -> bool:
    """Whether anything but the platform may hold one of these objects, itself or in a container.

    Variables do, wherever they are, and so do running functions. The registry of widgets, comms,
    and what IPython keeps of outputs do not. On doubt the answer is yes. It takes a few tenths of
    a second, more in a process that has millions of objects.

    Parameters
    ----------
    objects : iterable of object
        What belongs together: of each other they are no holders.
    inside : iterable of object
        What belongs to them. They hold each other, and who holds these is not asked.

    Notes
    -----
    What calls this must not hold the objects by a generator or a closure: Python does not tell
    whose these are, which is doubt.
    """
    rim = list(objects)
    shell = get_ipython()
    names: dict[str, Any] = shell.user_ns if shell is not None else {}
    if _named(names, {id(one) for one in rim}):
        return True
    gc.collect()  # what is held by nothing is no holder
    running, passed = _locals(names)
    ends = {id(registry()), id(comm.get_comm_manager().comms), id(names), id(names.get("_oh"))}
    ends.add(id(getattr(shell, "user_ns_hidden", None)))  # it has `_` as well
    known = {id(one) for one in (*rim, *inside)}
    first = True
    while rim:
        ids = {id(one) for one in rim}
        if ids & running or _named(names, ids):
            return True
        asked = tuple(rim)  # of what is no tuple a call makes one, which Python 3.13 finds too
        found = gc.get_referrers(*asked)
        temporary = passed | {id(rim), id(asked), id(found)}
        rim = []
        explained: set[int] = set()
        for one in found:
            if id(one) in temporary or isinstance(one, PASSING):
                continue
            if isinstance(one, ENDS):
                return True
            explained.update(id(other) for other in gc.get_referents(one) if id(other) in ids)
            if id(one) in known or id(one) in ends:
                continue
            if isinstance(one, DisplayHook | ExecutionResult):
                continue
            known.add(id(one))
            rim.append(one)
        if len(known) > MAX_HOLDERS or (not first and explained != ids):
            return True  # something that cannot be seen holds one of them
        first = False
        del asked, found  # they hold them too
    return False


def forget_outputs(closed: Iterable[object]) -> None:
    """Have IPython forget what cells have shown of these: else nothing of them would be freed."""
    shell = get_ipython()
    if shell is None:
        return
    ids = {id(one) for one in closed}
    names = shell.user_ns
    for outputs in (names.get("_oh", {}), shell.user_ns_hidden):
        for key, value in list(outputs.items()):
            if id(value) in ids:
                del outputs[key]
    for name, value in list(names.items()):
        if id(value) not in ids or not SHOWN.fullmatch(name):
            continue
        if value is getattr(shell.displayhook, name, None):  # of the last three
            setattr(shell.displayhook, name, "")
            names[name] = ""
        else:
            del names[name]


def _named(names: dict[str, Any], ids: set[int]) -> bool:
    """Whether a variable of the notebook is one of these."""
    return any(id(value) in ids and not SHOWN.fullmatch(n) for n, value in list(names.items()))


def _locals(names: dict[str, Any]) -> tuple[set[int], set[int]]:
    """Return the ids of what local variables hold in other threads; of what is to be passed over.

    That is the containers of this thread, and the dicts in which Python before 3.13 keeps a copy
    of local variables. Later ones give a view of the frame, which is nobody's holder and is gone
    at once: its id may be another's by then.
    """
    others: set[int] = set()
    passed: set[int] = set()
    for thread, top in sys._current_frames().items():
        frame: types.FrameType | None = top
        while frame is not None:
            variables = frame.f_locals
            if variables is not names:
                if type(variables) is dict:
                    passed.add(id(variables))
                if thread != threading.get_ident():
                    others.update(map(id, variables.values()))
                else:
                    passed.update(id(v) for v in variables.values() if type(v) in CONTAINERS)
            frame = frame.f_back
    return others, passed
