"""Which sizes of an order a control offers: as many as the book holds, in its steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.history.columns import History

POSITIONS = 500
"""Of a slider, about."""


def size_range(history: History) -> tuple[float, float] | None:
    """Return the step and the greatest size that a control offers; None without a whole book.

    The greatest is what the newest state holds on the side that holds less, rounded up to 1, 2 or 5
    times a power of ten: a larger order is never filled. The step is a power of ten, and no less
    than one contract where the venue counts contracts.

    Parameters
    ----------
    history : History
        Base units.
    """
    if not len(history) or not history.bid[-1] < history.ask[-1]:
        return None
    newest = history[-1:]
    held = min(float(np.nansum(newest.sizes(side), dtype=float)) for side in (+1, -1))
    if not 0 < held < math.inf:
        return None
    scale = 10.0 ** math.floor(math.log10(held))
    greatest = next(n * scale for n in (1, 2, 5, 10) if n * scale >= held)
    step = 10.0 ** math.floor(math.log10(greatest / POSITIONS) + 1e-9)
    contract = history.instrument.size_step
    if contract != 1:
        step = contract * max(1, round(step / contract))
    return step, max(greatest, step)
