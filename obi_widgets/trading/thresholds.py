"""What a threshold is held against: the signal, or how large it is among its recent values.

With ``threshold_is="quantile"`` there is an entry where |signal| exceeds the q-quantile of
|signal| over the window before it. The window of a state at t has the states later than
t − ``quantile_window`` that came before it; the state itself is left out, and so are states without
a value. Each state counts the same, whatever the time between them. The quantile is one of the
values: where it lies between two, the lower one (pandas' ``interpolation="lower"``).

So |signal| exceeds it exactly where more than q of the others' places lie below: where

    below / (count − 1) > q

with ``count`` values in the window and ``below`` of them less than |signal|. That share, with the
sign of the signal, is the signal's *place*. It does not depend on q: whatever takes a signal and a
threshold takes the place and q as well.
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
    """Return how far back from a state its entry depends on others, seconds."""
    window = rule.quantile_window if rule.threshold_is == "quantile" else 0.0
    return rule.lookback + window


def compared(history: History, signal: Floats, rule: Rule, first: int = 0) -> Floats:
    """Return what the threshold is held against.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        Of all of them.
    rule : Rule
        Settings.
    first : int
        The first state that is asked for.

    Returns
    -------
    ndarray of float64, shape (T,)
        The signal itself, where the threshold is a value. With quantiles its place, + for a
        positive signal: above q where |signal| exceeds its q-quantile. It is NaN before ``first``,
        without a signal, and until the book was in sync for the window and the signal's own
        look-back: no window reaches across a gap.
    """
    if rule.threshold_is == "value":
        return signal
    out = np.full(len(signal), np.nan)
    if first >= len(signal):
        return out
    window, needed = (round(s * 1e9) for s in (rule.quantile_window, seconds_before(rule)))
    # Whatever is looked at lies in these states, the first of which stood when it all begins.
    start = max(int(np.searchsorted(history.time, history.time[first] - needed, "right")) - 1, 0)
    part, begin = history[start:], first - start
    below, count = KERNELS.current().below(np.abs(signal[start:]), part.time, window, begin)
    full = (part.time - part.run_began >= needed)[begin:] & (count > 1)
    place = np.sign(signal[first:]) * below / np.maximum(count - 1, 1)
    out[first:] = np.where(full, place, np.nan)
    return out
