"""Texts of what charts draw besides lines: legends, large levels, gaps."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from obi_widgets.presentation.layers.outcomes import PENDING, UNKNOWN, WALL_SECONDS
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.instrument_units import base_of

if TYPE_CHECKING:
    from obi_widgets.history.incoming import Span
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.layers.heatmap import Heat
    from obi_widgets.presentation.layers.outcomes import Markout, WallOutcome
    from obi_widgets.presentation.layers.trade_bubbles import Bubbles
    from obi_widgets.presentation.layers.walls import Wall

SECOND = 1_000_000_000


def resting(heat: Heat, instrument: Instrument, *, weighted: bool = False) -> str:
    """Return what the colours of a heatmap mean: "resting BTC per 0.8 USDT, log"."""
    what = f"resting {base_of(instrument) or 'size'}{' × weight' if weighted else ''}"
    step = " ".join(filter(None, (f"{heat.step:,.6g}", instrument.quote)))
    return f"{what} per {step}, log"


def amount(size: float) -> str:
    """Return a size with three digits: "0.013", "13.3", "1,330", "1.33 B"."""
    size = float(f"{size:.3g}")
    if size >= 1e7:
        return formatting.size(size, 0)
    return formatting.number(size, formatting.decimals_of(size))


def least(bubbles: Bubbles, instrument: Instrument) -> str:
    """Return from which size on trades are drawn: "≥ 2 BTC"; empty if all are."""
    if not bubbles.least:
        return ""
    return " ".join(filter(None, (f"≥ {amount(bubbles.least)}", base_of(instrument))))


def wall(one: Wall, newest: int, instrument: Instrument, tick_size: float) -> str:
    """Return a sentence about a large level: its side, price, size and age, and how it ended."""
    size = " ".join(filter(None, (amount(one.size), base_of(instrument))))
    older = "≥ " if one.older else ""
    age = older + length(((one.ended or newest) - one.born) / SECOND)
    if not one.ended:
        told = f"{age} old"
    elif one.end == "unknown":
        told = f"stood {age}, out of sight {clock(one.ended)}"
    else:
        told = f"stood {age}, {one.end} {clock(one.ended)}"
    return f"{wall_name(one, tick_size)} · {size} · {told}"


def wall_name(one: Wall, tick_size: float) -> str:
    """Return the side and the price of a large level: "bid wall 63,871.0"."""
    name = "bid wall" if one.side > 0 else "ask wall"
    return f"{name} {formatting.price(one.price, tick_size)}"


def wall_rows(
    one: Wall, outcome: WallOutcome, newest: int, instrument: Instrument
) -> list[list[str]]:
    """Return what became of a large level, as rows of a name and a text."""
    size = " ".join(filter(None, (amount(one.size), base_of(instrument))))
    ended = "standing" if not one.ended else f"{one.end} {clock(one.ended)}"
    rows = [
        ["size", size],
        ["largest against usual", f"{formatting.number(outcome.times_usual, 1)} ×"],
        ["age", ("≥ " if one.older else "") + length(((one.ended or newest) - one.born) / SECOND)],
        ["refills", f"{outcome.refills}"],
        ["end", ended],
        [f"{WALL_SECONDS:g} s after known", wall_markout(outcome.known)],
    ]
    if outcome.ended is not None:
        rows.append([f"{WALL_SECONDS:g} s after its end", wall_markout(outcome.ended)])
    return rows


def wall_markout(one: Markout) -> str:
    """Return where price went from a large level: "+0.12 bps, away"."""
    if one.kind == PENDING:
        return "pending"
    if one.kind == UNKNOWN:
        return f"{formatting.NOTHING} not known"
    where = "away" if one.bps > 0 else "toward" if one.bps < 0 else "unmoved"
    return f"{formatting.bps(one.bps, sign=True)}, {where}"


def gap(span: Span) -> str:
    """Return how long the book was not known: "gap, 4.2 s"."""
    seconds = (span[1] - span[0]) / SECOND
    return f"gap, {seconds:.1f} s" if seconds < 10 else f"gap, {length(seconds)}"


def length(seconds: float) -> str:
    """Return a length of time to the second, below an hour: "2 min 31 s"."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(time: int) -> str:
    """Return the time of day, UTC."""
    return f"{dt.datetime.fromtimestamp(time // SECOND, dt.UTC):%H:%M:%S}"
