"""Bid:ask ratio: the logarithm of bids by asks.

::

    ratio = ln(Σ q_bid / Σ q_ask)                       (+ is more bids)

The plain ratio is bounded by 0 below and by nothing above: twice as many bids are 1 above its
middle, twice as many asks ½ below it, and its mean says that bids are more where both sides are
alike. Its logarithm is the sane scale: +ln 2 and −ln 2. It orders states as the imbalance I of the
same levels does, for it is 2 · artanh(I), but goes on where I nears its ends.

References
----------
Cao, Hansch, Wang (2009), "The information content of an open limit-order book", and Cont, Kukanov,
Stoikov (2014), for the sizes that are compared.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels
from obi_widgets.signals.rank_sums import RankInsight, rank_sums
from obi_widgets.signals.rank_sums_numpy import SIZE
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History


@signal(unit="ln", needs="levels", threshold=math.log(2), checked=False, insight=RankInsight)
def depth_ratio(
    history: History,
    *,
    first: Annotated[int, Levels(1, 50)] = 1,
    depth: Annotated[int, Levels(1, 50)] = 10,
) -> NDArray[np.float64]:
    """Return the natural logarithm of the size of bids divided by that of asks.

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
        0 where both sides are alike, + is more bids; ``np.exp`` of it is the ratio. NaN where the
        book was not in sync, a side has no level of these ranks, or they reach beyond the levels
        that are kept.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool((np.exp(obi.depth_ratio(history, depth=5)) > 0).all())
    True
    """
    bids, asks = rank_sums(history, first, depth, SIZE)
    # One logarithm of a quotient, so that swapped sides differ in the sign alone.
    quotient = np.maximum(bids, asks) / np.minimum(bids, asks)
    return np.asarray(np.sign(bids - asks) * np.log(quotient))
