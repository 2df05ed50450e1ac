"""Trading frequency: how many trades there are a second.

It is a gauge: it says how busy takers are, and not which way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import begins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="/s", needs="trades", lookback="window", directional=False)
def trade_frequency(
    history: History, *, window: Annotated[float, Seconds(0.1, 3600, slider=(1, 300, 1))] = 10.0
) -> NDArray[np.float64]:
    """Return the number of trades a second, over a window.

    What the venue sends as one trade is one: some send an order that takes several resting ones as
    one, others as several. A trade counts from the first kept state received after it.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Length of the trailing window in seconds.

    Returns
    -------
    ndarray of float64, shape (T,)
        Trades per second, 0 or more. A gauge: it has no direction. NaN until the window is full,
        and without a trades stream, where the number is not known.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool(obi.trade_frequency(history, window=5)[-1] > 0)
    True
    """
    if not history.trades.streamed:
        return np.full(len(history), np.nan)
    before = np.append(history.trades.start, history.trade_ends)
    return np.asarray((before[1:] - before[begins(history.time, window)]) / window)
