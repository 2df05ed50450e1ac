"""The words and figures of the health panel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import counted
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import MINUS, NOTHING

if TYPE_CHECKING:
    from obi_widgets.feeds.health.durations import Durations
    from obi_widgets.feeds.health.health import Health, Interruptions

KINDS = {
    "live": "", "simulated": "", "recording": "recording", "history": "history",
    "given": "given books",
}  # fmt: skip

NOT_KNOWN = "not known"

MOST_REFUSED = 5
"""Names of refused frames that are listed."""

Cell = dict[str, Any]
"""A cell: its name, what it is, the figure, what stands beside it, and what is drawn."""


def length(seconds: float) -> str:
    """Return a length of time in the unit that fits: 0.4 ms, 26 ms, 1.5 s, 41 s, 12 min, 1.4 h."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 0.9995:
        ms = 1e3 * seconds
        return f"{ms:.1f} ms" if 0.05 <= ms < 9.95 and round(ms, 1) % 1 else f"{ms:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else formatting.duration(seconds)


def share(part: float) -> str:
    """Return a share in per cent: 100 % only if it is all, 0 % only if it is nothing."""
    if not math.isfinite(part):
        return NOTHING
    percent = 100 * part
    if 0 < percent < 0.1 or 99.9 < percent < 100:
        return "< 0.1 %" if percent < 50 else "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def span(health: Health) -> str:
    """Return what percentiles and shares are of."""
    if health.kind in ("recording", "history"):
        return f"the {health.kind}" if health.seconds < 86_300 else "the last day of it"
    if health.seconds > 3595:
        return "the last hour"
    return f"the last {formatting.duration(health.seconds)}"


def head(health: Health) -> dict[str, str]:
    """Return the first line: market, state, since when, and why."""
    venue = " · ".join(one for one in (health.venue, KINDS.get(health.kind, "")) if one)
    live = health.live_share
    said = f"book current {share(live)} of {span(health)}" if math.isfinite(live) else ""
    since, replay = "", health.kind == "recording" and health.state == "live"
    if health.since and health.state != "closed":
        since = f"for {length((health.time - health.since) / 1e9)}"
    return {
        "market": formatting.shortened(health.market.partition(":")[2] or health.market),
        "title": health.market,
        "venue": venue,
        "state": "replay" if replay else health.state,
        "tone": tone(health),
        "since": since,
        "share": said,
        "why": why(health),
        "time": f"{formatting.clock(health.time)} UTC" if health.time else "",
    }


def tone(health: Health) -> str:
    """Return how bad the state is: "good", "bad", or "off" where nothing is to be expected."""
    if health.state in CURRENT:
        return "good"
    if health.state in ("gap", "stale"):
        return "bad"
    return "bad" if health.advice and health.state != "closed" else "off"


def why(health: Health) -> str:
    """Return the sentence that a reader needs first."""
    said = " ".join(one for one in (health.reason, health.advice) if one)
    if health.state in CURRENT and not said:
        return short_of(health) or "Books come in time."
    return said


def short_of(health: Health) -> str:
    """Return which side ends before what the signal uses; empty if none does."""
    sides = [
        f"{name} to {sign}{_bps(known)}"
        for name, sign, known in zip(
            ("bids", "asks"), (MINUS, "+"), health.known_bps, strict=True
        )
        if known * 1.0000002 < health.used_bps
    ]  # fmt: skip
    if not sides:
        return ""
    return f"The book knows {' and '.join(sides)}, and the signal uses {_bps(health.used_bps)}."


def _bps(value: float) -> str:
    return f"{value:,.0f} bps" if value >= 99.5 else f"{value:.1f} bps"


# -- cells -------------------------------------------------------------------------------------


def cells(health: Health) -> list[Cell]:
    """Return the cells in their order, without drawings."""
    return [
        _durations("Lag", "event to receipt, above the fastest", health.lag, health.lag_limit),
        _durations("Age of the book", "at any moment with a book", health.age, math.nan),
        _messages(health),
        _gaps(health),
        _refused(health),
        _undelivered(health),
        _known(health),
        _clock(health),
        _states(health),
    ]


def _cell(name: str, about: str, figure: str, beside: str = "", note: str = "") -> Cell:
    return {"name": name, "about": about, "figure": figure, "beside": beside, "note": note}


def _durations(name: str, about: str, of: Durations, limit: float) -> Cell:
    if not math.isfinite(of.median):
        return _cell(name, about, NOTHING, NOT_KNOWN)
    beside = f"95 % {length(of.p95)} · 99 % {length(of.p99)} · worst {length(of.worst)}"
    cell = _cell(name, about, length(of.median), beside)
    if of.worst > limit:
        cell |= {"note": f"over the limit of {length(limit)}: late", "tone": "bad"}
    return cell


def _messages(health: Health) -> Cell:
    about = "frames of the feed" if health.bytes > 0 else "books or frames"
    if not math.isfinite(health.messages):
        return _cell("Messages", about, NOTHING, NOT_KNOWN)
    rate = health.messages_per_second
    figure = formatting.number(rate, 0 if rate >= 9.95 or rate == 0 else 1)
    beside = "a second"
    if math.isfinite(health.bytes_per_second):
        beside += f" · {size(health.bytes_per_second)}/s"
    note = f"{health.messages:,.0f} in all"
    if math.isfinite(health.bytes):
        note += f", {size(health.bytes)}"
    if math.isfinite(health.peak_per_second):
        note += f" · at most {health.peak_per_second:,.0f} in one second"
    return _cell("Messages", about, figure, beside, note)


def size(number: float) -> str:
    """Return a number of bytes with its unit."""
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= factor:
            value = number / factor
            return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"
    return f"{number:.0f} B"


def _gaps(health: Health) -> Cell:
    gaps, stale = health.gaps, health.stale
    figure = counted(gaps.count, "gap")
    beside = _in_all(gaps)
    notes = []
    if health.resyncs > 0:
        notes.append(f"book begun anew {_times(health.resyncs)}")
    if health.widened > 0:
        notes.append(f"known range widened {_times(health.widened)}")
    if stale.count:
        notes.append(f"stale {_times(stale.count)}, {_in_all(stale)}")
    cell = _cell("Gaps and resyncs", "no book after the first one", figure, beside)
    return cell | {"note": " · ".join(notes)}


def _in_all(several: Interruptions) -> str:
    if not several.count:
        return ""
    if several.count == 1:
        return length(several.seconds)
    return f"{length(several.seconds)} in all, the longest {length(several.longest)}"


def _times(number: float) -> str:
    return {0: "never", 1: "once"}.get(int(number), f"{number:,.0f} times")


def _refused(health: Health) -> Cell:
    about = "by name; no figure uses them"
    if not math.isfinite(health.failures):
        return _cell("Refused frames", about, NOTHING, NOT_KNOWN)
    total = sum(one.count for one in health.refused)
    beside = "" if total else "each frame was used"
    rows = [[f"{one.count:,}", one.name, one.detail[:80]] for one in health.refused[:MOST_REFUSED]]
    rest = health.refused[MOST_REFUSED:]
    note = ""
    if rest:
        note = f"and {sum(one.count for one in rest):,} of {counted(len(rest), 'other name')}"
    return _cell("Refused frames", about, f"{total:,}", beside, note) | {"rows": rows}


def _undelivered(health: Health) -> Cell:
    states, frames = health.left_out_states, health.left_out_frames
    beside = f"states, {frames:,} frames" if states or frames else "none was too slow"
    note = ""
    if states:
        note = "A function of on_state is too slow: let it do less."
    elif frames:
        note = "A page paints more slowly than frames come: it gets the newest."
    return _cell("Left out", "for functions and pages too slow", f"{states:,}", beside, note)


def _known(health: Health) -> Cell:
    bids, asks = health.known_bps
    about = "dashed: what the signal uses now"
    if math.isnan(bids) and math.isnan(asks):
        return _cell("Book known to", about, NOTHING, "no book")
    figure = " · ".join(
        f"{name} whole" if math.isinf(known) else f"{name} {sign}{_bps(known)}"
        for name, sign, known in (("bids", MINUS, bids), ("asks", "+", asks))
        if not math.isnan(known)
    )
    cell = _cell("Book known to", about, figure)
    if short := short_of(health):
        cell |= {"note": short, "tone": "warn"}
    elif math.isfinite(health.used_bps):
        cell["note"] = f"Enough on both sides: the signal uses {_bps(health.used_bps)}."
    if health.inferred_share > 0:
        guessed = f"It was inferred in {share(health.inferred_share)} of the newest states."
        cell |= {"note": f"{cell['note']} {guessed}".strip(), "tone": "warn"}
    return cell


def _clock(health: Health) -> Cell:
    low, high = health.clock
    whose = "The recorder's clock" if health.kind in ("recording", "history") else "Clock here"
    about = "against the venue's"
    if not math.isfinite(high):
        return _cell(whose, about, NOTHING, NOT_KNOWN)
    note = "From events, and from the venue's answers."
    if math.isnan(low):
        note = "No event is received before it happens."
        figure = _ms(abs(high))
        beside = "behind, or more" if high < 0 else "ahead at most"
    elif high < 0:
        figure, beside = _ms(-high), f"to {_ms(-low)} behind"
    elif low > 0:
        figure, beside = _ms(low), f"to {_ms(high)} ahead"
    else:
        figure, beside = f"{MINUS}{_ms(-low)} to +{_ms(high)}", "ahead of it"
    return _cell(whose, about, figure, beside, note)


def _ms(seconds: float) -> str:
    """Return a difference of clocks: in milliseconds, up to a minute."""
    return f"{1e3 * seconds:,.0f} ms" if seconds < 59.9995 else formatting.duration(seconds)


def _states(health: Health) -> Cell:
    cell = _cell("History", "book states that are kept", f"{health.states:,}", "states")
    if health.changes > health.states:
        changes = f"{health.changes:,.0f} changes of the book"
        cell["note"] = f"of {changes}; interval=0 keeps each"
    return cell
