"""A against B: the results of other settings on the same states, and what the difference is worth.

A are the present settings, B those that were kept to compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from obi_widgets.calibration.difference import Difference, difference
from obi_widgets.presentation.reading.analysis import Analysis

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Results, Trades

CHANCE = 0.05
"""Probability of telling two settings apart that differ by chance alone, over all that were
tried."""


@dataclass(frozen=True)
class Compared:
    """The other settings in a frame, and their results.

    Attributes
    ----------
    parameters : Parameters
        The other settings, B.
    trades, results, front, trouble
        As those of a `Frame`.
    difference : Difference
        Mean net gain of A less that of B. For post-only orders, of the last in the queue.
    tried : int
        Number of settings that were tried; the interval allows for it.
    """

    parameters: Parameters
    trades: Trades
    results: Results
    front: Results | None
    trouble: str
    difference: Difference
    tried: int


class Comparison:
    """Follows other settings on the states that are shown, and compares them with the present ones.

    Parameters
    ----------
    parameters : Parameters
        The other settings.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._analysis = Analysis(parameters)
        self._for: tuple[object, ...] = ()
        self._difference: Difference

    def update(self, history: History, present: Analysis, tried: int) -> Compared:
        """Return the results of both on a later history.

        Parameters
        ----------
        history : History
            The states that are shown.
        present : Analysis
            That of the present settings, updated to this history.
        tried : int
            Number of settings that were tried, both of these included.
        """
        other = self._analysis
        other.update(history, self.parameters)
        what = (present.trades, other.trades, tried)
        known = self._for
        if not known or any(new is not old for new, old in zip(what, known, strict=True)):
            hold = max(present.parameters.hold_seconds, self.parameters.hold_seconds)
            # Each of the others that were tried might have been the one that is compared.
            level = 1 - CHANCE / max(tried - 1, 1)
            self._difference = difference(present.trades, other.trades, hold, level)
            self._for = what
        return Compared(
            self.parameters, other.trades, other.results, other.front,
            other.trouble or other.untold, self._difference, tried,
        )  # fmt: skip
