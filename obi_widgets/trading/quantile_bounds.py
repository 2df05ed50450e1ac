"""The value that a quantile threshold has at a state, in the signal's unit.

Entries do not need this value: `thresholds.compared` only counts. Charts draw it, so it is computed
here, for the states that are in view. |signal| exceeds it exactly where the place that `compared`
returns exceeds the quantile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from obi_widgets.trading.thresholds import Rule, seconds_before

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

FEW = 8
"""States whose windows are sorted one by one; for more, all windows are searched together."""


class QuantileRule(Rule, Protocol):
    """Settings whose threshold is a quantile."""

    @property
    def threshold(self) -> float:
        """The quantile, 0 to 1."""


def quantile_bounds(
    history: History, signal: Floats, rule: QuantileRule, first: int, end: int
) -> Floats:
    """Return the quantile of |signal| over the window before each state.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        Signal of all of them.
    rule : QuantileRule
        Settings.
    first, end : int
        Rows that are asked for: first to end − 1.

    Returns
    -------
    ndarray of float64, shape (end - first,)
        In the signal's unit, 0 or more. It is one of the values in the window: where the quantile
        lies between two, the lower one. NaN where `thresholds.compared` is NaN.
    """
    out = np.full(max(end - first, 0), np.nan)
    if first >= end:
        return out
    window, needed = (round(s * 1e9) for s in (rule.quantile_window, seconds_before(rule)))
    begin = max(int(np.searchsorted(history.time, history.time[first] - needed, "right")) - 1, 0)
    part, sizes, asked = history[begin:end], np.abs(signal[begin:end]), first - begin
    full = (part.time - part.run_began >= needed)[asked:] & ~np.isnan(sizes[asked:])
    # Of the states that have a value: how many come before each window, and before its end.
    known = ~np.isnan(sizes)
    before = np.append(0, np.cumsum(known))
    stop = before[asked:-1]
    start = np.minimum(
        before[np.searchsorted(part.time, part.time[asked:] - window, "right")], stop
    )
    full &= stop - start > 1
    rows = np.flatnonzero(full)
    start, stop = start[rows], stop[rows]
    k = _places(rule.threshold, stop - start)
    values = sizes[known]
    if len(rows) <= FEW:
        found = [np.partition(values[a:b], n)[n] for a, b, n in zip(start, stop, k, strict=True)]
        out[rows] = found
    else:
        out[rows] = _kth_smallest(values, start, stop, k)
    return out


def _places(quantile: float, count: Ints) -> Ints:
    """Return the largest k with k / (count − 1) ≤ quantile, in the floats of `compared`."""
    k: Ints = np.floor(quantile * (count - 1)).astype(np.int64)
    k -= k / (count - 1) > quantile
    k += (k + 1) / (count - 1) <= quantile
    return k


def _kth_smallest(values: Floats, start: Ints, stop: Ints, k: Ints) -> Floats:
    """Return the k-th smallest value, from 0, in each of many ranges.

    It is a wavelet matrix, as in `thresholds_numpy`: ranks are sorted by one bit after the other,
    from the highest, and each range follows the half that has its k-th value.
    """
    ordered, ranks = np.unique(values, return_inverse=True)
    ranks = ranks.ravel()
    found, k = np.zeros(len(k), np.int64), k.copy()
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        ones = (ranks >> bit & 1).astype(bool)
        zeros = np.append(0, np.cumsum(~ones))
        low_start, low_stop = zeros[start], zeros[stop]
        high = k >= low_stop - low_start
        k -= np.where(high, low_stop - low_start, 0)
        found |= high.astype(np.int64) << bit
        start = np.where(high, zeros[-1] + start - low_start, low_start)
        stop = np.where(high, zeros[-1] + stop - low_stop, low_stop)
        ranks = np.concatenate([ranks[~ones], ranks[ones]])
    return np.asarray(ordered[found])
