"""Stand aside while mid moves much more, or much less, than in its own recent past.

The realised volatility is the root mean square of mid's moves over one second, of the states in a
window, in basis points::

    v(t) = 1e4 / mid(t) · √ mean of (mid(s) − mid(s − 1 s))²,  t − window < s ≤ t

The moves overlap: every state gives one, so no state is left out by where a grid of seconds
happens to lie (Zhang, Mykland and Aït-Sahalia 2005 average over such grids). A move over a second
also holds less of the bounce between bid and ask than one from state to state.

References
----------
Andersen, Bollerslev, Diebold, Labys (2003), "Modeling and forecasting realized volatility",
Econometrica 71, 579. Zhang, Mykland, Aït-Sahalia (2005), "A tale of two time scales", JASA 100,
1394.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.parameters import Number, Seconds
from obi_widgets.signals.windows import before, sum_of
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import Window, above, beneath

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

STEP = 1.0
"""Seconds over which a move is measured."""

LARGEST_MOVE = 2.0**26
"""Half ticks: larger moves count as this, so that the sum of 2¹¹ squares fits an int64."""


def _lookback(values: Mapping[str, Any]) -> float:
    asks = values["least"] is not None or values["most"] is not None
    return STEP + float(values["window"]) + (float(values["of_last"]) if asks else 0.0)


def realised_volatility(history: History, window: float) -> Floats:
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


@gate(needs="touch", lookback=_lookback, exact=True)
def volatility(
    history: History,
    *,
    window: Annotated[float, Seconds(1, 3_600, slider=(5, 600, 5)), "Measured over"] = 60.0,
    most: Annotated[
        float | None, Number(0, 1, off="no limit", slider=(-0.01, 1, 0.01)), "Closed above quantile"
    ] = 0.9,
    least: Annotated[
        float | None, Number(0, 1, off="no limit", slider=(-0.01, 1, 0.01)), "Closed below quantile"
    ] = None,
    of_last: Window = 1_800.0,
) -> NDArray[np.float64]:
    """Return where mid moves neither much more nor much less than it did before.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds over which the volatility is measured.
    most : float, optional
        Closed where it exceeds this quantile of its own recent values.
    least : float, optional
        Closed where it is less than this quantile of them.
    of_last : float
        Seconds before a state whose values are recent.
    """
    moves = realised_volatility(history, window)
    wild = above(history, moves, most, of_last)
    still = beneath(history, moves, least, of_last)
    return 1.0 - np.maximum(wild, still)
