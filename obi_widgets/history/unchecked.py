"""Frozen tables from columns that need no check, because this package made or checked them.

A session makes a history at each access, and a slice for each new state. Checking the columns each
time would take longer than the rest of the work.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

Table = TypeVar("Table")


class FilledLater:
    """A frozen dataclass whose fields are filled when the first of them is read.

    Code that follows a market state by state needs only the newest state of each history. Cutting
    all columns each time would take several times as long as the rest of the work.
    """

    newest: ClassVar[Any] = None
    """The newest state in its writer's columns, a `rows.Newest`. None without states, and for a
    history that does not come from a writer."""

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            """Fill the fields; Python calls this for a missing attribute."""
            known = self.__dict__
            if name in _names(type(self)) and (later := known.get("_later")) is not None:
                lock, fields = later
                with lock:  # another thread may have filled them by now
                    if name not in known:
                        known.update(fields(), _later=None)
            if name not in known:
                raise AttributeError(f"A {type(self).__name__} has no {name}.", name=name, obj=self)
            return known[name]

    def __getstate__(self) -> dict[str, Any]:
        kind: Any = type(self)
        return {name: getattr(self, name) for name in _names(kind)}


def may_be_filled_later(kind: type[Table]) -> type[Table]:
    """Remove the defaults of a dataclass, which would hide that a field is not filled yet."""
    fielded: Any = kind
    for name in _names(fielded):
        if name in vars(kind):
            delattr(kind, name)
    return kind


def made(kind: type[Table], values: dict[str, Any]) -> Table:
    """Return a frozen dataclass with the given values of all its fields.

    Arrays among the values become read-only; pass views of arrays that will be written to.
    """
    table = object.__new__(kind)
    table.__dict__.update(read_only(values))
    return table


def filled_later(
    kind: type[Table],
    lock: AbstractContextManager[object],
    fields: Callable[[], dict[str, Any]],
    **known: object,
) -> Table:
    """Return a `FilledLater` with some fields known; the others are computed when needed.

    Parameters
    ----------
    kind : type
        The class.
    lock : context manager
        Held while the fields are computed.
    fields : callable
        Returns the other fields by name.
    """
    table = object.__new__(kind)
    table.__dict__.update(known, _later=(lock, fields))
    return table


class LastMade:
    """A table that is made again only if it would be another.

    A table that grows once a second is asked for ten times a second.
    """

    def __init__(self) -> None:
        self._of: tuple[object, ...] = ()
        self._table: Any = None

    def of(
        self,
        kind: type[Table],
        columns: tuple[object, ...],
        rows: tuple[object, ...],
        values: Callable[[], dict[str, Any]],
    ) -> Table:
        """Return a frozen dataclass.

        Parameters
        ----------
        kind : type
            Its class.
        columns : tuple
            Arrays that it is cut from, whose rows never change once they are handed out; or the
            `Growing.state` of these.
        rows : tuple of numbers
            Which rows these are, and what else the table depends on.
        values : callable
            Returns the values of all its fields.
        """
        of, known = (*map(id, columns), *rows), self._table
        if known is None or of != self._of:
            # The columns are kept, so that no other array gets their ids.
            known = self._table = made(kind, values())
            self._of, self._columns = of, columns
        table: Table = known
        return table


def read_only(values: dict[str, Any]) -> dict[str, Any]:
    """Make the arrays among the values read-only; return the values."""
    for value in values.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    return values


def changed(table: Table, **changes: Any) -> Table:  # noqa: ANN401
    """Return a copy of a frozen dataclass with changed fields, without its cached properties.

    Arrays among the changes must be read-only, as slices of the table's own are.
    """
    kind: Any = type(table)
    copy: Table = object.__new__(kind)
    copy.__dict__.update({name: getattr(table, name) for name in _names(kind)}, **changes)
    return copy


@cache
def _names(kind: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(field.name for field in fields(kind))
