"""How long each state was the book, and quantiles that are weighted by it.

States come when something happens, and more of them come in restless times. What holds at a moment
of the clock is a mean over time: each state weighs as long as it was the book. A state lasts until
the next one, or until the book was lost; the last state of a record has no known end, and weighs
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


def held(history: History) -> Floats:
    """Return how long each state was the book, seconds, shape (T,); 0 for the last, and in gaps."""
    elapsed = history.elapsed
    return np.diff(elapsed, append=elapsed[-1:]) / 1e9


def share(which: NDArray[np.bool_], weights: Floats) -> float:
    """Return the share of the weight in which something holds, 0 to 1; NaN without any weight."""
    total = float(weights.sum())
    return float(weights[which].sum()) / total if total > 0 else float("nan")


def quantiles(values: Floats, weights: Floats, at: Sequence[float]) -> Floats:
    """Return weighted quantiles: the smallest value up to which so much of the weight lies.

    Parameters
    ----------
    values, weights : ndarray of float64, shape (N,)
        Infinite values are larger than any; NaN, and what weighs 0, is left out.
    at : sequence of float
        Probabilities, 0 to 1.

    Returns
    -------
    ndarray of float64, shape (len(at),)
        NaN without any weight, and where the quantile is infinite.
    """
    there = np.flatnonzero(~np.isnan(values) & (weights > 0))
    if not len(there):
        return np.full(len(at), np.nan)
    order = there[np.argsort(values[there], kind="stable")]
    until = np.cumsum(weights[order])
    wanted = np.asarray(at) * until[-1] * (1 - 1e-12)  # sums are rounded
    found = values[order[np.minimum(np.searchsorted(until, wanted), len(order) - 1)]]
    return np.where(np.isinf(found), np.nan, found)
