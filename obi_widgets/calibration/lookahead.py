"""Whether a signal knows what it could not have known."""

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
"""Moments at which a signal is computed again: so many where it is on, and where it is not."""

SAME = 1e-6
"""Relative to the signal's standard deviation: what rounding may do."""


def looks_ahead(history: History, compute: Callable[[History], ArrayLike], signal: Floats) -> str:
    """Say where a signal depends on what comes after it; empty where it was not seen to.

    The signal is computed again from the states up to some moments, and nothing later. What was
    known then must give what is said of then. This finds what leaks at most moments, whatever it
    is: a label among the features, a mean over the whole record, a clock that is behind; states
    that are left out, or signals that are taken back, for what came of them. What leaks at a few
    moments only may be missed.

    Parameters
    ----------
    history : History
        T states.
    compute : callable
        Given a history, returns its signal.
    signal : ndarray of float64, shape (T,)
        What it returned for this one.

    Returns
    -------
    str
        A sentence's end: when, and both values.

    Raises
    ------
    SettingsError
        A signal that is another one each time it is computed.
    """
    there = ~np.isnan(signal)
    allowed = SAME * float(np.std(signal[there])) if there.any() else 0.0
    on = there & (signal != 0)
    looks = _spread(np.flatnonzero(on))
    if not len(looks):
        return ""
    # Before it was on for the first time there may be too little to compute it from.
    off = np.flatnonzero(~on & ~history.lost)
    for row in np.unique(np.append(looks, _spread(off[off > looks[0]]))):
        known = computed(history[: row + 1], compute)[-1]
        if _same(known, signal[row], allowed):
            continue
        if not _same(computed(history, compute)[row], signal[row], allowed):
            raise SettingsError(
                "The signal is another one each time it is computed.",
                "Seed what is random in it, or give its numbers.",
            )
        when = str(history.time[row].view("datetime64[ns]"))[11:23]
        before, now = (
            "nothing" if np.isnan(one) else f"{one:+.3g}" for one in (known, signal[row])
        )
        return f"at {when} UTC what was known then gives {before}, and it is {now}"
    return ""


def _spread(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return some of the rows, but neither the first nor the last of many."""
    # Of the first little is known, and after the last nothing comes.
    some = np.linspace(0, max(len(rows) - 1, 0), LOOKS + 2, dtype=int)[1:-1]
    return rows[some[some < len(rows)]]


def _same(one: float, other: float, allowed: float) -> bool:
    return bool(abs(one - other) <= allowed or (np.isnan(one) and np.isnan(other)))


def computed(history: History, compute: Callable[[History], ArrayLike]) -> Floats:
    """Return what a function makes of a history, as a signal.

    Raises
    ------
    HistoryError, SettingsError
        As `as_signal`; and of a Series that has more states than the function was given: it was
        made before, of what was not known then.
    """
    values = compute(history)
    if hasattr(values, "iloc") and np.shape(values) != history.time.shape:
        raise HistoryError(
            f"The function returned {np.shape(values)[0]:,} values for {len(history):,} states.",
            "Compute the signal from the history that it is given.",
        )
    return as_signal(history, values)


def as_signal(history: History, values: ArrayLike) -> Floats:
    """Return a signal as an array, of this history's length: with an index, by its times.

    Raises
    ------
    HistoryError
        Another shape, or an index that does not cover the states.
    SettingsError
        Values that are not numbers, or not finite; NaN is where there is none.
    """
    placed = aligned(values, as_history(history).time, "signal")
    try:
        array = floats(placed, "signal")
    except HistoryError:
        raise SettingsError(
            f"The signal is a {type(values).__name__}.",
            "Give a number a state, or a function of a history that returns them.",
        ) from None
    if array.shape != history.time.shape:
        raise HistoryError(
            f"The signal has shape {array.shape}, and the history {history.time.shape}.",
            "Give the signal of this history.",
        )
    if np.isinf(array).any():
        raise SettingsError(
            f"The signal is infinite in row {int(np.argmax(np.isinf(array)))}.",
            "Make it NaN where there is none.",
        )
    return array
