"""Multi-level order-flow imbalance: order flow at one rank of the book, against its depth.

For rank ``m`` of ``M``, over the events and states of a window::

    OFIᵐ = Σ e at rank m                                   (see `obi_widgets.Flow`)
    Q    = mean of (bid size + ask size) / 2 over states and over the best M ranks
    ofiᵐ = OFIᵐ / Q

Xu, Gould and Howison have the vector of OFIᵐ; Cont, Cucuringu and Zhang divide it by the depth, the
same Q for all ranks. OFIᵐ is of every raw event. Q is the mean over the states that are kept.

Public code often takes the change of the size at a rank, whatever its price: where price moves, it
takes another level's size for a change of this one. The papers' formula, used here, counts the
whole new or old level then. Some divide each rank by a depth or a deviation of its own: that makes
quiet ranks as loud as the best one, which the papers do not.

References
----------
Xu, Gould, Howison (2018), "Multi-level order-flow imbalance in a limit order book"; Cont,
Cucuringu, Zhang (2023), "Cross-impact of order flow imbalance in equity markets", for Q.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.history.flow import RANKS, flow_of
from obi_widgets.parameters import Levels, Seconds
from obi_widgets.signals.multi_level import mean_between, running_depth
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import begins, sum_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(needs=("flow", "levels"), lookback="window")
def multi_level_order_flow_imbalance(
    history: History,
    *,
    window: Annotated[float, Seconds(0.1, 3600, slider=(1, 60, 1))] = 10.0,
    rank: Annotated[int, Levels(1, RANKS)] = 1,
    depth: Annotated[int, Levels(1, RANKS)] = RANKS,
) -> NDArray[np.float64]:
    """Return the order flow of one rank over a window, as a share of the mean depth of a level.

    Parameters
    ----------
    history : History
        T states, with ``flow``.
    window : float
        Length of the trailing window in seconds.
    rank : int
        The rank whose order flow it is, 1 for the best price.
    depth : int
        Ranks whose mean size it is divided by.

    Returns
    -------
    ndarray of float64, shape (T,)
        + is more buying; 1 is as much as rests at a level on average. NaN where the book was not in
        sync or nothing rests there, until the window is full, and where fewer levels are kept.

    Raises
    ------
    HistoryError
        A history without ``flow``.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> ranks = [obi.multi_level_order_flow_imbalance(history, rank=m) for m in (1, 2, 3)]
    >>> [of_rank.shape == history.time.shape for of_rank in ranks]
    [True, True, True]
    """
    flow = flow_of(history)
    column = flow.order_flow[:, rank - 1].copy()
    amount = flow.base_units(sum_of(column, history.time, window))
    last = np.arange(1, len(history) + 1)
    depths = mean_between(running_depth(history, depth), begins(history.time, window), last)
    return np.asarray(amount / depths)
