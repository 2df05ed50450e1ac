"""Integrated order-flow imbalance: the order flow of many ranks as one number.

The ranks' order flow moves together. The direction in which it varies most, the first principal
component w₁ of the vectors ofi (see `obi_widgets.multi_level_order_flow_imbalance`), weighs them::

    integrated = w₁ᵀ ofi / ‖w₁‖₁

w₁ is fitted on the past only. Time is cut in windows that follow one another, at multiples of the
window's length; at each multiple of ``refit`` the covariance matrix of the vectors of the windows
that have ended within ``fit`` before gives a new w₁, which counts for later states until the next.

Public code often fits w₁ on the whole record, so that each value knows what came after it. Some
scales each rank to the same variance first, which gives ranks where little happens the weight of
the best; the paper takes the ranks as they are, divided by one depth. And an eigenvector has no
sign: what a library returns may turn it from fit to fit. Here the sum of the weights is positive,
so that + is more buying.

References
----------
Cont, Cucuringu, Zhang (2023), "Cross-impact of order flow imbalance in equity markets": windows of
10 s, fits of 30 minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history.flow import RANKS, flow_of
from obi_widgets.history.grid import as_fraction
from obi_widgets.parameters import Levels, Seconds
from obi_widgets.signals.multi_level import KERNELS, mean_between, running_depth
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import begins, frozen, in_ns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


def _back(values: Mapping[str, Any]) -> float:
    """Return the look-back: a fit that is as old as possible, and what it was fitted on."""
    window, fit, refit = values["window"], values["fit"], values["refit"]
    return float(fit + refit + window)  # the last window of a fit may have ended before it


@signal(needs=("flow", "levels"), lookback=_back)
def integrated_order_flow_imbalance(
    history: History,
    *,
    window: Annotated[float, Seconds(0.1, 600, slider=(1, 60, 1))] = 10.0,
    depth: Annotated[int, Levels(2, RANKS)] = RANKS,
    fit: Annotated[float, Seconds(1, 86_400, slider=(60, 3600, 60))] = 900.0,
    refit: Annotated[float, Seconds(1, 86_400, slider=(60, 3600, 60))] = 300.0,
) -> Floats:
    """Return the order flow of many ranks over a window, weighted by their common movement.

    Parameters
    ----------
    history : History
        T states, with ``flow``.
    window : float
        Length of the trailing window in seconds, and of those that the weights are fitted on.
    depth : int
        Ranks, from the best.
    fit : float
        Seconds before a fit that it is made of. It has to hold twice as many windows as ranks.
    refit : float
        Seconds from one fit to the next.

    Returns
    -------
    ndarray of float64, shape (T,)
        + is more buying; 1 is as much as rests at a level on average. NaN where the book was not in
        sync, until ``fit + refit + window`` have passed, at the beginning and after a gap, where
        nothing moved while it was fitted, and where fewer levels are kept.

    Raises
    ------
    HistoryError
        A history without ``flow``.
    SettingsError
        A fit that holds too few windows.

    Examples
    --------
    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=120, seed=1)
    >>> flow = obi.integrated_order_flow_imbalance(history, window=1, fit=60, refit=20)
    >>> bool(np.isnan(flow[history.time - history.time[0] < 81e9]).all())
    True
    """
    flow, length = flow_of(history), in_ns(window)
    count = in_ns(fit) // length
    if count < 2 * depth:
        raise SettingsError(
            f"A fit of {fit:g} s holds {count} windows of {window:g} s, and {depth} ranks need "
            f"{2 * depth}.",
            f"Give fit={2 * depth * window:g} or more, a shorter window, or fewer ranks.",
        )
    running = running_depth(history, depth)
    starts, weights = _fits(history, running, depth, length, count, in_ns(refit))
    out: Floats = KERNELS.current().weighted(
        frozen(flow.order_flow), frozen(history.time), length, starts, weights,
        *as_fraction(flow.lot_size),
    )  # fmt: skip
    since = int(starts[0]) if len(starts) else len(history)  # before, there is no value
    last = np.arange(since + 1, len(history) + 1)
    out[since:] /= mean_between(running, begins(history.time, window)[since:], last)
    return out


def _fits(
    history: History, running: Floats, depth: int, length: int, count: int, refit: int
) -> tuple[Ints, Floats]:
    """Return the row from which on each fit is used, and its weights, shape (fits, depth)."""
    time, flow = history.time, flow_of(history)
    none = np.empty(0, np.int64), np.empty((0, depth))
    if not len(time):
        return none
    # Ends of windows, and times of fits: multiples of their lengths, wherever the history begins.
    ends = np.arange(-(-time[0] // length), time[-1] // length + 1)
    times = refit * np.arange(-(-time[0] // refit), time[-1] // refit + 1)
    last = times // length - ends[0] if len(ends) else times[:0]  # the newest end within each fit
    times, last = times[last >= count], last[last >= count]
    if not len(times):
        return none
    rows = np.searchsorted(time, ends * length, "right")
    moved = flow.base_units(KERNELS.current().between(frozen(flow.order_flow), depth, rows))
    vectors = moved / mean_between(running, rows[:-1], rows[1:])[:, None]
    # Sums over the windows of a fit, as differences of running ones.
    known = ~np.isnan(vectors[:, 0])
    vectors[~known] = 0.0
    number, total, square = (
        _within(one, last - count, last)
        for one in (known.astype(float), vectors, vectors[:, :, None] * vectors[:, None, :])
    )
    enough = number >= depth
    number = np.where(enough, number, 1.0)
    mean = total / number[:, None]
    covariance = square / number[:, None, None] - mean[:, :, None] * mean[:, None, :]
    component = np.linalg.eigh(covariance)[1][:, :, -1]  # of the greatest eigenvalue
    component *= np.where(component.sum(axis=1) < 0, -1.0, 1.0)[:, None]
    weights = component / np.abs(component).sum(axis=1)[:, None]
    moves = np.trace(covariance, axis1=1, axis2=2) > 0
    weights[~(enough & moves)] = np.nan
    # From the first state after the fit on: one of the same time may have come before it.
    return np.searchsorted(time, times, "right"), weights


def _within(values: Floats, first: Ints, last: Ints) -> Floats:
    """Return sums over rows, from ``first`` to before ``last``."""
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=total[1:])
    return np.asarray(total[last] - total[first])
