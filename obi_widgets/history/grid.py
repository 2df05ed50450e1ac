"""The price grid that prices lie on, also of prices that have been float32.

A float32 of 64,123.4 is 64,123.3984375: off the tick grid by 0.0016. What is within its rounding
of a grid, and of a grid far coarser than that rounding, was on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_DECIMALS = 12

SINGLE_DECIMALS = 9
"""A float32 has no more that mean anything."""

CLEAR = 4
"""Times the rounding of a float32 that a grid is at least, to be told from another."""


def infer_tick(prices: Floats) -> float:
    """Return the coarsest decimal grid through zero that all of the prices lie on.

    Parameters
    ----------
    prices : ndarray of float
        In any order; NaN is passed over.

    Returns
    -------
    float
        Of a single price its last decimal; 0 when there is none.

    Raises
    ------
    HistoryError
        When they lie on no grid of at most twelve decimals.
    """
    prices = np.unique(prices[np.isfinite(prices)])
    if not len(prices):
        return 0.0
    for decimals in range(MAX_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if scaled[-1] > 1e14:
            break  # so large, any number passes for a whole one
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) <= np.minimum(1e-12 * scaled, 0.01)):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    raise HistoryError("The prices lie on no decimal grid.", "Round them, or give a tick_size.")


def on_grid(ticks: Floats, tick_size: float) -> Floats:
    """Return the prices of whole numbers of ticks, as their decimal text would be read."""
    for decimals in range(13):
        step = np.rint(tick_size * 10**decimals)
        if step and abs(tick_size * 10**decimals / step - 1) < 1e-9:
            return np.asarray(ticks * step / 10**decimals)  # 639439 / 10 is 63943.9, * 0.1 is not
    return np.asarray(ticks * tick_size)


def snap(prices: list[Floats], tick_size: float | None) -> tuple[list[Floats], float, str]:
    """Return prices on their grid, the grid, and what was changed.

    Parameters
    ----------
    prices : list of ndarray of float64
        Above 0 and finite; NaN where there is none.
    tick_size : float, optional
        The grid, where it is known.

    Returns
    -------
    list of ndarray of float64
        Of the same shapes.
    float
        The tick size; 0 without prices.
    str
        A sentence with the greatest change; empty where nothing was changed.

    Raises
    ------
    HistoryError
        Prices on no grid.
    """
    single = all(map(_is_single, prices))
    if tick_size is not None and not single:
        return prices, tick_size, ""
    every = np.unique(np.concatenate([one[~np.isnan(one)] for one in prices]))
    if not len(every) or not single:
        return prices, tick_size or infer_tick(every), ""
    spacing = float(np.spacing(np.float32(every[-1])))
    exact = 0.0
    if tick_size is None:
        try:
            exact = infer_tick(every)
        except HistoryError:
            exact = 0.0
        tick_size = _decimal_grid(every, spacing)
        if not tick_size or (exact and exact >= tick_size):
            return prices, exact or infer_tick(every), ""
    elif tick_size < CLEAR * spacing:
        return prices, tick_size, ""
    out, change = [], 0.0
    for one in prices:
        near = on_grid(np.rint(one / tick_size), tick_size)
        away = np.abs(near - one)
        close = away <= np.spacing(np.abs(one).astype(np.float32))
        out.append(np.where(close, near, one))
        change = max(change, float(np.max(away[close], initial=0.0)))
    if change <= 1e-12 * every[-1]:  # they were on it
        return prices, tick_size, ""
    told = f"Prices were float32, up to {change:.3g} off the tick grid of {tick_size:g}"
    return out, tick_size, f"{told}: they were put on it."


def _is_single(prices: Floats) -> bool:
    """Return whether all prices are such as a float32 can hold."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(prices.astype(np.float32), prices, equal_nan=True))


def _decimal_grid(prices: Floats, spacing: float) -> float:
    """Return the coarsest decimal grid that all prices are within their rounding of; 0 for none."""
    allowed = np.spacing(prices.astype(np.float32)).astype(float)
    for decimals in range(SINGLE_DECIMALS + 1):
        if 10.0**-decimals < CLEAR * spacing:
            return 0.0
        whole = np.rint(prices * 10.0**decimals)
        if np.all(np.abs(whole / 10.0**decimals - prices) <= allowed):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    return 0.0
