"""Book slope: on which side volume comes faster as one goes away from mid.

For the levels of a side at prices ``p``, best first, with ``v`` the natural logarithm of the volume
up to each, Næs and Skjeltorp have::

    slope = 1/N · { v_1 / |p_1/p_0 − 1| + Σ (v_τ+1 / v_τ − 1) / |p_τ+1 / p_τ − 1| }

with mid as ``p_0``, and the mean of both sides as the slope of the book. That mean has no
direction. The signal is the difference of the sides, as a share of their sum::

    (slope_bid − slope_ask) / (slope_bid + slope_ask)   (−1..+1, + is more bids)

A steep side has much volume near mid. Some descriptions say the reverse, "steep is illiquid", which
is true of price against volume, not of this slope; some public code takes each level's own volume
for the volume up to it, or plain volume for its logarithm. The formula has neither.

The logarithm makes the unit of volume matter: the paper counts shares. Here volume is counted in
quote currency, ``share`` of it as one. A side whose best level is worth no more than one has no
logarithm above 0, and the signal no value; take a smaller ``share`` in a market of low prices.

References
----------
Næs, Skjeltorp (2006), "Order book characteristics and the volume–volatility relation: empirical
evidence from a limit order market", Journal of Financial Markets 9, 408.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.kernels.threads import run_tasks
from obi_widgets.parameters import Levels, Number
from obi_widgets.signals import book_slope_numpy
from obi_widgets.signals.chunks import PARALLEL
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.history.levels import Levels as Block

    Floats = NDArray[np.float64]

KERNELS = Kernels("obi_widgets.signals.book_slope_numba", book_slope_numpy)


@signal(range=(-1, 1), needs="levels", threshold=0.1, checked=False)
def book_slope(
    history: History,
    *,
    depth: Annotated[int, Levels(1, 50)] = 10,
    share: Annotated[float, Number(1e-6, 1e6, "quote", slider=(0.1, 10, 0.1))] = 1.0,
) -> Floats:
    """Return the slope of the bids less that of the asks, divided by their sum.

    Parameters
    ----------
    history : History
        T states.
    depth : int
        Levels a side, 1 to 50.
    share : float
        Quote currency that counts as one share of volume, 1e-6 to 1e6.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + is more bids near mid. NaN where the book was not in sync, a side is empty or its
        best level is worth no more than a share, or the depth is beyond the levels that are kept.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> bool(abs(obi.book_slope(history, depth=5)).max() < 1)
    True
    """
    bids, asks = slopes(history, depth, share)
    return np.asarray((bids - asks) / (bids + asks))


def slopes(history: History, depth: int, share: float) -> Floats:
    """Return the slope of each side, shape (2, T), bids first; see `book_slope`."""
    block = KERNELS.current().block
    # A column more, so that no part of it is contiguous: for numba that is another type, and the
    # first history of a single block would wait for the compiler.
    out = np.empty((2, len(history) + 1))[:, :-1]

    def compute(runs: Iterable[tuple[slice, Block, int]]) -> None:
        for rows, levels, at in runs:
            block(
                history.bid[rows], history.ask[rows], levels.ticks, levels.sizes, at,
                history.tick_size, share, depth, out[:, rows],
            )  # fmt: skip

    runs = list(history.runs())
    if len(history) < PARALLEL:
        compute(runs)
    else:
        run_tasks(compute, runs)
    return out
