"""Placebo signals: known to be worthless, or known to cheat, to test an analysis with.

- `shuffled` is unrelated to the price, but as persistent as the signal. Overlapping returns make
  its naive t-value large; a corrected t-value stays within what chance allows.
- `look_ahead` contains a part of the next seconds' return. The effect is real in the data, so no
  error bar catches it. Two signs do: the information coefficient stops growing at the horizon that
  was leaked, and entries win implausibly often.
- `skewed` is the signal timed by another clock than the price. If that clock is behind, the signal
  appears before its cause, and the edge is only the clock's error. To catch it, shift the signal
  back, or check whether it leads the price by more than the offset of the clocks.

Each returns an array like `obi_widgets.imbalance`, which can be used wherever a signal can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.holdout import MAX_SECONDS
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
    """Return the signal with its blocks in a random order, none in its original place.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        Signal of each state; NaN where there is none.
    block_seconds : float
        Length of a block in event time, above 0. Within a block the signal is unchanged. A block
        should be longer than the signal's autocorrelation lasts, and much shorter than the record.
    seed : int
        Seed of the random order.

    Returns
    -------
    ndarray of float64, shape (T,)
        The same values, NaN in the same states.

    Raises
    ------
    HistoryError
        If the signal has another length, or the record has fewer than two blocks.
    SettingsError
        If ``block_seconds`` is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=120, seed=1)
    >>> signal = obi.imbalance(history, obi.Settings())
    >>> placebo = obi.shuffled(history, signal, block_seconds=10)
    >>> bool(np.array_equal(np.sort(placebo), np.sort(signal)))
    True
    >>> bool(np.array_equal(placebo, signal))
    False
    """
    signal = as_signal(history, signal)
    block_seconds = number(
        "block_seconds", above_zero("block_seconds", block_seconds), 0, MAX_SECONDS, "seconds"
    )
    seed = integer("seed", seed, 0, 2**63 - 1)
    rows = np.flatnonzero(~np.isnan(signal))
    elapsed = history.time[rows] - history.time[rows[:1]]
    block = elapsed // round(block_seconds * 1e9)
    starts = np.flatnonzero(np.diff(block, prepend=-1))
    if len(starts) < 2:
        raise HistoryError(
            f"There are {len(starts)} blocks of {block_seconds:g} s.",
            "Give shorter blocks, or a longer record.",
        )
    blocks = np.split(signal[rows], starts[1:])
    # A permutation that is a single cycle leaves no block in its place.
    cycle = np.random.default_rng(seed).permutation(len(blocks))
    order = np.empty_like(cycle)
    order[cycle] = np.roll(cycle, 1)
    out = np.full(len(signal), np.nan)
    out[rows] = np.concatenate([blocks[position] for position in order])
    return out


def look_ahead(
    history: History, signal: ArrayLike, *, seconds: float = 10.0, share: float = 0.5
) -> Floats:
    """Return the signal mixed with the future return, as a signal with look-ahead bias would be.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        −1..+1; NaN where there is none.
    seconds : float
        Horizon of the leaked return of mid, in event time, above 0.
    share : float
        Weight of the leaked return, 0..1.

    Returns
    -------
    ndarray of float64, shape (T,)
        (1 − share) · signal + share · tanh(return / its standard deviation), −1..+1. NaN where the
        signal or the return is: at the end of the record, and before the book is lost.

    Raises
    ------
    HistoryError
        If the signal has another length.
    SettingsError
        If ``seconds`` is not above 0, or ``share`` is not within 0..1.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> leaked = obi.look_ahead(history, obi.imbalance(history, obi.Settings()), seconds=5)
    >>> bool(np.isnan(leaked[-1]))  # the return of the next 5 s is not known there
    True
    """
    signal = as_signal(history, signal)
    seconds = number("seconds", above_zero("seconds", seconds), 0, MAX_SECONDS, "seconds")
    share = number("share", share, 0, 1)
    end_time = history.time + round(seconds * 1e9)
    end = np.searchsorted(history.time, end_time, "right") - 1
    mid = history.mid
    losses = np.cumsum(np.isnan(history.bid) & np.isnan(history.ask))
    returns = mid[end] / mid - 1
    # Unknown beyond the last state, and across a gap.
    returns[(end_time >= history.time[-1:].max(initial=0)) | (losses[end] > losses)] = np.nan
    deviation = np.nanstd(returns) if (~np.isnan(returns)).any() else 0.0
    leak = np.tanh(returns / deviation) if deviation > 0 else returns * 0.0
    return np.asarray((1 - share) * signal + share * leak)


def skewed(history: History, signal: ArrayLike, *, skew: float | None = None) -> Floats:
    """Return the signal as it appears when it is timed by another clock than the price.

    Parameters
    ----------
    history : History
        T states.
    signal : array_like of float, shape (T,)
        Signal by the history's clock; NaN where there is none.
    skew : float, optional
        Seconds that the signal's clock is ahead of the price's. With a negative skew the clock is
        behind, and each signal appears too early. The default is `clock_skew`: the signal timed by
        receive time, the price by event time.

    Returns
    -------
    ndarray of float64, shape (T,)
        At each state the signal of ``skew`` seconds earlier; NaN where the history does not reach
        that time, and in states that have no signal themselves.

    Raises
    ------
    HistoryError
        If the signal has another length.
    SettingsError
        If ``skew`` is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate("sim:BTC-PERP", seconds=60, seed=1)
    >>> signal = obi.imbalance(history, obi.Settings())
    >>> early = obi.skewed(history, signal, skew=-1)
    >>> bool(np.isnan(early[-1]))  # the signal of one second later is not known there
    True
    """
    signal = as_signal(history, signal)
    skew = clock_skew(history) if skew is None else skew
    skew = number("skew", skew, -MAX_SECONDS, MAX_SECONDS, "seconds")
    if not skew or not len(history):
        return signal.copy()
    shifted = history.time - round(skew * 1e9)
    row = np.searchsorted(history.time, shifted, "right") - 1
    out = np.where(row >= 0, signal[row], np.nan)
    out[shifted > history.time[-1]] = np.nan
    out[np.isnan(signal)] = np.nan
    return out


def clock_skew(history: History) -> float:
    """Return the median of receive time minus event time, seconds.

    It is the network latency plus the difference of both clocks. A negative value means that the
    local clock is behind the venue's.

    Parameters
    ----------
    history : History
        T states.

    Returns
    -------
    float
        Seconds; 0 without states.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.clock_skew(obi.simulate("sim:BTC-PERP", seconds=5))
    0.0
    """
    if not len(as_history(history)):
        return 0.0
    return float(np.median(history.received - history.time)) / 1e9
