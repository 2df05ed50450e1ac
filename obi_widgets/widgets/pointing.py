"""What the mouse points at: the messages of a chart, and what its crosshair shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.presentation.texts.entry_marks import kinds, nearest
from obi_widgets.presentation.texts.reading_text import (
    clock,
    entry_text,
    reading_rows,
    spoken,
    stamp,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.session.session import Session
    from obi_widgets.trading.trade_list import Trades
    from obi_widgets.widgets.time_axis import TimeAxis

    Dot = tuple[float, str, str]


def hear(session: Session, content: dict[str, Any], trades: Trades | None) -> None:
    """Do what a page says that the mouse points at. Times of pages are milliseconds UTC.

    Parameters
    ----------
    session : Session
        Session whose charts or entries they are.
    content : dict
        ``{"do": "cursor", "at": share of the window or None, "view": page}``, or with ``"time"`` to
        pin it, None to let go; ``{"do": "there"}`` to bring the pin into view; ``{"do": "step",
        "by": states}``; ``{"do": "entry", "time": entry or None, "view": page}``; ``{"do":
        "choose", "time": entry}``.
    trades : Trades or None
        Entries of the newest frame.
    """
    view = str(content.get("view"))
    match content.get("do"):
        case "cursor" if "time" in content:
            session.pin(_ns(content["time"]))
        case "cursor":
            session.hover(content["at"], view)
        case "there" if session.cursor is not None and session.cursor.pinned is not None:
            session.bring_into_view(session.cursor.pinned, session.cursor.pinned)
        case "step":
            session.step(int(content["by"]))
        case "entry" | "choose" if trades is not None:
            time = _ns(content["time"])
            row = None if time is None else nearest(trades, time)
            if content["do"] == "entry":
                session.point(None if row is None else int(trades.decision_time[row]), view)
            elif row is not None:
                go_to(session, trades, row)


def go_to(session: Session, trades: Trades, row: int) -> None:
    """Choose an entry, pin its begin, and bring it into view."""
    start, end = int(trades.entry_time[row]), int(trades.exit_time[row])
    session.choose(int(trades.decision_time[row]), start, end or start)


def _ns(time: float | None) -> int | None:
    return None if time is None else round(1e6 * float(time))


def shown_in(frame: Frame) -> dict[str, Any] | None:
    """Return where a frame's reading is to be seen: in the page that hovers, or pinned in all."""
    if frame.cursor is None or frame.reading is None:
        return None
    pinned = frame.cursor.pinned is not None
    return {"pinned": pinned, "view": frame.cursor.view, "at": frame.cursor.at}


def crosshair(
    frame: Frame, axis: TimeAxis, dots: Iterable[Dot], value: str = "", *, words: bool = False
) -> dict[str, Any] | None:
    """Return what a chart's crosshair shows; None without a reading.

    Parameters
    ----------
    frame : Frame
        Frame with states.
    axis : TimeAxis
        Time axis of the chart.
    dots : iterable of tuple
        Points of the chart at that time: value, its label, and the side of its colour.
    value : str
        Label of the first point on the value axis.
    words : bool
        Whether this chart has the box of the reading.
    """
    where, reading = shown_in(frame), frame.reading
    if where is None or reading is None:
        return None
    (time,) = axis.milliseconds([reading.asked])
    state = {
        **where,
        "time": time,
        "clock": clock(reading.asked if reading.time is None else reading.time),
        "dots": [list(dot) for dot in dots if math.isfinite(dot[0])],
        "value": value,
    }
    if words:
        state["head"] = stamp(reading, frame.history)
        state["rows"] = [list(row) for row in reading_rows(frame, reading)]
        state["spoken"] = spoken(frame, reading)
    return state


def entry_box(frame: Frame, axis: TimeAxis) -> dict[str, Any] | None:
    """Return what is shown of the entry that is pointed at; None without one."""
    entry, pointed = frame.entry, frame.pointed
    if entry is None or pointed is None:
        return None
    done = bool(entry.exit_time)
    entered, at = axis.milliseconds(
        [entry.entry_time, entry.exit_time if done else entry.entry_time]
    )
    price = entry.exit_price if done else entry.entry_price
    return {
        "chosen": not pointed.view,
        "view": pointed.view,
        "entered": int(entered),
        "bought": entry.entry_price if entry.place else None,
        "time": at,
        "price": price if math.isfinite(price) else None,
        "kind": int(kinds(np.array([entry.side], np.int8), np.array([entry.gross_bps]))[0]),
        "text": entry_text(entry, frame.tick_size, frame.signal_range),
    }
