"""Messages of frames: only what changed since the last frame, as JSON and one binary buffer.

A page holds the values of the newest frame that it has received. A message builds on that frame: it
says which values are new, and of an array how many rows are dropped in front, how many are kept,
and which follow. A message that builds on no frame holds everything; a page that has missed one
asks for it.

Charts move by a few points at a time, so that most of an array stays. An array is compared along
its first axis, which is the one that must be time. A list of lines, which bqplot wants as an array
of shape (lines, points), is given as a tuple of one-dimensional arrays: each has its own.
"""

from __future__ import annotations

from itertools import count, filterfalse
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]
    Key = tuple[str, str]
    Value = Any
    Message = tuple[dict[str, Any], list[bytes]]

TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
"""Types of numbers for which a page has arrays."""

NAMES = {np.dtype(name): name for name in TYPES}
"""By type: its name, which numpy itself says slowly."""

PROBE = 8
"""Rows that are compared to find where the rows of an array have moved to."""

TRIED = 4
"""Places that are tried for that."""

ENOUGH = 0.9
"""A place is not looked for if so much stays where an array is, or where another has moved to."""

LEAST_KEPT = 0.25
"""An array of which a smaller part stays is sent whole."""

SMALL = 256
"""Bytes up to which an array is sent whole: what stays of it is not worth a search."""

MISSING = object()
"""What a page has instead of a value that it has not received."""


class FrameEncoder:
    """Turns the values of frames into messages.

    Each frame has all values: a value that it does not have is forgotten, and a page leaves it as
    it is. Values must not be changed afterwards, since the next frame is compared with them.

    Attributes
    ----------
    number : int
        Number of the newest frame; 0 before the first.
    values : dict
        Its values.
    """

    def __init__(self) -> None:
        self.number = 0
        self.values: dict[Key, Value] = {}
        self._single: set[Key] = set()  # keys of those that are compared with each frame
        self._kept: dict[int, Mapping[Key, Value]] = {}  # the others, by id
        # Numbers in messages, which are shorter than keys. Texts, as names in JSON have to be.
        self._targets: dict[Key, str] = {}
        self._next = count()

    def encode(
        self,
        values: Mapping[Key, Value],
        kept: Iterable[Mapping[Key, Value]] = (),
        *,
        whole: bool = False,
    ) -> Message | None:
        """Return the message of the next frame.

        Parameters
        ----------
        values : mapping of tuple to value
            By id of a widget and name of an attribute: a value of JSON, an array, or a tuple of
            one-dimensional arrays. With ``kept``, all values of the frame.
        kept : iterable of mapping
            More values. A mapping that the last frame had, the same object, has the same values.
        whole : bool
            Whether the message is to hold everything.

        Returns
        -------
        tuple or None
            A dict of JSON, and at most one buffer; None if nothing has changed.

        Raises
        ------
        TypeError
            If an array is of a type for which a page has no arrays, such as int64.
        """
        before = {} if whole else self.values
        writer = _Writer()
        kept = [*kept]
        together = dict(zip(map(id, kept), kept, strict=True))
        same = not whole and together.keys() == self._kept.keys()
        same = same and values.keys() == self._single
        new, targets = values, self._targets
        if not same:
            new = dict(values)
            for one in together.values():
                if whole or id(one) not in self._kept:
                    new.update(one)
            targets.update({key: str(next(self._next)) for key in new if key not in targets})
        for key, value in new.items():
            old = before.get(key, MISSING)
            if value is not old:
                writer.write(targets[key], value, old)
        added, gone = [], []
        if same:
            self.values.update(values)
        else:
            now = dict(values)
            for one in together.values():
                now.update(one)
            added = [key for key in now if key not in before]
            gone = [self._targets.pop(key) for key in self.values if key not in now]
            self.values, self._single, self._kept = now, set(values), together
        if not (whole or added or gone or writer.header):
            return None
        on = self.number if before else None
        self.number += 1
        return self._message(on, writer, added, gone)

    def whole(self) -> Message:
        """Return the newest frame as a message that builds on no other."""
        writer = _Writer()
        for key, value in self.values.items():
            writer.write(self._targets[key], value, MISSING)
        return self._message(None, writer, list(self.values), [])

    def _message(
        self, on: int | None, writer: _Writer, added: list[Key], gone: list[str]
    ) -> Message:
        header: dict[str, Any] = {"frame": self.number, "on": on, **writer.header}
        if added:
            header["targets"] = {self._targets[key]: key for key in added}
        if gone and on is not None:
            header["gone"] = gone
        return header, [b"".join(writer.tails)] if writer.tails else []


class _Writer:
    """Collects changes of values: JSON and what becomes of arrays, and new rows beside these."""

    def __init__(self) -> None:
        self.header: dict[str, Any] = {}
        self.tails: list[bytes] = []
        self._dropped = 0  # rows that were dropped in front of the last array that moved

    def write(self, target: str, value: Value, old: Value) -> None:
        """Add a value if it differs from the old one."""
        if isinstance(value, np.ndarray):
            part = self._part(value, old)
            if part is not None:
                self._add_array(target, part)
        elif isinstance(value, tuple):
            alike = isinstance(old, tuple) and len(old) == len(value)
            lines = old if alike else [MISSING] * len(value)
            parts = [self._part(line, other) for line, other in zip(value, lines, strict=True)]
            if not alike or any(part is not None for part in parts):
                self._add_array(target, parts)
        elif isinstance(value, dict) and isinstance(old, dict) and value.keys() == old.keys():
            if changed := dict(filterfalse(old.items().__contains__, value.items())):
                self.header.setdefault("some", {})[target] = changed
        elif type(value) is not type(old) or value != old:
            self.header.setdefault("json", {})[target] = value

    def _add_array(self, target: str, part: list[Any]) -> None:
        self.header.setdefault("arrays", []).append([target, part])  # in the order of the rows

    def _part(self, array: Array, old: Value) -> list[Any] | None:
        """Return rows to drop and to keep, type and shape of what follows; None if it is as old.

        That is, if it has the type, the shape and the bits of the old value.
        """
        if array is old:
            return None
        name = NAMES.get(array.dtype)
        if name is None:
            raise TypeError(f"A page has no arrays of {array.dtype}; use one of {TYPES}.")
        rows, shape, drop, keep = array.tobytes(), array.shape, 0, 0
        like = isinstance(old, np.ndarray) and old.dtype == array.dtype
        if like and old.shape[1:] == shape[1:]:
            before = old.tobytes()
            if rows == before and old.shape == shape:
                return None
            if len(rows) > SMALL:
                size = len(rows) // shape[0]
                drop, keep = self._kept(before, rows, size)
                rows = rows[keep * size :]
        self.tails.append(rows)
        return [drop, keep, name, [shape[0] - keep, *shape[1:]]]

    def _kept(self, old: bytes, new: bytes, size: int) -> tuple[int, int]:
        """Return how many rows to drop in front of ``old``, and how many of the others to keep."""
        enough = ENOUGH * min(len(old), len(new)) / size
        # Arrays of one chart move alike, so that the last place is tried before it is looked for.
        for drop in (0, self._dropped):
            keep = _alike(old, drop, new, size)
            if keep >= enough:
                return drop, keep
        drop, keep = 0, 0
        for place in _places(old, new, size):
            length = _alike(old, place, new, size)
            if length > keep:
                drop, keep = place, length
        if keep * size <= LEAST_KEPT * len(new):
            return 0, 0
        self._dropped = drop
        return drop, keep


# Rows are compared as bytes, so that NaN equals NaN; ``size`` is that of a row, in bytes.


def _places(old: bytes, new: bytes, size: int) -> list[int]:
    """Return rows of ``old`` from which on it looks like the beginning of ``new``."""
    probe = new[: min(PROBE * size, len(old))]
    places: list[int] = []
    at = old.find(probe)
    while at >= 0 and len(places) < TRIED:
        row, inside = divmod(at, size)
        if not inside:
            places.append(row)
        at = old.find(probe, (row + 1) * size)
    return places


def _alike(old: bytes, drop: int, new: bytes, size: int) -> int:
    """Return how many rows of ``new`` are those of ``old`` from a row on.

    Where the last rows differ, it may leave out as many again before them.
    """
    start = drop * size
    if not old.startswith(new[:size], start):  # most often, where the rows have moved
        return 0
    alike, step = min(len(old) - start, len(new)) // size, 1
    while not old.startswith(new[: alike * size], start):  # most often but for the newest row
        alike, step = max(alike - step, 1), 2 * step
    return alike
