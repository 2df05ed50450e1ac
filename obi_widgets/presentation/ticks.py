"""Round values for the ticks of an axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def nice_step(low: float, high: float, most: int = 9) -> float:
    """Return what lies between round values of which there are at most so many."""
    need = (high - low) / most
    power: float = 10.0 ** math.floor(math.log10(need))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= need)


def nice_ticks(low: float, high: float, most: int = 9) -> Floats:
    """Return round values between two, at most so many."""
    step = nice_step(low, high, most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return cast("Floats", np.arange(first, last + 1) * step)
