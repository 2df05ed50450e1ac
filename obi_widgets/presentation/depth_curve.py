"""Cumulative depth of the newest book by distance from mid, as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.depth import ASK_HIGH, ASK_LOW, BID_HIGH, BID_LOW, END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Singles = NDArray[np.float32]

STEPS = 80
"""Distances of a curve, without 0."""


class DepthCurve(NamedTuple):
    """Cumulative depth.

    Attributes
    ----------
    distance : ndarray of float64, shape (STEPS + 1,)
        From mid, bps, increasing from 0.
    bids, asks : ndarray of float32, shape (STEPS + 1,)
        What rests up to there, base units; NaN where not all of it is known.
    """

    distance: Floats
    bids: Singles
    asks: Singles

    @classmethod
    def of(cls, history: History, bps: float) -> DepthCurve:
        """Return the curves of the newest state, up to a distance.

        The kept levels are exact. Beyond them the newest sample of depth by price bin counts, which
        is up to a second older; a bin counts at its far edge.
        """
        distance = np.linspace(0.0, bps, STEPS + 1)
        curves = [np.full(STEPS + 1, np.nan, np.float32) for _ in range(2)]
        mid = float(history.mid[-1]) if len(history) else np.nan
        if np.isfinite(mid):
            newest = history[-1:]
            for which, side in ((0, +1), (1, -1)):
                at, sizes, known = _steps(newest, history, side, mid)
                total = np.concatenate([[0.0], np.cumsum(sizes)])
                reached = total[np.searchsorted(at, distance * (1 + 1e-12), "right")]
                curves[which][:] = np.where(distance <= known * (1 + 1e-12), reached, np.nan)
        return cls(distance, *curves)


def _steps(
    newest: History, history: History, side: int, mid: float
) -> tuple[Floats, Floats, float]:
    """Return at which distances, in bps, how much is added, and up to where that is all."""
    prices, sizes = newest.prices(side)[0], newest.sizes(side)[0].astype(float)
    there = np.isfinite(prices)
    at = 1e4 * side * (mid - prices[there]) / mid
    sizes = sizes[there]
    known = float(newest.reach[0 if side > 0 else 1, 0])
    if there.all() and len(at):
        known = min(known, float(at[-1]))
    inside = at <= known * (1 + 1e-6)
    at, sizes = at[inside], sizes[inside]
    far, totals = _bins(history, side, mid)
    # Bins that end beyond the levels, each at its far edge; of the first, what the levels leave.
    new = far > known
    if not new.any():
        return at, sizes, known
    first = int(np.argmax(new))
    near = far[first - 1] if first else -np.inf
    of_first = float(sizes[at > near].sum())
    added = totals[new].copy()
    added[0] = max(added[0] - of_first, 0.0)
    return np.append(at, far[new]), np.append(sizes, added), float(far[-1])


def _bins(history: History, side: int, mid: float) -> tuple[Floats, Floats]:
    """Return the far edge of each bin of the newest sample, bps, nearest first, and its size."""
    depth = history.depth
    if not len(depth):
        return np.empty(0), np.empty(0)
    sample = depth.samples[:, -1].tolist()
    asks = sample[ASK_HIGH] - sample[ASK_LOW]
    end = sample[END] - depth.start
    if side > 0:
        low, high = sample[BID_LOW], sample[BID_HIGH]
        sizes = depth.sizes[end - asks - (high - low) : end - asks][::-1]
        edges = np.arange(low, high)[::-1]
    else:
        low, high = sample[ASK_LOW], sample[ASK_HIGH]
        sizes = depth.sizes[end - asks : end]
        edges = np.arange(low, high) + 1
    return 1e4 * side * (mid - edges * depth.step) / mid, sizes.astype(np.float64)
