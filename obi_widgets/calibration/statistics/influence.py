"""How much of a mean rests on its most influential episode."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Signs = NDArray[np.int8]


class Influence(NamedTuple):
    """Influence of the most influential episode on a mean.

    Attributes
    ----------
    fraction : float
        Its fraction of the sum of returns. With 1 or more, the mean of the other episodes is 0 or
        has the opposite sign. NaN without an entry.
    mean_without : float
        Mean over the other episodes, bps. NaN without another.
    episode : int
        Its number; −1 without an entry.
    """

    fraction: float
    mean_without: float
    episode: int


def influence(x: Signs, y: Floats, start: Ints, weight: Floats | None = None) -> Influence:
    """Return the episode that contributes most to a mean, and the mean without it.

    Parameters
    ----------
    x : ndarray of int8, shape (T,)
        Entries.
    y : ndarray of float64, shape (T,)
        Returns of one horizon, bps, NaN where there is none.
    start : ndarray of int64, shape (E,)
        Rows where episodes begin; see `episodes.find_episodes`. An entry belongs to the episode
        that began last.
    weight : ndarray of float64, shape (T,), optional
        Of each entry in the mean; all have 1 if left out.
    """
    rows = np.flatnonzero((x != 0) & ~np.isnan(y))
    shares = np.ones(len(rows)) if weight is None else weight[rows]
    gains = shares * (x[rows] * y[rows])
    total = float(np.sum(gains))
    if not len(rows) or not len(start) or total == 0:
        return Influence(np.nan, np.nan, -1)
    episode = np.maximum(np.searchsorted(start, rows, side="right") - 1, 0)
    fractions = np.bincount(episode, gains, len(start)) / total
    largest = int(np.argmax(fractions))
    rest = float(shares[episode != largest].sum())
    mean_without = total * (1 - float(fractions[largest])) / rest if rest else np.nan
    return Influence(float(fractions[largest]), mean_without, largest)
