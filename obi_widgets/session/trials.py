"""The settings that were tried. Each is one more test, and p values are corrected for all of them.

Two settings are different tests if they differ in the signal (its name and, for a user's function,
its source), a parameter of the signal, the threshold, whether the threshold is a quantile, the
price, a gate or a parameter of one, or the part that was selected by hand. A hold counts only if
it is not a horizon: all horizons are tested with every setting anyway. Going back to earlier
settings adds no test. The fee does not count: it only changes the level that a gain must exceed,
and a gain above the highest fee is also above every lower one. New states add no test; looking
repeatedly at a growing history is not corrected for.

The first settings were not chosen by their results, and count as one test. A surface also shows
other thresholds. They count as soon as a setting is changed after the surface was shown: the new
setting may have been chosen among all of them. That includes a change of the hold to another
horizon, and settings that a surface or a walk-forward proposes.

What a gate removes is the result of the settings without it, told in other words. So they count as
soon as that is shown.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeAlias

from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import GATES
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.declared import COSTS, HOLD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from obi_widgets.history.incoming import Span
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.signal import Signal

_Key: TypeAlias = tuple[object, ...]


class Tried:
    """The distinct settings that were tried. Any thread may add to them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._again: Parameters | None = None  # the settings added last, if alone
        self._seen: set[_Key] = set()
        self._shown: set[_Key] = set()  # shown on a surface, not counted yet
        self._last: _Key = ()  # the settings added last, with their hold

    def __len__(self) -> int:
        return len(self._seen)

    def add(
        self,
        parameters: Parameters,
        selected: Span | None = None,
        thresholds: Collection[float] = (),
    ) -> int:
        """Count settings as tried.

        Parameters
        ----------
        parameters : Parameters
            Settings whose results were shown or computed.
        selected : tuple of int, optional
            Part that was selected by hand: start and end, nanoseconds UTC. All states if left out.
        thresholds : collection of float
            Thresholds of further settings that were shown on a surface. They count once other
            settings are added.

        Returns
        -------
        int
            Number of distinct settings tried so far.
        """
        alone = selected is None and len(thresholds) == 0
        if alone and parameters is self._again:  # frames give the same ones again and again
            return len(self._seen)
        p = parameters
        with self._lock:
            self._again = p if alone else None
            rest = (*_identity(p), selected)
            key = (*rest, _rounded(p.threshold))
            last, self._last = self._last, (*key, p.hold_seconds)
            if last and last != self._last:
                self._seen |= self._shown
                self._shown.clear()
            self._seen.add(key)
            self._shown |= {(*rest, _rounded(threshold)) for threshold in thresholds}
            return len(self._seen)

    def look(self, others: Iterable[Parameters]) -> int:
        """Count settings whose results are shown beside those of the present ones.

        The present settings stay the ones that were added last: nothing was chosen.

        Parameters
        ----------
        others : iterable of Parameters
            The settings, computed on all states.

        Returns
        -------
        int
            Number of distinct settings tried so far.
        """
        with self._lock:
            self._seen |= {(*_identity(p), None, _rounded(p.threshold)) for p in others}
            return len(self._seen)


def _identity(parameters: Parameters) -> _Key:
    """Return what distinguishes settings from others, beside the threshold and the part."""
    chosen = parameters.as_table()
    for name in ("threshold", HOLD.name, *(cost.name for cost in COSTS)):
        chosen.pop(name, None)
    if GATES in chosen:
        chosen[GATES] = parameters.gates  # the table of them cannot be hashed
    hold = parameters.hold_seconds
    known = None if hold in DEFAULT_HORIZONS else hold
    return (*chosen.items(), _source(parameters.signal), known)


def _rounded(threshold: float) -> float:
    return float(f"{threshold:.6g}")


def _source(signal: Signal) -> object:
    """Return what distinguishes a signal from another signal of the same name."""
    try:
        return source_sha256(signal)
    except SettingsError:
        return signal  # equal to itself only
