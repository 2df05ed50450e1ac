"""Decides over a history that grows, and says each decision as a line of a log."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from obi_widgets.history.provenance import utc
from obi_widgets.paper.backtest import entry_of
from obi_widgets.paper.log import FORMAT
from obi_widgets.paper.moments import Moments, known
from obi_widgets.paper.seconds import Second, SecondsMaker
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.post_only import has_trades
from obi_widgets.trading.sizing import size_weights
from obi_widgets.trading.trade_list import GAP
from obi_widgets.version import version

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]
    Line = dict[str, Any]

FOREVER = 2**62
"""End of a position that is open, ns."""

ON_ITS_WAY = "an order is on its way"
"""What is said where an order was decided and has not been filled."""

TO_REMEMBER = 4096
"""Ended entries that are remembered at most: a cap counts those of an hour."""


class PaperRun:
    """Decides by the code of `obi_widgets.entries`, each state once; it sends no order.

    Parameters
    ----------
    parameters : Parameters
        The settings.

    Attributes
    ----------
    entries, declined : int
        Number of entries decided, and of times that one was declined.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.entries = self.declined = 0
        self._scanner = Scanner(parameters)
        self._seconds = SecondsMaker()
        self._next = 0  # number of the first state that was not decided on
        self._ended = 0  # rows of the trades of which all is said
        self._told = (0, 0)  # number and time of the newest decision that is said
        self._filled = 0  # number of the newest fill that is said
        self._busy: list[tuple[int, int, str]] = []  # begin, end and name, ns
        self._entered: list[int] = []  # times that a cap counts
        self._declining: tuple[int, str] | None = None  # side and reason of the state before

    def extend(self, history: History, signal: Floats) -> list[Line]:
        """Decide on the states that came since; ``signal`` belongs to all of the history.

        Returns
        -------
        list of dict
            Lines of the log, in order: decisions, fills, exits, what was declined, seconds.

        Raises
        ------
        SettingsError
            A signal without direction.
        """
        if self.parameters.execution == "post_only" and not has_trades(history):
            return []  # once there was a trade, all states are decided
        first = max(self._next - history.start, 0)
        if first >= len(history):
            return []
        self._scanner.extend(history, signal)
        self._next = history.start + len(history)
        decided = decisions(history, signal, self.parameters, first)
        moments = Moments(history, signal, decided, self.parameters, first)
        lines = [*self._say_trades(moments), *self._say_declined(moments)]
        lines.sort(key=lambda line: str(line["time"]))  # stable: a decision before its fill
        return [*lines, *map(_as_line, self._seconds.extend(history, decided, first))]

    def end(self) -> list[Line]:
        """Return the last lines; no state follows."""
        return [_as_line(one) for one in self._seconds.rest()]

    # -- entries ---------------------------------------------------------------------------

    def _say_trades(self, moments: Moments) -> list[Line]:
        """Say what is new of decisions, fills and exits."""
        trades, lines = self._scanner.decided, list[dict[str, Any]]()
        self._busy = [one for one in self._busy if one[1] != FOREVER]
        for row in range(self._ended, len(trades.side)):
            is_open = trades.is_open and row == len(trades.side) - 1
            lines += self._say_trade(moments, trades, row, is_open=is_open)
        self._ended = len(trades.side) - trades.is_open
        held = trades.held
        if held is not None and not held.time:
            weight = float(size_weights(self.parameters, np.array([held.grade]))[0])
            time = held.decision_time
            lines += self._say_decision(moments, len(trades.side) + 1, time, held.side, weight)
            self._busy.append((time, FOREVER, ON_ITS_WAY))
        del self._busy[:-TO_REMEMBER], self._entered[:-TO_REMEMBER]
        return lines

    def _say_trade(
        self, moments: Moments, trades: Trades, row: int, *, is_open: bool
    ) -> list[Line]:
        entry = entry_of(moments.history, trades, row)
        decided, number = entry.decided, entry.number
        lines = self._say_decision(moments, number, decided, entry.side, entry.weight)
        if entry.entered and self._filled < number:
            self._filled = number
            lines.append(_line("fill", number, entry.entered, price=entry.entry_price))
            self._entered.append(entry.entered)
        elif entry.ended == GAP and not entry.entered:  # it may have been filled, and counts
            self._entered.append(entry.exited)
        until = FOREVER if is_open else entry.exited
        self._busy.append((decided, entry.entered or until, ON_ITS_WAY))
        if entry.entered:
            self._busy.append((entry.entered, until, "position open"))
        if is_open:
            return lines
        lines.append(
            _line(
                "exit", number, entry.exited, price=known(entry.exit_price), why=entry.ended,
                gross_bps=known(trades.gross_bps[row]), net_bps=known(trades.net_bps[row]),
            )
        )  # fmt: skip
        return lines

    def _say_decision(
        self, moments: Moments, number: int, time: int, side: int, weight: float
    ) -> list[Line]:
        if self._told == (number, time):
            return []
        self._told, self._declining = (number, time), None
        self.entries += 1
        size = None if self.parameters.size is None else self.parameters.size * weight
        row = moments.row_of(time, side)
        return [
            {
                "type": "entry", "number": number, **moments.said(row, side), "weight": weight,
                "size": size, "why": moments.why_entered(row, side),
            }
        ]  # fmt: skip

    # -- what was declined -----------------------------------------------------------------

    def _say_declined(self, moments: Moments) -> list[Line]:
        """Say where the value is beyond the threshold without an entry, and why, once in a row."""
        lines, before = list[dict[str, Any]](), moments.first - 1
        recent = np.array(self._entered, np.int64)
        decided = {begin for begin, _, name in self._busy if name == ON_ITS_WAY}
        for row in moments.beyond:
            if row > before + 1:
                self._declining = None
            before = row
            time, side = int(moments.history.time[row]), moments.side(row)
            if time in decided:
                self._declining = side, ""
                continue
            busy = next((name for begin, end, name in self._busy if begin <= time < end), "")
            why = moments.why_declined(row, busy=busy, recent=recent)
            if (side, why) == self._declining:
                continue
            self._declining = side, why
            self.declined += 1
            lines.append({"type": "declined", **moments.said(row, side), "why": why})
        if before + 1 < len(moments.history):
            self._declining = None
        return lines


def _line(kind: str, number: int, time: int, **values: object) -> dict[str, Any]:
    return {"type": kind, "number": number, "time": utc([time])[0], **values}


def _as_line(one: Second) -> dict[str, Any]:
    return {"type": "second", **msgspec.structs.asdict(one)}


def begin_of(history: History, parameters: Parameters, **source: object) -> dict[str, Any]:
    """Return the first line of a log: settings, market, and where they come from.

    Parameters
    ----------
    history : History
        It has the first state.
    parameters : Parameters
        The settings.
    **source
        What else is known: file of the settings, connections, name of the recording.
    """
    instrument, settings = history.instrument, parameters.as_table()
    text = json.dumps(settings, sort_keys=True).encode()
    return {
        "type": "begin",
        "format": FORMAT,
        "package": version(),
        "market": f"{instrument.venue}:{instrument.symbol}",
        "settings": settings,
        "settings_sha256": hashlib.sha256(text).hexdigest(),
        "levels": history.levels,
        "interval": history.interval,
        "strict": history.strict,
        "first_state": utc([history.time[0]])[0],
        **source,
    }
