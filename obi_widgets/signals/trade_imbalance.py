"""Trade imbalance: whether takers buy more than they sell.

References
----------
Chordia, Roll, Subrahmanyam (2002), "Order imbalance, liquidity, and market returns", for bought
less sold volume; here by the taker's side that the venue tells, so that none has to be guessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(range=(-1, 1), needs="trades", lookback="window")
def trade_imbalance(
    history: History,
    *,
    window: Seconds(0.1, 3600, slider=(1, 300, 1)) = 10.0,  # type: ignore[valid-type]
) -> NDArray[np.float64]:
    """Return what takers bought less what they sold, over the sum of both, within a window.

    Each trade counts with its size, from the first kept state on that was received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds up to the state over which trades are counted.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1 (all sold) to +1 (all bought). NaN where nobody traded within the window, since 0 would
        say that both sides traded alike; until the window is full; and without a trades stream.
    """
    since = np.searchsorted(history.time, history.time - round(window * 1e9), "right")
    taken = history.taken
    bought, sold = (
        total[1:] - total[since] for total in map(running, (taken.bought_lots, taken.sold_lots))
    )
    both = bought + sold
    return np.asarray((bought - sold) / np.where(both > 0, both, np.nan))


def running(lots: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the sum before each state, and after the last, shape (T + 1,): exact."""
    return np.append(lots[:0].sum(), np.cumsum(lots))
