"""Order-flow imbalance: net change of the bids less net change of the asks, over a window.

It is the sum of ``e``, the formula of `obi_widgets.history.flow`, over the events of the window
and over the ranks that are chosen. As Cont, Kukanov and Stoikov have it, it is not divided by the
depth of the book: in their model price moves by it in inverse proportion to depth, so that a
threshold of one market fits no other. `obi_widgets.zscore` makes it comparable.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", for the best prices; Xu,
Gould, Howison (2018), "Multi-level order-flow imbalance in a limit order book", for further ranks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from obi_widgets.history.flow import RANKS, flow_of
from obi_widgets.parameters import Levels, Seconds
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import sum_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="base units", needs="flow", lookback="window")
def order_flow_imbalance(
    history: History,
    *,
    window: Annotated[float, Seconds(0.1, 3600, slider=(1, 60, 1))] = 10.0,
    depth: Annotated[int, Levels(1, RANKS)] = 1,
) -> NDArray[np.float64]:
    """Return the net change of the bids less that of the asks, over a window.

    Parameters
    ----------
    history : History
        T states, with ``flow``.
    window : float
        Length of the trailing window in seconds, 0.1 to 3,600. It covers every raw event after the
        last state before the window.
    depth : int
        Levels of each side that are summed, from the best, 1 to 10.

    Returns
    -------
    ndarray of float64, shape (T,)
        Base units, + is more buying. NaN where the book was not in sync, and until the window is
        full, at the beginning and after a gap.

    Raises
    ------
    HistoryError
        A history without ``flow``.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> flow = obi.order_flow_imbalance(history, window=5, depth=3)
    >>> flow.shape == history.time.shape
    True
    """
    flow = flow_of(history)
    return flow.base_units(sum_of(flow.order_flow, history.time, window, depth))
