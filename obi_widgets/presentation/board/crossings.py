"""On which side of the threshold the signal of a growing history is, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.trading.quantile_bounds import quantile_bounds
from obi_widgets.trading.thresholds import compared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

    Floats = NDArray[np.float64]


class Crossings(SignalValues):
    """Computes for each new state once whether its signal is beyond the threshold.

    Attributes
    ----------
    place : float
        What is compared with the threshold at the newest state: the signal, or for a quantile its
        place among recent values; NaN without one.
    """

    _sides: Floats
    _judged: int
    place: float

    def __init__(self, parameters: Parameters) -> None:
        super().__init__(parameters)
        self._begin_anew()

    @property
    def sides(self) -> Floats:
        """By state: +1 above the threshold, −1 below its negative, 0 between; NaN without a value.

        Shape (T,).
        """
        return self._sides[: self._judged]

    @property
    def threshold(self) -> float:
        """The newest threshold in the signal's unit; NaN if a quantile is not known yet."""
        if self.parameters.threshold_is == "value" or not self._judged:
            return self.parameters.threshold if self.parameters.threshold_is == "value" else np.nan
        end = self._judged
        found = quantile_bounds(self.history, self.signal, self.parameters, end - 1, end)
        return float(found[0])

    @property
    def since(self) -> float:
        """Seconds of event time for which the newest state's side has not changed; NaN within.

        It is counted from the first state of this side that is kept.
        """
        sides = self.sides
        if not len(sides) or not abs(sides[-1]) > 0:
            return np.nan
        (others,) = (sides != sides[-1]).nonzero()
        first = int(others[-1]) + 1 if len(others) else 0
        return float(self.history.time[-1] - self.history.time[first]) / 1e9

    def update(self, history: History, parameters: Parameters) -> None:
        """Update everything to a later history of the same market."""
        super().update(history, parameters)
        first, end = self._judged, self._filled
        if first == end:
            return
        if end > len(self._sides):
            grown = np.empty(end + max(end // 4, 1024))
            grown[:first] = self._sides[:first]
            self._sides = grown
        places = compared(history, self.signal, parameters, first)[first:]
        beyond = np.where(np.abs(places) > parameters.threshold, np.sign(places), 0.0)
        self._sides[first:end] = np.where(np.isnan(places), np.nan, beyond)
        self._judged, self.place = end, float(places[-1])

    def _begin_anew(self) -> None:
        self._sides, self._judged, self.place = np.empty(0), 0, np.nan

    def _drop(self, rows: int) -> None:
        if rows:
            self._sides = self._sides[min(rows, self._judged) :].copy()
            self._judged = max(self._judged - rows, 0)
        super()._drop(rows)
