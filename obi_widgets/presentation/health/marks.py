"""What the health panel draws: places from 0 to 1, from left to right."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.presentation.charts.ticks import clock_ticks
from obi_widgets.presentation.health.words import length
from obi_widgets.presentation.texts import formatting

if TYPE_CHECKING:
    from obi_widgets.feeds.health.durations import Durations
    from obi_widgets.feeds.health.health import Health, Stretch

SHORTEST, LONGEST = 1e-3, 100.0
"""Ends of the scale of durations, seconds; it is logarithmic."""

SCALE = ((1e-3, "1 ms"), (1e-2, "10"), (1e-1, "100"), (1.0, "1 s"), (10.0, "10"), (100.0, "100"))

LETTERED = 8
"""Interruptions in view that have a letter and a line: the newest."""

POINTS = 90
"""Most values of the line of messages."""


class Timeline(NamedTuple):
    """The states as bars, and the interruptions as a list.

    Attributes
    ----------
    title : str
        Which time it is of.
    bars : list
        State, begin, end and letter of each stretch.
    ticks : list
        Place and time of day of each tick.
    rows : list
        Letter, state, time, length and reason of the newest interruptions.
    more : str
        What is said of earlier ones.
    """

    title: str
    bars: list[list[Any]]
    ticks: list[list[Any]]
    rows: list[list[str]]
    more: str


def timeline(health: Health) -> Timeline:
    """Return the states of the last hour; of a recording and of a history, all of them."""
    stretches = health.stretches
    if not stretches or stretches[-1].end <= stretches[0].begin:
        return Timeline("", [], [], [], "")
    whole = health.kind in ("recording", "history")
    end = stretches[-1].end
    if stretches[-1].state == "closed":
        end = max(stretches[-1].begin, stretches[0].begin + 1)
    begin = stretches[0].begin if whole else max(stretches[0].begin, end - 3_600_000_000_000)
    seen = [one for one in stretches if one.end > begin and one.begin < end]
    broken = [one for one in seen if one.state in ("gap", "stale")]
    named = broken[-LETTERED:]
    letters = {one.begin: chr(ord("a") + n) for n, one in enumerate(named)}

    def place(time: int) -> float:
        return round(min(max((time - begin) / (end - begin), 0.0), 1.0), 4)

    bars: list[list[Any]] = [
        [one.state, place(one.begin), place(one.end), letters.get(one.begin, "") * (one in named)]
        for one in seen
    ]
    seconds = (end - begin) / 1e9
    title = f"The last {formatting.duration(seconds)}"
    if whole or seconds < 3595:
        what = f"The {health.kind}" if whole else "Since the beginning"
        title = f"{what}, {formatting.duration(seconds)}"
    ticks = [[place(time), text] for time, text in _ticks(begin, end)]
    rows = [
        [letters[one.begin], one.state, formatting.clock(one.begin), _long(one, end), one.reason]
        for one in named
    ]
    earlier = health.gaps.count + health.stale.count - len(named)
    more = f"and {earlier:,} earlier" if earlier > 0 else ""
    return Timeline(title, bars, ticks, rows, more)


def _long(one: Stretch, end: int) -> str:
    still = ", still" if one.end >= end else ""
    return f"{one.state} {length(one.seconds)}{still}"


def _ticks(begin: int, end: int) -> list[tuple[int, str]]:
    short = (end - begin) < 600_000_000_000
    return [
        (time, formatting.clock(time)[: 8 if short else 5])
        for time in clock_ticks(begin, end).tolist()
    ]


def on_scale(seconds: float) -> float:
    """Return the place of a duration on the logarithmic scale."""
    if seconds <= SHORTEST:
        return 0.0
    most = math.log(LONGEST / SHORTEST)
    return round(min(math.log(seconds / SHORTEST) / most, 1.0), 4)


def box(of: Durations, limit: float) -> dict[str, Any] | None:
    """Return median, 95 %, 99 %, worst and limit as places; None if nothing is known."""
    if not math.isfinite(of.median):
        return None
    places: dict[str, Any] = {name: on_scale(value) for name, value in of._asdict().items()}
    places["limit"] = on_scale(limit) if math.isfinite(limit) else None
    places["over"] = of.worst > limit
    return places


def rates(health: Health) -> list[float]:
    """Return the messages a second from 0 to 1 of their largest, `POINTS` at most."""
    values = list(health.rates)
    step = -(-len(values) // POINTS)
    if len(values) < 2:
        return []
    values = values[len(values) % step :] if step > 1 else values
    means = [sum(values[at : at + step]) / step for at in range(0, len(values), step)]
    most = max(means)
    return [round(one / most, 3) for one in means] if most > 0 else [0.0 for _ in means]


def known(health: Health) -> dict[str, float] | None:
    """Return how far each side is known, and what the signal uses, of half the width each."""
    finite = [one for one in (*health.known_bps, health.used_bps) if math.isfinite(one)]
    if all(math.isnan(one) for one in health.known_bps) or not finite:
        return None
    most = 1.15 * max(max(finite), 1e-9)
    bids, asks, used = (
        round(min(one / most, 1.0), 4) if one == one else 0.0  # NaN: nothing is known
        for one in (*health.known_bps, health.used_bps)
    )
    return {"bids": bids, "asks": asks, "used": used}


def used_parts(health: Health) -> list[list[Any]]:
    """Return the shares of a recording's frames: used, and refused by name. Empty if unknown."""
    total = health.messages
    refused = [(one.name, one.count) for one in health.refused]
    many = sum(number for _, number in refused)
    if health.kind != "recording" or not total > 0 or many > total:
        return []
    parts = [("used", total - many), *refused[:3]]
    rest = sum(number for _, number in refused[3:])
    parts += [("others", rest)] if rest else []
    return [[name, round(number / total, 4), f"{number:,.0f}"] for name, number in parts if number]
