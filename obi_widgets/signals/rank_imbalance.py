"""Imbalance by rank: the sizes of bids against asks, decayed by the rank of their level.

For the levels of a side from rank ``first`` to rank ``depth``, with sizes ``q``::

    W = Σ q_r · exp(−rank_decay · (r − first))
    I = (W_bid − W_ask) / (W_bid + W_ask)               (−1..+1, + is more bids)

Public code often weighs by rank, as 1/r or exp(−a·r). Where levels are not next to each other the
same rank is at another distance on either side: a lone order far away weighs as one behind the
best price. `obi_widgets.imbalance`, which decays by distance from mid, has not this fault. Ranks
are for markets with a full book, and for what lies behind the best price (``first=2``).

References
----------
Cao, Hansch, Wang (2009), "The information content of an open limit-order book", for steps 2 to 10
apart from the best; Cartea, Donnelly, Jaimungal (2018), "Enhancing trading strategies with order
book signals", for exponential weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels, Number
from obi_widgets.signals.rank_sums import RankInsight, rank_sums
from obi_widgets.signals.rank_sums_numpy import SIZE
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(range=(-1, 1), needs="levels", checked=False, insight=RankInsight)
def rank_imbalance(
    history: History,
    *,
    first: Annotated[int, Levels(1, 50)] = 1,
    depth: Annotated[int, Levels(1, 50)] = 10,
    rank_decay: Annotated[float, Number(0, 20, "per level", slider=(0, 2, 0.05))] = 0.5,
) -> NDArray[np.float64]:
    """Return the sizes of bids against asks, decayed by the rank of their level.

    Parameters
    ----------
    history : History
        T states.
    first : int
        The rank at which each side begins, 1 for the best price. With 2 the best is left out.
    depth : int
        The last rank that counts. Below ``first`` there is no level, and no value.
    rank_decay : float
        Per rank, 0 to 20: a level's weight is exp(−rank_decay · (rank − first)).

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + is more bids. NaN where the book was not in sync, a side has no level of these
        ranks, or they reach beyond the levels that are kept.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> behind = obi.rank_imbalance(history, first=2, depth=5, rank_decay=0.3)
    >>> bool((abs(behind) <= 1).all())
    True
    """
    bids, asks = rank_sums(history, first, depth, SIZE, decay=rank_decay)
    return np.asarray((bids - asks) / (bids + asks))
