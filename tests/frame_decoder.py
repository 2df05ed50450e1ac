"""Decodes the messages of frames as `widgets/static/frames.js` does."""

from __future__ import annotations

from typing import Any

import numpy as np


class MissedFrameError(Exception):
    """A message builds on a frame that did not come."""


class FrameDecoder:
    """The frames of a page.

    Attributes
    ----------
    frame : dict
        Values of the newest frame, by id of a widget and name of an attribute.
    number : int or None
        Its number; None before the first and after one that was missed.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._targets: dict[str, tuple[str, str]] = {}
        self._values: dict[str, Any] = {}

    @property
    def frame(self) -> dict[tuple[str, str], Any]:
        return {self._targets[number]: value for number, value in self._values.items()}

    def take(self, header: dict[str, Any], buffers: list[bytes]) -> None:
        """Take a message.

        Raises
        ------
        MissedFrameError
            If it builds on another frame than the newest.
        """
        if header["on"] is None:
            self._targets, self._values = {}, {}
        elif header["on"] != self.number:
            self.number = None
            raise MissedFrameError
        for target in header.get("gone", ()):
            del self._targets[target], self._values[target]
        for target, (widget, name) in header.get("targets", {}).items():
            self._targets[target] = widget, name
        for target, value in header.get("json", {}).items():
            self._values[target] = value
        for target, changed in header.get("some", {}).items():
            self._values[target] = self._values[target] | changed
        rows = memoryview(buffers[0] if buffers else b"")
        for target, part in header.get("arrays", ()):
            old = self._values.get(target)
            if part and isinstance(part[0], int):
                value, rows = _next(part, old, rows)
            else:
                lines = []
                for place, line in enumerate(part):
                    if line is None:
                        lines.append(old[place])
                    else:
                        before = old[place] if line[1] else None
                        after, rows = _next(line, before, rows)
                        lines.append(after)
                value = tuple(lines)
            self._values[target] = value
        assert not rows, "bytes that belong to nothing"
        self.number = header["frame"]


def _next(part: list[Any], old: Any, rows: memoryview) -> tuple[Any, memoryview]:
    drop, keep, dtype, shape = part
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    tail = np.frombuffer(rows[:count], dtype).reshape(shape)
    value = np.concatenate([old[drop : drop + keep], tail]) if keep else tail
    return value, rows[count:]
