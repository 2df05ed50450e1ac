"""Which entry of a log is which of a backtest, and in what they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.paper.log import Logged

SAME, ONLY_LOG, ONLY_BACKTEST, DIFFERS = "same", "only in log", "only in backtest", "differs"
"""What may come of a comparison."""

APART = 10**9
"""Largest distance of two decisions that may be the same one, nanoseconds."""

FOREVER = 2**62
"""End of an entry that is open, ns."""

COMPARED = {
    "decided": "time", "weight": "size", "entered": "entry time", "entry_price": "entry price",
    "exited": "exit time", "exit_price": "exit price", "ended": "end",
}  # fmt: skip
"""Attributes that are compared, and what they are called."""


class Pair(NamedTuple):
    """An entry of the log, of the backtest, or of both.

    Attributes
    ----------
    logged, tested : Logged or None
        That of the log, and that of the backtest.
    """

    logged: Logged | None
    tested: Logged | None

    @property
    def what(self) -> str:
        """One of the words above."""
        if self.tested is None:
            return ONLY_LOG
        if self.logged is None:
            return ONLY_BACKTEST
        return DIFFERS if self.differs else SAME

    @property
    def differs(self) -> tuple[str, ...]:
        """What differs, if both have it."""
        one, other = self.logged, self.tested
        if one is None or other is None:
            return ()
        return tuple(
            name for field, name in COMPARED.items()
            if not _same(getattr(one, field), getattr(other, field))
        )  # fmt: skip

    @property
    def either(self) -> Logged:
        """That of the log, or else that of the backtest."""
        found = self.tested if self.logged is None else self.logged
        assert found is not None
        return found

    @property
    def begin(self) -> int:
        """When the first of them was decided, ns UTC."""
        return min(one.decided for one in (self.logged, self.tested) if one is not None)

    @property
    def end(self) -> int:
        """When the last of them ended, ns UTC; `FOREVER` if one is open."""
        return max(end_of(one) for one in (self.logged, self.tested) if one is not None)


def end_of(entry: Logged) -> int:
    """Return when an entry ended, ns UTC; `FOREVER` if it is open."""
    return entry.exited or FOREVER


def pairs(logged: Sequence[Logged], tested: Sequence[Logged]) -> list[Pair]:
    """Return all entries, in the order of time: first those of the same time and side together.

    Of the others, two of one side are one entry that differs if their decisions are no more than a
    second apart.
    """
    rest = {(one.decided, one.side): one for one in tested}
    found: list[Pair] = []
    alone: list[Logged] = []
    for one in logged:
        other = rest.pop((one.decided, one.side), None)
        if other is None:
            alone.append(one)
        else:
            found.append(Pair(one, other))
    for one in alone:
        near = [
            other for other in rest.values()
            if other.side == one.side and abs(other.decided - one.decided) <= APART
        ]  # fmt: skip
        other = min(near, key=lambda it: abs(it.decided - one.decided)) if near else None
        if other is not None:
            del rest[other.decided, other.side]
        found.append(Pair(one, other))
    found += [Pair(None, other) for other in rest.values()]
    return sorted(found, key=lambda pair: pair.begin)


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and np.isnan(one) and np.isnan(other):
        return True
    return one == other
