"""Walls: the large levels of a book, how each ended, and where price went after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from obi_widgets.calibration.forward_returns import as_horizons
from obi_widgets.calibration.quality.mids_around import mids_after
from obi_widgets.calibration.statistics.block_means import block_mean
from obi_widgets.checks import fraction, number
from obi_widgets.history.given import as_history
from obi_widgets.history.large_levels import ENDS, NEVER
from obi_widgets.history.level_lives import at_best, lives, trades_near

T = TypeVar("T", bound=np.generic)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.level_lives import Lives

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Moments = dict[str, tuple[Ints, Ints]]

SECONDS = (1.0, 5.0, 10.0, 30.0)
"""Default times after a wall's birth and end."""

NEAR_BPS, NEAR_SECONDS = 1.0, 1.0
"""How near in price, and how long before a wall's end, a trade is near it."""


def walls(
    history: History,
    seconds: ArrayLike = SECONDS,
    *,
    near_bps: float = NEAR_BPS,
    near_seconds: float = NEAR_SECONDS,
) -> pd.DataFrame:
    """Return the walls of a history, how each ended, and its markouts.

    Walls are the large levels of `obi_widgets.LargeLevels`. With d = +1 for a bid and −1 for an ask
    and m mid, a markout is 1e4 · d · (m₊τ − m) / m: + means that price moved away from the wall, as
    it does when a bid holds and mid rises. It is measured from three moments: when the wall was
    born, when a history first told of it, and when it ended.

    It looks ahead by design. Only the markout from when a wall was ``known``, taken over all walls,
    is of a moment at which one could have acted: the table has no wall that stood for less than a
    second, so a markout from ``born`` knows that the wall will stand that long, and one that is
    chosen by its ``end`` knows how it will end.

    Parameters
    ----------
    history : History
        With large levels; keep every state (``interval=0``) and the trades.
    seconds : array_like of float
        Times τ, seconds of event time, above 0.
    near_bps, near_seconds : float
        A trade is near a wall's end if its price is within so many bps of the wall's, and it came
        at most so many seconds before.

    Returns
    -------
    DataFrame
        A row for each wall, in the order of their birth. Columns:

        - ``side``: +1 bid, −1 ask; ``price`` (quote currency); ``largest``, its largest size, base
          units.
        - ``usual``: the size that was usual at its distance when it was born, base units;
          ``times_usual``: ``largest`` / ``usual``.
        - ``away_bps``: distance from mid when it was born.
        - ``born``, ``known``, ``ended``: UTC. ``known`` is the time of the first state that tells
          of it, one to two seconds after it was born. NaT where that was before the first state,
          and where it still stands.
        - ``age``: seconds from ``born`` to ``ended``, or to the last state. It was older where
          ``stood_before`` is true.
        - ``removed``, ``traded``: what its size became less by, and what of it was traded, base
          units.
        - ``refills``: how often it grew after a trade had taken from it, counted by the second from
          when it was known. It may be more: what happens within a second counts once.
        - ``at_best``: whether it was the best price of its side in a state.
        - ``end``: ``"standing"``, ``"traded"``, ``"pulled"`` or ``"unknown"``.
        - ``trades_near``: trades near its end; NaN where it has not ended, and where trades are not
          known. A pull with 0 of them was no answer to a trade.
        - ``born_1s``, …, ``known_1s``, …, ``ended_1s``, …: markouts, bps of mid. m is mid of the
          last state at or before the moment, m₊τ that at or before τ later. NaN where the book was
          lost on the way, has not both sides, or the record ends before; for a τ below ten
          intervals of the history; where the moment is NaT, and where an end is unknown.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=300, seed=1)
    >>> table = obi.walls(history, seconds=[5])
    >>> len(table) == len(history.large_levels)
    True
    >>> table.columns.tolist()[-3:]
    ['born_5s', 'known_5s', 'ended_5s']
    """
    import pandas as pd

    history, horizons = as_history(history), as_horizons(seconds, "seconds")
    near_bps = number("near_bps", near_bps, 0, 1_000, "bps")
    near_seconds = number("near_seconds", near_seconds, 0, 3_600, "seconds")
    one = lives(history)
    when = moments(history, one)
    mid = _mid_at(history, when["born"][1])
    times = {
        name: pd.to_datetime(np.where(row < 0, NEVER, time).view("M8[ns]"), utc=True)
        for name, (time, row) in when.items()
        if name != "ended"
    }
    times["born"] = pd.to_datetime(one.born.view("M8[ns]"), utc=True)
    gone = np.where(one.stands, NEVER, one.ended).view("M8[ns]")
    near = trades_near(history, one.price, one.ended, near_seconds, near_bps).astype(float)
    end_row = np.maximum(np.searchsorted(history.time, one.ended, "right") - 1, 0)
    known = history.trades.streamed & _at(history.trades_known, end_row)
    near[one.stands | ~known] = np.nan
    which = np.select([one.stands, one.lost, one.by_trades], [0, 3, 1], 2)
    table = pd.DataFrame(
        {
            "side": one.side, "price": one.price, "largest": one.largest, "usual": one.usual,
            "times_usual": one.largest / one.usual,
            "away_bps": 1e4 * np.abs(one.price - mid) / mid,
            "born": times["born"], "known": times["known"],
            "ended": pd.to_datetime(gone, utc=True),
            "age": (one.ended - one.born) / 1e9, "stood_before": one.stood_before,
            "removed": one.removed, "traded": one.traded, "refills": one.refills,
            "at_best": at_best(history, one), "end": np.array(ENDS)[which], "trades_near": near,
        }
    )  # fmt: skip
    for name, (time, row) in when.items():
        start = _mid_at(history, row)
        for after in horizons.tolist():
            later = mids_after(history, time, row, after)
            table[f"{name}_{after:g}s"] = 1e4 * one.side * (later - start) / start
    return table


def wall_markouts(
    history: History, seconds: ArrayLike = SECONDS, *, level: float = 0.95
) -> pd.DataFrame:
    """Return where price went after walls were born, known and ended, in the mean.

    Parameters
    ----------
    history : History
        As of `walls`, which says what a markout is: + means that price moved away from the wall.
    seconds : array_like of float
        Times τ, seconds of event time, above 0.
    level : float
        Level of the intervals, 0 to 1.

    Returns
    -------
    DataFrame
        A row for each moment, end and τ. Columns:

        - ``moment``: ``"born"``, ``"known"`` or ``"ended"``.
        - ``end``: ``"all"``, or how the walls ended. A mean of walls that were chosen by their end
          looks ahead, save from the moment ``"ended"``: those that were traded are those that price
          came to. So does every mean from ``"born"``.
        - ``seconds``: τ; ``walls``: number of such walls; ``n``: those with a markout.
        - ``bps``, ``low``, ``high``: the mean and its interval, from blocks of time of at least τ:
          walls come in runs, and their horizons overlap. NaN with fewer than 30 walls, and if the
          record is too short for the blocks.

    Raises
    ------
    HistoryError
        If it is no history.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=300, seed=1)
    >>> table = obi.wall_markouts(history, seconds=[5])
    >>> table["moment"].unique().tolist()
    ['born', 'known', 'ended']
    """
    import pandas as pd

    history, horizons, level = (
        as_history(history),
        as_horizons(seconds, "seconds"),
        fraction("level", level),
    )
    table, rows = walls(history, horizons), []
    for moment, (time, row) in moments(history, lives(history)).items():
        there = np.maximum(row, 0)
        at = _at(history.elapsed, there) + np.maximum(time - _at(history.time, there), 0)
        for end in ("all", "traded", "pulled", "standing", "unknown"):
            if moment == "ended" and end in ("standing", "unknown"):
                continue  # it has no end, or none that is known
            chosen = (table["end"] == end).to_numpy() | (end == "all")
            for after in horizons.tolist():
                bps = table[f"{moment}_{after:g}s"].to_numpy()
                shortest = round(after * 1e9)
                mean = block_mean(bps, chosen.astype(float), at, shortest=shortest, level=level)
                rows.append((moment, end, after, int(chosen.sum()), *mean))
    names = ["moment", "end", "seconds", "walls", "bps", "low", "high", "n"]
    return pd.DataFrame(rows, columns=names)


def moments(history: History, one: Lives) -> Moments:
    """Return the times of each wall's moments and the states that are the book then; −1 for none.

    A state at the very time of a moment has the event that made it in it.
    """
    born, ended = (
        np.searchsorted(history.time, time, "right") - 1 for time in (one.born, one.ended)
    )
    known = np.where(one.known >= 0, _at(history.time, np.maximum(one.known, 0)), 0)
    return {
        "born": (one.born, born),
        "known": (known, one.known),
        "ended": (one.ended, np.where(one.stands | one.lost, -1, ended)),
    }


def _at(column: NDArray[T], rows: Ints) -> NDArray[T]:
    """Return the values of some rows; zeros of a history without states."""
    return column[rows] if len(column) else np.zeros(len(rows), column.dtype)


def _mid_at(history: History, rows: Ints) -> Floats:
    mid = _at(history.mid, np.maximum(rows, 0))
    return np.where(rows >= 0, mid, np.nan)
