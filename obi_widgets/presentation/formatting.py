"""What numbers say, in words and figures: no widget, so that every text can be tested."""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from obi_widgets.calibration.forward_returns import COARSE, too_coarse
from obi_widgets.signals.imbalance import half_weight_bps

if TYPE_CHECKING:
    from obi_widgets.presentation.frame import Frame, Reach
    from obi_widgets.settings.parameters import Parameters

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
LATE = 1.0
"""Seconds above its least at which lag is worth showing."""

FEW = 30
"""Entries below which their mean says nothing."""

LITTLE = 0.02
"""Change of the imbalance below which decay does little."""

SLIDER_DECAY = 1.0
"""The end of the decay slider, per bp."""


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """Return a number with thousands separated and a true minus; a dash for NaN."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")  # no sign on a zero
    return text.replace("-", MINUS)


def signed(text: str) -> str:
    """Return a sentence with true minus signs before its numbers."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)


def plain(value: float) -> str:
    """Return a setting with two decimals, or with as many as it has."""
    return f"{value:.2f}" if round(value, 2) == value else f"{value:.6g}"


@cache
def decimals_of(step: float) -> int:
    """Return how many decimals a grid's values have."""
    text = f"{step:.12f}".rstrip("0")
    return len(text.partition(".")[2])


@lru_cache(4096)
def price(value: float, tick_size: float) -> str:
    """Return a price on the tick grid."""
    return number(value, decimals_of(tick_size))


def mid(value: float, tick_size: float) -> str:
    """Return a mid, which may lie on half a tick."""
    return number(value, decimals_of(tick_size / 2))


@lru_cache(4096)
def size(value: float, decimals: int) -> str:
    """Return a size; one too small for its decimals is not a zero.

    Sizes are kept as float32: only seven of their digits are true, and no more are shown.
    """
    least = 10.0**-decimals
    if 0 < value < least / 2:
        return f"<{least:.{decimals}f}"
    for unit, name in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if value >= max(unit, 1e7):
            return f"{number(value / unit, 2)} {name}"
    if value >= 1:
        decimals = min(decimals, 6 - math.floor(math.log10(value)))
    return number(value, decimals)


def bps(value: float, *, sign: bool = False) -> str:
    """Return basis points; a dash for NaN."""
    return f"{number(value, 2, sign=sign)} bps" if math.isfinite(value) else NOTHING


def won(share: float, count: int) -> str:
    """Return how many of some trades won: of few the number, since a percentage says too much."""
    if not count:
        return NOTHING
    return f"{round(share * count)} of {count}" if count < FEW else f"{number(100 * share, 0)} %"


def imbalance(value: float) -> str:
    """Return an imbalance with its sign, and an arrow that repeats it; a zero has neither."""
    text = number(value, 2, sign=True)
    return text + {"+": " ▲", MINUS: " ▼"}.get(text[0], "")


def duration(seconds: float) -> str:
    """Return a length of time, in the unit that fits."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def late(lag: float, absolute: float) -> tuple[str, str]:
    """Return how late data are, empty where that is not worth showing; and both figures of it.

    Parameters
    ----------
    lag : float
        Seconds by which the newest change came late; NaN when unknown.
    absolute : float
        Seconds that it was on its way by this computer's clock; NaN when unknown.
    """
    if not lag > LATE:
        return "", ""
    text = f"late by {number(lag, 1)} s" if lag < 10 else f"late by {duration(lag)}"
    detail = f"The newest change came {number(lag, 1)} s late."
    if math.isfinite(absolute):
        detail += f" By this computer's clock it took {number(absolute, 1)} s to arrive."
    return text, detail


def nothing_yet(frame: Frame) -> str:
    """Return why a chart is empty; nothing where it is not."""
    if frame.states:
        return ""
    return "No data came." if frame.state == "closed" else "Waiting for data."


def no_signal(frame: Frame) -> str:
    """Return why there is no imbalance to be drawn; nothing where there is."""
    if frame.reach.shortfall is not None and frame.reach.shortfall.share == 1:
        return "No signal: the settings need levels that are not kept."
    return nothing_yet(frame)


def window(seconds: float) -> tuple[str, str]:
    """Return a short name of a window, and a longer one."""
    if seconds <= 3600:
        short = f"{seconds / 60:g} min" if seconds == 60 else f"{seconds / 60:g}"
        return short, "minute" if seconds == 60 else f"{seconds / 60:g} minutes"
    if seconds <= 86_400:
        return f"{seconds / 3600:g} h", f"{seconds / 3600:g} hours"
    return f"{seconds / 86_400:g} d", f"{seconds / 86_400:g} days"


# -- what the sliders do just now --------------------------------------------------------------


def decay_effect(parameters: Parameters, reach: Reach, *, warned: bool = False) -> tuple[str, bool]:
    """Return what decay does just now, and whether that is a warning.

    One that has been given (``warned``) stays until the effect is clearly larger: what comes and
    goes would move all that stands below it.
    """
    levels = f"All {reach.levels} levels lie" if reach.levels > 1 else "The only level lies"
    within = f"{levels} within {reach.bps:.1f} bps of mid"
    if reach.levels and reach.most < 0.01 and reach.shortfall is None:
        return f"{within}: decay changes nothing here. Use more depth.", True
    if not parameters.decay:
        return "No decay: all levels weigh the same.", False
    half = f"Half weight {half_weight_bps(parameters.decay):.3g} bps from mid."
    least = 2 * LITTLE if warned else LITTLE
    if reach.levels and reach.effect < least and reach.shortfall is None:
        moved = "less than 0.01" if reach.effect < 0.01 else f"only {reach.effect:.2f}"
        advice = "Use more depth or more decay."
        return f"{within}: decay changes the imbalance by {moved}. {advice}", True
    return half, False


def depth_effect(parameters: Parameters, reach: Reach) -> tuple[str, bool]:
    """Return how far the levels in use reach, and whether that is a warning.

    It is one where depth or band reach beyond the levels that are kept, or known.
    """
    if not reach.levels:
        return "No book.", False
    if reach.shortfall is not None:
        return reach.shortfall.sentence, True
    note = f"Deepest: {reach.bps:.1f} bps away, weight {reach.weight:.2f}."
    if parameters.depth is not None and reach.levels < parameters.depth:
        note = f"The book has {reach.levels}. {note}"
    if reach.inferred:
        share = f"{max(100 * reach.inferred, 0.1):.{0 if reach.inferred >= 0.1 else 1}f}"
        return f"{note} {share} % of states use levels that the last snapshot did not cover.", True
    return note, False


def threshold_effect(beyond: float) -> str:
    """Return how often the imbalance is beyond the threshold."""
    if not math.isfinite(beyond):
        return "No signal."
    share = 100 * beyond
    return f"Exceeded in {share:.{1 if share < 10 else 0}f} % of states."


def depth(value: int | None) -> str:
    """Return a depth with its unit."""
    return "all levels" if value is None else "1 level" if value == 1 else f"{value} levels"


def results(frame: Frame) -> tuple[list[tuple[str, str, str]], str]:
    """Return rows of (what, figure, tone), and a sentence on what they are worth.

    The tone is ``"good"``, ``"bad"`` or empty. Of a hold that is too short for the history's
    interval there are no figures, and the sentence says so.
    """
    found, parameters = frame.results, frame.parameters
    tone = "" if not found.entries else "good" if found.mean_net_bps > 0 else "bad"
    fee = f"{parameters.fee_bps:g}".replace("-", MINUS)
    rows = [
        ("entries", f"{found.entries:,}", ""),
        ("won, before costs", won(found.won, found.entries), ""),
        ("mean, before fees", bps(found.mean_gross_bps, sign=True), ""),
        (f"mean, after 2 × {fee} bps", bps(found.mean_net_bps, sign=True), tone),
    ]
    interval = frame.history.interval
    if too_coarse(parameters.hold_seconds, interval):
        return [(what, NOTHING, "") for what, _, _ in rows], (
            f"Not told: of every {interval:g} s one state is kept, so entries would end too late. "
            f"Hold {COARSE * interval:g} s or longer."
        )
    if not found.entries:
        return rows, ""
    if found.entries < FEW:
        return rows, "Too few entries: this may be chance."
    half = number(1.96 * found.mean_net_se, 2)
    return rows, f"95 % interval: ± {half} bps, if entries are independent."
