"""Round values for the ticks of an axis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


CLOCK_STEPS = (
    1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200
)  # fmt: skip
"""Possible distances of ticks on a time axis, seconds; beyond these, whole days."""


def clock_step(seconds: float, max_ticks: int = 7) -> int:
    """Return the distance of ticks on a time axis of a length, so that there are few; seconds."""
    least = seconds / max_ticks
    return next((step for step in CLOCK_STEPS if step >= least), 86_400 * math.ceil(least / 86_400))


def clock_ticks(start: int, end: int) -> NDArray[np.int64]:
    """Return round times of day from ``start`` to ``end``, all in nanoseconds UTC."""
    step = clock_step((end - start) / 1e9) * 1_000_000_000
    return np.arange(-(-start // step) * step, end + 1, step)


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
