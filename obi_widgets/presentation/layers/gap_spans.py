"""The spans of time in which the book was not known, to be hatched on charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.history.columns import History
    from obi_widgets.history.incoming import Span
    from obi_widgets.presentation.charts.window import Window


class GapSpans:
    """Finds gaps in a growing history, and looks at each state once."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget all gaps. Call it when the history is another one."""
        self._seen = 0  # number of the first state that was not looked at
        self._first = 0  # number of the oldest state that was
        self._gaps: list[tuple[int, int]] = []  # begin and end; 0: it goes on

    def of(self, history: History, window: Window) -> tuple[Span, ...]:
        """Return the gaps in a window: from the state that was lost to the next that was known.

        A gap that goes on ends with the newest state. Times are nanoseconds UTC.
        """
        start, count = history.start, len(history)
        if start < self._first or start + count < self._seen:
            self.forget()
        if not self._seen:
            self._first = self._seen = start
        self._look(history, max(self._seen - start, 0))
        self._seen = start + count
        if not self._gaps:
            return ()
        newest = int(history.time[-1]) if count else 0
        oldest = int(history.time[0]) if count else 0
        self._gaps = [gap for gap in self._gaps if not 0 < gap[1] <= oldest]
        return tuple(
            (begin, end or newest)
            for begin, end in self._gaps
            if begin < window.end and (end or newest) > window.start
        )

    def _look(self, history: History, row: int) -> None:
        """Look at the states from a row on."""
        goes_on = bool(self._gaps) and not self._gaps[-1][1]
        if row == len(history) - 1 and not goes_on and history.bid[row] == history.bid[row]:
            return  # a single state that has a bid
        lost = np.isnan(history.bid[row:]) & np.isnan(history.ask[row:])
        if not len(lost):
            return
        for at in np.flatnonzero(np.diff(lost, prepend=goes_on)).tolist():
            time = int(history.time[row + at])
            if lost[at]:
                self._gaps.append((time, 0))
            else:
                self._gaps[-1] = self._gaps[-1][0], time
