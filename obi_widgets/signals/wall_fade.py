"""Fade of walls: price is expected to turn at a large level that stands near it.

Public descriptions of trading on walls say that price bounces off a large resting order. Nothing
says that it does: `obi_widgets.wall_markouts` tells what followed, and a wall may be pulled, see
`obi_widgets.spoofs`. The definition is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np

from obi_widgets.history.large_levels_numpy import BORN, FOUND, KEY, NUMBER, ROW, SIZE, STATE
from obi_widgets.kernels.loader import Kernels
from obi_widgets.parameters import Bps, Seconds
from obi_widgets.signals import walls_numpy
from obi_widgets.signals.signal import signal
from obi_widgets.signals.windows import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

KERNELS = Kernels("obi_widgets.signals.walls_numba", walls_numpy)


# Large levels are followed through the flow of every event.
@signal(range=(-1, 1), needs=("touch", "flow"))
def wall_fade(
    history: History,
    *,
    within_bps: Annotated[float, Bps(0.1, 1_000, slider=(0.5, 50, 0.5))] = 10.0,
    age: Annotated[float, Seconds(1, 3_600, slider=(1, 120, 1))] = 10.0,
) -> NDArray[np.float64]:
    """Return what rests in bid walls near mid less that in ask walls, divided by their sum.

    Walls are the large levels of the history, known one to two seconds after they were born.

    Parameters
    ----------
    history : History
        T states, with large levels. Other levels are not read.
    within_bps : float
        Largest distance from mid, basis points.
    age : float
        Seconds for which a wall has to have stood. One that stood there before it was found counts
        at once.

    Returns
    -------
    ndarray of float64, shape (T,)
        −1 (walls among the asks alone) to +1 (among the bids alone: price is expected to move away
        from them, up). 0 where no wall is near: that is known. NaN until the first large level of
        the history, and in a history that follows none.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, seed=1)
    >>> obi.wall_fade(history, age=1).shape == history.time.shape
    True
    """
    levels = history.large_levels
    code = KERNELS.current()
    columns = [frozen(levels.whole[one]) for one in (NUMBER, ROW, BORN, STATE, FOUND)]
    row, begin, end = code.spans(*columns, history.start, frozen(history.time), round(age * 1e9))
    sums = code.resting(
        begin, end, levels.real[KEY, row], levels.real[SIZE, row], history.mid, within_bps
    )
    return share(history, sums[0], sums[1])


def share(
    history: History, up: NDArray[np.float64], down: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (up − down) / (up + down): 0 of nothing, NaN until large levels are known."""
    both = up + down
    out = np.where(both > 0, (up - down) / np.where(both > 0, both, 1.0), 0.0)
    whole = history.large_levels.whole
    first = int(whole[ROW, 0]) - history.start if whole.shape[1] else len(history)
    out[: max(first, 0)] = np.nan
    out[np.isnan(history.mid)] = np.nan
    return np.asarray(out)
