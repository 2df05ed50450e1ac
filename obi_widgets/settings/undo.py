"""Undo and redo of settings."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from traitlets import HasTraits

from obi_widgets.settings.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from obi_widgets.signals.signal import Signal

REST = 0.5
"""Seconds without a change after which a further change of the same setting is a new step."""

MOST = 100
"""Steps that can be undone; older ones are forgotten."""


class Steps:
    """The values that settings had before each step, and those that were undone.

    Changes of one setting within `REST` seconds of each other are one step, so dragging a slider
    is one step. Everything else that changes at once is one step.

    Parameters
    ----------
    now : Parameters
        The values at the beginning.
    clock : callable
        Returns the time in seconds.
    """

    def __init__(self, now: Parameters, clock: Callable[[], float] = time.monotonic) -> None:
        self._now, self._clock = now, clock
        self._past: deque[Parameters] = deque(maxlen=MOST)
        self._undone: list[Parameters] = []
        self._moving, self._moved_at = "", 0.0  # the setting that may still be moving
        self._lock = threading.Lock()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._undone)

    def note(self, after: Parameters) -> None:
        """Take the values after a change."""
        with self._lock:
            changed = differing(self._now, after)
            if not changed:
                return
            name, now = changed[0] if len(changed) == 1 else "", self._clock()
            if name and name == self._moving and now - self._moved_at < REST:
                if self._past[-1] == after:  # moved back to where it began
                    self._past.pop()
                    name = ""
            else:
                self._past.append(self._now)
            self._undone.clear()
            self._now, self._moving, self._moved_at = after, name, now

    def undo(self) -> Parameters | None:
        """Return the values before the newest step; None without one."""
        with self._lock:
            return self._go(self._past, self._undone)

    def redo(self) -> Parameters | None:
        """Return the values after the step that was undone last; None without one."""
        with self._lock:
            return self._go(self._undone, self._past)

    def _go(
        self,
        source: deque[Parameters] | list[Parameters],
        onto: deque[Parameters] | list[Parameters],
    ) -> Parameters | None:
        self._moving = ""
        if not source:
            return None
        onto.append(self._now)
        self._now = source.pop()
        return self._now


def differing(one: Parameters, other: Parameters) -> list[str]:
    """Return the names of the settings that differ, or that only one of them has."""
    before, after = one.as_dict(), other.as_dict()
    return [
        name
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    ]


class Undoable(HasTraits):
    """Settings whose changes can be undone."""

    signal: Any
    parameters: Any
    _steps: Steps | None = None  # none while the settings are made

    def _notify_trait(self, name: str, old_value: Any, new_value: Any) -> None:  # noqa: ANN401
        """Keep what a change replaces, and tell the observers."""
        if self._steps is not None:
            self._steps.note(self.parameters)
        super()._notify_trait(name, old_value, new_value)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to undo."""
        return self._steps is not None and self._steps.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to redo."""
        return self._steps is not None and self._steps.can_redo

    def undo(self) -> None:
        """Undo the newest change; has no effect without one.

        A slider that is dragged is one change, and so is all that changes with another signal, a
        preset or a file. The last 100 changes are kept.

        Examples
        --------
        >>> settings = obi.Settings(decay=0.1)
        >>> settings.decay = 0.2
        >>> settings.undo()
        >>> settings.decay
        0.1
        >>> settings.redo()
        >>> settings.decay
        0.2
        """
        self._go_to(self._steps.undo() if self._steps is not None else None)

    def redo(self) -> None:
        """Make the change again that was undone last; has no effect without one."""
        self._go_to(self._steps.redo() if self._steps is not None else None)

    def reset(self) -> None:
        """Set everything but the signal to its default. It can be undone."""
        signal: Signal = self.signal
        self.update(Parameters(signal))

    def update(self, values: Parameters) -> None:
        """Copy all values from other settings."""
        raise NotImplementedError

    def _go_to(self, values: Parameters | None) -> None:
        if values is not None:
            self.update(values)
