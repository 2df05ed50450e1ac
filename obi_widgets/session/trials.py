"""The settings that were tried. Each is one more test, and p values are corrected for all of them.

Everything that is chosen counts: the signal (by its name and, of a user's function, its source),
each of its parameters, the threshold and whether it is a quantile, the price, the window that was
selected by hand, and a hold that is none of the horizons. So each change of the signal counts, and
a change back counts no more. A hold that is one is counted
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

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.errors import SettingsError
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.declared import COSTS, HOLD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.history.incoming import Span
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.signal import Signal

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
        chosen = p.as_table()
        for name in ("threshold", HOLD.name, *(one.name for one in COSTS)):
            chosen.pop(name, None)
        hold = None if p.hold_seconds in DEFAULT_HORIZONS else p.hold_seconds
        rest = (*chosen.items(), _source(p.signal), hold, selected)
        key = (*rest, _rounded(p.threshold))
        with self._lock:
            last, self._last = self._last, (*key, p.hold_seconds)
            if last and last != self._last:
                self._seen |= self._shown
                self._shown.clear()
            self._seen.add(key)
            self._shown |= {(*rest, _rounded(one)) for one in thresholds}
            return len(self._seen)


def _rounded(threshold: float) -> float:
    return float(f"{threshold:.6g}")


def _source(signal: Signal) -> object:
    """Return what tells a signal apart from another one of its name."""
    try:
        return source_sha256(signal)
    except SettingsError:
        return signal  # no other one is the same
