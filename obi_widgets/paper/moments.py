"""What is said of a state that decides, or would: quote, signal, gates, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.history.provenance import utc
from obi_widgets.trading.declared import BEYOND
from obi_widgets.trading.hourly_cap import HOUR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.decisions import Decisions

    Floats = NDArray[np.float64]


class Moments:
    """States of a history from a row on, with the gates of each.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        The signal.
    decided : Decisions
        What entries are decided by, valid from ``first`` on.
    parameters : Parameters
        The settings.
    first : int
        The first row that may be asked for.
    """

    def __init__(
        self,
        history: History,
        signal: Floats,
        decided: Decisions,
        parameters: Parameters,
        first: int,
    ) -> None:
        self.history, self.decided, self.first = history, decided, first
        self._signal, self._parameters = signal, parameters
        # Of each gate, whether it is known to be open to longs and to shorts.
        gates = parameters.gates
        self._open = {
            gate.name: gate.compute(history, dict(gates[gate.name]), first) == 1
            for gate in gates.gates
        }

    @property
    def beyond(self) -> list[int]:
        """The rows whose value is beyond the threshold, ascending."""
        values = self.decided.values[self.first :]
        found = np.flatnonzero(np.abs(values) > self._parameters.threshold)
        return [int(row) + self.first for row in found]

    def side(self, row: int) -> int:
        """Return the side that the value of a row is on, +1 or −1."""
        return 1 if self.decided.values[row] > 0 else -1

    def row_of(self, time: int, side: int) -> int:
        """Return the row of that time that decides for a side."""
        begin, end = np.searchsorted(self.history.time, [time, time + 1]).tolist()
        for row in range(max(begin, self.first), end):
            if side * self.decided.entries[row] > self._parameters.threshold:
                return row
        return max(int(end) - 1, self.first)  # the mask of post-only entries is not this one

    def said(self, row: int, side: int) -> dict[str, Any]:
        """Return what a line of the log says of a row and of an entry to a side."""
        history, p = self.history, self._parameters
        time, received = utc([history.time[row], history.received[row]])
        return {
            "state": history.start + row,
            "time": time,
            "received": received,
            "side": side,
            "bid": known(history.bid[row]),
            "ask": known(history.ask[row]),
            "signal": known(self._signal[row]),
            "value": known(self.decided.values[row]),
            "threshold": p.threshold,
            "gates": {name: bool(self._allows(name, row, side)) for name in self._open},
        }

    def _allows(self, gate: str, row: int, side: int) -> bool:
        return bool(self._open[gate][0 if side > 0 else 1][row - self.first])

    def why_entered(self, row: int, side: int) -> str:
        """Return why an entry was decided at a row."""
        p, value = self._parameters, float(self.decided.values[row])
        name = p.signal.name if p.threshold_is == "value" else f"the place of {p.signal.name}"
        return f"{name} {value:.6g} is {'above' if side > 0 else 'below −'}{_of(side, p.threshold)}"

    def why_declined(self, row: int, *, busy: str, recent: NDArray[np.int64]) -> str:
        """Return why a row beyond the threshold decided nothing.

        Parameters
        ----------
        row : int
            The row.
        busy : str
            What is open there: a position, or an order; empty if nothing is.
        recent : ndarray of int64
            Times of the entries that a cap counts.
        """
        history, p, side = self.history, self._parameters, self.side(row)
        if busy:
            return busy
        if not history.bid[row] < history.ask[row]:
            return "a side of the book is empty"
        closed = [name for name in self._open if not self._allows(name, row, side)]
        if closed:
            return f"gate closed: {', '.join(closed)}"
        if np.isnan(self.decided.entries[row]):
            return f"entry rule: {p.entry_rule}" if p.entry_rule != BEYOND else "it is slowing down"
        if p.execution == "post_only" and not history.trades_known[row]:
            return "trades are not known"
        time = int(history.time[row])
        counted = recent[(recent <= time) & (recent > time - HOUR)]
        if p.most_per_hour is not None and len(counted) >= p.most_per_hour:
            return f"cap: {p.most_per_hour} an hour"
        return "an order ended at this state"


def known(value: float) -> float | None:
    """Return a number as JSON has it: None for NaN."""
    return None if np.isnan(value) else float(value)


def _of(side: int, threshold: float) -> str:
    return f" {threshold:g}" if side > 0 else f"{threshold:g}"
