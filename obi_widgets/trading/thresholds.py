"""The values that a threshold is compared with: the signal, or its rank among recent values.

With ``threshold_is="quantile"`` there is an entry where |signal| exceeds the q-quantile of
|signal| over the window before it. The window of a state at t contains the earlier
states after t − ``quantile_window``, without states that have no value. Each state has the same
weight, whatever the time between states. The quantile is one of the values: between two, it is the
lower one (pandas' ``interpolation="lower"``).

So |signal| exceeds it exactly where

    below / (count − 1) > q

with ``count`` values in the window, ``below`` of them less than |signal|. This fraction, with the
signal's sign, is the signal's *place*. It does not depend on q, so code that takes a signal and a
threshold also takes a place and q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.trading import thresholds_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.trading.thresholds_numba", thresholds_numpy)


class Rule(Protocol):
    """Settings, as far as a threshold depends on them."""

    @property
    def threshold_is(self) -> str:
        """``"value"`` or ``"quantile"``."""

    @property
    def quantile_window(self) -> float:
        """Seconds before a state that a quantile is taken over."""

    @property
    def lookback(self) -> float:
        """Seconds that the signal itself looks back: it has no value before."""


def seconds_before(rule: Rule) -> float:
    """Return how many seconds before a state its entry depends on."""
    window = rule.quantile_window if rule.threshold_is == "quantile" else 0.0
    return rule.lookback + window


def compared(history: History, signal: Floats, rule: Rule, first: int = 0) -> Floats:
    """Return the values that the threshold is compared with.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        The signal of every state.
    rule : Rule
        Settings.
    first : int
        First state that is needed.

    Returns
    -------
    ndarray of float64, shape (T,)
        The signal, if the threshold is a value. For a quantile, the signal's place, + for a
        positive signal: above q where |signal| exceeds its q-quantile. NaN before ``first``,
        without a signal, and until the book has been in sync for the window and the signal's
        look-back.
    """
    if rule.threshold_is == "value":
        return signal
    out = np.full(len(signal), np.nan)
    if first >= len(signal):
        return out
    window, needed = (round(s * 1e9) for s in (rule.quantile_window, seconds_before(rule)))
    # All states that are used: the first of them is the newest one before the window begins.
    start = max(int(np.searchsorted(history.time, history.time[first] - needed, "right")) - 1, 0)
    part, begin = history[start:], first - start
    below, count = KERNELS.current().below(np.abs(signal[start:]), part.time, window, begin)
    full = (part.time - part.run_began >= needed)[begin:] & (count > 1)
    place = np.sign(signal[first:]) * below / np.maximum(count - 1, 1)
    out[first:] = np.where(full, place, np.nan)
    return out
