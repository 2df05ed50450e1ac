"""Means, sums and past values over the trailing window of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.trades import LARGEST
from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals import windows_numpy

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Whole = NDArray[np.signedinteger[Any]]

LOST = 1e-6
"""Share of a running sum below which its differences have lost too many digits."""

ROUNDING = 1e-12
"""Share of a mean below which a standard deviation is rounding."""

KERNELS = Kernels("obi_widgets.signals.windows_numba", windows_numpy)


def begins(time: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
    """Return the first state of each state's trailing window, which excludes its start."""
    found: Ints = KERNELS.current().begins(frozen(time), in_ns(seconds))
    return found


def total(terms: Floats, first: Ints, last: Ints) -> Floats:
    """Return the sum of the terms from each first row to before each last one.

    It is a difference of running sums, unless one enormous term before the rows has left these
    without digits for what came later: then the terms are added up anew. That is decided by the
    terms up to the row alone, so that later ones change nothing.
    """
    sums = np.append(0.0, np.cumsum(terms))
    sizes = sums if terms.min(initial=0.0) >= 0 else np.append(0.0, np.cumsum(np.abs(terms)))
    out = np.asarray(sums[last] - sums[first])
    lost = np.flatnonzero(sizes[last] - sizes[first] < LOST * sizes[last])
    if len(lost):
        out[lost] = _merged(terms[None], first[lost], last[lost], np.add)[0]
    return out


def mean_of(values: Floats, time: Ints, seconds: float) -> Floats:
    """Return the mean of the values in each state's trailing window, without NaN."""
    known = ~np.isnan(values)
    rows = begins(time, seconds), np.arange(1, len(time) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total(np.where(known, values, 0.0), *rows) / total(known.astype(float), *rows)


def standardised(values: Floats, time: Ints, seconds: float) -> Floats:
    """Return the values less the mean of their trailing window, in its standard deviations.

    NaN where the values of the window are all the same, but for rounding.
    """
    known = ~np.isnan(values)
    if not known.any():
        return values
    first, last = begins(time, seconds), np.arange(1, len(time) + 1)
    # Subtract a typical value first, so that the squares keep their digits.
    away = values - values[np.argmax(known)]
    filled = np.where(known, away, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = total(known.astype(float), first, last)
        mean = total(filled, first, last) / count
        square = total(filled * filled, first, last) / count
        variance = square - mean * mean
        away -= mean
        # The first value may be an enormous one, and typical of nothing.
        lost = np.flatnonzero(known & (variance < LOST * square))
        if len(lost):
            alone = np.stack([known, np.where(known, values, 0.0), np.zeros(len(values))])
            count, mean, spread = _merged(alone, first[lost], last[lost], _moments)
            variance[lost], away[lost] = spread / count, values[lost] - mean
            variance[lost[spread <= count * (ROUNDING * mean) ** 2]] = np.nan
        variance[variance <= 0] = np.nan
        return np.asarray(away / np.sqrt(variance))


def _merged(
    parts: Floats, first: Ints, last: Ints, merge: Callable[[Floats, Floats], Floats]
) -> Floats:
    """Merge the columns of ``parts`` from each first one to before each last one.

    Runs of 1, 2, 4, … columns are merged once each, and a window is made of such runs.
    """
    at, length, run = first.copy(), last - first, 1
    out = np.zeros((len(parts), len(first)))
    while (length >= run).any():
        used = np.flatnonzero(length & run)
        out[:, used] = merge(out[:, used], parts[:, at[used]])
        at[used] += run
        parts = merge(parts[:, :-run], parts[:, run:])
        run *= 2
    return out


def _moments(one: Floats, other: Floats) -> Floats:
    """Merge number, mean and sum of squares about the mean (Chan, Golub and LeVeque 1983)."""
    count, apart = one[0] + other[0], other[1] - one[1]
    share = other[0] / np.maximum(count, 1.0)
    squares = one[2] + other[2] + apart * apart * one[0] * share
    return np.stack([count, one[1] + apart * share, squares])


def before(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
    """Return the value at the start of each state's trailing window."""
    rows = begins(time, seconds) - 1
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)


def sum_of(values: Whole, time: Ints, seconds: float, count: int = 1) -> Ints:
    """Return the sum of what came with the states of each state's trailing window.

    Parameters
    ----------
    values : ndarray of int32 or int64, shape (T,) or (T, columns)
        What came with each state.
    time : ndarray of int64, shape (T,)
        Nanoseconds.
    seconds : float
        Length of the window.
    count : int
        Columns that are added up, from the first.

    Returns
    -------
    ndarray of int64, shape (T,)
        Exact.
    """
    table = frozen(values if values.ndim == 2 else values[:, None])
    found: Ints = KERNELS.current().columns(table, count, frozen(time), in_ns(seconds))
    return found


def sides_of(history: History, seconds: float) -> tuple[Ints, Ints]:
    """Return what takers bought and what they sold within each state's trailing window.

    Returns
    -------
    two arrays of int64, shape (T,)
        Lots; of Python's integers where sums do not fit 64 bits.
    """
    _, sizes, ends, fits = trades_of(history)
    code = KERNELS.current() if fits else windows_numpy
    bought, sold = code.sides(sizes, ends, frozen(history.time), in_ns(seconds))
    return bought, sold


def worth_of(history: History, seconds: float) -> tuple[Ints, Ints]:
    """Return volume and value of the trades within each state's trailing window.

    Returns
    -------
    two arrays of int64, shape (T,)
        Lots, and steps of price times lots, as `Taken` has them; of Python's integers where sums
        do not fit 64 bits.
    """
    prices, sizes, ends, fits = trades_of(history)
    code = KERNELS.current() if fits else windows_numpy
    lots, steps = code.worth(prices, sizes, ends, frozen(history.time), in_ns(seconds))
    return lots, steps


def trades_of(history: History, times: int = 1) -> tuple[Whole, Whole, Ints, bool]:
    """Return the trades as kernels take them, and whether their sums fit 64 bits.

    Parameters
    ----------
    history : History
        T states.
    times : int
        What the sums are multiplied with.

    Returns
    -------
    ndarray of int32 or int64, shape (N,), twice
        Prices; sizes, below 0 where the taker sold. Of Python's integers where sums do not fit.
    ndarray of int64, shape (T + 1,)
        Trades before each state's own, and at last their number.
    bool
        Whether the sums fit.
    """
    trades = history.trades
    ends = np.empty(len(history) + 1, np.int64)
    ends[0], ends[1:] = 0, history.trade_ends - trades.start
    prices, sizes = trades.amounts
    bound = times * max(len(trades), 1) * float(_most(sizes)) * float(_most(prices))
    if bound < LARGEST:
        return frozen(prices), frozen(sizes), ends, True
    return prices.astype(object), sizes.astype(object), ends, False


def _most(amounts: Whole) -> int:
    return max(int(amounts.max(initial=1)), -int(amounts.min(initial=0)))


def in_ns(seconds: float) -> int:
    """Return a length of time in nanoseconds."""
    return round(seconds * 1e9)


def frozen(column: NDArray[Any]) -> NDArray[Any]:
    """Return a view that nobody can write to: the type that kernels are compiled for."""
    view = column.view()
    view.flags.writeable = False
    return view
