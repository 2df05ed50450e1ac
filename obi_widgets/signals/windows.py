"""Means and values over the window that ends at each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def begins(time: NDArray[np.int64], seconds: float) -> NDArray[np.intp]:
    """Return the first state of the window that ends at each state: later than its beginning."""
    return np.asarray(np.searchsorted(time, time - round(seconds * 1e9), "right"))


def trailing(values: Floats, time: NDArray[np.int64], seconds: float) -> tuple[Floats, Floats]:
    """Return mean and mean square of the values within the window that ends at each state.

    States without a value are left out.
    """
    there = ~np.isnan(values)
    known = np.where(there, values, 0.0)
    first, last = begins(time, seconds), np.arange(1, len(time) + 1)

    def total(of: NDArray[Any]) -> Floats:
        sums = np.append(0.0, np.cumsum(of, dtype=float))
        return np.asarray(sums[last] - sums[first])

    count = total(there)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total(known) / count, total(known * known) / count


def before(values: Floats, time: NDArray[np.int64], seconds: float) -> Floats:
    """Return the value that stood when the window that ends at each state began."""
    rows = begins(time, seconds) - 1
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)
