"""Ranks, and in which stretch of time the rank of a return came in.

A return that is under way in two stretches of time is A + B: what came in in the first, and what
in the second. Its rank is no sum, but it has two such parts. Let v(y) be the centred rank of a
return y. Turn round the way that the price goes in the second stretch, and the rank is v(A − B).
Then

    first = (v(A + B) + v(A − B)) / 2    and    second = (v(A + B) − v(A − B)) / 2

add up to the rank. Where rises and falls are alike, v is odd, and the first part changes its sign
with A alone, the second with B alone. So the parts of two stretches are not correlated where
nothing is known beforehand of the way that the price goes, however much it moves. Were v linear,
the parts would be A and B, as they are for the return itself (see `inference`).

Sharing a rank out as the return is, v·A / (A + B) and v·B / (A + B), would not do. After a large A
the rank hardly grows with B, so those parts are negatively correlated from one stretch to the next,
and a variance that takes them for uncorrelated is too large: by half where calm and wild minutes
alternate. And where many returns are 0, the next one is half of them away in rank, so that
v / (A + B) has no bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics.inference import Estimate, quotient

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

PLACES = 4
"""Places at which the first stretch ends. A Newey–West variance is the mean over all places; its
own variance is 3 % larger with four, and 50 % with one."""

TIE = 1e-9
"""Bps. Returns that are nearer to each other differ by rounding, and share a rank."""


class Stretches(NamedTuple):
    """Sums by stretch of time, shape (S,), for each place at which the first stretch may end.

    The correlation is Σa / Σb.

    Attributes
    ----------
    a, b : list of ndarray of float64, length `PLACES`
        Of the parts that came in, and of u² of the same states, spread evenly over their horizon.
    """

    a: list[Floats]
    b: list[Floats]

    def estimate(self) -> Estimate:
        """Return the correlation and its Newey–West error, as arrays of one."""
        pairs = zip(self.a, self.b, strict=True)
        sums = [(a.sum(), b.sum(), a @ a, a @ b, b @ b) for a, b in pairs]
        return quotient(np.mean(sums, axis=0)[:, None], np.zeros(1, np.int64))


def ranks(values: Floats) -> Floats:
    """Return ranks from 1, ties sharing their mean, as `scipy.stats.rankdata`; no NaN."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    first = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1])[: len(ranked)])
    last = np.append(first[1:], len(ranked))
    out = np.empty(len(values))
    out[order] = np.repeat((first + last + 1) / 2, last - first)
    return out


def by_stretch(
    u: Floats, y: Floats, rows: Rows, end: NDArray[np.int32], mid: Floats, stretch: int
) -> Stretches:
    """Return the rank correlation of u and y by the stretches in which it came in.

    Parameters
    ----------
    u : ndarray of float64, shape (N,)
        Of mean 0 and variance 1.
    y : ndarray of float64, shape (N,)
        Returns, bps, not all equal.
    rows : ndarray of int, shape (N,)
        The state at which each return starts, rising.
    end : ndarray of int32, shape (N,)
        The state at which each ends.
    mid : ndarray of float64, shape (T,)
        The mid that prevails at each state, quote currency; see `inference.prevailing`.
    stretch : int
        States, more than any return spans.
    """
    ranked = ranks(y)
    centre, size, count = ranked.mean(), np.std(ranked), len(y)
    ordered, median = np.sort(y), float(np.median(y))
    begin = np.minimum(rows + 1, end)  # the first state whose move belongs to the return
    found = Stretches([], [])
    for shift in (np.arange(PLACES) * stretch // PLACES).tolist():
        first, second = (begin + shift) // stretch, (end + shift) // stretch
        both = np.flatnonzero(second > first)
        start, stop = rows[both], end[both]
        cut = second[both] * stretch - shift - 1  # the last state of the first stretch
        later = (stop - cut) / (stop - start)
        # A and B less their part of the drift, which is no surprise, are turned: A − B + drift.
        turned = 1e4 * (2 * mid[cut] - mid[start] - mid[stop]) / mid[start] + 2 * median * later
        below = np.searchsorted(ordered, turned - TIE, side="left")
        not_above = np.searchsorted(ordered, turned + TIE, side="right")
        part, spread = np.zeros((2, count))  # of the rank and of u², in the second stretch
        part[both] = (ranked[both] - (below + not_above + 1) / 2) / 2
        spread[both] = later
        amount = (len(mid) - 1 + shift) // stretch + 1
        for sums, one, other in (
            (found.a, u * (ranked - centre - part) / size, u * part / size),
            (found.b, u * u * (1 - spread), u * u * spread),
        ):
            in_first, in_second = (
                np.bincount(first, one, amount),
                np.bincount(second, other, amount),
            )
            sums.append(np.asarray(in_first + in_second, np.float64))
    return found
