"""The words and figures of a card."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.errors import counted
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import MINUS, NOTHING, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.card.card import Card, CardWindow
    from obi_widgets.card.confidence import CardConfidence
    from obi_widgets.card.past import Past
    from obi_widgets.card.past import Worth as WorthSoFar
    from obi_widgets.presentation.card.market_now import MarketNow

VERDICTS = {
    "long": "▲ Leans long",
    "short": "▼ Leans short",
    "neutral": "= Neutral",
    "conflict": "✕ No entry",
    "not_ready": "… Not ready",
    "stale": "– Stale",
}

UP, DOWN, UP_INSIDE, DOWN_INSIDE = "▲▼△▽"

MINUTE, HOUR = 60.0, 3_600.0


class Line(NamedTuple):
    """A figure, a few words beside it, and what a pointer on it tells."""

    figure: str
    text: str
    title: str = ""


def length(seconds: float) -> str:
    """Return the name of a window: 10 s, 5 min, 1 h."""
    if seconds < MINUTE:
        return f"{seconds:g} s"
    return f"{seconds / MINUTE:g} min" if seconds < HOUR else f"{seconds / HOUR:g} h"


def until(seconds: float) -> str:
    """Return how long something is away: 41 s, 12 min, 2 h 41."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    # Not broken at the end of a line.
    return (
        f"{minutes} min"
        if minutes < 120
        else f"{minutes // 60}\N{NO-BREAK SPACE}h\N{NO-BREAK SPACE}{minutes % 60:02d}"
    )


def span(seconds: float) -> str:
    """Return how much of the past there is: 40 min, 3.2 h, 23 h."""
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    hours = seconds / HOUR
    return f"{hours:.1f} h" if hours < 9.95 else f"{hours:.0f} h"


def share(value: float) -> str:
    """Return a share with two decimals, and 1.00 only if it is all."""
    if not math.isfinite(value):
        return NOTHING
    return f"{min(value, 0.99) if value < 1 else 1:.2f}"


def percent(value: float) -> str:
    """Return a share in per cent, and 100 only if it is all."""
    return f"{min(100 * value, 99.0) if value < 1 else 100:.0f}"


def arrow(value: float, *, beyond: bool = True) -> str:
    """Return a triangle that points where a value does: filled beyond the band, else open."""
    if math.isnan(value) or abs(value) < 0.005:  # which reads 0.00
        return ""
    if beyond:
        return UP if value > 0 else DOWN
    return UP_INSIDE if value > 0 else DOWN_INSIDE


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


# -- the sentence ------------------------------------------------------------------------------


def why(card: Card) -> str:
    """Return why a card is in its state, in a sentence with numbers."""
    reason = card.reason
    match reason.what:
        case "book":
            return f"The book was not in sync at {formatting.clock(card.time)} UTC."
        case "age":
            had = f"{reason.has:.0f} s old at {formatting.clock(card.time)} UTC"
            return f"The newest book was {had}; {reason.needs:.0f} s are allowed."
        case "window":
            said = f"The {length(reason.windows[0])} window has {filled(reason.has, reason.needs)}."
            return f"{said}{_ready(reason.ready)}"
        case "band":
            of = f"the {length(reason.windows[0])} window" if reason.windows else "the direction"
            has = filled(reason.has, reason.needs)
            return f"The band of {of} has values of {has}.{_ready(reason.ready)}"
        case "conflict":
            return f"{_against(card)}, both beyond their own band."
    if card.state == "neutral":
        return f"{signed(card.direction)} is inside its own band of ±{reason.needs:.2f}."
    turned = ""
    if card.since is not None:
        turned = f"; the turn is {until((card.time - card.since) / 1e9)} old"
    return f"{_pointing(card)}{turned}."


def _ready(time: int | None) -> str:
    return "" if time is None else f" Ready at {formatting.clock(time)[:5]} UTC at the earliest."


def filled(has: float, needs: float) -> str:
    """Return how much of a time there is: "38 of 60 min"."""
    if needs <= MINUTE:
        return f"{has:.0f} of {needs:.0f} s"
    if needs <= 2 * HOUR:
        # Rounded down: a window that waits is not full.
        return f"{math.floor(has / MINUTE + 1e-9)} of {needs / MINUTE:.0f} min"
    return f"{math.floor(has / HOUR * 10 + 1e-9) / 10:.1f} of {needs / HOUR:g} h"


def _against(card: Card) -> str:
    """Return which windows contradict each other, the shortest first."""
    said = []
    ways = [(1, "up"), (-1, "down")]
    first = next(one.value for one in card.windows if one.beyond)
    for sign, word in ways if first > 0 else reversed(ways):
        some = [length(one.seconds) for one in card.windows if one.beyond and sign * one.value > 0]
        said.append(f"{listed(some)} {'say' if len(some) > 1 else 'says'} {word}")
    return ", ".join(said)


def _pointing(card: Card) -> str:
    """Return which windows point where; those of the direction first."""
    sign = math.copysign(1, card.direction)
    words = ("up", "down") if sign > 0 else ("down", "up")
    with_it, against = (
        [length(one.seconds) for one in card.windows if way * one.value > 0]
        for way in (sign, -sign)
    )
    if len(with_it) == len(card.windows):
        return f"All three windows point {words[0]}"
    first = f"{listed(with_it)} point{'s' if len(with_it) == 1 else ''} {words[0]}"
    return f"{first}, {listed(against)} {words[1]}" if against else first


def signed(value: float) -> str:
    """Return a value of −1 to +1 with its sign; a dash for NaN."""
    return number(value, 2, sign=True)


# -- figures -----------------------------------------------------------------------------------


def strength(card: Card, seconds: float) -> Line:
    """Return the strength, of which past; ``seconds`` is how much of it there is."""
    if math.isnan(card.strength):
        return Line(NOTHING, "no figure before it is ready")
    of = f"its last {span(seconds)}"
    return Line(share(card.strength), f"stronger than {percent(card.strength)} % of {of}")


def confidence(found: CardConfidence) -> Line:
    """Return how often like cards were right; without an edge over a constant, that one."""
    at = f"at {found.horizon:g} s"
    if math.isnan(found.value):
        text = f"too few outcomes {at}" if found.n else f"no similar case with an outcome {at}"
        return Line(NOTHING, text)
    often = f"right {percent(found.right)} % ± {50 * (found.high - found.low):.0f} {at}"
    cases = counted(found.n, "case")
    title = (
        f"Of {cases} with a similar strength, worth {found.n_eff:,.0f} independent ones, "
        f"{percent(found.right)} % were right at {found.horizon:g} s if mid moved "
        f"({percent(found.low)} to {percent(found.high)} % with 95 %)."
    )
    if found.better:
        return Line(share(found.value), f"{often}, {cases}", title)
    title += f" What was said by strength ({share(found.said)}) was no better than a constant."
    return Line(share(found.value), f"{often}, {cases}", title)


def caution(found: CardConfidence) -> tuple[str, str]:
    """Return why a confidence is not the share of like cases that was right, and of which kind."""
    if math.isnan(found.value):
        return "", ""
    if not found.better:
        return "No better than a constant, which is shown.", "constant"
    if found.low <= found.value <= found.high:
        return "", ""
    return f"Held back: the cases are worth {found.n_eff:,.0f} independent ones.", "few"


def row(one: CardWindow) -> list[str]:
    """Return a window: name, value, arrow, where it is, and what a pointer on it tells."""
    name = length(one.seconds)
    if math.isnan(one.value):
        return [name, NOTHING, "", filled(one.live * one.seconds, one.seconds), ""]
    where = "no band yet" if math.isnan(one.band) else "beyond" if one.beyond else "inside"
    title = f"{name}: {signed(one.value)}"
    if not math.isnan(one.band):
        title += f", {where} its own band of ±{one.band:.2f}"
    return [
        name,
        signed(one.value),
        arrow(one.value, beyond=one.beyond),
        where,
        f"{title}. {percent(one.live)} % of it had a signal.",
    ]


def agreement(card: Card) -> tuple[str, str]:
    """Return whether the windows agree: a word, and the figure."""
    if math.isnan(card.agreement):
        waits = [length(one.seconds) for one in card.windows if math.isnan(one.value)]
        return NOTHING, f"agreement waits for the {listed(waits)} window" if waits else ""
    figure = f"agreement {share(card.agreement)} of 1"
    if card.conflict:
        return "✕ CONFLICT", f"{figure} · no entry"
    signs = {math.copysign(1, one.value) for one in card.windows if one.value}
    return ("✓ agree" if len(signs) < 2 else "≈ mixed"), figure


def worth(found: WorthSoFar, horizon: float, fee_bps: float) -> Line:
    """Return the mean return after cards that lean, against what a taker pays."""
    if not found.n:
        return Line(NOTHING, "no card that leans has an outcome yet")
    cost = 2 * fee_bps + found.spread_bps
    cards = counted(found.n, "card")
    title = (
        f"Mean return with the direction {horizon:g} s after {cards} that leaned in the last 24 h, "
        f"before costs. Costs {formatting.bps(cost)}: two taker's fees of {formatting.bps(fee_bps)}"
        f", from the settings, and the mean spread of {formatting.bps(found.spread_bps)}."
    )
    mean = number(found.mean, 1, sign=True)
    if math.isnan(found.low):
        return Line(f"{mean} bps", f"in {horizon:g} s · {cards}: too few to tell", title)
    figure = f"{mean} ± {(found.high - found.low) / 2:.1f} bps"
    if found.low > cost:
        says = "pays"
    elif found.high < cost:
        says = "does not pay"
    else:
        says = "cannot tell if it pays"
    return Line(figure, f"in {horizon:g} s · costs {cost:.1f}: {says}", title)


def price(card: Card) -> Line:
    """Return whether the price went with the direction over the middle window."""
    if math.isnan(card.price_bps):
        return Line(NOTHING, "no price over the whole window")
    way = arrow(card.price_bps / 10)  # of one decimal
    moved = f"price {way} {number(card.price_bps, 1, sign=True)} bps".replace("  ", " ")
    if not card.price:
        return Line("", f"{moved}, no direction" if math.isnan(card.direction) else moved)
    words = {"aligned": "= aligned", "diverging": "≠ diverging"}
    return Line(words[card.price], f"{moved}, signal {arrow(card.direction)}")


# -- the market beside its book ----------------------------------------------------------------


def context(now: MarketNow, tick_size: float) -> list[list[str]]:
    """Return cells of name, figure, words and title; none if the venue tells nothing of it."""
    if all(map(math.isnan, (now.funding_rate, now.mark, now.open_interest))):
        return []
    return [_funding(now), _mark(now, tick_size), _interest(now)]


def _funding(now: MarketNow) -> list[str]:
    rate = now.funding_rate
    if math.isnan(rate):
        return ["funding", NOTHING, "not told", ""]
    figure = f"{number(100 * rate, 4, sign=True)} %"
    when = f"in {until(now.funding_in)}" if math.isfinite(now.funding_in) else "at each funding"
    if not rate:
        return ["funding", figure, f"nobody pays {when}", ""]
    payer, other = ("long", "short") if rate > 0 else ("short", "long")
    paid = number(1e4 * abs(rate), 1) if abs(rate) >= 5e-6 else "<0.1"
    title = f"Who holds a {payer} then pays {paid} bps of its value, and a {other} gets it."
    return ["funding", figure, f"a {payer} pays {paid} bps {when}", title]


def _mark(now: MarketNow, tick_size: float) -> list[str]:
    if math.isnan(now.mark):
        return ["mark", NOTHING, "not told", ""]
    text = ""
    if not math.isnan(now.mid):
        away = 1e4 * (now.mark / now.mid - 1)
        size = f"{abs(away):.1f}"
        text = "at mid" if size == "0.0" else f"{size} bps {'over' if away > 0 else 'under'} mid"
    return ["mark", formatting.mid(now.mark, tick_size), text, ""]


def _interest(now: MarketNow) -> list[str]:
    if math.isnan(now.open_interest):
        return ["open interest", NOTHING, "not told", ""]
    text = ""
    if now.before > 0 and now.before_seconds >= MINUTE:
        change = number(100 * (now.open_interest / now.before - 1), 1, sign=True)
        text = f"{change} % in {until(now.before_seconds) if now.before_seconds < 3540 else '1 h'}"
    return ["open interest", formatting.compact(now.open_interest), text, "In base units."]


def about(card: Card, signals: Sequence[str]) -> str:
    """Return when a card was made, of what, and when it is judged."""
    of = listed([name.replace("_", " ") for name in signals])
    return (
        f"At {formatting.clock(card.time)} UTC, every 10 s · of {of} · judged after "
        f"{card.mode.horizon:g} s · advice only, no order is placed"
    )


def past_seconds(past: Past | None) -> float:
    """Return how much of the last 24 hours the histogram is of, seconds."""
    return 0.0 if past is None else 10.0 * int(past.directions.sum())


def direction_caption(card: Card, past: Past | None) -> str:
    """Return what the histogram is of."""
    seconds = past_seconds(past)
    if not seconds:
        return "no direction yet"
    said = f"grey: its last {span(seconds)}"
    if math.isnan(card.direction_band):
        return said
    return f"{said} · dashed: its own band ±{card.direction_band:.2f}"


def scale_ends(scale: float) -> list[str]:
    """Return what stands at the ends of the histogram's axis."""
    return [f"{MINUS}{scale:g} short", "0", f"long +{scale:g}"]
