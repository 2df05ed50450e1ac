"""One hypothetical entry: why it was made, what it gained, and why it was left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.reading.reading import threshold_at
from obi_widgets.trading.quotes import quotes
from obi_widgets.trading.sizing import weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.trade_list import Trades

    Floats = NDArray[np.float64]


class Ending(Enum):
    """How an entry ended, or why it has not."""

    HELD = "an exit was decided, and a taker's order was filled"
    MAKER = "an exit was decided, and a resting order was filled"
    MAKER_FAILED = (
        "an exit was decided; the resting order was not filled, so a taker's order followed"
    )
    GAP = "the book was lost before the exit"
    GAP_ON_WAY = "the book was lost before the order was filled"
    OPEN = "it has not ended"
    DATA_END = "the data ended before the exit"
    LIMIT = "the order met a price beyond its limit"
    TOO_FEW = "the kept levels hold less than the order's size"
    NO_SIDE = "the other side of the book was empty when the order arrived"
    REFUSED = "the post-only order would have traded at once, so it was refused"
    CANCELLED = "nobody took the post-only order within its wait"

    @property
    def filled(self) -> bool:
        """Whether there was an entry at all."""
        return self not in NOT_FILLED


NOT_FILLED = (
    Ending.GAP_ON_WAY, Ending.LIMIT, Ending.TOO_FEW, Ending.NO_SIDE, Ending.REFUSED,
    Ending.CANCELLED,
)  # fmt: skip


@dataclass(frozen=True)
class EntryDetails:
    """One row of `Trades`, and the state that decided it.

    Attributes
    ----------
    row : int
        Row in the trades.
    place, of : int
        Place among the entries that were filled, from 1, and their number; place 0 if not filled.
    side : int
        +1 long, −1 short.
    decision_time, entry_time, exit_time : int
        Nanoseconds UTC; an exit time of 0 is none.
    entry_price, exit_price : float
        Quote currency; NaN without one.
    seconds : float
        From entry to exit; to the newest state if it is open; NaN without either.
    gross_bps, net_bps : float
        Before and after fees; NaN without an exit.
    signal, threshold : float
        At the deciding state, in the signal's unit; NaN if that state is not kept.
    ending : Ending
        How it ended.
    reason : int
        Why it was left, see `obi_widgets.trading.exits`; 0 if its hold was over.
    parameters : Parameters
        Settings that made it.
    """

    row: int
    place: int
    of: int
    side: int
    decision_time: int
    entry_time: int
    exit_time: int
    entry_price: float
    exit_price: float
    seconds: float
    gross_bps: float
    net_bps: float
    weight: float
    signal: float
    threshold: float
    ending: Ending
    reason: int
    parameters: Parameters

    @classmethod
    def at(
        cls,
        row: int,
        trades: Trades,
        history: History,
        signal: Floats,
        parameters: Parameters,
        *,
        closed: bool = False,
    ) -> EntryDetails:
        """Return the details of an entry.

        Parameters
        ----------
        row : int
            Row in ``trades``.
        trades : Trades
            Entries of the history with the settings.
        history : History
            T states.
        signal : ndarray of float64, shape (T,)
            Signal of each state.
        parameters : Parameters
            Settings of both.
        closed : bool
            Whether no further state will come.
        """
        side, decided = int(trades.side[row]), int(trades.decision_time[row])
        entered, left = int(trades.entry_time[row]), int(trades.exit_time[row])
        filled = np.isfinite(trades.entry_price)
        ending = _ending(row, trades, history, parameters, closed=closed)
        end = left
        if ending in (Ending.OPEN, Ending.DATA_END):
            end = int(history.time[-1])
        at = _deciding_row(history, signal, parameters, decided, side)
        return cls(
            row=row,
            place=int(np.count_nonzero(filled[: row + 1])) if filled[row] else 0,
            of=int(np.count_nonzero(filled)),
            side=side,
            decision_time=decided,
            entry_time=entered,
            exit_time=left,
            entry_price=float(trades.entry_price[row]),
            exit_price=float(trades.exit_price[row]),
            seconds=(end - entered) / 1e9 if end and filled[row] else np.nan,
            gross_bps=float(trades.gross_bps[row]),
            net_bps=float(trades.net_bps[row]),
            weight=float(trades.weight[row]),
            signal=float(signal[at]) if at is not None else np.nan,
            threshold=np.nan if at is None else threshold_at(history, signal, parameters, at),
            ending=ending,
            reason=int(trades.reason[row]),
            parameters=parameters,
        )


def row_of(trades: Trades, decision_time: int) -> int | None:
    """Return the row of the entry that was decided at a time; None if there is none."""
    row = int(np.searchsorted(trades.decision_time, decision_time))
    found = row < len(trades.side) and int(trades.decision_time[row]) == decision_time
    return row if found else None


def _ending(
    row: int, trades: Trades, history: History, parameters: Parameters, *, closed: bool
) -> Ending:
    posted = parameters.execution == "post_only"
    if trades.exit_time[row]:
        if not posted:
            return Ending.HELD
        return Ending.MAKER if trades.maker_exit[row] else Ending.MAKER_FAILED
    if trades.lost[row]:
        known = np.isfinite(trades.entry_price[row])
        return Ending.GAP if known else Ending.GAP_ON_WAY
    if not trades.missed[row]:
        return Ending.DATA_END if closed else Ending.OPEN
    ended = int(trades.entry_time[row])
    if posted:
        # A refusal is known when the order arrives, the end of its wait only later.
        arrival = int(trades.decision_time[row]) + round(parameters.latency_ms * 1e6)
        arrived = int(np.searchsorted(history.time, arrival))
        refused = arrived < len(history) and int(history.time[arrived]) == ended
        return Ending.REFUSED if refused else Ending.CANCELLED
    at = int(np.searchsorted(history.time, ended))
    # A weight is that of one size, or all have the same.
    found = quotes(history[at : at + 1], parameters)
    sizes = weights(parameters) if len(found.buy) > 1 else np.ones(1)
    own = int(np.argmin(np.abs(sizes - trades.weight[row])))
    last = (found.buy_last if trades.side[row] > 0 else found.sell_last)[own]
    touch = history.ask[at] if trades.side[row] > 0 else history.bid[at]
    if np.isnan(touch):
        return Ending.NO_SIDE
    return Ending.TOO_FEW if np.isnan(last[0]) else Ending.LIMIT


def _deciding_row(
    history: History, signal: Floats, parameters: Parameters, time: int, side: int
) -> int | None:
    """Return the state that decided an entry: of several at one time, the first that could."""
    first, end = np.searchsorted(history.time, [time, time + 1]).tolist()
    least = parameters.threshold if parameters.threshold_is == "value" else 0.0
    could = np.flatnonzero(side * signal[first:end] > least)
    return first + int(could[0]) if len(could) else None
