"""The best level of each side: its size, and the mid weighted by size.

References
----------
Gatheral, Oomen (2010), "Zero-intelligence realized variance estimation", for the weighted mid,
sometimes called the micro-price; Stoikov (2018), "The micro-price", uses that word for another
estimate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


def weighted_mid(history: History) -> Floats:
    """Return the weighted mid: it lies nearer to the side with the smaller size.

    Parameters
    ----------
    history : History
        T states.

    Returns
    -------
    ndarray of float64, shape (T,)
        (ask · bid size + bid · ask size) / (bid size + ask size), quote currency; NaN without
        both sides.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> mid = obi.weighted_mid(history)
    >>> bool(((history.bid < mid) & (mid < history.ask)).all())
    True
    """
    history = as_history(history)
    bid_size, ask_size = best_sizes(history, +1), best_sizes(history, -1)
    return np.asarray((history.ask * bid_size + history.bid * ask_size) / (bid_size + ask_size))


def best_sizes(history: History, side: int) -> Floats:
    """Return the size at one side's best price.

    Parameters
    ----------
    history : History
        T states.
    side : int
        +1 for bids, −1 for asks.

    Returns
    -------
    ndarray of float64, shape (T,)
        Base units; NaN where the side is empty.
    """
    out = np.empty(len(history))
    for rows, block, first in history.runs():
        sizes = block.sizes[:, 0 if side > 0 else 1, 0].reshape(-1)
        out[rows] = sizes[first : first + rows.stop - rows.start]
    out[out == 0] = np.nan
    return out
