"""Viable, not viable, or not enough data: one word, and the sentence that says why.

A signal is viable when, at some horizon, what follows it is surely more than it costs, after a
correction for all that was tried, also without the episode that weighs most, and again in the time
that was held out. It is not viable when that is surely not so. All else is not enough data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Verdict = Literal["viable", "not viable", "not enough data"]

EPISODES = 10
"""Below so many, whatever they say, there are too few to say it."""

LOOSE = 0.5
"""The share of the time beyond the threshold from which on it tells hardly anything apart."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict is made of; arrays of shape (H,), bps unless said otherwise.

    Attributes
    ----------
    horizons : ndarray of float64
        Seconds.
    mean, low, high : ndarray of float64
        The mean return after the signal, mid to mid, and its confidence interval; NaN where too
        little is known.
    p : ndarray of float64
        Adjusted for all that was tried.
    cost : ndarray of float64
        What trading costs: spread and fees.
    outside : ndarray of float64
        The mean in the time held out; NaN without events there.
    without : ndarray of float64
        The mean without the episode that weighs most.
    episodes : int
        How many.
    share_on : float
        Of the time, 0..1.
    shortage : str
        Why nothing is known at any horizon, empty where something is.
    level : float
        Of significance.
    looks_ahead : str
        Where the signal was seen to know the future, empty where it was not.
    beyond : str
        Why most states have no signal: the settings reach beyond the levels that are kept. Empty
        where most have one.
    """

    horizons: Floats
    mean: Floats
    low: Floats
    high: Floats
    p: Floats
    cost: Floats
    outside: Floats
    without: Floats
    episodes: int
    share_on: float
    shortage: str = ""
    level: float = 0.05
    looks_ahead: str = ""
    beyond: str = ""


@dataclass(frozen=True)
class Judgement:
    """A verdict, its reason, and the horizon (its number) that it is about; −1 for none."""

    verdict: Verdict
    reason: str
    horizon: int


def judge(e: Evidence) -> Judgement:
    """Return the verdict on some evidence."""
    if e.looks_ahead:
        return Judgement(
            "not viable",
            f"The signal knows the future: {e.looks_ahead}. Nothing that follows it counts.",
            -1,
        )
    if e.beyond:
        return Judgement("not enough data", e.beyond, -1)
    if e.episodes < EPISODES:
        many = f"{e.episodes} episode{'' if e.episodes == 1 else 's'}"
        return Judgement(
            "not enough data",
            f"Too tight, or too short a record: {many} beyond the threshold, and fewer than "
            f"{EPISODES} say nothing.",
            -1,
        )
    known = ~np.isnan(e.p)
    if not known.any():
        return Judgement("not enough data", f"Nothing can be told: {e.shortage}.", -1)
    sure = known & (e.p < e.level) & (e.mean > 0)
    if not sure.any():
        return _no_effect(e, known)
    net = np.where(sure, e.mean - e.cost, -np.inf)
    at = int(np.argmax(net))
    there = f"{e.horizons[at]:g} s"
    effect = _interval(e, at)
    cost = f"{e.cost[at]:.2f} bps"
    if e.high[at] <= e.cost[at] or e.mean[at] <= e.cost[at]:
        until = _until(e, sure)
        reason = f"An effect is there at {there} ({effect}){until}, and too small: trading costs "
        reason += f"{cost}."
        if e.share_on > LOOSE:
            reason += f" Too loose: the signal is on {100 * e.share_on:.0f} % of the time."
        return Judgement("not viable", reason, at)
    if e.low[at] <= e.cost[at]:
        return Judgement(
            "not enough data",
            f"At {there} the effect ({effect}) may or may not exceed its cost of {cost}.",
            at,
        )
    if not e.without[at] > e.cost[at]:
        return Judgement(
            "not viable",
            f"It depends on one episode: without it, {e.without[at]:+.2f} bps are left at {there}, "
            f"and trading costs {cost}.",
            at,
        )
    if np.isnan(e.outside[at]):
        return Judgement("not enough data", "There is no event in the time that was held out.", at)
    if not e.outside[at] > e.cost[at]:
        return Judgement(
            "not viable",
            f"It does not survive the hold-out: {effect} at {there} on the whole, "
            f"{e.outside[at]:+.2f} bps in the time held out, and trading costs {cost}.",
            at,
        )
    return Judgement("viable", f"At {there} the effect is {effect}, and trading costs {cost}.", at)


def _no_effect(e: Evidence, known: NDArray[np.bool_]) -> Judgement:
    """Judge a signal after which nothing was significant."""
    at = int(np.argmin(np.where(known, e.p, np.inf)))
    most = int(np.argmax(np.where(known, e.high - e.cost, -np.inf)))
    there = f"at {e.horizons[at]:g} s, where it is most likely, {_interval(e, at)}"
    if e.p[at] < e.level:
        there = (
            f"the price rather goes against the signal: at {e.horizons[at]:g} s {_interval(e, at)}"
        )
    if e.high[most] <= e.cost[most]:
        return Judgement(
            "not viable",
            f"No effect ({there}), and none that would pay its cost of {e.cost[most]:.2f} bps.",
            at,
        )
    return Judgement(
        "not enough data",
        f"No effect can be told from chance yet ({there}), and one that would pay is not ruled "
        f"out at {e.horizons[most]:g} s.",
        at,
    )


def _interval(e: Evidence, at: int) -> str:
    return f"{e.mean[at]:+.2f} ± {(e.high[at] - e.low[at]) / 2:.2f} bps"


def _until(e: Evidence, sure: NDArray[np.bool_]) -> str:
    """Return from when on the effect is not sure."""
    last = int(np.flatnonzero(sure)[-1])
    return f", no longer sure at {e.horizons[last + 1]:g} s" if last + 1 < len(sure) else ""
