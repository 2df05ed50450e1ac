"""Check for look-ahead bias: whether a signal depends on later data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.history.given import as_history
from obi_widgets.history.incoming import aligned, floats

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

LOOKS = 8
"""Number of states at which a signal is recomputed: as many with a nonzero signal as without."""

SAME = 1e-6
"""Largest difference that counts as rounding, in standard deviations of the signal."""


def looks_ahead(history: History, compute: Callable[[History], ArrayLike], signal: Floats) -> str:
    """Return at which state a signal uses later data; empty if none was found.

    The signal is recomputed from the history up to some states, without the later ones. The value
    of the last state must be the same as before. This finds any leak that affects most states: a
    label among the features, a mean over the whole record, a slow clock, or states and signals
    that are removed because of what followed. A leak at a few states only may be missed.

    Parameters
    ----------
    history : History
        T states.
    compute : callable
        Takes a history and returns its signal.
    signal : ndarray of float64, shape (T,)
        The signal of the whole history.

    Returns
    -------
    str
        The time and both values, as the end of a sentence.

    Raises
    ------
    SettingsError
        If the signal gives other values each time it is computed.
    """
    has_value = ~np.isnan(signal)
    allowed = SAME * float(np.std(signal[has_value])) if has_value.any() else 0.0
    on = has_value & (signal != 0)
    rows_on = _spread(np.flatnonzero(on))
    if not len(rows_on):
        return ""
    # Before the first nonzero signal there may be too few states to compute it from.
    off = np.flatnonzero(~on & ~history.lost)
    for row in np.unique(np.append(rows_on, _spread(off[off > rows_on[0]]))):
        known = computed(history[: row + 1], compute)[-1]
        if _same(known, signal[row], allowed):
            continue
        if not _same(computed(history, compute)[row], signal[row], allowed):
            raise SettingsError(
                "The signal gives other values each time it is computed.",
                "Seed its random numbers, or give the signal as an array.",
            )
        when = str(history.time[row].view("datetime64[ns]"))[11:23]
        before, now = map(_said, (known, signal[row]))
        return f"at {when} UTC the data up to then give {before}, but the signal is {now}"
    return ""


def _said(value: float) -> str:
    if np.isnan(value):
        return "no value"
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"


def _spread(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return up to `LOOKS` rows, evenly spread, without the first and the last of many."""
    # The first has little data before it, and the last has none after it.
    chosen = np.linspace(0, max(len(rows) - 1, 0), LOOKS + 2, dtype=int)[1:-1]
    return rows[chosen[chosen < len(rows)]]


def _same(a: float, b: float, allowed: float) -> bool:
    return bool(abs(a - b) <= allowed or (np.isnan(a) and np.isnan(b)))


def computed(history: History, compute: Callable[[History], ArrayLike]) -> Floats:
    """Return the signal that a function computes from a history.

    Raises
    ------
    HistoryError, SettingsError
        As `as_signal`. Also for a Series of another length than the history: it was computed
        elsewhere, from data that were not known then.
    """
    values = compute(history)
    if hasattr(values, "iloc") and np.shape(values) != history.time.shape:
        raise HistoryError(
            f"The function returned {np.shape(values)[0]:,} values for {len(history):,} states.",
            "Compute the signal from the history that it is given.",
        )
    return as_signal(history, values)


def as_signal(history: History, values: ArrayLike) -> Floats:
    """Return a signal as an array with one value for each state; an index is aligned by time.

    Raises
    ------
    HistoryError
        If its shape is another one, or its index does not cover the states.
    SettingsError
        If a value is no number or infinite. NaN is no signal.
    """
    placed = aligned(values, as_history(history).time, "signal")
    try:
        array = floats(placed, "signal")
    except HistoryError:
        raise SettingsError(
            f"The signal is a {type(values).__name__}.",
            "Give one number for each state, or a function of a history that returns them.",
        ) from None
    if array.shape != history.time.shape:
        raise HistoryError(
            f"The signal has shape {array.shape}, and the history {history.time.shape}.",
            "Give the signal of this history.",
        )
    if np.isinf(array).any():
        raise SettingsError(
            f"The signal is infinite in row {int(np.argmax(np.isinf(array)))}.",
            "Make it NaN where there is no signal.",
        )
    return array
