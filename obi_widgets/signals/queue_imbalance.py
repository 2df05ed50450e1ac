"""Queue imbalance: the size at the best bid against the size at the best ask.

References
----------
Gould, Bonart (2016), "Queue imbalance as a one-tick-ahead price predictor in a limit order book".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(range=(-1, 1), needs="touch")
def queue_imbalance(history: History) -> NDArray[np.float64]:
    """Return the best bid's size less the best ask's, divided by their sum.

    Parameters
    ----------
    history : History
        T states.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + is more bids. NaN where the book was not in sync or a side is empty.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool(abs(obi.queue_imbalance(history)).max() <= 1)
    True
    """
    # Written in plain NumPy, so that a strategy file can embed it.
    bid, ask = history.rank(0)[1].astype(float)  # 0 where a side is empty
    signal = np.full(len(history), np.nan)
    np.divide(bid - ask, bid + ask, out=signal, where=(bid > 0) & (ask > 0))
    return signal
