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

from itertools import count
from math import prod
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

KINDS = {(kind := np.dtype(name)): (name, np.dtype(f"u{kind.itemsize}")) for name in TYPES}
"""By type: its name, and the type of its bits. The names of numpy's own types come slowly."""

PROBE = 8
"""Rows that are compared to find where the rows of an array have moved to."""

TRIED = 4
"""Places that are tried for that."""

ENOUGH = 0.9
"""A place is not looked for if so much stays where an array is, or where another has moved to."""

LEAST_KEPT = 0.25
"""An array of which a smaller part stays is sent whole."""

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
        self._targets: dict[Key, int] = {}  # numbers in messages, which are shorter than keys
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
        together = {id(one): one for one in kept}
        same = not whole and together.keys() == self._kept.keys()
        same = same and values.keys() == self._single
        new = values
        if not same:
            new = dict(values)
            for one in together.values():
                if whole or id(one) not in self._kept:
                    new.update(one)
        for key, value in new.items():
            if key not in self._targets:
                self._targets[key] = next(self._next)
            old = before.get(key, MISSING)
            if value is not old:
                writer.write(self._targets[key], value, old)
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
        self, on: int | None, writer: _Writer, added: list[Key], gone: list[int]
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

    def write(self, target: int, value: Value, old: Value) -> None:
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
            if changed := {name: one for name, one in value.items() if one != old[name]}:
                self.header.setdefault("some", {})[target] = changed
        elif type(value) is not type(old) or value != old:
            self.header.setdefault("json", {})[target] = value

    def _add_array(self, target: int, part: list[Any]) -> None:
        self.header.setdefault("arrays", []).append([target, part])  # in the order of the rows

    def _part(self, array: Array, old: Value) -> list[Any] | None:
        """Return rows to drop and to keep, type and shape of what follows; None if it is as old.

        That is, if it has the type, the shape and the bits of the old value.
        """
        if array is old:
            return None
        kind = KINDS.get(array.dtype)
        if kind is None:
            raise TypeError(f"A page has no arrays of {array.dtype}; use one of {TYPES}.")
        name, bits = kind
        drop, keep = 0, 0
        if _of_a_kind(array, old):
            if array.shape == old.shape and not array.size:
                return None
            drop, keep = self._kept(_rows(old, bits), _rows(array, bits))
            if keep == len(array) == len(old):
                return None
        tail = array[keep:]
        self.tails.append(tail.tobytes())
        return [drop, keep, name, list(tail.shape)]

    def _kept(self, old: Array, new: Array) -> tuple[int, int]:
        """Return how many rows to drop in front of ``old``, and how many of the others to keep."""
        if not old.size or not new.size:
            return 0, 0
        # Arrays of one chart move alike, so that the last place is tried before it is looked for.
        for drop in (0, self._dropped):
            keep = _alike(old[drop:], new)
            if keep >= ENOUGH * min(len(old), len(new)):
                return drop, keep
        drop, keep = 0, 0
        for place in _places(old, new):
            length = _alike(old[place:], new)
            if length > keep:
                drop, keep = place, length
        if keep <= LEAST_KEPT * len(new):
            return 0, 0
        self._dropped = drop
        return drop, keep


def _of_a_kind(array: Array, old: Value) -> bool:
    """Return whether rows of an old value can be kept."""
    if not isinstance(old, np.ndarray) or old.dtype != array.dtype:
        return False
    return old.ndim == array.ndim and old.shape[1:] == array.shape[1:]


def _rows(array: Array, bits: np.dtype[Any]) -> Array:
    """Return the rows as bits, so that NaN equals NaN: shape (rows, values in a row)."""
    rows = np.ascontiguousarray(array).view(bits)
    return rows if rows.ndim == 1 else rows.reshape(len(rows), prod(rows.shape[1:]))


def _places(old: Array, new: Array) -> list[int]:
    """Return places of ``old`` that look like the beginning of ``new``."""
    probe = min(PROBE, len(old), len(new))
    found = np.arange(len(old) - probe + 1)
    for row in range(probe):
        same = old[found + row] == new[row]
        found = found[same if same.ndim == 1 else same.all(axis=1)]
        if not len(found):
            break
    return [int(place) for place in found[:TRIED]]


def _alike(old: Array, new: Array) -> int:
    """Return the number of rows at the beginning that are alike."""
    length = min(len(old), len(new))
    same = (old[:length] == new[:length]).reshape(-1)
    if not same.size:
        return 0
    first = int(same.argmin())  # the first that differs, or 0
    return first * length // same.size if not same[first] else length
