"""The bars of one book state, compiled: see `depth_strip`.

Only the kernel loader imports this module: it imports numba, which takes a while. Fast-math is
off, so that results equal those of `heatmap_cells` to the bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from obi_widgets.history.levels import TILE
from obi_widgets.presentation.layers.heatmap_numba import add_states


@njit(nogil=True, cache=True, error_model="numpy")
def bars(ticks, sizes, place, state, picture, sample, amounts, start, large, number, scale, full):
    """Return the bars of a state, and the size that has the longest bar.

    Parameters
    ----------
    ticks, sizes : ndarray, shape (tiles, 2, levels, TILE)
        The block of levels of the state.
    place : int
        Where the state stands in the block.
    state : tuple of float
        Best bid and ask, tick size, quote currency; how far each side is known, bps.
    picture : tuple of int
        Height of a row, ticks; number of the lowest row; number of rows; ticks of a bin of depth.
    sample, amounts, start
        Of one sample of depth, shape (8, 1), see `heatmap_numpy.add_depth`.
    large : tuple of ndarray, shape (N,)
        Large levels, see `heatmap_numpy.add_states`.
    number : int
        Number of the state.
    scale : tuple of float and bool
        A size, and whether it has the longest bar; else a larger one that rests here has it.
    full : int
        Length of the longest bar.

    Returns
    -------
    tuple of ndarray of int8 and float
    """
    bid, ask, tick_size, bid_reach, ask_reach = state
    height, low, rows, width = picture
    sums, times, column = np.zeros((1, 2, rows)), np.zeros((1, rows)), np.zeros(1, np.int64)
    add_states(
        ticks, sizes, np.full(1, place), np.full(1, bid), np.full(1, ask),
        np.array([[bid_reach], [ask_reach]]), tick_size, sample, amounts, start, width, large,
        np.full(1, number), column, np.ones(1), (height, low, rows), sums, times,
    )  # fmt: skip
    largest, fixed = scale
    means = np.zeros(rows)
    for row in range(rows):
        if times[0, row] > 0:
            means[row] = max(max(sums[0, 0, row], sums[0, 1, row]), 0.0) / times[0, row]
            if not fixed:
                largest = max(largest, means[row])
    drawn, whole = np.zeros(rows, np.int8), largest if largest else 1.0
    for row in range(rows):
        length = np.ceil(full * min(np.sqrt(means[row] / whole), 1.0))
        drawn[row] = -length if sums[0, 1, row] > sums[0, 0, row] else length
    return drawn, largest


def compile_all():
    """Compile for the types that histories have."""
    sample, at = np.zeros((8, 1), np.int64), np.zeros(1, np.int64)
    large = at, at, np.zeros(1), at, at
    amounts = np.zeros(1, np.float32)
    amounts.flags.writeable = False  # as a history's are: a type of its own to numba
    for dtype in (np.uint8, np.uint16, np.uint32):
        ticks, sizes = np.zeros((1, 2, 1, TILE), dtype), np.zeros((1, 2, 1, TILE), np.float32)
        bars(
            ticks, sizes, 0, (1.0, 2.0, 1.0, 0.0, 0.0), (1, 0, 1, 0), sample, amounts, 0, large,
            0, (0.0, False), 127,
        )  # fmt: skip
