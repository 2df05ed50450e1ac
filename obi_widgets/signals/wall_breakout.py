"""Breakout through walls: price is expected to go on where a large level was traded away.

Public descriptions of trading on walls say that price runs on once a large resting order is eaten,
since little is left behind it. Nothing says that it does: `obi_widgets.wall_markouts` tells what
followed those that were traded. The definition is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.history.large_levels_numpy import (
    ENDED,
    KEY,
    REMOVED,
    ROW,
    STATE,
    TIME,
    TRADED,
)
from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.wall_fade import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(range=(-1, 1), needs=("touch", "flow", "trades"), lookback="window")
def wall_breakout(
    history: History, *, window: Annotated[float, Seconds(1, 3_600, slider=(1, 300, 1))] = 30.0
) -> NDArray[np.float64]:
    """Return what was traded in ask walls that broke less that in bid walls, divided by their sum.

    A wall broke if it ended because it was traded, as `LargeLevels.end` has it. It counts from the
    first state that tells of its end until the window is over, while mid is beyond its price.

    Parameters
    ----------
    history : History
        T states, with large levels and trades.
    window : float
        Seconds after the end of a wall for which it counts.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1 (bid walls alone) to +1 (ask walls alone broke: price is expected to go on, up). 0 where
        none broke in the window, or mid came back: that is known. NaN until the window is full,
        until the first large level of the history, without a trades stream, and in a history that
        follows no large levels.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.wall_breakout(history, window=10).shape == history.time.shape
    True
    """
    levels, time, mid = history.large_levels, history.time, history.mid
    sums = np.zeros((2, len(history)))
    since = int(levels.whole[ROW].searchsorted(history.start))
    whole, real = levels.whole[:, since:], levels.real[:, since:]
    traded = np.minimum(real[TRADED], real[REMOVED])
    broke = np.flatnonzero((whole[STATE] == ENDED) & (2 * traded >= real[REMOVED]))
    until = np.searchsorted(time, whole[TIME, broke] + round(window * 1e9))
    for at, end in zip(broke.tolist(), until.tolist(), strict=True):
        rows, key = slice(int(whole[ROW, at]) - history.start, end), real[KEY, at]
        beyond = mid[rows] < key if key > 0 else mid[rows] > -key
        sums[0 if key < 0 else 1, rows][beyond] += traded[at]
    out = share(history, sums[0], sums[1])
    if not history.trades.streamed:
        out[:] = np.nan
    return out
