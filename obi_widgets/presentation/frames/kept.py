"""Values that are kept from frame to frame, as long as what they are made of stays."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PLAIN = (int, float, str, tuple)
"""Types of which equal values are the same. Of others, another object is another value."""


class Kept(Generic[T]):
    """A value that is made again only when what it is made of has changed.

    Most of a screen stays from one frame to the next. A value that is the same object as before is
    neither made nor compared nor sent again.

    Examples
    --------
    >>> from obi_widgets.presentation.frames.kept import Kept
    >>> label = Kept()
    >>> label.of(1.5, make=lambda: "1.50 bps"), label.of(1.5, make=lambda: "not made")
    ('1.50 bps', '1.50 bps')
    """

    def __init__(self) -> None:
        self._of: tuple[object, ...] | None = None
        self._value: T

    def of(self, *what: object, make: Callable[[], T]) -> T:
        """Return the value.

        Parameters
        ----------
        *what : object
            All that the value depends on: numbers, texts, tuples of these, and objects that nobody
            changes.
        make : callable
            Returns the value.
        """
        before = self._of
        if before is None or not (all(map(is_, before, what)) or all(map(_same, before, what))):
            self._value, self._of = make(), what
        return self._value


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, PLAIN) and one == other)
