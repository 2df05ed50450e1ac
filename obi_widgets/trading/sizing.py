"""The weight of an entry: its size and its stop, by how strong the signal is when it is decided.

The *strength* of an entry is how far the signal is beyond the threshold: 0 at the threshold, 1 from
twice the threshold on, or from the end of the signal's range if that is nearer, and even between
the two. Of a quantile the range ends at 1. Strength counts in whole tenths, its *grade*, so that
the prices of each possible size can be known in each state. The *weight* goes evenly from
``least_weight`` at grade 0 to 1 at the highest.

With ``size_by="strength"`` an order has the weight's share of ``size``, and counts in means by its
weight. With ``stop_by="strength"`` the stop is the weight's share of ``stop_bps`` away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.trading.declared import STRENGTH

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]
    Grades: TypeAlias = NDArray[np.int8]

HIGHEST = 10
"""The highest grade."""

ROUNDING = 1e-9
"""Below a whole tenth by less than this is rounding: (0.6 − 0.4) / 0.4 is five tenths."""

WHOLE = 2.0
"""Times the threshold from which on the strength is 1."""

NO_GRADES = np.empty(0, np.int8)
"""Grades where neither size nor stop depends on them."""


def sized(parameters: Chosen) -> bool:
    """Return whether the size of an entry depends on its strength."""
    return parameters.size_by == STRENGTH


def graded(parameters: Chosen) -> bool:
    """Return whether size or stop of an entry depends on its strength."""
    return STRENGTH in (parameters.size_by, parameters.stop_by)


def whole_from(parameters: Chosen) -> float:
    """Return the value from which on the strength is 1, in the unit of the threshold."""
    end = np.inf
    if parameters.threshold_is == "quantile":
        end = 1.0
    elif parameters.signal.range is not None:
        end = float(max(map(abs, parameters.signal.range)))
    return min(WHOLE * parameters.threshold, end)


def grades_of(values: Floats, parameters: Chosen) -> Grades:
    """Return the grade that an entry has at each state, shape (T,); (0,) if nothing needs it.

    Parameters
    ----------
    values : ndarray of float64, shape (T,)
        What is compared with the threshold. Where it is not beyond, or NaN, the grade is 0.
    parameters : Chosen
        All settings.
    """
    if not graded(parameters):
        return NO_GRADES
    whole = whole_from(parameters)
    if whole <= parameters.threshold:
        return np.full(len(values), HIGHEST, np.int8)
    beyond = (np.abs(values) - parameters.threshold) / (whole - parameters.threshold)
    return np.floor(np.clip(np.nan_to_num(beyond), 0.0, 1.0) * HIGHEST + ROUNDING).astype(np.int8)


def weights(parameters: Chosen) -> Floats:
    """Return the weight of each grade, shape (11,)."""
    least = parameters.least_weight
    return np.asarray(least + (1.0 - least) * (np.arange(HIGHEST + 1) / HIGHEST))


def size_weights(parameters: Chosen, grades: Grades) -> Floats:
    """Return the weights of entries of some grades in size and means; 1 where size is fixed."""
    return weights(parameters)[grades] if sized(parameters) else np.ones(len(grades))


def sizes_of(parameters: Chosen) -> Floats | None:
    """Return the size of an order of each grade, base units; None if the touch fills it.

    The shape is (11,), or (1,) if all have the same size.
    """
    if parameters.size is None:
        return None
    return parameters.size * (weights(parameters) if sized(parameters) else np.ones(1))
