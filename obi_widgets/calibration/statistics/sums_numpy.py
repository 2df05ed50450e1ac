"""Sums of scores over many states and cells, in NumPy.

`sums_numba` is the compiled twin. It performs the same operations in the same order, so that both
return the same results to the bit.

A *cell* is one choice of entries: a column of ``x``, which is −1, 0 or +1 at every state. Let the
mean be β = Σa / Σb for two series ``a`` and ``b``, and let A and B be the sums of ``a`` and ``b``
within each window of ``lag + 1`` states (or bins), including windows that extend beyond either end.
The Newey–West variance of Σ(a − βb), with Bartlett weights, is (ΣA² − 2βΣAB + β²ΣB²) / (lag + 1).
Five sums, ``Σa, Σb, ΣA², ΣAB, ΣB²``, thus suffice, in time that does not depend on the lag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Signs = NDArray[np.int8]


def starts(x: Signs, y: Floats, end: NDArray[np.int32], lag: int, out: Floats) -> None:
    """Add up the scores in the order in which returns start.

    Parameters
    ----------
    x : ndarray of int8, shape (T, K)
        Entries of the cells.
    y : ndarray of float64, shape (T,)
        Returns.
    end : ndarray of int32, shape (T,)
        Row where each state's horizon ends, −1 where there is no return.
    lag : int
        Lag of the windows, states; see the module.
    out : ndarray of float64, shape (6, K)
        Output: the five sums for a = x·y, b = x²; the sixth is Σa².
    """
    known = end >= 0
    returns = np.where(known, y, 0.0)
    for cell in range(x.shape[1]):
        entries = x[:, cell].astype(np.float64) * known
        a = entries * returns
        out[:5, cell] = _sums(a[:, None], (entries * entries)[:, None], lag)[:, 0]
        out[5, cell] = _running(np.append(0.0, a * a)[:, None])[-1, 0]


def accruals(
    x: Signs,
    end: NDArray[np.int32],
    move: Floats,
    weight: Floats,
    width: int,
    a_bins: Floats,
    b_bins: Floats,
    m_bins: Floats,
    active: Floats,
) -> None:
    """Add up the scores in the order in which returns accrue; see `inference.Scores`.

    Parameters
    ----------
    x : ndarray of int8, shape (T, K)
        Entries of the cells.
    end : ndarray of int32, shape (T,)
        Row where each state's horizon ends, −1 where there is no return.
    move : ndarray of float64, shape (T,)
        Move of mid since the previous state, quote currency.
    weight : ndarray of float64, shape (T,)
        1e4 / mid.
    width : int
        Number of states in a bin.
    a_bins, b_bins, m_bins : ndarray of float64, shape (ceil(T / width), K)
        Output: the sums within each bin of a = move · Σ x·weight, of b = Σ x² / (states in the
        horizon), and of m = (Σ x·weight)², each Σ over the entries whose horizon is open.
    active : ndarray of float64, shape (K,)
        Output: number of states with an open horizon.
    """
    rows = np.arange(len(end))
    starts = np.flatnonzero(end > rows)
    opened = np.searchsorted(starts, rows, side="left")
    closed = np.searchsorted(end[starts], rows, side="left")
    empty = end == rows  # no state within the horizon: the return is 0
    part = 1.0 / (end[starts] - starts)
    for cell in range(x.shape[1]):
        entries = x[:, cell].astype(np.float64)
        size, square = entries[starts] * weight[starts], entries[starts] ** 2 * part
        size_sum, square_sum = (np.cumsum(np.append(0.0, series)) for series in (size, square))
        held = size_sum[opened] - size_sum[closed]
        a = move * held
        b = (square_sum[opened] - square_sum[closed]) + np.where(empty, entries * entries, 0.0)
        active[cell] = np.count_nonzero(b)
        for series, bins in ((a, a_bins), (b, b_bins), (held * held, m_bins)):
            padded = np.zeros(len(bins) * width)
            padded[: len(series)] = series
            bins[:, cell] = np.cumsum(padded.reshape(len(bins), width), axis=1)[:, -1]


def bets(
    size: Floats,
    amount: Floats,
    weight: Floats,
    end: NDArray[np.int32],
    move: Floats,
    width: int,
    a_bins: Floats,
    b_bins: Floats,
    m_bins: Floats,
) -> int:
    """Add up the scores of bets in the order in which their gains accrue; see `weighted`.

    Parameters
    ----------
    size, amount, weight : ndarray of float64, shape (T,)
        By the state at which a bet starts: gain per unit move of mid, gain that does not depend on
        mid, and weight in the mean; see `weighted.Bets`.
    end : ndarray of int32, shape (T,)
        Row where each bet ends; −1 where there is no bet.
    move : ndarray of float64, shape (T,)
        Move of mid since the previous state, quote currency.
    width : int
        Number of states in a bin.
    a_bins, b_bins, m_bins : ndarray of float64, shape (ceil(T / width),)
        Output: the sums within each bin of a = move · Σ size + Σ amount / (states of the bet), of
        b = Σ weight / (states of the bet), and of m = (Σ size)², each Σ over the open bets.

    Returns
    -------
    int
        Number of states with an open bet whose weight is not 0.
    """
    rows = np.arange(len(end))
    starts = np.flatnonzero(end > rows)
    opened = np.searchsorted(starts, rows, side="left")
    after = end[starts] + 1
    part = 1.0 / (end[starts] - starts)
    empty = end == rows  # no state within the horizon: the whole amount accrues here

    def open_sum(values: Any) -> Any:  # noqa: ANN401
        total = np.append(0.0, np.cumsum(values))
        ended = np.cumsum(np.bincount(after, values, minlength=len(end)))
        return total[opened] - ended[: len(end)]

    held = open_sum(size[starts])
    a = move * held + open_sum(amount[starts] * part) + np.where(empty, amount, 0.0)
    b = open_sum(weight[starts] * part) + np.where(empty, weight, 0.0)
    for series, bins in ((a, a_bins), (b, b_bins), (held * held, m_bins)):
        padded = np.zeros(len(bins) * width)
        padded[: len(series)] = series
        bins[:] = np.cumsum(padded.reshape(len(bins), width), axis=1)[:, -1]
    counted = open_sum((weight[starts] != 0).astype(np.float64))
    return int(np.count_nonzero((counted != 0) | (empty & (weight != 0))))


def resampled(
    a: Floats, b: Floats, index: NDArray[np.int32], lag: int, out: NDArray[np.float64]
) -> None:
    """Add up the scores of resampled records.

    Parameters
    ----------
    a, b : ndarray of float64, shape (n, K)
        Binned scores.
    index : ndarray of int32, shape (R, n)
        Bins of each replication.
    lag : int
        Lag of the windows, bins.
    out : ndarray of float64, shape (R, 5, K)
        Output: the five sums of each replication; see the module.
    """
    for replication, rows in enumerate(index):
        out[replication] = _sums(a[rows], b[rows], lag)


def windows(scores: Floats, lag: int) -> float:
    """Return the sum of the squared window sums of a series, divided by ``lag + 1``."""
    return float(_sums(scores[:, None], np.zeros((len(scores), 1)), lag)[2, 0] / (lag + 1))


def _sums(a: Floats, b: Floats, lag: int) -> Any:  # noqa: ANN401
    """Return Σa, Σb, ΣA², ΣAB, ΣB² of each column, shape (5, K), added in row order."""
    windows = []
    for series in (a, b):
        padded = np.vstack([series, np.zeros((lag, series.shape[1]))])
        padded[lag + 1 :] -= series[: max(len(series) - 1, 0)]
        windows.append(_running(padded))
    in_a, in_b = windows
    terms = [a, b, in_a * in_a, in_a * in_b, in_b * in_b]
    return np.stack(
        [_running(term)[-1] if len(term) else np.zeros(term.shape[1]) for term in terms]
    )


def _running(columns: Floats) -> Floats:
    """Return cumulative sums, rounded as a loop over rows rounds (`numpy.sum` adds in pairs)."""
    return np.cumsum(columns, axis=0)
