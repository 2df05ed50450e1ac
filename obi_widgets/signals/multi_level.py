"""What the signals of multi-level order flow share: mean depth, and the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals import multi_level_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.signals.multi_level_numba", multi_level_numpy)


def running_depth(history: History, ranks: int) -> Floats:
    """Return the running sum of each state's mean size at the best ranks of both sides.

    Parameters
    ----------
    history : History
        T states.
    ranks : int
        Levels of each side; one that is missing has the size 0.

    Returns
    -------
    ndarray of float64, shape (T + 1,)
        Base units, starting with 0.
    """
    out = np.zeros(len(history) + 1)
    depth = KERNELS.current().depth
    for rows, block, first in history.runs():
        depth(block.sizes, first, ranks, out[rows.start : rows.stop + 1])
    return out


def mean_between(running: Floats, first: Ints, last: Ints) -> Floats:
    """Return the mean of the rows from ``first`` to before ``last``; NaN without rows, or for 0."""
    total = running[last] - running[first]
    return np.asarray(total / np.where((last > first) & (total > 0), last - first, np.nan))
