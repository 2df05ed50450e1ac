"""Whether a signal knows what it could not have known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history import History

    Floats = NDArray[np.float64]

LOOKS = 8
"""Moments at which a signal is computed again."""

SAME = 1e-6
"""Relative to the signal's standard deviation: what rounding may do."""


def looks_ahead(history: History, compute: Callable[[History], ArrayLike], signal: Floats) -> str:
    """Say where a signal depends on what comes after it; empty where it was not seen to.

    The signal is computed again from the states up to some moments, and nothing later. What was
    known then must give what is said of then. This finds a leak of the future whatever it is: a
    label among the features, a mean over the whole record, a clock that is behind.

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
    """
    there = np.flatnonzero(~np.isnan(signal))
    allowed = SAME * float(np.std(signal[there])) if len(there) else 0.0
    # Neither at the first, of which little is known, nor at the last, after which nothing comes.
    looks = np.linspace(0, max(len(there) - 1, 0), LOOKS + 2, dtype=int)[1:-1]
    for row in there[looks[looks < len(there)]]:
        known = as_signal(history[: row + 1], compute(history[: row + 1]))[-1]
        if not abs(known - signal[row]) <= allowed:
            when = str(history.time[row].view("datetime64[ns]"))[11:23]
            before = "nothing" if np.isnan(known) else f"{known:+.3g}"
            return f"at {when} UTC what was known then gives {before}, and it is {signal[row]:+.3g}"
    return ""


def as_signal(history: History, values: ArrayLike) -> Floats:
    """Return a signal as an array, of this history's length.

    Raises
    ------
    HistoryError
        Another shape.
    SettingsError
        Values that are not numbers, or not finite; NaN is where there is none.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
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
