"""Means, sums and past values over the trailing window of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.trades import LARGEST
from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals import windows_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Whole = NDArray[np.signedinteger[Any]]

KERNELS = Kernels("obi_widgets.signals.windows_numba", windows_numpy)


def begins(time: NDArray[np.int64], seconds: float) -> NDArray[np.int64]:
    """Return the first state of each state's trailing window, which excludes its start."""
    found: Ints = KERNELS.current().begins(frozen(time), in_ns(seconds))
    return found


def trailing(values: Floats, time: NDArray[np.int64], seconds: float) -> tuple[Floats, Floats]:
    """Return mean and mean square of the values in each state's trailing window, without NaN."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    first, last = begins(time, seconds), np.arange(1, len(time) + 1)

    def total(terms: NDArray[Any]) -> Floats:
        sums = np.append(0.0, np.cumsum(terms, dtype=float))
        return np.asarray(sums[last] - sums[first])

    count = total(known)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total(filled) / count, total(filled * filled) / count


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
