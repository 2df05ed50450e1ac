"""How well a signal tells the next move of mid: the area under the ROC curve.

The signal is taken at one uniformly random time between each two moves of mid, as Gould and Bonart
do. The area is the probability that it is greater before a rise than before a fall: ½ says nothing,
1 tells each move. That is no gain: a move of mid may be less than the spread.

Its standard error is that of DeLong, DeLong and Clarke-Pearson (1988), by what each move adds to
the area, with a Bartlett estimate over a lag of 1.3·√n moves, since moves that follow each other
are alike. The interval is of the area's logit, with fixed-b critical values.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.lookahead import as_signal, computed
from obi_widgets.calibration.statistics import fixed_b
from obi_widgets.calibration.statistics.inference import KERNELS
from obi_widgets.calibration.statistics.ranks import ranks
from obi_widgets.checks import integer, number
from obi_widgets.history.given import as_history
from obi_widgets.signals.next_move import Samples
from obi_widgets.signals.queue_imbalance import queue_imbalance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]

LEAST = 20
"""Rises, and falls, below which there is no interval."""


class NextMove(NamedTuple):
    """How well a signal tells the next move of mid.

    Attributes
    ----------
    auc : float
        The probability that the signal is greater before a rise than before a fall, ties counted
        half. NaN without both.
    low, high : float
        Its confidence interval; NaN with fewer than 20 rises or falls, or if ``auc`` is 0 or 1.
    n : int
        Moves of mid that had a signal at the random time before.
    rises : int
        Of these, those that were a rise.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> found = obi.next_move(obi.simulate(seconds=120, seed=1))
    >>> found.n >= found.rises
    True
    """

    auc: float
    low: float
    high: float
    n: int
    rises: int


def next_move(
    history: History,
    signal: Callable[[History], ArrayLike] | ArrayLike = queue_imbalance,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> NextMove:
    """Return how well a signal predicts the next move of mid.

    Parameters
    ----------
    history : History
        T states.
    signal : callable or array_like of float, shape (T,)
        A signal, another function of a history, or the values themselves, + for a rise. If
        omitted, the queue imbalance.
    confidence : float
        Of the interval, 0.5 to 0.999.
    seed : int
        Of the random times, 0 to 1,000,000.

    Returns
    -------
    NextMove
        Area under the ROC curve, its interval, and the number of moves.

    Raises
    ------
    HistoryError, SettingsError
        No history, a signal of another length or that is infinite, or an invalid argument.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> found = obi.next_move(history)
    >>> found.low < found.auc < found.high
    True
    """
    history = as_history(history)
    number("confidence", confidence, 0.5, 0.999)
    integer("seed", seed, 0, 1_000_000)
    values = computed(history, signal) if callable(signal) else as_signal(history, signal)
    samples = Samples.of(history, seed)
    at_time = values[samples.row]
    known = ~np.isnan(at_time)
    return area(at_time[known], samples.rose[known], confidence)


def area(values: Floats, rose: NDArray[np.bool_], confidence: float) -> NextMove:
    """Return the area under the ROC curve of values, in time order, with its interval."""
    n, rises = len(values), int(np.count_nonzero(rose))
    falls = n - rises
    if not rises or not falls:
        return NextMove(math.nan, math.nan, math.nan, n, rises)
    above = np.empty(n)  # the fraction of the other kind that each value is right about
    whole = ranks(values)
    above[rose] = (whole[rose] - ranks(values[rose])) / falls
    above[~rose] = 1.0 - (whole[~rose] - ranks(values[~rose])) / rises
    auc = float(np.mean(above[rose]))
    if min(rises, falls) < LEAST or not 0 < auc < 1:
        return NextMove(auc, math.nan, math.nan, n, rises)
    adds = (above - auc) / np.where(rose, rises, falls)  # of each move to the error of the area
    lag = math.ceil(1.3 * math.sqrt(n))
    error = math.sqrt(KERNELS.current().windows(adds, lag))
    wide = float(fixed_b.critical(confidence, (lag + 1) / n)) * error / (auc * (1 - auc))
    logit = math.log(auc / (1 - auc))
    low, high = (1 / (1 + math.exp(-(logit + side * wide))) for side in (-1, +1))
    return NextMove(auc, low, high, n, rises)
