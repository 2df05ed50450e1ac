"""Notional difference: the value of bids less that of asks, in quote currency.

::

    difference = Σ p·q_bid − Σ p·q_ask                  (quote currency, + is more bids)

Some public code writes asks − bids. Here + is always more bids. Asks are above bids, so the same
sizes on both sides are worth a little more as asks. To weigh the imbalance by value, set the
weighting of `obi_widgets.imbalance` to "notional".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels
from obi_widgets.signals.rank_sums import RankInsight, rank_sums
from obi_widgets.signals.rank_sums_numpy import NOTIONAL
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(
    unit="quote currency", needs="levels", threshold=100_000, checked=False, insight=RankInsight
)
def notional_difference(
    history: History,
    *,
    first: Annotated[int, Levels(1, 50)] = 1,
    depth: Annotated[int, Levels(1, 50)] = 10,
) -> NDArray[np.float64]:
    """Return the value of bids less that of asks: the sum of price times size.

    A threshold of one market fits no other: `obi_widgets.zscore`, or a threshold that is a
    quantile, makes it comparable.

    Parameters
    ----------
    history : History
        T states.
    first : int
        The rank at which each side begins, 1 for the best price.
    depth : int
        The last rank that counts. Below ``first`` there is no level, and no value.

    Returns
    -------
    ndarray of float64, shape (T,)
        Quote currency, + is more bids. NaN where the book was not in sync, a side has no level of
        these ranks, or they reach beyond the levels that are kept.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.notional_difference(history, depth=5).shape == history.time.shape
    True
    """
    bids, asks = rank_sums(history, first, depth, NOTIONAL)
    return np.asarray(bids - asks)
