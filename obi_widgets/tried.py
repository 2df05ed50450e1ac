"""Which settings have been looked at: each is one more test, and the next p value has to know.

What counts is what changes the returns that are judged: decay, depth, band, weighting and
threshold, and the window that was chosen by hand, since choosing one is a choice as well. Hold,
price and fee do not count: a hold is a horizon, and all horizons are counted for each setting;
price and fee change the cost that a mean is held against, not the mean. States that are added
while data stream make no new test (nor is looking again and again at a growing record corrected
for).

A setting counts when its results have been shown: in a frame, or by calibration. A surface counts
every threshold that it shows; its holds are horizons.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.settings import Parameters

Span: TypeAlias = tuple[int, int]
"""First and last event time, nanoseconds UTC."""


class Tried:
    """The distinct settings that were looked at; may be added to from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[tuple[object, ...]] = set()

    def __len__(self) -> int:
        return len(self._seen)

    def add(
        self,
        parameters: Parameters,
        selected: Span | None = None,
        thresholds: Iterable[float] = (),
    ) -> int:
        """Count settings, and others that differ in the threshold only.

        Parameters
        ----------
        parameters : Parameters
            What was looked at.
        selected : tuple of int, optional
            The window that was chosen by hand; all states when left out.
        thresholds : iterable of float
            Of further settings that were shown beside them.

        Returns
        -------
        int
            How many distinct ones have been counted.
        """
        p = parameters
        signal = (p.decay, p.depth, p.band_bps, p.weighting, selected)
        keys = {(*signal, round(one, 6)) for one in (p.threshold, *thresholds)}
        with self._lock:
            self._seen |= keys
            return len(self._seen)
