"""Trade imbalance: whether takers buy more than they sell.

References
----------
Chordia, Roll, Subrahmanyam (2002), "Order imbalance, liquidity, and market returns", for bought
less sold volume; here with the taker's side as the venue reports it, so that no side is inferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import sides_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(range=(-1, 1), needs="trades", lookback="window")
def trade_imbalance(
    history: History,
    *,
    window: Seconds(0.1, 3600, slider=(1, 300, 1)) = 10.0,  # type: ignore[valid-type]
) -> NDArray[np.float64]:
    """Return what takers bought less what they sold, divided by their sum, over a window.

    A trade counts with its size, from the first kept state received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1 (all sold) to +1 (all bought). NaN where the window has no trade (0 would mean that
        both sides traded the same), until the window is full, and without a trades stream.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.trade_imbalance(history, window=30).shape == history.time.shape
    True
    """
    bought, sold = sides_of(history, window)
    both = bought + sold
    return np.asarray((bought - sold) / np.where(both > 0, both, np.nan))
