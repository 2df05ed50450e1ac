"""Making a frozen table of columns that need no check: they were checked, or are our own.

A session makes a history for each look at it, and a slice for each state that came. The checks of
a user's columns would take longer than all the rest.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

import numpy as np

Table = TypeVar("Table")


def made(kind: type[Table], values: dict[str, Any]) -> Table:
    """Return a frozen dataclass with these values of all of its fields.

    Arrays among the values become read-only: pass views of those that are written to.
    """
    for value in values.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    table = object.__new__(kind)
    table.__dict__.update(values)
    return table


def changed(table: Table, **changes: Any) -> Table:  # noqa: ANN401
    """Return a frozen dataclass with other values of some fields, and no cached property.

    Arrays among them must be read-only, as slices of the table's own are.
    """
    known = table.__dict__
    kind: Any = type(table)
    copy: Table = object.__new__(kind)
    copy.__dict__.update({name: known[name] for name in _names(kind)}, **changes)
    return copy


@cache
def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(field.name for field in fields(kind))
