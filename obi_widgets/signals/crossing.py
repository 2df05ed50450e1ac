"""A signal and a level: its crossings, each told once until it has fallen back, and its side.

Both have the same hysteresis: beyond the level one comes to a side, and a margin below one leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HIGHEST = 1e15
"""Highest level, in the signal's unit."""

MARGIN = 0.1
"""Default margin, as a fraction of the level."""


@dataclass(frozen=True)
class Alert:
    """A crossing of a level.

    Attributes
    ----------
    time : int
        Event time of the state, nanoseconds UTC.
    side : int
        +1 above the level, −1 below its negative.
    value : float
        What was compared with the level: the signal, or its place among recent values if the
        threshold is a quantile.
    level : float
        The level.
    mid : float
        Mid of the state, quote currency.
    """

    time: int
    side: int
    value: float
    level: float
    mid: float


class Crossing:
    """Tells when a value crosses a level outwards: above it, or below its negative.

    A side is armed when the value has fallen back by a margin, and disarmed by its alert. At the
    beginning, and after a state without a value (a gap), no side is armed: what happened
    meanwhile is not known, so that a value beyond the level is no crossing.

    Parameters
    ----------
    level : float
        The level, 0 or more.
    margin : float, optional
        By how much the value has to fall back behind the level before the next alert of that
        side, 0 or more. A tenth of the level if left out.

    Raises
    ------
    SettingsError
        If the level or the margin is not a number of 0 or more.
    """

    def __init__(self, level: float, margin: float | None = None) -> None:
        self.level = number("level", level, 0, HIGHEST)
        self.margin = number("margin", MARGIN * level if margin is None else margin, 0, HIGHEST)
        self._armed = {+1: False, -1: False}

    def follow(self, value: float) -> int:
        """Take the next value; return the side on which it crosses the level, 0 for none.

        Parameters
        ----------
        value : float
            NaN if there is none.
        """
        crossed = 0
        for side in self._armed:
            outwards = side * value
            if outwards > self.level:
                if self._armed[side]:
                    crossed = side
                self._armed[side] = False
            elif outwards <= self.level - self.margin:
                self._armed[side] = True
            elif outwards != outwards:  # NaN
                self._armed[side] = False
        return crossed


class Side:
    """Tells on which side of a level a value is, and keeps to it until it has fallen back.

    It comes to a side and leaves it where `Crossing` gives an alert of that side and arms it again.
    At the beginning, and after a state without a value (a gap), nothing is kept to.

    Parameters
    ----------
    level, margin : float
        As those of `Crossing`; the margin is no greater than the level.

    Raises
    ------
    SettingsError
        If the level or the margin is not a number within its range.
    """

    def __init__(self, level: float, margin: float | None = None) -> None:
        self.level, self.margin = level_and_margin(level, margin)
        self._side = 0.0

    def follow(self, value: float) -> float:
        """Take the next value; return +1, −1, 0 for neither, or NaN without a value.

        Parameters
        ----------
        value : float
            NaN if there is none.
        """
        if value != value:  # NaN
            self._side = 0.0
            return value
        away = 1.0 if value > 0 else -1.0
        if away * value > self.level:
            self._side = away
        elif self._side != away or away * value <= self.level - self.margin:
            self._side = 0.0
        return self._side


def sides(values: Floats, level: float, margin: float | None = None) -> Floats:
    """Return what `Side` tells of values that follow each other, shape (T,)."""
    level, margin = level_and_margin(level, margin)
    away = np.where(values > 0, 1.0, -1.0)
    size = np.abs(values)
    out = np.where(np.isnan(values), np.nan, 0.0)
    with np.errstate(invalid="ignore"):
        outside = size > level - margin
    # A run: values of one sign that do not fall back. From its first value beyond on it is a side.
    rows = np.arange(len(values))
    same = outside[1:] & outside[:-1] & (away[1:] == away[:-1])
    began = np.maximum.accumulate(np.where(np.append(False, same)[: len(rows)], 0, rows))
    with np.errstate(invalid="ignore"):
        beyond = np.maximum.accumulate(np.where(size > level, rows, -1))
    on = outside & (beyond >= began)
    out[on] = away[on]
    return out


def level_and_margin(level: float, margin: float | None) -> tuple[float, float]:
    """Return a level, and a margin within it, checked; a tenth of the level if it is None."""
    level = number("level", level, 0, HIGHEST)
    return level, number("margin", MARGIN * level if margin is None else margin, 0, level)
