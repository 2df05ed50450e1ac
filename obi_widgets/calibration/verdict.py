"""The verdict of a calibration: viable, not viable, or not enough data; and its reason.

The rule uses the net gain of a trade at each horizon (`as_traded`), on three parts of the record:
the whole record, the time before the hold-out, and the hold-out.

*Viable*: at the most significant horizon, the mean net gain is above 0, and the excess gain over
being long and short as often at random times is above 0. On the whole record both must be
significant after the correction for all that was tried; in each of the other two parts both
confidence intervals must be above 0. The mean must also stay above 0 without the most influential
episode.

*Not viable*: at every horizon with enough data, the confidence interval of the net gain is below 0
on at least one of the three parts.

*Not enough data*: every other case. A part with fewer than `MIN_EPISODES` episodes is not used.

Only the most significant horizon can be viable: otherwise the hold-out would be searched for a
horizon that happens to be good there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from obi_widgets.calibration.forward_returns import COARSE
from obi_widgets.errors import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from obi_widgets.calibration.as_traded import TradeGains

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

Verdict = Literal["viable", "not viable", "not enough data"]

MIN_EPISODES = 10
"""Fewest episodes of a part that can support a verdict."""

LOOSE = 0.5
"""A signal beyond its threshold for more than this fraction of the time is called too loose."""

MAX_HOURS = 1000
"""Longest further record that is given as a number; the gain may be 0 where it takes longer."""

ONE_SIDED = 0.95
"""Trades with more than this fraction on one side are called one-sided."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a verdict rests on; arrays have shape (H,), and are in bps unless said otherwise.

    Attributes
    ----------
    whole, before, held_out : TradeGains
        Gains of trades on the whole record, before the hold-out and in the hold-out.
    p : ndarray of float64
        P values of the trades on the whole record, corrected for all that was tried; NaN if
        unknown.
    mean, low, high : ndarray of float64
        Mean return of mid after an entry, and its confidence interval.
    p_mean : ndarray of float64
        P values of ``mean``, corrected.
    episodes : tuple of int
        Number of episodes on the whole record, before the hold-out, and in it.
    share_on : float
        Fraction of states within an episode, 0..1.
    more : callable
        Given a horizon's position, the seconds of further record that a verdict would take; NaN if
        unknown.
    hold : float
        ``hold_seconds`` of the settings.
    filled : str
        How orders are filled: the end of the sentence "It assumes that all is filled".
    interval : float
        Seconds between the states of the history; 0 if it keeps every state.
    shortage : str
        Why nothing is known at any horizon; empty if something is.
    level : float
        Significance level, 0..1.
    looks_ahead : str
        At which state the signal used later data; empty if none was found.
    beyond : str
        Why most states have no signal, if their levels are not kept, or why none has one; empty
        otherwise.
    """

    whole: TradeGains
    before: TradeGains
    held_out: TradeGains
    p: Floats
    mean: Floats
    low: Floats
    high: Floats
    p_mean: Floats
    episodes: tuple[int, int, int]
    share_on: float
    more: Callable[[int], float] = lambda _: np.nan
    hold: float = 20.0
    filled: str = "at once at the touch, without latency"
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
        """Horizons at which each part has a result and enough episodes, shape (H,) each."""
        parts = zip((self.whole, self.before, self.held_out), self.episodes, strict=True)
        whole, before, held_out = (
            ~np.isnan(part.ci_low) & (many >= MIN_EPISODES) for part, many in parts
        )
        return whole, before, held_out

    def surest(self, among: Flags) -> int:
        """Return the most significant horizon among some."""
        # Horizons without an excess gain (the signal never changes) come last.
        order = np.where(np.isnan(self.whole.weaker_z), self.whole.z - 1e6, self.whole.weaker_z)
        return int(np.argmax(np.where(among, np.clip(order, -1e9, 1e9), -np.inf)))


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason; see `obi_widgets.Report.judgement`.

    Attributes
    ----------
    verdict : {"viable", "not viable", "not enough data"}
        The verdict.
    reason : str
        Its reason, in words.
    horizon : int
        Position in ``Report.horizons`` of the horizon that it is about, from 0; −1 for none.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> report = obi.calibrate(obi.simulate("sim:BTC-PERP", seconds=5), obi.Settings())
    >>> report.judgement.verdict, report.judgement.horizon
    ('not enough data', -1)
    """

    verdict: Verdict
    reason: str
    horizon: int


def judge(e: Evidence) -> Judgement:
    """Return the verdict on the evidence, by the rule of this module."""
    if e.looks_ahead:
        return Judgement(
            "not viable",
            f"The signal looks ahead: {e.looks_ahead}. Its results do not count.",
            -1,
        )
    if e.beyond:
        return Judgement("not enough data", e.beyond, -1)
    whole, before, held_out = e.told
    if e.episodes[0] < MIN_EPISODES:
        many = counted(e.episodes[0], "episode")
        return Judgement(
            "not enough data",
            f"The threshold is too tight, or the record too short: {many} beyond the threshold, "
            f"and at least {MIN_EPISODES} are needed.",
            -1,
        )
    if not whole.any():
        return Judgement("not enough data", f"There is no result: {e.shortage}.{_coarse(e)}", -1)
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
        lasts = f"at {e.horizons[at]:g} s, which is more significant, it does not last"
        at = e.surest(whole & ~ruled_out)
        lacking = f"and {lasts}" if not _lacking(e, at) else _lacking(e, at)
    reason = f"{_made(e, at)}, {lacking}.{_more(e, at)}"
    return Judgement("not enough data", reason + _coarse(e), at)


def _lacking(e: Evidence, at: int) -> str:
    """Return why a horizon is not viable, as the end of a sentence; empty if it is viable."""
    w, parts = e.whole, (e.before, e.held_out)
    names = "before the hold-out", "in the hold-out"
    if not w.ci_low[at] > 0:
        return "which may be chance"
    if np.isnan(w.excess_bps[at]) or not w.excess_low[at] > 0:
        better = "" if np.isnan(w.excess_bps[at]) else ": the signal is not significantly better"
        return f"and {_passive(e, at)}{better}"
    if not e.p[at] < e.level:
        return (
            f"which may be the best of many by chance: p is {e.p[at]:.3f}, corrected for all tried"
        )
    for part, name, many in zip(parts, names, e.episodes[1:], strict=True):
        if many < MIN_EPISODES:
            count = "is 1 episode" if many == 1 else f"are {many} episodes"
            return f"and {name} there {count}: at least {MIN_EPISODES} are needed"
        if np.isnan(part.ci_low[at]):
            return f"and {name} the record is too short for it"
        if not part.ci_low[at] > 0:
            return f"and {name} {_interval(part, at)}, which may be chance"
        if np.isnan(part.excess_bps[at]) or not part.excess_low[at] > 0:
            return f"and {name} it is not significantly more than {_often(e, at)} at random times"
    if not e.whole.without_bps[at] > 0:
        rest = f"{e.whole.without_bps[at]:+z.2f} bps"
        return f"and it depends on one episode: without it, a trade made {rest}"
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
        reason += f" The settings hold {hold:g} s{made}: to trade as judged, hold {horizon:g} s."
    missed, n = int(e.whole.missed[at]), int(e.whole.missed[at] + e.whole.n[at])
    if not missed:
        return reason + f" It assumes that all is filled {e.filled}."
    reason += f" {missed:,} of {n:,} orders ({100 * missed / n:.0f} %) were not filled."
    return reason + f" It assumes that the others are filled {e.filled}."


def _not_viable(e: Evidence, whole: Flags) -> tuple[int, str]:
    """Return the horizon that the reason is about, and the reason."""
    w = e.whole
    sure = whole & (e.p_mean < e.level) & (e.mean > 0)
    most = int(np.argmax(np.where(sure, w.net_bps, -np.inf)))
    at = most if sure.any() else e.surest(whole)
    horizon, cost = f"{e.horizons[at]:g} s", f"{w.cost_bps[at]:.2f} bps"
    effect = f"{e.mean[at]:+z.2f} ± {(e.high - e.low)[at] / 2:.2f} bps"
    if not w.ci_high[at] < 0:
        held, name = e.held_out, "in the hold-out"
        if not (e.told[2][at] and held.ci_high[at] < 0):
            held, name = e.before, "before the hold-out"
        return at, f"{_made(e, at)}, and it does not last: {_interval(held, at)} {name}."
    if not sure.any():
        against = " (the price moves against the signal)" if e.high[at] < 0 else ""
        return at, (
            f"No effect that would pay{against}: at {horizon}, where it is most significant, "
            f"{effect} mid to mid, trading costs {cost}, and a trade made {_interval(w, at)} net."
        )
    last = int(np.flatnonzero(sure)[-1])
    until = f", no longer significant at {e.horizons[last + 1]:g} s" if last + 1 < len(sure) else ""
    reason = f"There is an effect at {horizon} ({effect} mid to mid){until}, but too small: "
    reason += f"trading costs {cost}, and a trade made {_interval(w, at)} net."
    if e.share_on > LOOSE:
        on = f"{100 * e.share_on:.0f} % of the time"
        reason += f" The threshold is too loose: the signal is beyond it {on}."
    return at, reason


def _made(e: Evidence, at: int) -> str:
    best = ", the most significant hold" if at == e.surest(e.told[0]) else ""
    return f"At {e.horizons[at]:g} s{best}, a trade made {_interval(e.whole, at)} net"


def _interval(part: TradeGains, at: int) -> str:
    half = (part.ci_high - part.ci_low)[at] / 2
    return f"{part.net_bps[at]:+z.2f} ± {half:.2f} bps"


def _one_sided(e: Evidence, at: int) -> bool:
    return bool(max(e.whole.longs[at], 1 - e.whole.longs[at]) > ONE_SIDED)


def _drifts(e: Evidence, at: int) -> bool:
    """Return whether a drift of the price accounts for a tenth of the gain, or more."""
    w = e.whole
    return bool(abs(w.move_bps[at] - w.excess_bps[at]) > 0.1 * abs(w.move_bps[at]))


def _often(e: Evidence, at: int) -> str:
    """Return in words how many trades were long and short."""
    longs = e.whole.longs[at]
    if longs in (0, 1):
        return "being long" if longs else "being short"
    return f"being long in {100 * longs:.0f} % and short in {100 * (1 - longs):.0f} % of trades"


def _passive(e: Evidence, at: int) -> str:
    """Return in words the gain of the same sides at random times."""
    w = e.whole
    if np.isnan(w.excess_bps[at]):
        return f"{_often(e, at)} is all that the signal does"
    return f"{_often(e, at)} at random times made {w.net_bps[at] - w.excess_bps[at]:+z.2f} bps net"


def _more(e: Evidence, at: int) -> str:
    """Return a sentence on how much longer a record it would take; empty if unknown."""
    seconds = e.more(at)
    if np.isnan(seconds):
        return ""
    if seconds > 3600 * MAX_HOURS:
        return f" It would take a record more than {MAX_HOURS:,} h longer to show it."
    unit, name = (3600, "h") if seconds >= 7200 else (60, "min") if seconds >= 120 else (1, "s")
    return (
        f" A record about {seconds / unit:,.0f} {name} longer would show it in four of five cases, "
        "if it goes on as in the weaker part."
    )


def _coarse(e: Evidence) -> str:
    """Return a sentence on horizons that are too short for the history; empty if none is."""
    shortest = COARSE * e.interval
    if not e.interval or not (e.horizons < shortest).any():
        return ""
    return (
        f" Horizons below {shortest:g} s have no result: the history keeps a state every "
        f"{e.interval:g} s, and a horizon needs {COARSE}."
    )
