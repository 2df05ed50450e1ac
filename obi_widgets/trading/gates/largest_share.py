"""Stand aside where one level makes the lean of the book: it may be one order.

The share is that of the largest level in what rests in the best ``depth`` levels of a side. A long
entry asks it of the bids, a short one of the asks: the side whose size leans the signal. The share
is compared with its own recent values, because markets differ in how evenly sizes lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.parameters import Levels, Number
from obi_widgets.trading.gates.gate import gate
from obi_widgets.trading.gates.places import Highest, Window, above, window_of_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]


def shares(history: History, depth: int) -> Floats:
    """Return the largest level's share of each side, shape (2, T), bids first; NaN without a level.

    Levels are added in float64 from the best one on, so a state's share depends on that state only.
    """
    out = np.empty((2, len(history)))
    for rows, block in history.chunks():
        sizes = block.sizes[:, :depth].astype(float)  # (2, levels, rows)
        total = np.zeros((2, rows.stop - rows.start))
        for rank in range(sizes.shape[1]):
            total += sizes[:, rank]
        with np.errstate(invalid="ignore"):
            out[:, rows] = sizes.max(axis=1) / total
    out[:, np.isnan(history.mid)] = np.nan
    return out


@gate(needs="levels", lookback=window_of_quantile, exact=True)
def largest_share(
    history: History,
    *,
    depth: Annotated[int, Levels(2, 50)] = 10,
    quantile: Highest = 0.9,
    window: Window = 600.0,
    most: Annotated[
        float | None, Number(0, 1, off="no limit", slider=(-0.01, 1, 0.01)), "Closed above share"
    ] = None,
) -> NDArray[np.float64]:
    """Return where no single level holds an unusual share of the side that an entry leans on.

    Parameters
    ----------
    history : History
        T states.
    depth : int
        Levels of a side that count.
    quantile : float, optional
        Closed where the share exceeds this quantile of its own values in the window before.
    window : float
        Length of that window in seconds.
    most : float, optional
        Closed where the share exceeds this, 0 to 1.
    """
    of_sides = shares(history, depth)
    closed = np.stack([above(history, one, quantile, window) for one in of_sides])
    if most is not None:
        with np.errstate(invalid="ignore"):
            closed[of_sides > most] = 1.0
    return 1.0 - closed
