"""Frozen tables from columns that need no check, because this package made or checked them.

A session makes a history at each access, and a slice for each new state. Checking the columns each
time would take longer than the rest of the work.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

import numpy as np

Table = TypeVar("Table")


def made(kind: type[Table], values: dict[str, Any]) -> Table:
    """Return a frozen dataclass with the given values of all its fields.

    Arrays among the values become read-only; pass views of arrays that will be written to.
    """
    for value in values.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    table = object.__new__(kind)
    table.__dict__.update(values)
    return table


def changed(table: Table, **changes: Any) -> Table:  # noqa: ANN401
    """Return a copy of a frozen dataclass with changed fields, without its cached properties.

    Arrays among the changes must be read-only, as slices of the table's own are.
    """
    known = table.__dict__
    kind: Any = type(table)
    copy: Table = object.__new__(kind)
    copy.__dict__.update({name: known[name] for name in _names(kind)}, **changes)
    return copy


@cache
def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(field.name for field in fields(kind))
