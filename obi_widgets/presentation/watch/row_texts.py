"""Rows and alerts as lines of text, and as objects of JSON.

The text is plain ASCII but for the warning sign, so that other programs can read its numbers.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import MINUS, NOTHING

if TYPE_CHECKING:
    from obi_widgets.presentation.watch.row import Row
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.crossing import Alert

WARNING = "⚠"
"""Stands behind a signal that is beyond its threshold."""

COLUMNS = (
    ("time UTC", 8), ("weighted bids", 13), ("weighted asks", 13), ("imbalance", 9),
    ("spread", 10), ("signal", 12), ("label", 7), ("notes", 0),
)  # fmt: skip
"""Names of the columns, and their widths in letters; the last one is as wide as it has to be."""

LEFT = ("time UTC", "label", "notes")
"""Columns that begin at the left."""

Cells = tuple[str, ...]

HEAD: Cells = tuple(name for name, _ in COLUMNS)


def cells(row: Row, parameters: Parameters) -> Cells:
    """Return the texts of a row, in the order of `COLUMNS`."""
    signal = parameters.signal
    span = signal.range or (-2.5 * signal.threshold, 2.5 * signal.threshold)
    value = formatting.signal_number(row.signal, span, directional=signal.directional)
    notes = ("inferred",) * row.inferred + row.notes
    texts = (
        formatting.clock(row.time),
        formatting.compact(row.bids),
        formatting.compact(row.asks),
        formatting.number(row.imbalance, 3, sign=True),
        formatting.bps(row.spread_bps),
        f"{value} {WARNING if row.beyond else ' '}",
        row.label,
        "; ".join(notes),
    )
    return tuple(text.replace(MINUS, "-").replace(NOTHING, "-") for text in texts)


def line(texts: Cells) -> str:
    """Return the texts of a row, or `HEAD`, as one line of columns."""
    found = (
        f"{text:<{width}}" if name in LEFT else f"{text:>{width}}"
        for (name, width), text in zip(COLUMNS, texts, strict=True)
    )
    return "  ".join(found).rstrip()


def day(time: int) -> str:
    """Return the day of nanoseconds UTC."""
    return f"{_when(time):%Y-%m-%d}"


def alert_text(alert: Alert, parameters: Parameters) -> str:
    """Return an alert as one line."""
    name = parameters.signal.name
    what = name if parameters.threshold_is == "value" else f"the place of {name}"
    where = "above" if alert.side > 0 else "below"
    level = formatting.plain(math.copysign(alert.level, alert.side))
    text = (
        f"{formatting.clock(alert.time)}  {WARNING} {what} went {where} {level}: "
        f"{alert.value:+z.4g}, mid {alert.mid:,.10g}"
    )
    return text.replace(MINUS, "-").replace(NOTHING, "-")


def row_object(row: Row) -> dict[str, Any]:
    """Return a row as an object of JSON: NaN is null, times are text and nanoseconds."""
    return {
        "type": "row",
        **_times(row.time),
        "received_ns": row.received,
        "bids": _number(row.bids),
        "asks": _number(row.asks),
        "imbalance": _number(row.imbalance),
        "bid": _number(row.bid),
        "ask": _number(row.ask),
        "mid": _number(row.mid),
        "spread": _number(row.spread),
        "spread_bps": _number(row.spread_bps),
        "signal": _number(row.signal),
        "threshold": _number(row.threshold),
        "beyond": row.beyond,
        "label": row.label or None,
        "state": row.state,
        "inferred": row.inferred,
        "notes": [*row.notes],
    }


def alert_object(alert: Alert) -> dict[str, Any]:
    """Return an alert as an object of JSON."""
    return {
        "type": "alert",
        **_times(alert.time),
        "side": alert.side,
        "value": _number(alert.value),
        "level": alert.level,
        "mid": _number(alert.mid),
    }


def _times(time: int) -> dict[str, Any]:
    return {"time": f"{_when(time):%Y-%m-%dT%H:%M:%S}.{time % 10**9:09d}Z", "time_ns": time}


def _when(time: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=time // 10**9)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
