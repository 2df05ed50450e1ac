"""Order flow and the weighted mid: what else the best levels of a book say.

References
----------
Cont, Kukanov, Stoikov (2014), "The price impact of order book events", for the order-flow
imbalance of the best levels. Gatheral, Oomen (2010), "Zero-intelligence realized variance
estimation", for the weighted mid, which others call the micro-price; Stoikov (2018), "The
micro-price", for what that word means since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.history.given import as_history

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


def order_flow_imbalance(history: History) -> Floats:
    """Return what each state added to the demand at the best prices, less what to the supply.

    With best prices ``b``, ``a`` and the sizes ``q`` and ``r`` that stand there, of a state and
    of the one before it::

        e_n = q_n · [b_n ≥ b_n−1] − q_n−1 · [b_n ≤ b_n−1]
            − r_n · [a_n ≤ a_n−1] + r_n−1 · [a_n ≥ a_n−1]

    Its sum over a span is the order-flow imbalance of the span.

    Parameters
    ----------
    history : History
        T states. Each is taken for one event: states that were kept at an interval net out what
        came and went within it.

    Returns
    -------
    ndarray of float64, shape (T,)
        Base units, + is more buying. NaN in the first state, and where this state or the one
        before it lacks a side: nothing is summed across a gap.
    """
    history = as_history(history)
    out = np.full(len(history), np.nan)
    if len(history) < 2:
        return out
    total = np.zeros(len(history) - 1)
    for side, price in ((+1, history.bid), (-1, history.ask)):
        size = best_sizes(history, side)
        better = side * np.diff(price)  # the bid rose, or the ask fell; NaN without either
        total += side * np.where(better >= 0, size[1:], 0.0)
        total -= side * np.where(better <= 0, size[:-1], 0.0)
        total[np.isnan(better)] = np.nan
    out[1:] = total
    return out


def weighted_mid(history: History) -> Floats:
    """Return the mid weighted by the size on the other side: nearer to where less stands.

    Parameters
    ----------
    history : History
        T states.

    Returns
    -------
    ndarray of float64, shape (T,)
        (ask · bid size + bid · ask size) / (bid size + ask size), quote currency; NaN without
        both sides.
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
    for rows, block in history.chunks():
        out[rows] = block.sizes[0 if side > 0 else 1, 0]
    out[out == 0] = np.nan
    return out
