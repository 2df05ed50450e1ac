"""Distributions of lags and of ages, in bounded memory and to a stated resolution.

A duration falls into a bin whose bounds are 2 % apart, so that a percentile is right within 1 %.
The shortest bin ends at 0.1 ms. The memory does not depend on how many durations there were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SHORTEST = 100_000
"""End of the shortest bin, ns."""

STEP = 1.02
"""Factor between the bounds of a bin."""

BINS = 816
"""Number of bins: the last one begins at 1,000 s."""

FRACTIONS = (0.5, 0.95, 0.99)
"""The percentiles that are told."""

_BOUNDS = SHORTEST * STEP ** np.arange(BINS - 1)
_CENTERS = np.concatenate([[SHORTEST / 2], _BOUNDS * STEP**0.5])


def bins_of(durations: Ints) -> Ints:
    """Return the bin of each duration, ns, shape (N,)."""
    return np.searchsorted(_BOUNDS, durations, "right").astype(np.int64)


class Durations(NamedTuple):
    """Percentiles of durations, in seconds; NaN where they are not known.

    Attributes
    ----------
    median, p95, p99 : float
        Half, 95 % and 99 % are not longer. Right within 1 %, or 0.05 ms.
    worst : float
        The longest, exactly.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> obi.Durations(median=0.003, p95=0.012, p99=0.021, worst=0.196).worst
    0.196
    """

    median: float = float("nan")
    p95: float = float("nan")
    p99: float = float("nan")
    worst: float = float("nan")


class Counts(NamedTuple):
    """How many durations fell into each bin that has any.

    Attributes
    ----------
    bins : ndarray of int64, shape (K,)
        Numbers of the bins.
    counts : ndarray of int64, shape (K,)
        Durations in each.
    sums : ndarray of float64, shape (K,)
        Their sums, ns.
    """

    bins: Ints
    counts: Ints
    sums: Floats

    @classmethod
    def of(cls, durations: Ints) -> Counts:
        """Count durations, ns; what is negative counts as 0."""
        durations = np.maximum(durations, 0)
        bins, where = np.unique(bins_of(durations), return_inverse=True)
        sums: Floats = np.bincount(where, durations.astype(np.float64)).astype(np.float64)
        return cls(bins, np.bincount(where), sums)

    @classmethod
    def together(cls, several: list[Counts]) -> Counts:
        """Add up."""
        bins, where = np.unique(np.concatenate([one.bins for one in several]), return_inverse=True)
        added: Floats = np.bincount(where, np.concatenate([one.sums for one in several])).astype(
            np.float64
        )
        counts = np.bincount(where, np.concatenate([one.counts for one in several]))
        return cls(bins, counts.astype(np.int64), added)

    def longer_by(self, by: int) -> tuple[Floats, Ints]:
        """Return typical durations with ``by`` ns more, and how many there are of each."""
        return _CENTERS[self.bins] + by, self.counts


NOTHING = Counts(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


def of_events(values: Floats, counts: Ints, worst: float) -> Durations:
    """Return the percentiles of durations in ns that occurred so often; the worst is known."""
    if not len(values):
        return Durations()
    order = np.argsort(values)
    values, total = values[order], np.cumsum(counts[order])
    rows = np.searchsorted(total, np.array(FRACTIONS) * total[-1])
    median, p95, p99 = (np.minimum(values[rows], worst) / 1e9).tolist()
    return Durations(median, p95, p99, worst / 1e9)


def of_ages(between: Counts, worst: float) -> Durations:
    """Return the percentiles of an age at any moment, from the times between two changes.

    Between two changes the age grows evenly from 0, so that a long time between them weighs more
    than a short one.
    """
    total = float(between.sums.sum())
    if not total:
        return Durations()
    order = np.argsort(between.bins)
    counts, sums = between.counts[order], between.sums[order]
    longest = sums / counts
    more = counts[::-1].cumsum()[::-1]  # as long as this bin's, or longer
    shorter = np.concatenate([[0.0], sums.cumsum()[:-1]])
    reached = shorter + longest * more  # time spent at an age of at most `longest`
    found = []
    for fraction in FRACTIONS:
        row = min(int(np.searchsorted(reached, fraction * total)), len(reached) - 1)
        found.append(min(float((fraction * total - shorter[row]) / more[row]), worst) / 1e9)
    median, p95, p99 = found
    return Durations(median, p95, p99, worst / 1e9)
