"""Weights of a composite's parts that follow how often each was right, and equal ones beside them.

At fixed times in UTC (`refits`) each part's past cases that were known by then give its *edge*, the
share that was right less one half. The weight of a part is its edge, if above 0, plus one standard
error of an edge: 1 / (2√n) of n independent cases (`effective_number`). So with few cases all
weights are nearly equal, a part that was no better than a coin keeps a small weight, and none is
below 0. A part that is mostly wrong is not turned round.

Weights add up to 1 over the parts. Before the first fit they are equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.confidence import FEWEST, REFIT, WINDOW, outcomes
from obi_widgets.calibration.refits import Refits
from obi_widgets.calibration.statistics.effective_number import apart, dependence
from obi_widgets.calibration.statistics.ranks import ranks
from obi_widgets.calibration.statistics.resampled_mean import resampled_mean
from obi_widgets.errors import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.statistics.block_means import BlockMean

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def accuracy_weights(
    time: Ints,
    parts: Floats,
    move: Floats,
    *,
    horizon: float,
    refit: float = REFIT,
    window: float = WINDOW,
    before: Floats | None = None,
) -> Floats:
    """Return the weight of each part at each row, by what was known at its time.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        When each row was known, ns UTC, never decreasing.
    parts : ndarray of float64, shape (K, T)
        The parts, + for a rise; NaN where one has no value.
    move : ndarray of float64, shape (T,)
        The move of mid in the horizon after each row, in any unit; NaN where it is not known.
    horizon, refit, window : float
        Seconds; see `confidence.claims`.
    before : ndarray of float64, shape (K, B), optional
        Weights of the first rows, which are then kept: only what is new is computed.

    Returns
    -------
    ndarray of float64, shape (K, T)
        Above 0; they add up to 1 at each row, also where a part has no value.
    """
    count, ahead = len(parts), round(horizon * 1e9)
    weights = np.full(parts.shape, 1 / count) if count else np.empty(parts.shape)
    begun = 0 if before is None else before.shape[1]
    if before is not None:
        weights[:, :begun] = before
    right = np.array([outcomes(one, move) for one in parts]).reshape(parts.shape)
    for _, first, last, begin, end in zip(
        *Refits.of(time, horizon=horizon, window=window, refit=refit), strict=True
    ):
        if end <= begun:
            continue
        if begin < begun:  # one fit holds for all rows until the next
            weights[:, begun:end] = weights[:, begun - 1 : begun]
            continue
        edges = [_edge(right[one, first:last], time[first:last], ahead) for one in range(count)]
        found = np.array(edges).reshape(count, 2)
        if np.isnan(found).any():  # a part has no past yet, and can not be held against others
            continue
        of_each = np.maximum(found[:, 0], 0.0) + found[:, 1].max()
        weights[:, begin:end] = (of_each / of_each.sum())[:, None]
    return weights


def _edge(right: Floats, time: Ints, horizon: int) -> tuple[float, float]:
    """Return how much more than half was right, and the standard error; NaN of too few cases."""
    cases = np.flatnonzero(~np.isnan(right))
    at, seen = time[cases], right[cases]
    worth = apart(at, horizon)
    if worth >= FEWEST:
        worth /= dependence(seen, at, horizon)
    if worth < FEWEST:
        return math.nan, math.nan
    return float(seen.mean()) - 0.5, 0.5 / math.sqrt(worth)


def combined(parts: Floats, weights: Floats) -> Floats:
    """Return Σ w·s / Σ w over the parts that have a value, shape (T,); NaN where none has.

    Parameters
    ----------
    parts : ndarray of float64, shape (K, T)
        NaN where a part has no value.
    weights : ndarray of float64, shape (K, T) or (K, 1)
        At least 0.
    """
    used = np.where(np.isnan(parts), 0.0, weights)
    total = used.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(
            (used * np.nan_to_num(parts)).sum(axis=0) / np.where(total > 0, total, np.nan)
        )


@dataclass(frozen=True, eq=False)
class WeightsComparison:
    """Weights by accuracy against equal ones, on cases that the weights had not seen.

    Attributes
    ----------
    accuracy, accuracy_equal : float
        Share of cases in which the composite had the sign of the move, 0..1.
    difference, low, high : float
        The first less the second, and its interval.
    rank_difference, rank_low, rank_high : float
        Spearman's correlation of the composite with the move, less that with equal weights, and its
        interval.
    n : int
        Number of cases: a move, and a value of each part and of the weights.
    level : float
        Level of the intervals, 0..1.
    weights : ndarray of float64, shape (K,)
        The newest weights, in the order of the parts; they add up to 1. Of the parts of cards: the
        windows of the first signal, short to long, then those of the next.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> found = obi.cards(obi.simulate(seconds=900, seed=1), mode="scalp").weighing()
    >>> found.winner
    'neither'
    >>> found.weights.round(2)
    array([0.33, 0.33, 0.33])
    """

    accuracy: float
    accuracy_equal: float
    difference: float
    low: float
    high: float
    rank_difference: float
    rank_low: float
    rank_high: float
    n: int
    level: float
    weights: Floats

    @property
    def winner(self) -> str:
        """Which was right more often: ``"accuracy"``, ``"equal"``, or ``"neither"``.

        One of them won only if the whole interval of the difference of accuracy says so.
        """
        return "accuracy" if self.low > 0 else "equal" if self.high < 0 else "neither"

    def __repr__(self) -> str:
        said = f"Weights by accuracy against equal ones: {self.winner} won"
        if not self.n:
            return f"{said}; no case whose outcome is known"
        right = f"right {self.accuracy:.4f} with them, {self.accuracy_equal:.4f} with equal ones"
        return "\n".join([
            f"{said}; {counted(self.n, 'case')}",
            f"{right}: {_with_interval(self.difference, self.low, self.high)}",
            "rank correlation: "
            f"{_with_interval(self.rank_difference, self.rank_low, self.rank_high)}",
            f"newest weights: {', '.join(f'{one:.3f}' for one in self.weights)}",
        ])  # fmt: skip


def _with_interval(value: float, low: float, high: float) -> str:
    interval = (
        "too few cases for an interval" if math.isnan(low) else f"{low:+z.4f} to {high:+z.4f}"
    )
    return f"{value:+z.4f} ({interval})"


def against_equal(
    time: Ints,
    parts: Floats,
    move: Floats,
    weights: Floats,
    *,
    horizon: float,
    level: float = 0.95,
) -> WeightsComparison:
    """Return how weights compare with equal ones.

    Parameters
    ----------
    time, parts, move, horizon
        See `accuracy_weights`.
    weights : ndarray of float64, shape (K, T)
        As `accuracy_weights` returns them: each row's by what was known at its time. Rows at which
        they are equal count too, since that is what the weights were.
    level : float
        Level of the intervals, 0..1.
    """
    known = ~(np.isnan(parts).any(axis=0) | np.isnan(move)) & (move != 0)
    at, y = time[known], move[known]
    both = [combined(parts[:, known], one) for one in (weights[:, known], np.ones((len(parts), 1)))]
    ahead = round(horizon * 1e9)
    # A composite of 0 says nothing, and is half right.
    right = [(1 + np.sign(one) * np.sign(y)) / 2 for one in both]
    found = _mean(right[0] - right[1], at, ahead, level)
    accuracy = [float(one.mean()) if len(one) else math.nan for one in right]
    v, by_weights, by_equal = (_standard_ranks(one) for one in (y, *both))
    rank = _mean(v * (by_weights - by_equal), at, ahead, level)
    return WeightsComparison(
        accuracy=accuracy[0],
        accuracy_equal=accuracy[1],
        difference=found.mean,
        low=found.low,
        high=found.high,
        rank_difference=rank.mean,
        rank_low=rank.low,
        rank_high=rank.high,
        n=len(y),
        level=level,
        weights=weights[:, -1] if weights.shape[1] else np.full(len(parts), 1 / len(parts)),
    )


def _mean(values: Floats, at: Ints, horizon: int, level: float) -> BlockMean:
    """Return a mean difference; where both never differ, its interval is 0 too."""
    found = resampled_mean(values, at, horizon=horizon, level=level)
    if len(values) and not values.any():
        return found._replace(low=0.0, high=0.0)
    return found


def _standard_ranks(values: Floats) -> Floats:
    """Return ranks with mean 0 and variance 1; 0 where nothing varies."""
    if not len(values) or not np.ptp(values) > 0:
        return np.zeros(len(values))
    found = ranks(values)
    return np.asarray((found - found.mean()) / np.std(found))
