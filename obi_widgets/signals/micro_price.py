"""Micro-price: where mid is expected to be in the end, given imbalance and spread at the best.

A state is the imbalance of the best sizes and the spread, each in buckets. From one kept state of
the book to the next, mid stays (to another state: Q) or moves (by K: R; to another state: T). Then

::

    G¹ = (1 − Q)⁻¹ R K             the expected first move of mid
    B  = (1 − Q)⁻¹ T               the state that it leads to
    G* = Σ Bⁱ G¹                   all moves: micro-price = mid + G*

The sample is taken with its mirror image: bids for asks, a rise for a fall. So the micro-price of
swapped sides is mirrored, B*G¹ = 0, and the sum converges. As G* is then odd, half of the states
are enough, and the sum has a closed form: G* = (1 − Q − T)⁻¹ R K, with transitions to a state less
those to its mirror image.

Public code differs in four ways, and this does as the paper's theory has it. It leaves out moves of
more than a tick, and with them a part of the expectation; here K is every move that there was. It
adds six terms of the sum; here it is the whole. It takes imbalance in quantiles of all the data,
later ones included; here buckets are equal. It fits on all the data; here on the past. So that no
state lacks an exit, one move of no size to its mirror image is added to each, which draws values
that rest on few states towards 0.

Buckets are of the imbalance (bid − ask) / (bid + ask), as many on each side of 0. Equal sizes are
no bucket: there the micro-price is mid.

References
----------
Stoikov (2018), "The micro-price: a high-frequency estimator of future prices", Quantitative
Finance 18, 1959.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.parameters import Number
from obi_widgets.signals import micro_price_numpy
from obi_widgets.signals.fitting import REFIT, WINDOW, Fits, look_back
from obi_widgets.signals.signal import signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.signals.micro_price_numba", micro_price_numpy)

LEAST = 20
"""Moves from a state, or its mirror image, below which a fit has no value for it."""


@signal(unit="spreads", needs="touch", lookback=look_back, threshold=0.2, checked=False)
def micro_price(
    history: History,
    *,
    window: Annotated[float, WINDOW] = 1800.0,
    refit: Annotated[float, REFIT] = 300.0,
    bucket: Annotated[float, Number(0.1, 1, slider=(0.1, 1, 0.05))] = 0.2,
    widest: Annotated[float, Number(1, 5, "ticks", slider=(1, 5, 1))] = 2.0,
) -> Floats:
    """Return how far the micro-price is above mid, in spreads.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds of the past on which it is fitted.
    refit : float
        Seconds between fits, which are made at multiples of it in UTC.
    bucket : float
        Width of a bucket of the imbalance, 0.1 to 1.
    widest : float
        Spreads of so many ticks and more are one bucket, 1 to 5, rounded to whole ticks.

    Returns
    -------
    ndarray of float64, shape (T,)
        (micro-price − mid) / spread, + for a rise. NaN where the book was not in sync or a side is
        empty, until ``window`` and ``refit`` have passed since the beginning or a gap, and in a
        state that the window saw fewer than 20 times.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> above = obi.micro_price(history, window=60, refit=10)
    >>> price = history.mid + above * history.spread
    >>> bool(np.isfinite(price).any())
    True
    """
    code_of, twice = np.empty(len(history), np.int16), np.empty(len(history), np.int64)
    kernels, size = KERNELS.current(), (buckets_of(bucket), round(widest))
    for rows, block, at in history.runs():
        kernels.states(
            history.bid[rows], history.ask[rows], block.sizes, at, history.tick_size, bucket, *size,
            code_of[rows], twice[rows],
        )  # fmt: skip
    fits = Fits.of(history.time, window, refit)
    # Windows overlap: each move is added once, to the part between two edges of windows.
    ends = np.maximum(fits.last - 1, fits.first)  # the last state moves to one beyond the window
    edges, at_edge = np.unique(np.append(fits.first, ends), return_inverse=True)
    count = size[0] * size[1] + 1
    sums = [
        np.zeros(shape, np.int64)
        for shape in ((len(edges), count), (len(edges), count, count), (len(edges), count))
    ]
    kernels.counts(code_of, twice, edges, *sums)
    first, last = at_edge.reshape(2, -1)
    table, out = expected(*(_between(one, first, last) for one in sums)), np.empty(len(history))
    kernels.values(code_of, history.bid, history.ask, history.tick_size, fits.of_state, table, out)
    return out


def buckets_of(width: float) -> int:
    """Return how many buckets of a width reach from 0 to 1; the last may be narrower."""
    return math.ceil(1 / width - 1e-9)


def _between(sums: Ints, first: Ints, last: Ints) -> Ints:
    """Return the sums over all parts from one edge to another, without place 0."""
    total = np.cumsum(sums, axis=0) - sums  # of the parts before each edge
    within = total[last] - total[first]
    return within[:, 1:] if sums.ndim == 2 else within[:, 1:, 1:]


def expected(visits: Ints, passed: Ints, moved: Ints) -> Floats:
    """Return G* of each fit, in half-ticks, shape (P, n).

    Parameters
    ----------
    visits, passed, moved : ndarray of int64, shapes (P, n), (P, n, n), (P, n)
        The sums of `micro_price_numpy.counts` over the window of each fit, without place 0.
    """
    matrix = -passed.astype(float)
    each = np.arange(visits.shape[1])
    # The move that is added to each state is one more visit, and one more change of the sign.
    matrix[:, each, each] += visits + 2.0
    found = np.linalg.solve(matrix, moved[:, :, None].astype(float))[:, :, 0]
    return np.where(visits >= LEAST, found, np.nan)
