"""Queue logistic: the probability that mid rises at its next move, by the best sizes.

With the queue imbalance I at one uniformly random time between each two moves of mid, and whether
the next move was a rise, Gould and Bonart fit by maximum likelihood::

    P(rise) = 1 / (1 + exp(−(a + b · I)))

The signal is P(rise) less P(fall). Public code often takes every state as an observation, which
counts the same outcome hundreds of times, most often where the book was busy; or it labels by mid
after a fixed time. Neither is the paper's, nor is a fit on the days that are then judged: here a
fit uses what came before it.

The fit has I in steps of 0.02, so that its sums are whole numbers. One rise and one fall at either
end of I are added, so that a and b are finite in any market.

References
----------
Gould, Bonart (2016), "Queue imbalance as a one-tick-ahead price predictor in a limit order book",
Market Microstructure and Liquidity 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.signals.fitting import REFIT, WINDOW, Fits, look_back
from obi_widgets.signals.next_move import Samples
from obi_widgets.signals.signal import signal
from obi_widgets.signals.touch import best_sizes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

STEPS = np.linspace(-1.0, 1.0, 101)
"""The imbalances that a fit tells apart."""

LEAST = 50
"""Moves of mid below which a window has no fit."""

ITERATIONS = 12
"""Of Newton's method. It is a fixed number, so that a fit does not depend on those beside it."""


@signal(range=(-1, 1), needs="touch", lookback=look_back, checked=False)
def queue_logistic(
    history: History,
    *,
    window: Annotated[float, WINDOW] = 1800.0,
    refit: Annotated[float, REFIT] = 300.0,
) -> Floats:
    """Return the probability that mid's next move is a rise, less that of a fall.

    Parameters
    ----------
    history : History
        T states.
    window : float
        Seconds of the past on which it is fitted.
    refit : float
        Seconds between fits, which are made at multiples of it in UTC.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1..+1, + for a rise. NaN where the book was not in sync or a side is empty, until
        ``window`` and ``refit`` have passed since the beginning or a gap, and after a window with
        fewer than 50 moves of mid.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> values = obi.queue_logistic(history, window=60, refit=10)
    >>> rise = (1 + values) / 2  # the probability
    >>> bool(np.nanmax(rise) <= 1)
    True
    """
    bid, ask = best_sizes(history, +1), best_sizes(history, -1)
    queue = bid - ask
    queue /= bid + ask
    fits, samples = Fits.of(history.time, window, refit), Samples.of(history)
    first = np.searchsorted(samples.began, fits.first)
    last = np.maximum(np.searchsorted(samples.ended, fits.last), first)
    a, b = fitted(*_counted(queue[samples.row], samples.rose, first, last))
    out = np.full(len(history), np.nan)
    has = int(np.searchsorted(fits.of_state, 0))  # the first state with a fit: later ones have too
    at, chosen = fits.of_state[has:], out[has:]
    np.multiply(b[at], queue[has:], out=chosen)
    chosen += a[at]
    chosen *= 0.5
    np.tanh(chosen, out=chosen)
    return out


def _counted(queue: Floats, rose: NDArray[np.bool_], first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return rises and moves at each step of the imbalance, for each fit, shape (P, steps).

    ``first`` and ``last`` are the samples between which a fit lies. Windows overlap: each sample
    is counted once, in the part between two edges of windows.
    """
    edges, at_edge = np.unique(np.append(first, last), return_inverse=True)
    step = np.rint((queue + 1.0) * (len(STEPS) - 1) / 2).astype(np.int64)
    sample = np.arange(edges[0], edges[-1]) if len(edges) else np.empty(0, np.int64)
    place = (np.searchsorted(edges, sample, "right") - 1) * len(STEPS) + step[sample]
    shape = (len(edges), len(STEPS))
    one, other = at_edge.reshape(2, -1)
    found = []
    for chosen in (rose[sample], slice(None)):
        sums = np.bincount(place[chosen], minlength=shape[0] * shape[1]).reshape(shape)
        total = np.cumsum(sums, axis=0) - sums  # of the parts before each edge
        found.append(total[other] - total[one])
    return found[0], found[1]


def fitted(rises: Ints, moves: Ints) -> tuple[Floats, Floats]:
    """Return a and b of each fit, shape (P,); NaN with too few moves.

    Parameters
    ----------
    rises, moves : ndarray of int64, shape (P, steps)
        Rises, and moves of mid, at each of `STEPS`.
    """
    enough = moves.sum(axis=1) >= LEAST
    up, count = rises.astype(float), moves.astype(float)
    up[:, [0, -1]] += 1.0
    count[:, [0, -1]] += 2.0
    a, b = np.zeros(len(up)), np.zeros(len(up))
    terms, squares = np.empty((5, *up.shape)), STEPS**2
    for _ in range(ITERATIONS):
        chance = 0.5 + 0.5 * np.tanh(0.5 * (a[:, None] + b[:, None] * STEPS))
        rise = count * chance
        np.subtract(up, rise, out=terms[0])
        np.multiply(rise, 1.0 - chance, out=terms[2])
        np.multiply(terms[0:4:2], STEPS, out=terms[1:4:2])
        np.multiply(terms[2], squares, out=terms[4])
        ga, gb, h0, h1, h2 = terms.sum(axis=2)
        below = h0 * h2 - h1 * h1
        # A step beyond this would leave the range in which the second derivative says anything.
        a += np.maximum(np.minimum((h2 * ga - h1 * gb) / below, 2.0), -2.0)
        b += np.maximum(np.minimum((h0 * gb - h1 * ga) / below, 2.0), -2.0)
    return np.where(enough, a, np.nan), np.where(enough, b, np.nan)
