"""What the price chart shows beside its entries: those of the settings to compare with, alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.downsampling import spaced_marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.presentation.frames.frame import Frame
    from obi_widgets.widgets.time_axis import TimeAxis

    Floats = NDArray[np.float64]


NO_ENTRIES, NO_ALERTS = np.empty((0, 5)), np.empty((0, 2))


def beside(frame: Frame, time: TimeAxis) -> dict[str, Floats]:
    """Return what ``static/beside.js`` draws.

    Returns
    -------
    dict of str to ndarray of float64
        ``beside``, shape (n, 5): entry time and price, exit time and price, side of the entries of
        B in the window. An entry without an exit has NaN as its exit price. ``alerts``, shape
        (n, 2): times and sides. Times are those of the axis.
    """
    return {"beside": _entries(frame, time), "alerts": _alerts(frame, time)}


def _entries(frame: Frame, time: TimeAxis) -> Floats:
    if frame.other is None:
        return NO_ENTRIES
    trades, window = frame.other.trades, frame.window
    end = np.where(trades.exit_time > 0, trades.exit_time, trades.entry_time)
    seen = (end >= window.start) & (trades.entry_time <= window.end)
    seen &= np.isfinite(trades.entry_price)
    seen[seen] = spaced_marks(trades.entry_time[seen], window)
    entered, left = time.values(trades.entry_time[seen]), time.values(end[seen])
    columns = entered, trades.entry_price[seen], left, trades.exit_price[seen], trades.side[seen]
    return np.stack([np.asarray(column, float) for column in columns], axis=1)


def _alerts(frame: Frame, time: TimeAxis) -> Floats:
    if not frame.alerts:
        return NO_ALERTS
    window = frame.window
    seen = [one for one in frame.alerts if window.start <= one.time <= window.end]
    times = time.values(np.array([one.time for one in seen], np.int64))
    return np.stack([times.astype(float), np.array([one.side for one in seen], float)], axis=1)
