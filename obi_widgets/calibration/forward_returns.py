"""Forward returns: the move of mid after each state over horizons in event time.

No return spans a gap.

Which state ends a horizon
--------------------------
`forward_returns` uses the mid that prevails at the horizon's end: that of the last state at or
before it. A book is valid until the next state. The first state after the horizon's end would
include the next move, however late that came: on a slow market a horizon of 1 s would measure
several seconds. `touch_returns` closes at the first state at or after the horizon's end, as
`obi_widgets.entries` does, because a strategy acts only when it sees a state. Neither return is
known at its start, and neither uses data after the state that ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration import forward_returns_numpy
from obi_widgets.checks import flag
from obi_widgets.errors import HistoryError, SettingsError, quoted
from obi_widgets.history.given import as_history
from obi_widgets.history.incoming import floats
from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import run_tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.calibration.forward_returns_numba", forward_returns_numpy)

DEFAULT_HORIZONS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
"""Default horizons, seconds."""

PARALLEL = 100_000
"""Number of states from which horizons are computed in several threads."""

COARSE = 10
"""Shortest horizon in multiples of the history's interval.

The state that ends a horizon is up to one interval early or late, half of one on average. At ten
intervals a return that grows with time is measured 5 % too small, at one interval 50 %."""


@dataclass(frozen=True, eq=False)
class ForwardReturns:
    """Forward returns of mid after each state.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    end : ndarray of int32, shape (H, T)
        Row of the state that ends each horizon; −1 where there is no return.
    bps : ndarray of float64, shape (H, T)
        Return from mid to mid, basis points of the mid at the start; NaN where there is none.
    """

    horizons: Floats
    end: NDArray[np.int32]
    bps: Floats

    @property
    def overlap(self) -> NDArray[np.int64]:
        """Largest number of states that a horizon spans, shape (H,); 0 without any return."""
        rows = np.arange(self.end.shape[1], dtype=np.int32)
        return np.array([int(np.max(end - rows, initial=0)) for end in self.end])


@dataclass(frozen=True, eq=False)
class TouchReturns:
    """Returns of a taker, who buys at the ask and sells at the bid.

    Attributes
    ----------
    horizons : ndarray of float64, shape (H,)
        Seconds.
    long_bps, short_bps : ndarray of float64, shape (H, T)
        Basis points of the entry price, before fees; NaN where unknown.
    moves : ForwardReturns
        Returns of mid from the same states to the same states.
    """

    horizons: Floats
    long_bps: Floats
    short_bps: Floats
    moves: ForwardReturns


def as_horizons(horizons: ArrayLike, name: str = "horizons") -> Floats:
    """Return horizons, or what else a user calls them, as an array of seconds.

    Raises
    ------
    SettingsError
        If there is no horizon, or one is not above 0 and below 1e9.
    """
    try:
        seconds = np.atleast_1d(floats(horizons, name))
    except HistoryError:
        seconds = np.empty(0)
    if seconds.ndim != 1 or not len(seconds) or not np.all((seconds > 0) & (seconds < 1e9)):
        raise SettingsError(
            f"{name} = {quoted(horizons)} is not possible.", "Horizons are seconds, above 0."
        )
    return seconds


def horizons_within(history: History, horizons: ArrayLike) -> Floats:
    """Return horizons as an array of seconds; refuse them if all are longer than the record.

    The default `DEFAULT_HORIZONS` are never refused.

    Raises
    ------
    SettingsError
        As `as_horizons`; also if no horizon ends within the record, as when they are given in
        milliseconds.
    """
    seconds = as_horizons(horizons)
    if horizons is DEFAULT_HORIZONS or len(history) < 2:
        return seconds
    length = float(history.elapsed[-1]) / 1e9
    if 0 < length < seconds.min():  # of a book that was never in sync nothing is left
        raise SettingsError(
            f"No horizon of {quoted(horizons)} ends within the record of {length:,.0f} s.",
            "Horizons are seconds: give shorter ones, or a longer record.",
        )
    return seconds


def too_coarse(seconds: Floats | float, interval: float) -> NDArray[np.bool_]:
    """Return which horizons are below `COARSE` times the history's interval, both in seconds."""
    return np.asarray(seconds < (1 - 1e-9) * COARSE * interval)


def forward_returns(
    history: History, horizons: ArrayLike, *, after: bool = False
) -> ForwardReturns:
    """Return the move of mid within each horizon after each state.

    Parameters
    ----------
    history : History
        T states.
    horizons : array_like of float
        Seconds, above 0, of event time.
    after : bool
        If True, a horizon ends at the first state at or after its end; otherwise at the last state
        at or before it. See the module.

    Returns
    -------
    ForwardReturns
        1e4 · (mid at the end / mid at the start − 1). NaN where the book was lost in between or at
        either end, where a mid is NaN, and where the record ends before the horizon. NaN everywhere
        for a horizon below `COARSE` times the history's interval.

    Raises
    ------
    SettingsError
        If a horizon is not above 0 and finite.
    """
    history, seconds, after = as_history(history), as_horizons(horizons), flag("after", after)
    fine = ~too_coarse(seconds, history.interval)
    return returns_between(history.time, history.lost, history.mid, seconds, fine, after=after)


def returns_between(
    time: NDArray[np.int64],
    lost: NDArray[np.bool_],
    mid: Floats,
    horizons: Floats,
    fine: NDArray[np.bool_] | None = None,
    *,
    after: bool = False,
) -> ForwardReturns:
    """Return the move of mid within each horizon after each row; see `forward_returns`.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        Nanoseconds UTC, never decreasing.
    lost : ndarray of bool, shape (T,)
        Whether the book was lost since the row before: no return spans it.
    mid : ndarray of float64, shape (T,)
        Quote currency, NaN where there is none.
    horizons : ndarray of float64, shape (H,)
        Seconds, above 0.
    fine : ndarray of bool, shape (H,), optional
        The horizons that are computed; by default all. The others have no return.
    after : bool
        Whether a horizon ends at the first row at or after its end.
    """
    rows = len(time)
    end = np.full((len(horizons), rows), -1, np.int32)
    bps = np.full((len(horizons), rows), np.nan)
    if not rows:
        return ForwardReturns(horizons, end, bps)
    forward = KERNELS.current().forward

    def compute(which: Iterable[int]) -> None:
        for one in which:
            horizon = round(float(horizons[one]) * 1e9)
            forward(time, lost, mid, horizon, after, end[one], bps[one])

    every = np.ones(len(horizons), bool)
    wanted = np.flatnonzero(every if fine is None else fine).tolist()
    if rows < PARALLEL:
        compute(wanted)
    else:
        run_tasks(compute, wanted)
    return ForwardReturns(horizons, end, bps)


def touch_returns(history: History, horizons: ArrayLike) -> TouchReturns:
    """Return the returns of a taker who enters at each state and leaves a horizon later.

    A long position buys at the ask and sells at the bid; a short position does the reverse.

    Parameters
    ----------
    history : History
        T states.
    horizons : array_like of float
        Seconds. A position is closed at the first state at or after the horizon's end, as in
        `obi_widgets.entries`; if that book is one-sided, the return is NaN.

    Returns
    -------
    TouchReturns
    """
    moves = forward_returns(history, horizons, after=True)
    long, short = np.full(moves.bps.shape, np.nan), np.full(moves.bps.shape, np.nan)
    for row, end in enumerate(moves.end):
        entry = np.flatnonzero(end >= 0)
        exit_ = end[entry]
        long[row, entry] = 1e4 * (history.bid[exit_] / history.ask[entry] - 1)
        short[row, entry] = -1e4 * (history.ask[exit_] / history.bid[entry] - 1)
    return TouchReturns(moves.horizons, long, short, moves)
