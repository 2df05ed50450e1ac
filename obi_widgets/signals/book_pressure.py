"""Book pressure: on which side of mid the weight of the book lies.

For the levels of both sides from rank ``first`` to rank ``depth``, at prices ``p`` with sizes
``q``, Cao, Hansch and Wang have::

    WP = Σ (q_bid · p_bid + q_ask · p_ask) / Σ (q_bid + q_ask)

and the signal is the distance of mid above it::

    pressure = 1e4 · (mid − WP) / mid                   (bps, + is more bids)

Each side's price is weighed by its *own* size, so that many bids draw WP down to the bids: mid
stands above it. That is the reverse of `obi_widgets.weighted_mid`, which weighs each side's price
by the other side's size; public code mixes the two up, and with them the sign. A size counts the
more the further away it is: for what is near, take `obi_widgets.imbalance`.

Of Cao, Hansch and Wang's two imbalances, that of sizes is `obi_widgets.rank_imbalance` without
decay, of a single rank (``first=depth``), where they write asks less bids.

References
----------
Cao, Hansch, Wang (2009), "The information content of an open limit-order book".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels
from obi_widgets.signals.rank_sums import RankInsight, rank_sums
from obi_widgets.signals.rank_sums_numpy import DISTANCE, SIZE
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="bps", needs="levels", threshold=0.5, checked=False, insight=RankInsight)
def book_pressure(
    history: History,
    *,
    first: Annotated[int, Levels(1, 50)] = 1,
    depth: Annotated[int, Levels(1, 50)] = 10,
) -> NDArray[np.float64]:
    """Return how far mid is above the mean price of the book, weighted by size.

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
        Bps of mid, + is more bids, or bids further away. NaN where the book was not in sync, a
        side has no level of these ranks, or they reach beyond the levels that are kept.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.book_pressure(history, depth=5).shape == history.time.shape
    True
    """
    bids, asks = rank_sums(history, first, depth, SIZE)
    below, above = rank_sums(history, first, depth, DISTANCE)
    return np.asarray((below - above) / (bids + asks))
