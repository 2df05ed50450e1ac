"""What the cards of a market said in the last day, and what followed, as a screen shows it.

A mean return takes a bootstrap, so this is made in the background and not for a frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.statistics.resampled_mean import resampled_mean
from obi_widgets.card.outcomes import returns_after
from obi_widgets.trading.own_past import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.reliability import Reliability
    from obi_widgets.card.cards import Cards

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MINUTE = 60 * 10**9

BINS = 64
"""Bins of the histogram of directions; 0 is between the two in the middle."""

SCALES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Ends of a scale, of which the first one that holds all values is taken."""


class Worth(NamedTuple):
    """The mean return after cards that lean, with the sign of their direction.

    Attributes
    ----------
    mean, low, high : float
        Its mean and 95 % interval, bps before costs; NaN where there are too few.
    n : int
        Cards that lean, and whose outcome is known.
    spread_bps : float
        Mean spread at these cards: what a taker pays to enter and to leave.
    """

    mean: float
    low: float
    high: float
    n: int
    spread_bps: float


class Past(NamedTuple):
    """The last 24 hours of cards.

    Attributes
    ----------
    directions : ndarray of int64, shape (64,)
        How many cards had a direction in each of as many bins of `scale`.
    scale : float
        The bins reach from minus to plus this, the first of `SCALES` that holds all directions.
    reach : float
        The same for the values of the windows and their bands.
    reliability : Reliability
        Whether the confidence came true; of all cards that are kept.
    worth : Worth
        What followed the cards that lean.
    """

    directions: Ints
    scale: float
    reach: float
    reliability: Reliability
    worth: Worth


def past(cards: Cards) -> Past:
    """Return what cards said in the last 24 hours, and what followed.

    Parameters
    ----------
    cards : Cards
        One at least.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> from obi_widgets.card.past import past
    >>> found = past(obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp"))
    >>> int(found.directions.sum()), found.worth.n
    (60, 0)
    """
    rows = slice(max(len(cards) - DAY, 0), None)
    directions = cards.direction[rows]
    known = directions[~np.isnan(directions)]
    scale = scale_of(known)
    counts, _ = np.histogram(known, BINS, (-scale, scale))
    return Past(
        directions=np.asarray(counts, np.int64),
        scale=scale,
        reach=scale_of(np.concatenate([cards.values[:, rows], cards.bands[:, rows]])),
        reliability=cards._confidence.reliability,
        worth=_worth(cards, rows),
    )


def scale_of(values: Floats) -> float:
    """Return the first of `SCALES` that holds all values, the last one if there is none."""
    known = np.abs(values[~np.isnan(values)])
    largest = float(known.max()) if len(known) else SCALES[-1]
    return next((one for one in SCALES if largest <= one), SCALES[-1])


def _worth(cards: Cards, rows: slice) -> Worth:
    horizon = cards.mode.horizon
    move = returns_after(cards.time, cards.mid, cards._lost, horizon).bps[0][rows]
    side = np.select([cards.state[rows] == "long", cards.state[rows] == "short"], [1.0, -1.0])
    judged = (side != 0) & ~np.isnan(move)
    found = resampled_mean(
        (side * move)[judged], cards.time[rows][judged], horizon=round(horizon * 1e9)
    )
    spreads = cards.spread_bps[rows][judged]
    spread = float(np.nanmean(spreads)) if (~np.isnan(spreads)).any() else float("nan")
    return Worth(found.mean, found.low, found.high, found.n, spread)


class Pasts:
    """What the cards of one market said, made again at most once a minute of its time.

    It takes 50 ms, after a day, and tells much the same after ten seconds.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[int, Past]] = {}  # by mode: the minute, and what was made

    def __call__(self, cards: Cards) -> Past:
        """Return what cards said in the last 24 hours, or had said a moment ago."""
        minute = int(cards.time[-1]) // MINUTE
        made = self._made.get(cards.mode.name)
        if made is None or made[0] != minute:
            made = minute, past(cards)
            self._made[cards.mode.name] = made
        return made[1]
