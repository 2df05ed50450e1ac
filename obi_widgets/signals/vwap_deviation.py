"""VWAP deviation: how far mid stands from the average price of recent trades.

VWAP is Σ price · size / Σ size over the trades of a window, so that a trade counts with its size.
Public code often takes it from bars, with the typical price (high + low + close) / 3 of each bar,
or from the beginning of the day on. Here it is of the trades themselves, over a window that moves.

References
----------
Berkowitz, Logue, Noser (1988), "The total cost of transactions on the NYSE", for VWAP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import worth_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="bps", needs=("touch", "trades"), lookback="window")
def vwap_deviation(
    history: History, *, window: Annotated[float, Seconds(0.1, 86_400, slider=(1, 900, 1))] = 60.0
) -> NDArray[np.float64]:
    """Return mid less the volume-weighted average price of a window's trades, in basis points.

    A trade counts from the first kept state received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        1e4 · (mid − VWAP) / VWAP, bps. + where mid is above: price has risen since most of the
        volume traded. Who expects that it comes back trades against this sign. NaN where the window
        has no trade or a side of the book is empty, until the window is full, and without a trades
        stream.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.vwap_deviation(history, window=30).shape == history.time.shape
    True
    """
    lots, steps = worth_of(history, window)
    trades = history.trades
    # Both are rounded once, so that they are the same on a finer grid of prices or sizes.
    volume = np.asarray(lots / 10.0**trades.size_decimals, float)
    value = np.asarray(steps / 10.0 ** (trades.price_decimals + trades.size_decimals), float)
    vwap = value / np.where(volume > 0, volume, np.nan)
    return np.asarray(1e4 * (history.mid - vwap) / vwap)
