"""Means and past values over the trailing window of each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def begins(time: NDArray[np.int64], seconds: float) -> NDArray[np.intp]:
    """Return the first state of each state's trailing window, which excludes its start."""
    return np.asarray(np.searchsorted(time, time - round(seconds * 1e9), "right"))


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
