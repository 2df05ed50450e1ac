"""How likely a direction is right: learned from what was right before, and shrunk to one half.

A *case* is a row whose direction was right (1) or wrong (0) a horizon later. At fixed times in UTC
the cases that were known by then (see `refits`) give a curve from a score to the chance of being
right, for the rows until the next fit:

1. The cases are sorted by score, and cut into up to `STEPS` steps of equally many cases. A step has
   to be worth at least `LEAST` independent cases (`effective_number`), or it is joined with the one
   before.
2. The rates of the steps are made to rise with the score (`isotonic`).
3. What was right in all cases, with `PRIOR` fair cases added, half of them right, is the
   *constant*: it is what is said if the score is not heeded.
4. To each step, `PRIOR` cases are added that are right as often as the constant says. Its distance
   from the constant is then made smaller by the part of the steps' differences that chance explains
   (as James and Stein 1961). Steps that do not differ more than by chance all say the constant.

The prior says that a direction is right in 50 ± 2.2 % of cases, unless much is seen. In n
independent cases that are right by chance, an excess of z standard errors moves the constant by
z/2 · √n / (n + `PRIOR`), at most z / 89: to say 55 % of a market without an edge takes an excess of
4.5 standard errors, however many cases there are. This has a cost: of 1,000 independent cases of
which 57 % are right, 54.7 % is said.

How many independent cases there are is the least of three counts (`effective_number`): those that
overlap leaves, those that the variance of the mean tells, and those of directions and moves turned
against each other. A direction and a trend that both last an hour meet a few times a day, however
many cases that are. docs/confidence.md tells what is claimed of simulated markets.

Whether the claims are better than the constant is asked at each fit of the claims made before it,
by the difference of their Brier scores (`reliability`). Where they are not, the constant is shown.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.refits import Refits
from obi_widgets.calibration.statistics.effective_number import apart, dependence, rotated, wilson
from obi_widgets.calibration.statistics.isotonic import isotonic
from obi_widgets.calibration.statistics.resampled_mean import resampled_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STEPS = 10
"""Largest number of steps of a curve."""

LEAST = 100
"""Independent cases that a step is worth at least."""

FEWEST = 30
"""Independent cases below which nothing is said."""

PRIOR = 500
"""Independent cases that are added, to the whole and to each step."""

REFIT = 3600.0
"""Seconds between fits."""

WINDOW = 7 * 86_400.0
"""Seconds of the past that a fit uses, or what there is of them."""

LEVEL = 0.95
"""Level of the intervals."""


class Curve(NamedTuple):
    """What a fit says of each score, in S steps.

    Attributes
    ----------
    begins : ndarray of float64, shape (S,)
        The score at which each step begins; the first is −inf.
    said, right, low, high : ndarray of float64, shape (S,)
        The chance of being right that is said; the share of the step's cases that was right, and
        its interval. 0..1.
    n : ndarray of int64, shape (S,)
        Cases of each step.
    n_eff : ndarray of float64, shape (S,)
        Independent cases that they are worth.
    constant : float
        What is said of any score if the score is not heeded.
    """

    begins: Floats
    said: Floats
    right: Floats
    low: Floats
    high: Floats
    n: Ints
    n_eff: Floats
    constant: float


class Claims(NamedTuple):
    """What was said of each of T rows by what was known at its time; NaN before the first fit.

    Attributes
    ----------
    said, constant : ndarray of float64, shape (T,)
        The chance that the direction is right, by the score and without it, 0..1.
    right, low, high : ndarray of float64, shape (T,)
        Share of the step's past cases that was right, and its 95 % interval.
    n : ndarray of int64, shape (T,)
        Number of those cases.
    n_eff : ndarray of float64, shape (T,)
        Independent cases that they are worth.
    better : ndarray of bool, shape (T,)
        Whether what was said before was better than the constant, by the whole interval.
    """

    said: Floats
    constant: Floats
    right: Floats
    low: Floats
    high: Floats
    n: Ints
    n_eff: Floats
    better: NDArray[np.bool_]

    @property
    def shown(self) -> Floats:
        """The confidence that is shown, shape (T,): what was said if better, else the constant."""
        return np.where(self.better, self.said, self.constant)


def claims(
    time: Ints,
    score: Floats,
    right: Floats,
    side: Floats,
    *,
    horizon: float,
    refit: float = REFIT,
    window: float = WINDOW,
    before: Claims | None = None,
) -> Claims:
    """Return what is said of each row, by the cases that were known at its time.

    Parameters
    ----------
    time : ndarray of int64, shape (T,)
        When each row was known, ns UTC, never decreasing.
    score : ndarray of float64, shape (T,)
        What the chance is to rise with, NaN where there is none. Nothing is said there.
    right : ndarray of float64, shape (T,)
        Whether the direction was right a horizon later: 1 or 0, NaN where it is not known. See
        `outcomes`.
    side : ndarray of float64, shape (T,)
        Sign of the direction: −1 or +1 where ``right`` is known.
    horizon, refit, window : float
        Seconds: after which it is known, between fits, and of the past that a fit uses.
    before : Claims, optional
        What was said of the first rows, which is then kept: only what is new is computed.
    """
    rows, ahead = len(time), round(horizon * 1e9)
    columns = np.full((6, rows), np.nan)
    said, constant, share, low, high, n_eff = columns
    n, better = np.zeros(rows, np.int64), np.zeros(rows, bool)
    begun = 0 if before is None else len(before.said)
    if before is not None:
        n[:begun], better[:begun] = before.n, before.better
        for column, kept in zip(
            columns,
            (before.said, before.constant, before.right, before.low, before.high, before.n_eff),
            strict=True,
        ):
            column[:begun] = kept
    is_case = ~(np.isnan(score) | np.isnan(right))
    for _, first, last, begin, end in zip(
        *Refits.of(time, horizon=horizon, window=window, refit=refit), strict=True
    ):
        if end <= begun:
            continue
        cases = first + np.flatnonzero(is_case[first:last])
        found = curve(time[cases], score[cases], right[cases], side[cases], ahead)
        if found is None:
            continue
        new = max(begin, begun)
        has = new + np.flatnonzero(~np.isnan(score[new:end]))
        step = np.searchsorted(found.begins, score[has], side="right") - 1
        for column, of_step in zip(
            (said, share, low, high, n_eff, n),
            (found.said, found.right, found.low, found.high, found.n_eff, found.n),
            strict=True,
        ):
            column[has] = of_step[step]
        constant[has] = found.constant
        earlier = gains(said[cases], constant[cases], right[cases])
        better[has] = resampled_mean(earlier, time[cases], horizon=ahead, level=LEVEL).low > 0
    return Claims(said, constant, share, low, high, n, n_eff, better)


def curve(at: Ints, score: Floats, right: Floats, side: Floats, horizon: int) -> Curve | None:
    """Return the fit of some cases; None if they are worth fewer than `FEWEST` independent ones.

    Parameters
    ----------
    at : ndarray of int64, shape (N,)
        Their times, ns, never decreasing.
    score, right, side : ndarray of float64, shape (N,)
        See `claims`; without NaN.
    horizon : int
        Nanoseconds.
    """
    worth = apart(at, horizon)
    if worth < FEWEST:
        return None
    moved = (2 * right - 1) * side
    lasting = max(dependence(right, at, horizon), worth / rotated(side, moved))
    worth /= lasting
    if worth < FEWEST:
        return None
    constant = (float(right.mean()) * worth + 0.5 * PRIOR) / (worth + PRIOR)
    steps = _steps(at, score, horizon, lasting, max(1, min(STEPS, int(worth / LEAST))))
    # Steps that do not rise are one step; what is left of them is counted again.
    cut = len(steps)
    rates = np.array([right[one].mean() for one in steps])
    worths = np.array([_worth(at, one, horizon, lasting) for one in steps])
    _, pools = isotonic(rates, worths)
    steps = [np.sort(np.concatenate(pool)) for pool in _pooled(steps, pools)]
    rates = np.array([right[one].mean() for one in steps])
    worths = np.array([_worth(at, one, horizon, lasting) for one in steps])
    # Shrinking few cases more than many may turn the order of two steps.
    told = _told(rates, worths, cut)
    apart_by = told * (rates - constant) * worths / (worths + PRIOR)
    said, _ = isotonic(constant + apart_by, worths + PRIOR)
    low, high = wilson(rates, worths, LEVEL)
    begins = np.array([-math.inf, *(float(score[one].min()) for one in steps[1:])])
    n = np.array([len(one) for one in steps], np.int64)
    return Curve(begins, said, rates, low, high, n, worths, constant)


def gains(said: Floats, constant: Floats, right: Floats) -> Floats:
    """Return by how much the squared error of each claim is less than that of the constant."""
    return (constant - right) ** 2 - (said - right) ** 2


def outcomes(direction: Floats, move: Floats) -> Floats:
    """Return whether each direction was right.

    Where mid did not move, nobody was right or wrong: such a row is no case. So a confidence is the
    chance that a direction is right *if mid moves*. Counting half for it would move all claims to
    one half on a market that rests, whatever the direction is worth when it moves.

    Parameters
    ----------
    direction : ndarray of float64, shape (T,)
        + for a rise, − for a fall; 0 or NaN says nothing.
    move : ndarray of float64, shape (T,)
        The move of mid in the horizon after it, in any unit; NaN where it is not known.

    Returns
    -------
    ndarray of float64, shape (T,)
        1 where both have the same sign, 0 where they have not; NaN where one says nothing.
    """
    says = np.sign(direction) * np.sign(move)
    return np.where(says > 0, 1.0, np.where(says < 0, 0.0, np.nan))


def _told(rates: Floats, worths: Floats, cut: int) -> float:
    """Return which part of the differences of steps chance does not explain, 0..1.

    Of K steps of one chance that were pooled, the sum of squares is Σ 1/k over k = 2..K in units of
    the variance of a case, on average.
    """
    mean = float((rates * worths).sum() / worths.sum())
    spread = float((worths * (rates - mean) ** 2).sum())
    by_chance = mean * (1 - mean) * float((1 / np.arange(2, cut + 1)).sum())
    return 1 - by_chance / spread if spread > by_chance else 0.0


def _worth(at: Ints, cases: Ints, horizon: int, lasting: float) -> float:
    return apart(at[cases], horizon) / lasting


def _steps(at: Ints, score: Floats, horizon: int, lasting: float, most: int) -> list[Ints]:
    """Return the cases of each step, in the order of time; each step is worth `LEAST`, if any."""
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    cuts = ordered[(np.arange(1, most) * len(order)) // most]  # equal scores stay together
    edges = np.unique(np.searchsorted(ordered, cuts, side="left"))
    steps: list[Ints] = []
    for cases in np.split(order, edges[edges > 0]):
        if steps and _worth(at, steps[-1], horizon, lasting) < LEAST:
            steps[-1] = np.sort(np.concatenate([steps[-1], cases]))
        else:
            steps.append(np.sort(cases))
    if len(steps) > 1 and _worth(at, steps[-1], horizon, lasting) < LEAST:
        steps[-2:] = [np.sort(np.concatenate(steps[-2:]))]
    return steps


def _pooled(steps: Sequence[Ints], first: Ints) -> list[Sequence[Ints]]:
    """Return the steps of each pool."""
    return [steps[begin:end] for begin, end in pairwise([*first.tolist(), len(steps)])]
