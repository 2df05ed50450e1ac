"""Signals that are known to be worthless, or to cheat: what honest statistics must see through.

- `shuffled` has no relation to the price any more, but the signal's own persistence. Overlapping
  returns make its naive t-value large; a corrected one is what chance allows.
- `look_ahead` knows a part of the next seconds' return. No error bar catches it, since the effect
  is there: what catches it is an information coefficient that ends at the seconds that were
  leaked, and entries that win as nobody's do.
- `skewed` is the signal by another clock than the price's. When its clock is behind, it comes
  before what it tells of: an edge that is all clock. It is caught by moving it back, or by asking
  whether the signal still leads after the time of the price alone.

Each returns an array as `obi_widgets.imbalance` does, so that all that takes a signal takes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.holdout import LONGEST
from obi_widgets.calibration.lookahead import as_signal
from obi_widgets.checks import above_zero, integer, number
from obi_widgets.errors import HistoryError
from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


def shuffled(
    history: History, signal: ArrayLike, *, block_seconds: float = 30.0, seed: int = 0
) -> Floats:
    """Return the signal with its blocks in another order, none in its own place.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        Of each state; NaN where there is none.
    block_seconds : float
        How long a block is, in event time. Within it, the signal stays as it was; make it longer
        than the signal remembers, and the record many times as long as it.
    seed : int
        Of the order.

    Returns
    -------
    ndarray of float64, shape (T,)
        The same values, NaN in the same states.

    Raises
    ------
    HistoryError
        A signal of another length, or a record of less than two blocks.
    SettingsError
        A length that is not above 0.
    """
    signal = as_signal(history, signal)
    block_seconds = number(
        "block_seconds", above_zero("block_seconds", block_seconds), 0, LONGEST, "seconds"
    )
    seed = integer("seed", seed, 0, 2**63 - 1)
    there = np.flatnonzero(~np.isnan(signal))
    elapsed = history.time[there] - history.time[there[:1]]
    block = elapsed // round(block_seconds * 1e9)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    if len(starts) < 2:
        raise HistoryError(
            f"There are {len(starts)} blocks of {block_seconds:g} s.",
            "Give shorter blocks, or a longer record.",
        )
    parts = np.split(signal[there], starts[1:])
    cycle = np.random.default_rng(seed).permutation(len(parts))
    order = np.empty_like(cycle)
    order[cycle] = np.roll(cycle, 1)
    out = np.full(len(signal), np.nan)
    out[there] = np.concatenate([parts[part] for part in order])
    return out


def look_ahead(
    history: History, signal: ArrayLike, *, seconds: float = 10.0, share: float = 0.5
) -> Floats:
    """Return the signal with a share of it replaced by the return that is still to come.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        −1..+1; NaN where there is none.
    seconds : float
        How far it sees, in event time: from mid to the mid that stands then.
    share : float
        0..1: how much of it is leaked.

    Returns
    -------
    ndarray of float64, shape (T,)
        (1 − share) · signal + share · tanh(return / its standard deviation): −1..+1. NaN where
        either is: at the end, and when the book is lost within that time.

    Raises
    ------
    HistoryError
        A signal of another length.
    SettingsError
        Seconds that are not above 0, or a share that is not within 0..1.
    """
    signal = as_signal(history, signal)
    seconds = number("seconds", above_zero("seconds", seconds), 0, LONGEST, "seconds")
    share = number("share", share, 0, 1)
    then = history.time + round(seconds * 1e9)
    at = np.searchsorted(history.time, then, "right") - 1
    mid = history.mid
    lost = np.cumsum(np.isnan(history.bid) & np.isnan(history.ask))
    coming = mid[at] / mid - 1
    # Not known: what lies beyond the last state, and across a gap.
    coming[(then >= history.time[-1:].max(initial=0)) | (lost[at] > lost)] = np.nan
    spread = np.nanstd(coming) if (~np.isnan(coming)).any() else 0.0
    leak = np.tanh(coming / spread) if spread > 0 else coming * 0.0
    return np.asarray((1 - share) * signal + share * leak)


def skewed(history: History, signal: ArrayLike, *, skew: float | None = None) -> Floats:
    """Return the signal as it looks to who stamps it by one clock, and the price by another.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        By the clock of the history; NaN where there is none.
    skew : float, optional
        Seconds that the signal's clock is ahead of the price's. A clock that is behind (a
        negative skew) shows each signal before its time. Left out, it is `clock_skew`: the
        signal by the receive time, the price by the event time.

    Returns
    -------
    ndarray of float64, shape (T,)
        At each state the signal that stood ``skew`` seconds before it; NaN where the history does
        not go back, or on, so far, and in states without a signal of their own.

    Raises
    ------
    HistoryError
        A signal of another length.
    SettingsError
        A skew that is not finite.
    """
    signal = as_signal(history, signal)
    skew = clock_skew(history) if skew is None else skew
    skew = number("skew", skew, -LONGEST, LONGEST, "seconds")
    if not skew or not len(history):
        return signal.copy()
    told = history.time - round(skew * 1e9)
    at = np.searchsorted(history.time, told, "right") - 1
    out = np.where(at >= 0, signal[at], np.nan)
    out[told > history.time[-1]] = np.nan
    out[np.isnan(signal)] = np.nan
    return out


def clock_skew(history: History) -> float:
    """Return how far the receive times are ahead of the event times, as a median, in seconds.

    What it holds is the way of the data plus the error of both clocks. Below 0, the data came
    before they happened, and the local clock is behind for sure. 0 without states.
    """
    if not len(as_history(history)):
        return 0.0
    return float(np.median(history.received - history.time)) / 1e9
