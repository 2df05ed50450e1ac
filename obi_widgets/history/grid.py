"""Tick size of prices, also of prices that were rounded to float32.

The float32 of 64,123.4 is 64,123.3984375: off the tick grid by 0.0016. Prices that lie on a grid
up to the rounding of a float32 are taken to be on it, if the grid is far coarser than the rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FINEST, COARSEST = 1e-12, 1e18
"""Possible tick sizes."""

MAX_DECIMALS = 12

SINGLE_DECIMALS = 9
"""A float32 has no more significant decimals."""

CLEAR = 4
"""Smallest tick size that can be recognised, in multiples of the rounding of a float32."""


def infer_tick(prices: Floats) -> float:
    """Return the step of the coarsest decimal grid through zero on which all prices lie.

    Parameters
    ----------
    prices : ndarray of float
        In any order; NaN is ignored.

    Returns
    -------
    float
        The step, quote currency. Of a single price the unit of its last decimal; 0 without prices.

    Raises
    ------
    HistoryError
        If the prices lie on no grid of at most twelve decimals.
    """
    prices = np.unique(prices[np.isfinite(prices)])
    if not len(prices):
        return 0.0
    for decimals in range(MAX_DECIMALS + 1):
        scaled = prices * 10.0**decimals
        if scaled[-1] > 1e14:
            break  # a float64 this large has no decimals left to judge
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) <= np.minimum(1e-12 * scaled, 0.01)):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    raise HistoryError("The prices lie on no decimal grid.", "Round them, or give a tick_size.")


def on_grid(ticks: Floats, tick_size: float) -> Floats:
    """Return the prices of whole numbers of ticks, equal to the bit to their parsed decimal text.

    Parameters
    ----------
    ticks : ndarray of float64
        Whole numbers.
    tick_size : float
        Quote currency, above 0.
    """
    step, parts = as_fraction(tick_size)
    return np.asarray(ticks * step / parts)  # 639439 / 10 is 63943.9, 639439 * 0.1 is not


@lru_cache(64)
def as_fraction(tick_size: float) -> tuple[float, float]:
    """Return two whole numbers whose ratio is a tick size; it and 1 if it has too many decimals."""
    for decimals in range(13):
        step = float(np.rint(tick_size * 10**decimals))
        if step and abs(tick_size * 10**decimals / step - 1) < 1e-9:
            return step, 10.0**decimals
    return tick_size, 1.0


def snap(prices: list[Floats], tick_size: float | None) -> tuple[list[Floats], float, str]:
    """Move prices that were rounded to float32 onto their tick grid.

    Parameters
    ----------
    prices : list of ndarray of float64
        Above 0 and finite; NaN where there is no price.
    tick_size : float, optional
        The tick size, if it is known; otherwise it is inferred.

    Returns
    -------
    prices : list of ndarray of float64
        Of the same shapes; the given arrays if no price was changed.
    tick_size : float
        0 without prices.
    note : str
        A sentence with the largest change; empty if no price was changed.

    Raises
    ------
    HistoryError
        If the tick size is not given and the prices lie on no grid.
    """
    single = all(map(_is_single, prices))
    if tick_size is not None and not single:
        return prices, tick_size, ""
    distinct = np.unique(np.concatenate([column[~np.isnan(column)] for column in prices]))
    if not len(distinct) or not single:
        return prices, tick_size or infer_tick(distinct), ""
    spacing = float(np.spacing(np.float32(distinct[-1])))
    exact = 0.0
    if tick_size is None:
        try:
            exact = infer_tick(distinct)
        except HistoryError:
            exact = 0.0
        tick_size = _decimal_grid(distinct, spacing)
        if not tick_size or (exact and exact >= tick_size):
            return prices, exact or infer_tick(distinct), ""
    elif tick_size < CLEAR * spacing:
        return prices, tick_size, ""
    snapped, largest = [], 0.0
    for column in prices:
        nearest = on_grid(np.rint(column / tick_size), tick_size)
        change = np.abs(nearest - column)
        close = change <= np.spacing(np.abs(column).astype(np.float32))
        snapped.append(np.where(close, nearest, column))
        largest = max(largest, float(np.max(change[close], initial=0.0)))
    if largest <= 1e-12 * distinct[-1]:  # the prices were on the grid already
        return prices, tick_size, ""
    note = (
        f"Prices were float32, up to {largest:.3g} off the tick grid of {tick_size:g}: "
        "they were put on it."
    )
    return snapped, tick_size, note


def _is_single(prices: Floats) -> bool:
    """Return whether a float32 can hold all prices exactly."""
    with np.errstate(over="ignore"):
        return bool(np.array_equal(prices.astype(np.float32), prices, equal_nan=True))


def _decimal_grid(prices: Floats, spacing: float) -> float:
    """Return the coarsest decimal grid that all prices are on up to float32 rounding; 0 if none."""
    allowed = np.spacing(prices.astype(np.float32)).astype(float)
    for decimals in range(SINGLE_DECIMALS + 1):
        if 10.0**-decimals < CLEAR * spacing:
            return 0.0
        whole = np.rint(prices * 10.0**decimals)
        if np.all(np.abs(whole / 10.0**decimals - prices) <= allowed):
            step = int(np.gcd.reduce(whole.astype(np.int64))) if len(prices) > 1 else 1
            return float(step / 10**decimals)
    return 0.0
