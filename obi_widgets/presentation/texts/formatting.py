"""Numbers and states as texts. No widget is used here, so that every text can be tested."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.difference import FEW
from obi_widgets.errors import SettingsError, counted, quoted
from obi_widgets.parameters import Choice, Levels, Number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.parameters import Parameter
    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.signals.signal import Signal

MINUS = "\N{MINUS SIGN}"
NOTHING = "\N{EN DASH}"
LATE = 1.0
"""Lag above its minimum from which it is shown, seconds."""

UNITS = {
    "seconds": "s", "per bp": "/bp", "of the threshold": "", "of the whole": "",
    "base units": "base",
}  # fmt: skip
"""Short forms of units, behind a number; empty where the name of the setting says the unit."""

LARGE = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
"""Factors of large numbers, and their names."""

UNREACHED = 1e15
"""A bound that large, or as small as its inverse, is that of the storage: it is not shown."""

SYMBOL = 20
"""Letters of a symbol that are shown; a longer one is shortened in its middle."""


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """Return a number with thousands separators and a true minus sign; a dash for NaN."""
    if not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if sign else ''},.{decimals}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")  # no sign on a zero
    return text.replace("-", MINUS)


def margin(half: float, decimals: int) -> str:
    """Return half an interval, such as "± 0.29"; empty for NaN, as of a single case."""
    return f"± {number(half, decimals)}" if math.isfinite(half) else ""


def compact(value: float, *, sign: bool = False) -> str:
    """Return a number of two or three digits for a narrow place: 1.2M, 340k, 0.051, 1.2e−8.

    The text has at most seven characters up to 999T, the sign included; a dash for NaN.
    """
    if not math.isfinite(value):
        return NOTHING
    if not value:
        return "0"
    rounded = float(f"{value:.{3 if abs(value) >= 100 else 2}g}")
    if abs(rounded) >= 1e15 or abs(rounded) < 1e-3:
        mantissa, _, exponent = f"{value:{'+' if sign else ''}.1e}".partition("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    factor, name = next(((f, n) for f, n in LARGE if abs(rounded) >= f), (1.0, ""))
    scaled = value / factor
    decimals = max(1 - math.floor(math.log10(abs(rounded / factor))), 0)
    return number(scaled, decimals, sign=sign) + name


def shortened(text: str, letters: int = SYMBOL) -> str:
    """Return a text of at most so many letters: an ellipsis replaces its middle."""
    if len(text) <= letters:
        return text
    left = letters // 2
    return f"{text[:left]}…{text[len(text) - (letters - 1 - left) :]}"


def signed(text: str) -> str:
    """Return a sentence with true minus signs before its numbers."""
    return re.sub(r"(?<![\w.])-(?=\d)", MINUS, text)


def plain(value: float) -> str:
    """Return a number with two decimals, or with more if it has more (six digits at most)."""
    return f"{value:.2f}" if round(value, 2) == value else f"{value:.6g}"


@cache
def decimals_of(step: float) -> int:
    """Return how many decimals the multiples of a step have."""
    exponent = Decimal(f"{step:.12g}").normalize().as_tuple().exponent
    return max(-int(exponent), 0)


@lru_cache(4096)
def price(value: float, tick_size: float) -> str:
    """Return a price with the decimals of its tick size."""
    return number(value, decimals_of(tick_size))


@lru_cache(16)
def mid(value: float, tick_size: float) -> str:
    """Return a mid, which may lie on half a tick."""
    return number(value, decimals_of(tick_size / 2))


@lru_cache(4096)
def size(value: float, decimals: int) -> str:
    """Return a size. One too small for two decimals, for example, is shown as "<0.01", not as zero.

    At most seven digits are shown: sizes are kept as float32, which has no more.
    """
    least = 10.0**-decimals
    if 0 < value < least / 2:
        return f"<{least:.{decimals}f}"
    for factor, name in LARGE:
        if value >= max(factor, 1e7):
            return f"{number(value / factor, 2)} {name}"
    if value >= 1:
        decimals = min(decimals, 6 - math.floor(math.log10(value)))
    return number(value, decimals)


def prices(values: Iterable[float], tick_size: float) -> list[str]:
    """Return the `price` of each value; those above 0 in a fraction of the time."""
    text = f"{{:,.{decimals_of(tick_size)}f}}".format
    return [text(value) if value > 0 else price(value, tick_size) for value in values]


def sizes(values: Iterable[float], decimals: int) -> list[str]:
    """Return the `size` of each value; those with all decimals in a fraction of the time."""
    text, low, high = f"{{:,.{decimals}f}}".format, 10.0**-decimals, 10.0 ** (7 - decimals)
    return [text(value) if low < value < high else size(value, decimals) for value in values]


def bps(value: float, *, sign: bool = False) -> str:
    """Return basis points; a dash for NaN.

    Two decimals, or more where these would say 0.00; none from 100,000 on.
    """
    if not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size >= 1e7:
        return f"{compact(value, sign=sign)} bps"
    if 0 < size <= 5e-7:
        return f"{MINUS if value < 0 else '+' if sign else ''}<0.000001 bps"
    decimals = 0 if size >= 1e5 else 2 if not size or size >= 0.005 else -math.floor(
        math.log10(size) + 1e-9
    )  # fmt: skip
    return f"{number(value, min(decimals, 6), sign=sign)} bps"


@lru_cache(16)
def spread(value: float, middle: float, tick_size: float) -> str:
    """Return a spread in bps of mid, or in ticks where bps would say 0.00; a dash for NaN."""
    share = 1e4 * value / middle if middle else math.nan
    if not math.isfinite(share) or abs(share) >= 0.005 or not value:
        return bps(share)
    ticks = round(value / tick_size)
    return counted(ticks, "tick")


def won(share: float, count: int) -> str:
    """Return how many trades won: in percent, or as a count if there are few."""
    if not count:
        return NOTHING
    return f"{round(share * count)} of {count}" if count < FEW else f"{number(100 * share, 0)} %"


def signal(
    value: float,
    span: tuple[float, float] = (-1, 1),
    unit: str = "",
    *,
    directional: bool = True,
) -> str:
    """Return a value of a signal with its sign and an arrow up or down; zero has neither.

    Parameters
    ----------
    value : float
        The value; NaN gives a dash.
    span : tuple of float
        Range of its chart: the smaller it is, the more decimals are shown.
    unit : str
        Unit of the signal.
    directional : bool
        False for a gauge: it has no arrow, and no plus.
    """
    text = signal_number(value, span, directional=directional)
    arrow = {"+": " ▲", MINUS: " ▼"}.get(text[0], "") if directional else ""
    return f"{text}{unit and ' ' + unit}{arrow}" if math.isfinite(value) else text


@lru_cache(64)
def signal_number(value: float, span: tuple[float, float], *, directional: bool = True) -> str:
    """Return a value of a signal with its sign, in the decimals of its chart, or `compact`.

    A gauge, which is not ``directional``, has no plus.
    """
    if 1e-4 <= max(map(abs, span)) < 1e6 or not any(span):
        return number(value, signal_decimals(span), sign=directional)
    return compact(value, sign=directional)


@lru_cache(64)
def signal_decimals(span: tuple[float, float]) -> int:
    """Return how many decimals of a signal to show: 2 for a signal between −1 and +1."""
    largest = max(map(abs, span))
    return min(max(2 - math.floor(math.log10(largest)), 0), 12) if largest > 0 else 2


def side(value: float, span: tuple[float, float] = (-1, 1), *, directional: bool = True) -> str:
    """Return the side of a signal, for its colour; empty of a gauge, or if shown as zero."""
    if not directional:
        return ""
    return {"+": "bid", MINUS: "ask"}.get(signal_number(value, span)[0], "")


@lru_cache(16)
def about(of: Signal) -> str:
    """Return a line about a signal: its description, range and unit."""
    found = [re.sub(r"^Return (\w)", lambda match: match[1].upper(), of.description)]
    if of.range is not None:
        sign = of.directional
        low, high = (number(end, 0 if end == int(end) else 2, sign=sign) for end in of.range)
        found.append(f"{low} to {high}{of.unit and ' ' + of.unit}.")
    elif of.unit:
        found.append(f"In {of.unit}.")
    said = "Plus means a rise." if of.directional else "A high value does not mean a rise."
    return " ".join([*filter(None, found), said])


def value(parameter: Parameter, chosen: object) -> str:
    """Return a setting with its unit; empty for a choice, whose control shows the word."""
    kind = parameter.kind
    if isinstance(kind, Choice):
        return ""
    if not isinstance(kind, Number):
        return str(chosen)
    if chosen is None:
        return kind.off if isinstance(kind, Levels) else "off"
    assert isinstance(chosen, int | float)
    if isinstance(kind, Levels) and chosen == 1:
        return "1 level"
    fine = kind.steps[2] < 0.1 and not isinstance(kind, Levels)
    text = signed(plain(chosen) if fine else f"{chosen:,g}")
    unit = UNITS.get(kind.unit, kind.unit)
    return f"{text} {unit}" if unit else text


def typed(parameter: Parameter, text: str) -> float | None:
    """Return the number that was typed for a setting, as `value` writes it; None for off.

    The unit may be left out. A comma is refused, since it may mean thousands or decimals, unless
    the text is written as `value` writes it, with its unit: "3,600 s".

    Raises
    ------
    SettingsError
        If the text is not a number of the setting's unit.
    """
    kind = parameter.kind
    assert isinstance(kind, Number)
    words = text.strip().lower().replace(MINUS, "-")
    if kind.off and words in ("", "off", "none", kind.off.lower()):
        return None
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(.*)", words)
    if "," in words and re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)? .*", words):
        number = float(words.split(" ")[0].replace(",", ""))
        if value(parameter, number).lower().replace(MINUS, "-") == words:
            return number
    units = {"", kind.unit.lower(), UNITS.get(kind.unit, kind.unit).lower()}
    if isinstance(kind, Levels):
        units.add("level")
    if found is None or found[2] not in units:
        advice = f"Give {kind.allowed}." + (" Write decimals with a point." if "," in text else "")
        raise SettingsError(f"{parameter.name} = {quoted(text)} is not possible.", advice)
    return float(found[1])


def allowed(parameter: Parameter) -> str:
    """Return a setting's description and its possible values, for its tooltip."""
    kind, values = parameter.kind, ""
    if isinstance(kind, Number):
        unit = f" {kind.unit}" if kind.unit else ""
        off = f", or {value(parameter, None)}" if kind.off else ""
        possible = f"from {kind.low:g} to {kind.high:g}{unit}"
        if 0 < kind.low < 1 / UNREACHED and kind.high > UNREACHED:
            possible = f"above 0{unit and f', in{unit}'}"
        values = f"Type a number {possible}{off}."
    return " ".join(filter(None, (parameter.description, signed(values))))


def duration(seconds: float) -> str:
    """Return a length of time in seconds, minutes or hours, whichever fits."""
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def clock_length(seconds: float) -> str:
    """Return a length of time to the second, as a clock shows it: "12 s", "4:54", "1:02:03"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def clock(time: int) -> str:
    """Return the time of day of nanoseconds UTC, to the second."""
    seconds = time // 1_000_000_000 % 86_400
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def late(lag: float, absolute: float) -> tuple[str, str]:
    """Return by how much data are late, in short and as a sentence; both empty if little.

    Parameters
    ----------
    lag : float
        Delay of the newest change above the smallest delay so far, seconds; NaN if unknown.
    absolute : float
        Time from the exchange to here by this computer's clock, seconds; NaN if unknown.
    """
    if not lag > LATE:
        return "", ""
    text = f"late by {number(lag, 1)} s" if lag < 10 else f"late by {duration(lag)}"
    detail = f"The newest change arrived {number(lag, 1)} s late."
    if math.isfinite(absolute):
        detail += f" By this computer's clock it took {number(absolute, 1)} s to arrive."
    return text, detail


def nothing_yet(frame: Frame) -> str:
    """Return why a chart is empty; an empty text if it is not."""
    if frame.states:
        return ""
    return "No data arrived." if frame.state == "closed" else "Waiting for data."


def no_signal(frame: Frame) -> str:
    """Return why no signal is drawn; an empty text if it is drawn."""
    if frame.reach.shortfall is not None and frame.reach.shortfall.fraction == 1:
        return "No signal: the settings need more levels than the history keeps."
    _, line = frame.signals[0].line
    if not frame.states or (line.size and (line[-1] == line[-1] or not np.isnan(line).all())):
        return nothing_yet(frame)
    if frame.trouble:
        return frame.trouble
    back = frame.parameters.signal.lookback(dict(frame.parameters.values))
    if frame.seconds < back:
        return (
            f"No signal yet: it needs {duration(back)} of data, and has {duration(frame.seconds)}."
        )
    return ""


def window(seconds: float) -> tuple[str, str]:
    """Return the short and the long name of a window."""
    if seconds <= 3600:
        short = f"{seconds / 60:g} min" if seconds == 60 else f"{seconds / 60:g}"
        return short, "minute" if seconds == 60 else f"{seconds / 60:g} minutes"
    if seconds <= 86_400:
        return f"{seconds / 3600:g} h", f"{seconds / 3600:g} hours"
    return f"{seconds / 86_400:g} d", f"{seconds / 86_400:g} days"
