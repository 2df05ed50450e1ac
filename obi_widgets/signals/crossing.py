"""A signal crosses a level: told once, and again only after it has fallen back."""

from __future__ import annotations

from dataclasses import dataclass

from obi_widgets.checks import number

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
