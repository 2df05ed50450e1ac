"""What followed each state: returns over horizons in event time, never across a gap.

Which price ends a horizon
--------------------------
A book holds until the next state, so the mid that prevails h after a state is that of the last
state at or before then (the previous tick). The first state after then would add the next move,
whenever it came: on a slow market a horizon of 1 s would measure several. `forward_returns` uses
the prevailing mid. A strategy acts only when it sees a state, so `touch_returns` closes at the
first state at or after the horizon's end, as `obi_widgets.entries` does. Neither is known at the
state itself, and nothing later than the horizon's end (or the first state after it) is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import forward_returns_numpy
from obi_widgets.checks import flag, number
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.history.incoming import floats
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import share

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.calibration.forward_returns_numba", forward_returns_numpy)

HORIZONS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Seconds: those that are judged where none are given."""

PARALLEL = 100_000
"""States from which horizons are shared among threads."""

COARSE = 10
"""Times the interval at which states were kept that a horizon takes at least.

The state that ends a horizon is up to an interval early or late, and half of one on average. At ten
times, a return that grows with time is 5 % too small for it; at once, half of it is missing."""


@dataclass(frozen=True, eq=False)
class ForwardReturns:
    """Moves of mid after each state.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    end : ndarray of int32, shape (H, T)
        The row in which each horizon ends; −1 where there is no return.
    bps : ndarray of float64, shape (H, T)
        Mid to mid, basis points of the mid at the start; NaN where there is none.
    """

    horizons: Floats
    end: NDArray[np.int32]
    bps: Floats

    @property
    def overlap(self) -> NDArray[np.int64]:
        """How many states a horizon spans at most, shape (H,); 0 without any return."""
        rows = np.arange(self.end.shape[1], dtype=np.int32)
        return np.array([int(np.max(end - rows, initial=0)) for end in self.end])


@dataclass(frozen=True, eq=False)
class TouchReturns:
    """What a taker would have made, buying at the ask and selling at the bid.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    long_bps, short_bps : ndarray of float64, shape (H, T)
        Basis points of the price of entry, after the fees of both sides; NaN where unknown.
    moves : ForwardReturns
        Of mid, over the same states.
    """

    horizons: Floats
    long_bps: Floats
    short_bps: Floats
    moves: ForwardReturns


def as_horizons(horizons: ArrayLike) -> Floats:
    """Return horizons as an array of seconds.

    Raises
    ------
    SettingsError
        None, or one that is not above 0 and finite.
    """
    try:
        seconds = np.atleast_1d(floats(horizons, "horizons"))
    except HistoryError:
        seconds = np.empty(0)
    if seconds.ndim != 1 or not len(seconds) or not np.all((seconds > 0) & (seconds < 1e9)):
        raise SettingsError(
            f"horizons = {quoted(horizons)} is not possible.", "Horizons are seconds, above 0."
        )
    return seconds


def horizons_within(history: History, horizons: ArrayLike) -> Floats:
    """Return horizons as an array of seconds, of which one at least ends within the record.

    Raises
    ------
    SettingsError
        As `as_horizons`; horizons of which none ends, as those in milliseconds, unless they are
        `HORIZONS`.
    """
    seconds = as_horizons(horizons)
    if horizons is HORIZONS or len(history) < 2:
        return seconds
    length = float(history.elapsed[-1]) / 1e9
    if seconds.min() > length:
        raise SettingsError(
            f"No horizon of {quoted(horizons)} ends within the record of {length:,.0f} s.",
            "Horizons are seconds: give shorter ones, or a longer record.",
        )
    return seconds


def too_coarse(seconds: Floats | float, interval: float) -> NDArray[np.bool_]:
    """Return which times are too short for the interval at which a history's states were kept."""
    return np.asarray(seconds < (1 - 1e-9) * COARSE * interval)


def lost(history: History) -> NDArray[np.bool_]:
    """Return where the book was not in sync: no bid and no ask; shape (T,)."""
    return np.isnan(history.bid) & np.isnan(history.ask)


def forward_returns(
    history: History, horizons: ArrayLike, *, after: bool = False
) -> ForwardReturns:
    """Return how far mid moved within horizons after each state.

    Parameters
    ----------
    history : History
        T states.
    horizons : array_like of float
        Seconds, above 0, of event time.
    after : bool
        Whether a horizon ends at the first state at or after it; otherwise at the last state at
        or before it, whose book still prevails. See the module.

    Returns
    -------
    ForwardReturns
        1e4 · (mid at the end / mid at the start − 1). NaN where the book was lost between (or at
        either end), where a mid is NaN, and where the record ends before the horizon does. NaN
        everywhere for a horizon below `COARSE` times the interval of the history.

    Raises
    ------
    SettingsError
        Horizons that are not above 0 and finite.
    """
    history, seconds, after = as_history(history), as_horizons(horizons), flag("after", after)
    states = len(history)
    end = np.full((len(seconds), states), -1, np.int32)
    bps = np.full((len(seconds), states), np.nan)
    if not states:
        return ForwardReturns(seconds, end, bps)
    gone, mid, forward = lost(history), history.mid, KERNELS.fastest().forward

    def compute(rows: Iterable[int]) -> None:
        for row in rows:
            horizon = round(float(seconds[row]) * 1e9)
            forward(history.time, gone, mid, horizon, after, end[row], bps[row])

    rows = np.flatnonzero(~too_coarse(seconds, history.interval)).tolist()
    if states < PARALLEL:
        compute(rows)
    else:
        share(compute, rows)
    return ForwardReturns(seconds, end, bps)


def touch_returns(history: History, horizons: ArrayLike, *, fee_bps: float = 0.0) -> TouchReturns:
    """Return what a taker makes: bought at the ask and sold at the bid a horizon later, or back.

    Parameters
    ----------
    history : History
        T states.
    horizons : array_like of float
        Seconds. One ends at the first state at or after it, as an entry of `obi_widgets.entries`
        does; where that book is one-sided, the return is not known.
    fee_bps : float
        The fee of one side.

    Returns
    -------
    TouchReturns
    """
    fee_bps = number("fee_bps", fee_bps, -100, 1_000, "bps")
    moves = forward_returns(history, horizons, after=True)
    long, short = np.full(moves.bps.shape, np.nan), np.full(moves.bps.shape, np.nan)
    for row, end in enumerate(moves.end):
        there = np.flatnonzero(end >= 0)
        then = end[there]
        long[row, there] = 1e4 * (history.bid[then] / history.ask[there] - 1)
        short[row, there] = -1e4 * (history.ask[then] / history.bid[there] - 1)
    return TouchReturns(moves.horizons, long - 2 * fee_bps, short - 2 * fee_bps, moves)
