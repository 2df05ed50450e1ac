"""Times of files as nanoseconds: the unit follows from their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}
"""Nanoseconds in each unit."""

FIRST, LAST = 946_684_800 * 10**9, 4_102_444_800 * 10**9
"""The beginnings of 2000 and of 2100, ns. No number is a time between them in two units."""

NO_UNIT = "a time between 2000 and 2100 in no unit from seconds to nanoseconds"


def unit_of(value: float) -> int:
    """Return the nanoseconds in the unit in which a number is a time from 2000 to 2100.

    It is 0 if there is no such unit.
    """
    return next((ns for ns in UNITS.values() if FIRST <= float(value) * ns < LAST), 0)


def to_ns(values: NDArray[np.float64] | Ints, unit: int) -> Ints:
    """Return times in a unit of so many nanoseconds as nanoseconds.

    A float holds seconds and milliseconds since 1970 to the microsecond, so they are rounded to it.
    """
    if values.dtype.kind != "f":
        return np.asarray(values, np.int64) * unit
    whole = np.floor(values)
    step = min(unit, 1000)
    parts = np.rint((values - whole) * (unit / step)).astype(np.int64)
    return np.asarray(whole.astype(np.int64) * unit + parts * step)


def outside(values: NDArray[np.float64] | Ints, unit: int) -> NDArray[np.bool_]:
    """Return which numbers are no times from 2000 to 2100 in a unit of so many nanoseconds."""
    return np.asarray(~((values >= FIRST // unit) & (values < LAST // unit)))
