"""Depth difference: the size of bids less that of asks.

::

    difference = Σ q_bid − Σ q_ask                      (base units, + is more bids)

Some public code writes asks − bids. Here + is always more bids.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels
from obi_widgets.signals.rank_sums import RankInsight, rank_sums
from obi_widgets.signals.rank_sums_numpy import SIZE
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="base units", needs="levels", checked=False, insight=RankInsight)
def depth_difference(
    history: History,
    *,
    first: Annotated[int, Levels(1, 50)] = 1,
    depth: Annotated[int, Levels(1, 50)] = 10,
) -> NDArray[np.float64]:
    """Return the size of bids less that of asks.

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
        Base units, + is more bids. NaN where the book was not in sync, a side has no level of
        these ranks, or they reach beyond the levels that are kept.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.depth_difference(history, depth=5).shape == history.time.shape
    True
    """
    bids, asks = rank_sums(history, first, depth, SIZE)
    return np.asarray(bids - asks)
