"""From rows to columns of pixels, and from these to the points of lines, in NumPy.

`downsampling_numba` has the same functions, and gives the same to the bit.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def summary(values: Floats) -> tuple[float, float, float, float, float]:
    """Return minimum, maximum, mean, first and last value of the rows of a column.

    A value that is missing leaves the others; the first three are NaN if all are missing.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Values of the rows, at least one.
    """
    known = values[~np.isnan(values)]
    ends = float(values[0]), float(values[-1])
    if not len(known):
        return np.nan, np.nan, np.nan, *ends
    mean = np.cumsum(known)[-1] / len(known)  # added one after the other, as compiled code does
    return float(known.min()), float(known.max()), float(mean), *ends


def reduced(values: Floats, bounds: Ints) -> Floats:
    """Return the `summary` of each column, shape (5, C).

    Parameters
    ----------
    values : ndarray of float64, shape (T,)
        Values of the columns' rows.
    bounds : ndarray of int64, shape (C + 1,)
        First row of each column, which is not empty; and T.
    """
    edges = itertools.pairwise(bounds.tolist())
    return np.array([summary(values[first:end]) for first, end in edges]).T


def corners(
    time: Ints,
    at: Ints,
    first: Ints,
    end: Ints,
    low: Floats,
    high: Floats,
    opening: Floats,
    closing: Floats,
    width: int,
) -> tuple[Ints, Floats]:
    """Return a step line of both extremes of a column, or of its states if it has two or fewer.

    The extreme that is nearer to the last value comes second.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        See `downsampling.steps`.
    at, first, end, low, high, opening, closing : ndarray, shape (C,)
        See `pixel_columns.Reduced`.
    width : int
        Width of a column, nanoseconds.
    """
    if not len(at):
        return at, low
    rising = closing - low > high - closing
    pair = np.where(rising, low, high), np.where(rising, high, low)
    few = end - first <= 2
    x, y = np.empty((len(at), 3), np.int64), np.empty((len(at), 3))
    x[:, 0] = np.where(few, time[first], at)
    x[:, 1] = np.where(few, time[end - 1], at + width // 2)
    x[:, 2] = at + width
    y[:, 0] = np.where(few, opening, pair[0])
    y[:, 1] = np.where(few, closing, pair[1])
    y[:, 2] = closing
    # The last value follows where the column ends: if the next column is empty or drawn state by
    # state, so that it may begin later, and if the line breaks.
    broken = np.isnan(closing)
    drawn = np.ones((len(at), 3), bool)
    ends = drawn[:, 2]
    ends[:-1] = few[1:] | broken[:-1]
    ends &= ~few
    ends[:-1] |= at[1:] - at[:-1] > width
    ends[-1] = True
    x, y = x[drawn], y[drawn]
    keep = np.ones(len(y), bool)
    keep[1:-1] = (y[1:-1] != y[:-2]) & ~(np.isnan(y[1:-1]) & np.isnan(y[:-2]))
    return x[keep], y[keep]


def held(at: Ints, closing: Floats, lines: tuple[Floats, ...], width: int) -> tuple[Ints, Floats]:
    """Return the middles of columns and their values, and what stands in empty columns.

    Parameters
    ----------
    at, closing : ndarray, shape (C,)
        See `pixel_columns.Reduced`.
    lines : tuple of ndarray of float64, shape (C,)
        Values of the columns.
    width : int
        Width of a column, nanoseconds.

    Returns
    -------
    tuple of ndarray
        Times, shape (n,); values of each line, shape (lines, n).
    """
    quiet, broken = np.zeros(len(at), bool), np.isnan(closing)
    quiet[:-1] = at[1:] - at[:-1] > width
    # The value follows where its column ends, and again where the next column begins.
    drawn = np.column_stack([np.ones(len(at), bool), quiet | broken, quiet & ~broken])
    x = np.column_stack([at + width // 2, at + width, np.append(at[1:], 0)[: len(at)]])[drawn]
    return x, np.stack([np.column_stack([line, closing, closing])[drawn] for line in lines])


def extremes(values: Floats) -> tuple[float, float]:
    """Return the smallest and the largest finite value; +inf and −inf without any."""
    known = values[np.isfinite(values)]
    return float(known.min(initial=np.inf)), float(known.max(initial=-np.inf))


def placed(time: Ints, values: Floats, origin: int) -> NDArray[np.int32]:
    """Return the times of a line up to its last finite value, in milliseconds from an origin.

    Parameters
    ----------
    time : ndarray of int64, shape (n,)
        Nanoseconds.
    values : ndarray of float64, shape (n,)
        Values of the line.
    origin : int
        Nanoseconds.
    """
    (drawn,) = np.isfinite(values).nonzero()
    end = int(drawn[-1]) + 1 if len(drawn) else 0
    return ((time[:end] - origin) // 1_000_000).astype(np.int32)
