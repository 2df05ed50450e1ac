"""Round values for the ticks of an axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def nice_step(low: float, high: float, max_ticks: int = 9) -> float:
    """Return the distance of round tick values, so that there are about ``max_ticks`` or fewer."""
    need = (high - low) / max_ticks
    power: float = 10.0 ** math.floor(math.log10(need))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= need)


def nice_ticks(low: float, high: float, max_ticks: int = 9) -> Floats:
    """Return round values from ``low`` to ``high``, about ``max_ticks`` or fewer."""
    step = nice_step(low, high, max_ticks)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return cast("Floats", np.arange(first, last + 1) * step)
