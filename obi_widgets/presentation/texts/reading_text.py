"""A reading and an entry as texts."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.reading.entry_details import Ending
from obi_widgets.presentation.reading.reading import SignalReading
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import NOTHING, number
from obi_widgets.presentation.texts.instrument_units import unit_of
from obi_widgets.settings.undo import differing
from obi_widgets.trading import exits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.presentation.reading.entry_details import EntryDetails
    from obi_widgets.presentation.reading.reading import Reading
    from obi_widgets.settings.parameters import Parameters

    Row = tuple[str, str, str]

SECOND = 1_000_000_000
DAY = 86_400 * SECOND


def clock(time: int, decimals: int = 3) -> str:
    """Return the time of day in UTC; the digits that are left out are cut off, not rounded."""
    whole, rest = divmod(time % DAY, SECOND)
    text = f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest:09d}"[: len(text) + 1 + decimals] if decimals else text


def stamp(reading: Reading, history: History) -> str:
    """Return the time of a reading, with its day if the history has several."""
    time = reading.asked if reading.time is None else reading.time
    days = (history.time[[0, -1]] // DAY).tolist() if len(history) else []
    if days and days[0] != days[1]:
        day = dt.datetime(1970, 1, 1) + dt.timedelta(days=time // DAY)
        return f"{day:%b} {day.day}, {clock(time)}"
    return clock(time)


def distance(signal: float, threshold: float, span: tuple[float, float]) -> str:
    """Return how far a signal is from the threshold of its side; empty if one is not known.

    Parameters
    ----------
    signal, threshold : float
        In the signal's unit.
    span : tuple of float
        Range of its chart, which gives the decimals.
    """
    if math.isnan(signal) or math.isnan(threshold):
        return ""
    bound = _bound(signal, threshold, span)
    away = number(abs(abs(signal) - threshold), formatting.signal_decimals(span))
    shown = away.strip("0.,") != ""
    if abs(signal) > threshold:
        return f"{away} beyond {bound}" if shown else f"just beyond {bound}"
    if abs(signal) == threshold:
        return f"on {bound}, not beyond"
    return f"{away} short of {bound}" if shown else f"just short of {bound}"


def _bound(signal: float, threshold: float, span: tuple[float, float]) -> str:
    """Return the threshold on the side of the signal, or both for a signal of 0."""
    decimals = formatting.signal_decimals(span)
    if signal == 0:
        return f"±{number(threshold, decimals)}"
    return number(math.copysign(threshold, signal), decimals, sign=True)


def reading_rows(frame: Frame, reading: Reading) -> list[Row]:
    """Return the rows of a reading: (name, figure, side of its colour).

    The row after a signal says how far it is from its threshold, and has no name.
    """
    if reading.time is None:
        return [("", f"{nothing_there(frame)}.", "")]
    if reading.gap:
        return [("", "In a gap: the book was not in sync.", "")]
    tick = reading.tick_size
    rows = [("mid", formatting.mid(reading.mid, tick), "")]
    if math.isfinite(reading.spread):
        spread = formatting.price(reading.spread, tick)
        relative = formatting.spread(reading.spread, reading.mid, tick)
        rows.append(("spread", f"{spread} · {relative}", ""))
    else:
        rows.append(("spread", NOTHING, ""))
    main = SignalReading(reading.parameters, reading.signal, reading.threshold)
    rows += _signal_rows("signal", main, frame.signal_range, frame.instrument)
    names = names_apart([one.parameters for one in reading.stacked])
    for name, one in zip(names, reading.stacked, strict=True):
        spans = (line.scale for line in frame.signals[1:] if line.parameters == one.parameters)
        rows += _signal_rows(name, one, next(spans), frame.instrument)
    if reading.trade is not None:
        trade = reading.trade
        size = f"{trade.size:.6g}"
        bought = "bought" if trade.side > 0 else "sold"
        text = f"{formatting.price(trade.price, tick)} · {size} {bought}"
        rows.append(("last trade", text, "bid" if trade.side > 0 else "ask"))
    return rows


def _signal_rows(
    name: str, of: SignalReading, span: tuple[float, float], instrument: Instrument
) -> list[Row]:
    """Return the row of a signal, and that of its distance from the threshold if it is known."""
    signal = of.parameters.signal
    directional = signal.directional
    unit = unit_of(signal, instrument)
    value = formatting.signal(of.value, span, unit, directional=directional)
    rows = [(name, value, formatting.side(of.value, span, directional=directional))]
    if not directional:  # it makes no entries, so no threshold is near
        return rows
    if away := distance(of.value, of.threshold, span):
        rows.append(("", away, ""))
    return rows


def names_apart(signals: Sequence[Parameters]) -> list[str]:
    """Return the name of each signal; of equal names also the values in which they differ."""
    names = [one.signal.name.replace("_", " ") for one in signals]
    found = []
    for name, one in zip(names, signals, strict=True):
        alike = [
            other
            for its, other in zip(names, signals, strict=True)
            if its == name and other is not one
        ]
        differ = [key for key in one.as_dict() if any(key in differing(one, o) for o in alike)]
        own = one.signal.parameters
        values = [
            formatting.value(own[key], getattr(one, key)) or str(getattr(one, key))
            if key in own
            else f"{key.replace('_', ' ')} {getattr(one, key)}"
            for key in differ
        ]
        found.append(", ".join([name, *values]))
    return found


def nothing_there(frame: Frame) -> str:
    """Return why there is no state at a time before the history's first one."""
    if frame.history.start:
        return f"No longer kept: the data begin at {clock(int(frame.history.time[0]), 0)}"
    return "Before the first state"


def spoken(frame: Frame, reading: Reading) -> str:
    """Return a reading as one sentence, for a screen reader."""
    when = clock(reading.time if reading.time is not None else reading.asked, 1)
    rows = reading_rows(frame, reading)
    texts = [f"{name} {text}".strip() for name, text, _ in rows if name != "last trade"]
    return f"{when}: {', '.join(texts)}".rstrip(".") + "."


# -- entries -----------------------------------------------------------------------------------


def entry_head(entry: EntryDetails) -> str:
    """Return the side of an entry and how long it was held, or what else became of it."""
    arrow, side = ("▲", "Long") if entry.side > 0 else ("▼", "Short")
    if not entry.ending.filled:
        return f"{arrow} {side}, not filled"
    if entry.ending in (Ending.OPEN, Ending.DATA_END):
        return f"{arrow} {side}, open {_seconds(entry.seconds)}"
    if entry.ending == Ending.GAP:
        return f"{arrow} {side}, lost in a gap"
    return f"{arrow} {side}, {_seconds(entry.seconds)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else formatting.duration(seconds)


def entry_text(entry: EntryDetails, tick_size: float, span: tuple[float, float]) -> dict[str, Any]:
    """Return the texts of an entry's box.

    Parameters
    ----------
    entry : EntryDetails
        The entry.
    tick_size : float
        Step of the price grid, quote currency.
    span : tuple of float
        Range of the signal's chart.
    """
    done = math.isfinite(entry.gross_bps)
    when = clock(entry.exit_time) if entry.exit_time else ""
    return {
        "side": "bid" if entry.side > 0 else "ask",
        "head": entry_head(entry),
        "number": f"{entry.place:,} of {entry.of:,}" if entry.place else "",
        "in": [traded(entry.entry_price, tick_size), clock(entry.entry_time)],
        "out": [traded(entry.exit_price, tick_size), when],
        "gross": number(entry.gross_bps, 2, sign=True) if done else NOTHING,
        "net": formatting.bps(entry.net_bps, sign=True) if done else NOTHING,
        "tone": ("good" if entry.net_bps > 0 else "bad") if done else "",
        "why": [made_sentence(entry, span), left_sentence(entry)],
    }


def traded(price: float, tick_size: float) -> str:
    """Return a price of a trade. One between two ticks (mid, several levels) has more decimals."""
    if not math.isfinite(price):
        return NOTHING
    text = formatting.mid(price, tick_size)
    whole = formatting.price(price, tick_size)
    return whole if abs(round(price / tick_size) * tick_size - price) < 1e-6 * tick_size else text


def made_sentence(entry: EntryDetails, span: tuple[float, float]) -> str:
    """Return why an entry was made."""
    if math.isnan(entry.signal):
        return "The state that decided it is no longer kept."
    value = number(entry.signal, formatting.signal_decimals(span), sign=True)
    verb = "Entered" if entry.ending.filled else "Decided"
    late = entry.entry_time - entry.decision_time
    after = f", {late / 1e9:.1f} s after the decision" if entry.ending.filled and late else ""
    if math.isnan(entry.threshold):
        return f"{verb} on {value}{after}."
    bound = _bound(entry.signal, entry.threshold, span)
    beyond = f"just beyond {bound}" if value == bound else f"on {value}, beyond {bound}"
    return f"{verb} {beyond}{after}."


def _why(reason: int, p: Parameters) -> str:
    """Return why a position was left, as a clause."""
    match reason:
        case exits.STOP:
            return f"it was {p.stop_bps:g} bps worse than its entry, its stop"
        case exits.TARGET:
            return f"it was {p.target_bps:g} bps better than its entry, its target"
        case exits.FLIP:
            return "the signal was beyond the other side's threshold"
        case exits.FADE:
            return f"the signal had faded below {p.exit_fade:g} of its threshold"
        case exits.DECELERATION:
            return (
                f"the signal had fallen by more than {p.exit_deceleration:g} of its threshold "
                f"within {p.deceleration_seconds:g} s"
            )
    return f"its hold of {p.hold_seconds:g} s was over"


def left_sentence(entry: EntryDetails) -> str:
    """Return why an entry was left, or why it was not."""
    p: Parameters = entry.parameters
    over = _why(entry.reason, p)
    match entry.ending:
        case Ending.HELD:
            return f"Exit: {over}."
        case Ending.MAKER:
            return f"Exit: {over}, and a resting order was filled."
        case Ending.MAKER_FAILED:
            return f"Exit: {over}; the resting order was not filled, so a taker's order followed."
        case Ending.GAP:
            return "The book was lost before the exit: its result is not known."
        case Ending.GAP_ON_WAY:
            return "The book was lost before the order was filled."
        case Ending.OPEN:
            return f"Still open: it is held for {p.hold_seconds:g} s."
        case Ending.DATA_END:
            return f"No exit: the data ended before its hold of {p.hold_seconds:g} s."
        case Ending.LIMIT:
            return f"The price was beyond its limit of {p.slippage_bps:g} bps when it arrived."
        case Ending.TOO_FEW:
            return f"The kept levels hold less than {(p.size or 0.0) * entry.weight:g}."
        case Ending.NO_SIDE:
            return "The other side of the book was empty when it arrived."
        case Ending.REFUSED:
            return "Refused: it would have traded at once, and was post-only."
        case Ending.CANCELLED:
            return f"Cancelled: nobody took it within {p.wait_seconds:g} s."
