"""Large levels of the book (walls): when each began, how it changed, and how it ended.

A level is large if its size is at least `MULTIPLE` times the usual size at its distance from mid.
Distances are in classes that end at `EDGES` basis points. The usual size is the `QUANTILE` of the
sizes of all levels in the class, bids and asks together, counted at samples of the whole book five
seconds apart; a sample's weight halves every minute. The rule looks backwards only and scales with
the market. It starts again after the book was lost.

A level begins with the event that makes it large, at that event's time; its distance is measured
from the mid of the last sample. Each sample also finds large levels that existed before: from the
beginning, or since the price came nearer. A level ends when less than half of its first large size
is left. Its end is unknown if it leaves the known range of the book, or if the book is lost.

A level is in the table once it has been large for a second. Quotes that follow the price are large
for milliseconds, ten times a second, and would fill the table.

Changes become known at the end of each second of event time, and belong to the first state of the
next second, so that no state contains anything later than itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.large_levels_numpy import (
    BORN,
    COLUMNS,
    EDGES,
    FOUND,
    KEY,
    LARGEST,
    MULTIPLE,
    NUMBER,
    QUANTILE,
    REMOVED,
    ROW,
    SIZE,
    STANDING,
    STATE,
    TIME,
    TRADED,
    UNKNOWN,
)
from obi_widgets.history.unchecked import changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

ENDS = ("standing", "traded", "pulled", "unknown")
"""How a level ended."""

NEVER = np.iinfo(np.int64).min
"""Time of an end that has not come: NaT in pandas."""


@dataclass(frozen=True, eq=False)
class LargeLevels:
    """The large levels of a history, ``history.large_levels``. Immutable.

    It holds each level once for each second in which it changed, as it was then, so that a slice
    of a history tells of its levels what was known by its last state. The columns below are of the
    newest of these, a row a level, in the order in which they were born. Levels that ended before
    the first state of a slice are not in it.

    Attributes
    ----------
    whole : ndarray of int64, shape (6, N)
        Number of the level, number of the state that the change belongs to, times of birth and of
        the last change, how it stands, whether it stood there before.
    real : ndarray of float64, shape (6, N)
        Price, below 0 for asks; size then; the largest so far; what was removed of it; what was
        traded against it; the size below which it ends.
    first : int
        The number of the first state, counted like ``history.start``.
    edges : tuple of float
        Basis points from mid at which the classes of distance end.
    quantile, multiple : float
        A level is large from ``multiple`` times the ``quantile`` of the sizes in its class on.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> levels = obi.simulate(seconds=60, seed=1).large_levels
    >>> bool((levels.largest > 0).all())
    True
    """

    whole: Ints
    real: Floats
    first: int = 0
    edges: tuple[float, ...] = EDGES
    quantile: float = QUANTILE
    multiple: float = MULTIPLE

    def __post_init__(self) -> None:
        for column in (self.whole, self.real):
            column.flags.writeable = False  # they are shared with a session

    def __getstate__(self) -> dict[str, Any]:
        kept = kept_from(self.whole, self.first)  # nobody sends what a slice does not tell
        return {
            **{name: self.__dict__[name] for name in ("first", "edges", "quantile", "multiple")},
            "whole": self.whole[:, kept], "real": self.real[:, kept],
        }  # fmt: skip

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)  # from another process
        self.__post_init__()

    @classmethod
    def none(cls) -> LargeLevels:
        """Return a table without levels."""
        return cls(np.empty((COLUMNS, 0), np.int64), np.empty((COLUMNS, 0)))

    def of_states(self, first: int, last: int) -> LargeLevels:
        """Return what was known of the levels that stood in the states of these numbers.

        It shares memory.
        """
        if not self.whole.shape[1]:
            return self
        until = int(self.whole[ROW].searchsorted(last)) if last > first else 0
        return changed(self, whole=self.whole[:, :until], real=self.real[:, :until], first=first)

    @cached_property
    def _newest(self) -> NDArray[np.intp]:
        """Where the newest of each level stands."""
        return newest_of(self.whole, self.first)

    def __len__(self) -> int:
        return len(self._newest)

    def __repr__(self) -> str:
        if not len(self):
            return "<LargeLevels none>"
        ends = self.end.tolist()
        return (
            f"<LargeLevels {len(self):,}: "
            + ", ".join(f"{ends.count(end):,} {end}" for end in ENDS if end in ends)
            + ">"
        )

    # -- columns ---------------------------------------------------------------------------

    @property
    def price(self) -> Floats:
        """Prices, quote currency."""
        return np.asarray(abs(self.real[KEY, self._newest]))

    @property
    def side(self) -> NDArray[np.int8]:
        """+1 bids, −1 asks."""
        return np.asarray(np.sign(self.real[KEY, self._newest]).astype(np.int8))

    @property
    def size(self) -> Floats:
        """What stands there, or stood at last, base units."""
        return np.asarray(self.real[SIZE, self._newest])

    @property
    def largest(self) -> Floats:
        """The largest size since it was born, base units."""
        return np.asarray(self.real[LARGEST, self._newest])

    @property
    def born(self) -> Ints:
        """Event time from which it was large, ns UTC; see `stood_before`."""
        return np.asarray(self.whole[BORN, self._newest])

    @property
    def stood_before(self) -> NDArray[np.bool_]:
        """Whether it was found at a look, so that it is older than `born` says."""
        return np.asarray(self.whole[FOUND, self._newest] > 0)

    @property
    def ended(self) -> Ints:
        """Event time at which it ended, ns UTC; that of NaT where it still stands."""
        standing = self.whole[STATE, self._newest] == STANDING
        return np.where(standing, NEVER, self.whole[TIME, self._newest])

    @property
    def removed(self) -> Floats:
        """The sum of all that its size became less by, base units."""
        return np.asarray(self.real[REMOVED, self._newest])

    @property
    def traded(self) -> Floats:
        """How much of `removed` is explained by trades at its price after it was born, base units.

        Where more was traded than removed, the level was filled up again.
        """
        return np.asarray(np.minimum(self.real[TRADED, self._newest], self.removed))

    @property
    def pulled(self) -> Floats:
        """How much of `removed` no trade explains, base units."""
        return np.asarray(self.removed - self.traded)

    @property
    def end(self) -> NDArray[np.str_]:
        """How it ended: "standing" (not yet), "traded", "pulled", "unknown".

        "traded" where at least half of what was removed is explained by trades.
        """
        state = self.whole[STATE, self._newest]
        by_trades = 2 * self.traded >= self.removed
        which = np.select([state == STANDING, state == UNKNOWN, by_trades], [0, 3, 1], 2)
        return np.asarray(np.array(ENDS)[which])

    # -- out -------------------------------------------------------------------------------

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame, a row a level, in the order in which they were born.

        Returns
        -------
        DataFrame
            ``price`` (quote currency), ``side`` (+1 bids), ``size``, ``largest`` (base units),
            ``born``, ``ended`` (UTC, NaT where it still stands), ``stood_before``, ``removed``,
            ``traded``, ``pulled`` (base units), ``end``.
        """
        import pandas as pd

        born, ended = (
            pd.to_datetime(one.view("datetime64[ns]"), utc=True) for one in (self.born, self.ended)
        )
        names = ("removed", "traded", "pulled", "end")
        return pd.DataFrame(
            {
                **{name: getattr(self, name) for name in ("price", "side", "size", "largest")},
                "born": born, "ended": ended, "stood_before": self.stood_before,
                **{name: getattr(self, name) for name in names},
            }
        )  # fmt: skip

    def sha256(self) -> str:
        """Return a hash of the levels and of the rule.

        It does not depend on how they are stored.
        """
        rule = self.edges, self.quantile, self.multiple
        digest = hashlib.sha256(repr(rule if len(self) else ()).encode())
        rows = self._newest
        numbers = [NUMBER, ROW]
        digest.update(np.ascontiguousarray(np.delete(self.whole[:, rows], numbers, axis=0)).data)
        digest.update(np.ascontiguousarray(self.real[:, rows]).data)
        return digest.hexdigest()


def newest_of(whole: Ints, first: int) -> NDArray[np.intp]:
    """Return where the newest row of each level stands, of those that stood at a state or after."""
    at = np.unique(whole[NUMBER][::-1], return_index=True)[1]
    newest = whole.shape[1] - 1 - at
    gone = (whole[STATE, newest] != STANDING) & (whole[ROW, newest] < first)
    return np.asarray(newest[~gone])


def kept_from(whole: Ints, first: int) -> NDArray[np.intp]:
    """Return which rows tell of the states from one number on, in order."""
    before = int(whole[ROW].searchsorted(first))
    return np.append(newest_of(whole[:, :before], first), np.arange(before, whole.shape[1]))


def joined(
    parts: Sequence[LargeLevels], moves: Sequence[int], ends: Sequence[tuple[int, int]]
) -> LargeLevels:
    """Return the levels of several tables, one after the other.

    Parameters
    ----------
    parts : sequence of LargeLevels
        In the order of time.
    moves : sequence of int
        What to add to the numbers of each one's states.
    ends : sequence of tuple of int
        Number and time of the state after each one, in which the book is not known; for the last
        one, that does not come.
    """
    wholes, reals, number = [], [], 0
    for part, move, (row, time) in zip(parts, moves, ends, strict=True):
        kept = kept_from(part.whole, part.first)
        whole, real = part.whole[:, kept].copy(), part.real[:, kept]
        whole[ROW] = np.maximum(whole[ROW], part.first) + move
        whole[NUMBER] = np.unique(whole[NUMBER], return_inverse=True)[1] + number
        if part is not parts[-1]:
            newest = newest_of(whole, 0)
            standing = newest[whole[STATE, newest] == STANDING]
            last = whole[:, standing].copy()
            last[ROW], last[TIME], last[STATE] = row, time, UNKNOWN
            whole = np.concatenate([whole, last], axis=1)
            real = np.concatenate([real, real[:, standing]], axis=1)
        number += len(np.unique(whole[NUMBER]))
        wholes.append(whole)
        reals.append(real)
    rule = next((one for one in parts if one.whole.shape[1]), parts[0])
    return changed(
        rule, whole=np.concatenate(wholes, axis=1), real=np.concatenate(reals, axis=1), first=0
    )
