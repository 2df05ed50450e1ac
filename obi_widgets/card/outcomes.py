"""What followed each card: the move of mid over the horizon at which the card is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.calibration.accuracy_weights import accuracy_weights
from obi_widgets.calibration.forward_returns import ForwardReturns, returns_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

LEARNED = 86_400.0
"""Seconds of the past that weights are learned from: what a live market keeps throughout the hour
in which they hold, so that its weights are those of the whole record."""


def returns_after(time: Ints, mid: Floats, lost: Flags, horizon: float) -> ForwardReturns:
    """Return the move of mid after each card.

    Parameters
    ----------
    time : ndarray of int64, shape (N,)
        Ends of the cycles, ns.
    mid : ndarray of float64, shape (N,)
        At the ends, quote currency.
    lost : ndarray of bool, shape (N,)
        Whether the cycle was not live throughout: no return spans it.
    horizon : float
        Seconds, a multiple of 10.
    """
    found = returns_between(time, lost, mid, np.array([horizon]))
    if len(time):  # a cycle that is missing would end a horizon early
        early = time[found.end[0]] - time != round(horizon * 1e9)
        found.bps[0, early], found.end[0, early] = np.nan, -1
    return found


def learned_weights(
    time: Ints,
    mid: Floats,
    lost: Flags,
    parts: Floats,
    *,
    horizon: float,
    before: Floats | None = None,
) -> Floats:
    """Return weights of parts that follow how often each was right; see `accuracy_weights`.

    Parameters
    ----------
    time, mid, lost, horizon
        See `returns_after`.
    parts : ndarray of float64, shape (K, N)
        The parts of each card.
    before : ndarray of float64, shape (K, B), optional
        Weights of the first cards.

    Returns
    -------
    ndarray of float64, shape (K, N)
    """
    move = returns_after(time, mid, lost, horizon).bps[0]
    return accuracy_weights(time, parts, move, horizon=horizon, window=LEARNED, before=before)
