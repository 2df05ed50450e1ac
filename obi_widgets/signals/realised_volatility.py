"""Realised volatility: how much mid moves over a second, in the root mean square.

Of the states in a window, in basis points::

    v(t) = 1e4 / mid(t) · √ mean of (mid(s) − mid(s − 1 s))²,  t − window < s ≤ t

The moves overlap: every state gives one, so no state is left out by where a grid of seconds
happens to lie (Zhang, Mykland and Aït-Sahalia 2005 average over such grids). A move over a second
also holds less of the bounce between bid and ask than one from state to state.

It is a gauge: it says how much mid moves, and not which way. The gate by volatility compares the
same values with their own past.

References
----------
Andersen, Bollerslev, Diebold, Labys (2003), "Modeling and forecasting realized volatility",
Econometrica 71, 579. Zhang, Mykland, Aït-Sahalia (2005), "A tale of two time scales", JASA 100,
1394.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import before, sum_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

STEP = 1.0
"""Seconds over which a move is measured."""

LARGEST_MOVE = 2.0**26
"""Half ticks: larger moves count as this, so that the sum of 2¹¹ squares fits an int64."""


def volatility_of(history: History, window: float) -> Floats:
    """Return the realised volatility of mid, bps over a second, shape (T,); see the module.

    It is made of whole half ticks, so it is the same however many states come before. NaN without a
    mid, and without a move in the window.
    """
    halves = np.rint((history.bid + history.ask) / history.tick_size)
    move = halves - before(halves, history.time, STEP)
    move[history.time - history.run_began < round(STEP * 1e9)] = np.nan  # it would cross a gap
    known = ~np.isnan(move)
    squares = np.minimum(np.where(known, np.abs(move), 0.0), LARGEST_MOVE).astype(np.int64) ** 2
    total = sum_of(squares, history.time, window)
    count = sum_of(known.astype(np.int64), history.time, window)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1e4 * 0.5 * history.tick_size * np.sqrt(total / count) / history.mid)


def _lookback(values: Mapping[str, Any]) -> float:
    return STEP + float(values["window"])


@signal(unit="bps", needs="touch", lookback=_lookback, directional=False)
def realised_volatility(
    history: History, *, window: Annotated[float, Seconds(1, 3600, slider=(5, 600, 5))] = 60.0
) -> NDArray[np.float64]:
    """Return how much mid moves over a second, in the root mean square over a window.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        Basis points over a second, 0 or more. A gauge: it has no direction. NaN without a mid, and
        until the window is full.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool(obi.realised_volatility(history, window=20)[-1] > 0)
    True
    """
    return volatility_of(history, window)
