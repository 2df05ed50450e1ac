"""Sums of scores over many states and cells, in NumPy and plain Python.

`sums_numba` has the same, operation for operation: both round in the same
places, so that which of them ran cannot be told from the result.

A *cell* is one choice of events: a column of ``x``, which is −1, 0 or +1 at every state. The sums
of two series ``a`` and ``b`` whose quotient β = Σa / Σb is a mean are ``Σa, Σb, ΣA², ΣAB, ΣB²``,
where A and B are the sums of ``a`` and ``b`` within each window of ``lag + 1`` states (or bins),
those that overhang both ends included. The Newey–West variance of Σ(a − βb), with Bartlett
weights, is then (ΣA² − 2βΣAB + β²ΣB²) / (lag + 1), in time that does not depend on the lag.
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
        The cells' events.
    y : ndarray of float64, shape (T,)
        Returns.
    end : ndarray of int32, shape (T,)
        Where each state's horizon ends, −1 where there is no return.
    lag : int
        Of the windows; see the module.
    out : ndarray of float64, shape (6, K)
        Written to: the sums for a = x·y, b = x²; the last is Σa².
    """
    known = end >= 0
    move = np.where(known, y, 0.0)
    for cell in range(x.shape[1]):
        events = x[:, cell].astype(np.float64) * known
        a = events * move
        out[:5, cell] = _sums(a[:, None], (events * events)[:, None], lag)[:, 0]
        out[5, cell] = _running(np.append(0.0, a * a)[:, None])[-1, 0]


def arrivals(
    x: Signs,
    end: NDArray[np.int32],
    step: Floats,
    weight: Floats,
    width: int,
    a_bins: Floats,
    b_bins: Floats,
    m_bins: Floats,
    active: Floats,
) -> None:
    """Add up the scores in the order in which returns come in; see `inference.Scores`.

    Parameters
    ----------
    x : ndarray of int8, shape (T, K)
        The cells' events.
    end : ndarray of int32, shape (T,)
        Where each state's horizon ends, −1 for nowhere.
    step : ndarray of float64, shape (T,)
        How far mid moved since the state before, quote currency.
    weight : ndarray of float64, shape (T,)
        1e4 / mid.
    width : int
        States a bin.
    a_bins, b_bins, m_bins : ndarray of float64, shape (ceil(T / width), K)
        Written to: within each bin the sums of a = step · Σ x·weight, of
        b = Σ x² / (states to the end), and of m = (Σ x·weight)², over the events whose horizon
        is under way.
    active : ndarray of float64, shape (K,)
        Written to: how many states have any.
    """
    rows = np.arange(len(end))
    under_way = np.flatnonzero(end > rows)
    entered = np.searchsorted(under_way, rows, side="left")
    left = np.searchsorted(end[under_way], rows, side="left")
    at_once = end == rows  # nothing changed within the horizon: the return is 0
    share = 1.0 / (end[under_way] - under_way)
    for cell in range(x.shape[1]):
        events = x[:, cell].astype(np.float64)
        value, square = events[under_way] * weight[under_way], events[under_way] ** 2 * share
        total, part = (np.cumsum(np.append(0.0, one)) for one in (value, square))
        held = total[entered] - total[left]
        a = step * held
        b = (part[entered] - part[left]) + np.where(at_once, events * events, 0.0)
        active[cell] = np.count_nonzero(b)
        for series, bins in ((a, a_bins), (b, b_bins), (held * held, m_bins)):
            padded = np.zeros(len(bins) * width)
            padded[: len(series)] = series
            bins[:, cell] = np.cumsum(padded.reshape(len(bins), width), axis=1)[:, -1]


def bets(
    size: Floats,
    amount: Floats,
    share: Floats,
    end: NDArray[np.int32],
    step: Floats,
    width: int,
    a_bins: Floats,
    b_bins: Floats,
    m_bins: Floats,
) -> int:
    """Add up the scores of bets in the order in which their gains come in; see `weighted`.

    Parameters
    ----------
    size, amount, share : ndarray of float64, shape (T,)
        By the state at which a bet starts: what a move of mid by one unit gains, what else it
        gains, and what it counts in the mean.
    end : ndarray of int32, shape (T,)
        Where each ends, never decreasing but for −1, which is nowhere.
    step : ndarray of float64, shape (T,)
        How far mid moved since the state before, quote currency.
    width : int
        States a bin.
    a_bins, b_bins, m_bins : ndarray of float64, shape (ceil(T / width),)
        Written to: within each bin the sums of a = step · Σ size + Σ amount / (states to the end),
        of b = Σ share / (states to the end), and of m = (Σ size)², over the bets under way.

    Returns
    -------
    int
        How many states have any that counts.
    """
    rows = np.arange(len(end))
    under_way = np.flatnonzero(end > rows)
    entered = np.searchsorted(under_way, rows, side="left")
    left = np.searchsorted(end[under_way], rows, side="left")
    each = 1.0 / (end[under_way] - under_way)
    at_once = end == rows  # the amount comes at once: nothing changed within the horizon

    def held(values: Any) -> Any:  # noqa: ANN401
        total = np.append(0.0, np.cumsum(values))
        return total[entered] - total[left]

    open_ = held(size[under_way])
    a = step * open_ + held(amount[under_way] * each) + np.where(at_once, amount, 0.0)
    b = held(share[under_way] * each) + np.where(at_once, share, 0.0)
    for series, bins in ((a, a_bins), (b, b_bins), (open_ * open_, m_bins)):
        padded = np.zeros(len(bins) * width)
        padded[: len(series)] = series
        bins[:] = np.cumsum(padded.reshape(len(bins), width), axis=1)[:, -1]
    counted = held((share[under_way] != 0).astype(np.float64))
    return int(np.count_nonzero((counted != 0) | (at_once & (share != 0))))


def resampled(
    a: Floats, b: Floats, index: NDArray[np.int32], lag: int, out: NDArray[np.float64]
) -> None:
    """Add up resampled scores.

    Parameters
    ----------
    a, b : ndarray of float64, shape (n, K)
        Binned scores.
    index : ndarray of int32, shape (R, n)
        Which bins make a replication.
    lag : int
        Of the windows, bins.
    out : ndarray of float64, shape (R, 5, K)
        Written to: the sums.
    """
    for replication, rows in enumerate(index):
        out[replication] = _sums(a[rows], b[rows], lag)


def windows(scores: Floats, lag: int) -> float:
    """Return the sum of the squared window sums of a series, over ``lag + 1``."""
    return float(_sums(scores[:, None], np.zeros((len(scores), 1)), lag)[2, 0] / (lag + 1))


def _sums(a: Floats, b: Floats, lag: int) -> Any:  # noqa: ANN401
    """Return Σa, Σb, ΣA², ΣAB, ΣB² of columns, shape (5, K), added up one by one."""
    lanes = [a, b]
    for one in (a, b):
        none = np.zeros((lag, one.shape[1]))
        padded = np.vstack([one, none])
        padded[lag + 1 :] -= one[: max(len(one) - 1, 0)]
        lanes.append(_running(padded))
    in_a, in_b = lanes[2:]
    lanes[2:] = [in_a * in_a, in_a * in_b, in_b * in_b]
    return np.stack([_running(one)[-1] if len(one) else np.zeros(one.shape[1]) for one in lanes])


def _running(columns: Floats) -> Floats:
    """Return sums from the first row on, added up one by one, as a loop does from 0."""
    return np.cumsum(columns, axis=0)
