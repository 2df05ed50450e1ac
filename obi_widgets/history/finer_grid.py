"""The price grid to go on with when a price comes that does not lie on the present one."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.errors import HistoryError
from obi_widgets.history.grid import infer_tick
from obi_widgets.history.packing import ticks_away

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def finer_grid(
    prices: list[Floats], tick_size: float, takes: Callable[[float, list[Floats]], bool]
) -> float:
    """Return the tick size of the grid to hold prices on.

    It is that of the present grid, refined so that as many prices lie on it as possible, counted
    from the best of each side on.

    Parameters
    ----------
    prices : sequence of two arrays of float64
        Prices of each side, best first.
    tick_size : float
        That of the present grid; 0 if there is none yet.
    takes : callable
        Returns whether a grid of a tick size can hold what the present one holds.
    """
    if not np.isnan(ticks_away(prices, tick_size)).any():
        return tick_size
    everything = _inferred(np.append(np.concatenate(prices), tick_size or np.nan))
    if everything and takes(everything, prices):
        return everything
    open_sides = {0, 1}
    for pair in zip_longest(*(side.tolist() for side in prices)):
        for side in sorted(open_sides):
            price = np.array([np.nan if pair[side] is None else pair[side]])
            if np.isnan(price[0]) or not np.isnan(ticks_away([price], tick_size))[0]:
                continue
            finer = _inferred(np.append(price, tick_size or np.nan))
            if finer and takes(finer, prices):
                tick_size = finer
            else:
                open_sides.discard(side)  # this level ends its side
    return tick_size


def _inferred(prices: Floats) -> float:
    """Return the tick size that prices have in common; 0 if there is none."""
    try:
        return infer_tick(prices)
    except HistoryError:
        return 0.0
