"""Viable, not viable, or not enough data: one word, and the sentence that says why.

The rule rests on what a trade of each horizon made, net, as traded (`traded`), in three parts of
the record: the whole of it, the time before the hold-out, and the hold-out.

*Viable*: at the surest horizon, the one at which chance is the least likely, what a trade made is
above 0, and above what being long and short as often without looking made. Both hold on the whole
after the correction for all that was tried, and by their intervals in each of the two parts. It
also holds without the episode that weighs most.

*Not viable*: at every horizon that can be told, the upper end of what a trade made is below 0, on
the whole or in either part.

*Not enough data*: all else. A part with fewer than `MIN_EPISODES` episodes tells nothing.

Only one horizon is asked whether it is viable, so that the hold-out is not searched for one that
happens to be good there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from obi_widgets.calibration.forward_returns import COARSE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from obi_widgets.calibration.as_traded import Traded

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Verdict = Literal["viable", "not viable", "not enough data"]

MIN_EPISODES = 10
"""Below so many in a part, whatever they say, there are too few to say it."""

LOOSE = 0.5
"""The share of the time beyond the threshold from which on it tells hardly anything apart."""

MAX_HOURS = 1000
"""How much more is needed is not told beyond: of a gain that may well be none, it says nothing."""

ONE_SIDED = 0.95
"""The share of trades on one side from which on they are called one-sided."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict is made of; arrays of shape (H,), bps unless said otherwise.

    Attributes
    ----------
    whole, before, held_out : Traded
        What trades made, on the whole and in its two parts.
    p : ndarray of float64
        Of the trades on the whole, adjusted for all that was tried; NaN where nothing is known.
    mean, low, high : ndarray of float64
        The mean return after the signal, mid to mid, and its confidence interval.
    p_mean : ndarray of float64
        Of ``mean``, adjusted.
    episodes : tuple of int
        How many: on the whole, before the hold-out, in it.
    share_on : float
        Of the time, 0..1.
    more : callable
        Given a horizon's number, how many seconds more would tell; NaN where that is not known.
    hold : float
        What the settings hold, seconds.
    at_mid : bool
        Whether trades were made at mid, not at the touch.
    interval : float
        Seconds between the states of the history, 0 for every one.
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

    whole: Traded
    before: Traded
    held_out: Traded
    p: Floats
    mean: Floats
    low: Floats
    high: Floats
    p_mean: Floats
    episodes: tuple[int, int, int]
    share_on: float
    more: Callable[[int], float] = lambda _: np.nan
    hold: float = 20.0
    at_mid: bool = False
    interval: float = 0.0
    shortage: str = ""
    level: float = 0.05
    looks_ahead: str = ""
    beyond: str = ""

    @property
    def horizons(self) -> Floats:
        """Seconds."""
        return self.whole.horizons

    @property
    def told(self) -> tuple[Flags, Flags, Flags]:
        """Where each part has something to say, shape (H,) each."""
        parts = zip((self.whole, self.before, self.held_out), self.episodes, strict=True)
        whole, before, held_out = (
            ~np.isnan(part.ci_low) & (many >= MIN_EPISODES) for part, many in parts
        )
        return whole, before, held_out

    def surest(self, among: Flags) -> int:
        """Return the horizon, among some, at which chance is the least likely."""
        # Of a signal that never changes it is not known what it adds: these come last.
        order = np.where(np.isnan(self.whole.sure_z), self.whole.z - 1e6, self.whole.sure_z)
        return int(np.argmax(np.where(among, np.clip(order, -1e9, 1e9), -np.inf)))


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
    whole, before, held_out = e.told
    if e.episodes[0] < MIN_EPISODES:
        many = f"{e.episodes[0]} episode{'' if e.episodes[0] == 1 else 's'}"
        return Judgement(
            "not enough data",
            f"Too tight, or too short a record: {many} beyond the threshold, and fewer than "
            f"{MIN_EPISODES} say nothing.",
            -1,
        )
    if not whole.any():
        return Judgement("not enough data", f"Nothing can be told: {e.shortage}.{_coarse(e)}", -1)
    ruled_out = (
        (whole & (e.whole.ci_high < 0))
        | (before & (e.before.ci_high < 0))
        | (held_out & (e.held_out.ci_high < 0))
    )
    at = e.surest(whole)
    lacking = _lacking(e, at)
    if not lacking:
        return Judgement("viable", _viable(e, at) + _coarse(e), at)
    if ruled_out[whole].all():
        at, reason = _not_viable(e, whole)
        return Judgement("not viable", reason + _coarse(e), at)
    if ruled_out[at]:
        lasts = f"at {e.horizons[at]:g} s, which is surer, it does not last"
        at = e.surest(whole & ~ruled_out)
        lacking = f"and {lasts}" if not _lacking(e, at) else _lacking(e, at)
    reason = f"{_made(e, at)}, {lacking}.{_more(e, at)}"
    return Judgement("not enough data", reason + _coarse(e), at)


def _lacking(e: Evidence, at: int) -> str:
    """Return what a horizon lacks to be viable, as the end of a sentence; empty for nothing."""
    w, parts = e.whole, (e.before, e.held_out)
    names = "before the hold-out", "in the hold-out"
    if not w.ci_low[at] > 0:
        return "which may be chance"
    if np.isnan(w.excess_bps[at]) or not w.excess_low[at] > 0:
        better = "" if np.isnan(w.excess_bps[at]) else ": the signal is not surely better than that"
        return f"and {_passive(e, at)}{better}"
    if not e.p[at] < e.level:
        return f"which may be the best of many chances: p is {e.p[at]:.3f} after all that was tried"
    for part, name, many in zip(parts, names, e.episodes[1:], strict=True):
        if many < MIN_EPISODES:
            there = "is 1 episode" if many == 1 else f"are {many} episodes"
            return f"and {name} there {there}: fewer than {MIN_EPISODES} say nothing"
        if np.isnan(part.ci_low[at]):
            return f"and {name} the record is too short for it"
        if not part.ci_low[at] > 0:
            return f"and {name} {_interval(part, at)}, which may be nothing"
        if np.isnan(part.excess_bps[at]) or not part.excess_low[at] > 0:
            return f"and {name} it is not surely more than {_often(e, at)} without looking"
    if not e.whole.without_bps[at] > 0:
        left = f"{e.whole.without_bps[at]:+.2f} bps are left"
        return f"and it depends on one episode: without it, {left}"
    return ""


def _viable(e: Evidence, at: int) -> str:
    reason = f"{_made(e, at)}: {_interval(e.before, at)} before the hold-out, "
    reason += f"{_interval(e.held_out, at)} in it."
    if _one_sided(e, at) or _drifts(e, at):
        passive = _passive(e, at)
        reason += f" {passive[0].upper()}{passive[1:]}."
    hold, horizon = e.hold, e.horizons[at]
    if hold != horizon:
        same = np.flatnonzero(e.horizons == hold)
        made = f", and a trade made {_interval(e.whole, int(same[0]))}" if len(same) else ""
        reason += f" The settings hold {hold:g} s{made}: to have this, hold {horizon:g} s."
    fill = "at mid, which no queue promises" if e.at_mid else "at the touch"
    return reason + f" It assumes that all is filled at once {fill}, without latency."


def _not_viable(e: Evidence, whole: Flags) -> tuple[int, str]:
    """Return the horizon that the reason is about, and the reason."""
    w = e.whole
    sure = whole & (e.p_mean < e.level) & (e.mean > 0)
    most = int(np.argmax(np.where(sure, w.net_bps, -np.inf)))
    at = most if sure.any() else e.surest(whole)
    there, cost = f"{e.horizons[at]:g} s", f"{w.cost_bps[at]:.2f} bps"
    effect = f"{e.mean[at]:+.2f} ± {(e.high - e.low)[at] / 2:.2f} bps"
    if not w.ci_high[at] < 0:
        held, name = e.held_out, "in the hold-out"
        if not (e.told[2][at] and held.ci_high[at] < 0):
            held, name = e.before, "before the hold-out"
        return at, f"{_made(e, at)}, and it does not last: {_interval(held, at)} {name}."
    if not sure.any():
        against = " (the price rather goes against the signal)" if e.high[at] < 0 else ""
        return at, (
            f"No effect that would pay{against}: at {there}, where it is the most likely, "
            f"{effect} mid to mid, trading costs {cost}, and a trade made {_interval(w, at)} net."
        )
    last = int(np.flatnonzero(sure)[-1])
    until = f", no longer sure at {e.horizons[last + 1]:g} s" if last + 1 < len(sure) else ""
    reason = f"An effect is there at {there} ({effect} mid to mid){until}, and too small: "
    reason += f"trading costs {cost}, and a trade made {_interval(w, at)} net."
    if e.share_on > LOOSE:
        reason += f" Too loose: the signal is on {100 * e.share_on:.0f} % of the time."
    return at, reason


def _made(e: Evidence, at: int) -> str:
    return f"At {e.horizons[at]:g} s, the surest hold, a trade made {_interval(e.whole, at)} net"


def _interval(part: Traded, at: int) -> str:
    half = (part.ci_high - part.ci_low)[at] / 2
    return f"{part.net_bps[at]:+.2f} ± {half:.2f} bps"


def _one_sided(e: Evidence, at: int) -> bool:
    return bool(max(e.whole.longs[at], 1 - e.whole.longs[at]) > ONE_SIDED)


def _drifts(e: Evidence, at: int) -> bool:
    """Return whether a drift made a tenth of what the trades made, or more."""
    w = e.whole
    return bool(abs(w.move_bps[at] - w.excess_bps[at]) > 0.1 * abs(w.move_bps[at]))


def _often(e: Evidence, at: int) -> str:
    """Return how often long and short the trades were, in words."""
    longs = e.whole.longs[at]
    if longs in (0, 1):
        return "being long" if longs else "being short"
    return f"being long in {100 * longs:.0f} % and short in {100 * (1 - longs):.0f} % of trades"


def _passive(e: Evidence, at: int) -> str:
    """Return what the trades' sides would have made without looking, and what that says."""
    w = e.whole
    if np.isnan(w.excess_bps[at]):
        return f"{_often(e, at)} is all that the signal says"
    return f"{_often(e, at)} without looking made {w.net_bps[at] - w.excess_bps[at]:+.2f} bps net"


def _more(e: Evidence, at: int) -> str:
    """Return how much longer a record would tell."""
    seconds = e.more(at)
    if np.isnan(seconds):
        return ""
    if seconds > 3600 * MAX_HOURS:
        return f" More than {MAX_HOURS:,} h more would be needed to find it."
    unit, name = (3600, "h") if seconds >= 7200 else (60, "min") if seconds >= 120 else (1, "s")
    return (
        f" About {seconds / unit:,.0f} {name} more would find it in four of five cases, if it goes "
        "on as in the weaker part."
    )


def _coarse(e: Evidence) -> str:
    """Return which horizons are not told because too few states were kept."""
    least = COARSE * e.interval
    if not e.interval or not (e.horizons < least).any():
        return ""
    return (
        f" Horizons below {least:g} s are not told: the history keeps a state every "
        f"{e.interval:g} s, and a horizon takes {COARSE}."
    )
