"""Where a value stands among those of its own recent past, as gates ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Number, Seconds
from obi_widgets.trading.thresholds import KERNELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

Window = Annotated[float, Seconds(10, 86_400, slider=(10, 3_600, 10)), "Of the last"]
"""Seconds before a state whose values are recent."""

Highest = Annotated[
    float | None, Number(0, 1, off="no quantile", slider=(-0.01, 1, 0.01)), "Closed above quantile"
]
"""A quantile of recent values that closes a gate when it is exceeded, if there is one."""


def window_of_quantile(values: Mapping[str, Any]) -> float:
    """Return the look-back of a gate whose ``window`` matters only beside a ``quantile``."""
    return 0.0 if values["quantile"] is None else float(values["window"])


def above(history: History, values: Floats, quantile: float | None, seconds: float) -> Floats:
    """Return where a value exceeds the quantile of the values before it.

    The window and the quantile are those of `obi_widgets.trading.thresholds`: the earlier states
    within ``seconds``, each with the same weight; between two values, the lower one.

    Parameters
    ----------
    history : History
        T states.
    values : ndarray of float64, shape (T,)
        NaN where there is none; such states are in no window.
    quantile : float, optional
        0 to 1. None asks nothing: no value exceeds it.
    seconds : float
        Length of the trailing window.

    Returns
    -------
    ndarray of float64, shape (T,)
        1 where it does, else 0; NaN without a value, or with fewer than two in the window.
    """
    unknown = np.isnan(values)
    if quantile is None:
        return np.where(unknown, np.nan, 0.0)
    less, count = KERNELS.current().below(values, history.time, round(seconds * 1e9), 0)
    place = less / np.maximum(count - 1, 1)
    return np.where(unknown | (count < 2), np.nan, place > quantile)


def beneath(history: History, values: Floats, quantile: float | None, seconds: float) -> Floats:
    """Return where a value is less than the quantile of the values before it; see `above`.

    Between two values, the quantile is the higher one here. So what never changes is neither above
    nor beneath.
    """
    return above(history, -values, None if quantile is None else 1 - quantile, seconds)
