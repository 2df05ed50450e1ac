"""Which settings have been looked at: each is one more test, and the next p value has to know.

Everything that is chosen counts: decay, depth, band, weighting, threshold, price, the window that
was selected by hand, and a hold that is none of the horizons. A hold that is one is counted
already, since all horizons count with every setting. The fee does not count: it only moves what a
gain is held against, and who finds one above the highest fee has found it above all others too.
States that are added while data stream make no new test (nor is looking again and again at a
growing record corrected for).

What is looked at first was not chosen by its results, and is one test. The other thresholds of a
surface were shown beside it, and count as soon as something is chosen: a change after that is a
choice among all that was shown, also one of the hold alone, to another horizon. What a surface and
a walk-forward propose is chosen from them as well.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from obi_widgets.calibration.forward_returns import HORIZONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.history.incoming import Span
    from obi_widgets.settings.parameters import Parameters

_Key: TypeAlias = tuple[object, ...]


class Tried:
    """The distinct settings that were looked at; may be added to from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: set[_Key] = set()
        self._shown: set[_Key] = set()  # beside them, and not chosen from so far
        self._last: _Key = ()  # what was looked at last, with its hold

    def __len__(self) -> int:
        return len(self._seen)

    def add(
        self,
        parameters: Parameters,
        selected: Span | None = None,
        thresholds: Iterable[float] = (),
    ) -> int:
        """Count settings; others that differ in the threshold only once one is chosen.

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
        hold = None if p.hold_seconds in HORIZONS else p.hold_seconds
        rest = (p.decay, p.depth, p.band_bps, p.weighting, p.price, hold, selected)
        key = (*rest, round(p.threshold, 6))
        with self._lock:
            last, self._last = self._last, (*key, p.hold_seconds)
            if last and last != self._last:
                self._seen |= self._shown
                self._shown.clear()
            self._seen.add(key)
            self._shown |= {(*rest, round(one, 6)) for one in thresholds}
            return len(self._seen)
