"""Entries by post-only orders: limit orders that rest at the best price of their own side.

An order goes through these steps, in event time, state by state:

1. A state decides. The limit is that state's best price on the order's own side: a buy rests at the
   best bid. The order has the size of the settings; without one, it is infinitely small.
2. It arrives at the first state at or after the latency. If it would cross the book there, it is
   refused: a miss. Otherwise it rests in the book from that state on.
3. Each later state is checked, with the trades that belong to it. A trade counts if it was made
   after the order came to rest and before its wait was over, by the exchange's clock.
4. Each of these fills the whole order at its limit:

   - a trade at a price beyond the limit (for a buy: below it), or a trade at the limit by a taker
     of the order's own side (for a buy: somebody bought there, so an ask was at our bid). Neither
     is possible while the order rests unfilled;
   - the other side's best price at the limit or beyond, in a state before the wait was over;
   - trades at the limit by takers of the other side, once their sum exceeds the size *ahead* of the
     order and reaches that size plus the order's own.

5. The tape does not tell the size ahead. So there are two bounds, which differ in nothing else:

   - ``"back"``: the whole size at the limit when the order came to rest. Nobody ahead is assumed to
     cancel, except where it shows: the size ahead is never more than the level's size in a later
     state. While a better price hides the level, the size ahead is unlimited. Trades that the
     previous state already contains do not reduce it. A fill by this bound happened in truth, at
     that state or earlier.
   - ``"front"``: nothing is ahead. No fill happens earlier in truth.

   In hftbacktest these are the risk-averse queue model and the first position in the queue.
6. If the order is not filled by the first state after its wait, it is cancelled: a miss. Partial
   fills are ignored. After a miss, the next decision may come at once.
7. The hold begins at the state at which the fill is known. At the first state after the hold with
   both sides, or an earlier one by the exits of the settings, an exit order rests at the best price
   of the other side, by the same rules. If it is refused or not filled within the wait, a taker's
   order closes the position, so that no position stays open: it pays the touch, or takes the levels
   that its size needs, and the taker's fee. All orders that rested pay the maker's fee.
8. A gap in the book ends the order or the position; its result is unknown. The same holds where
   the stream of trades seems to have stopped (`History.trades_known`), and nothing is decided
   there: see `with_known_trades`.

The bounds are bounds of fills. Which one earns less depends on the signal: the last in the queue is
filled where the price went through, but seldom; the first is filled more often, also with losses.
Both are shown, and the worse one is judged.

References
----------
hftbacktest, "Order fill" and "Queue models" (RiskAdverseQueueModel, NoPartialFillExchange);
Moallemi, Yuan (2016), "A model for queue position valuation in a limit order book".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.history.unchecked import changed
from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals.touch import best_sizes
from obi_widgets.trading import post_only_numpy
from obi_widgets.trading.exits import NONE
from obi_widgets.trading.hourly_cap import newest
from obi_widgets.trading.post_only_inputs import Books, Prints, Rules
from obi_widgets.trading.quotes import taken
from obi_widgets.trading.sizing import NO_GRADES, sizes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.decisions import Decisions
    from obi_widgets.trading.declared import Chosen
    from obi_widgets.trading.exits import Exits

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.trading.post_only_numba", post_only_numpy)

Queue = Literal["back", "front"]

QUEUES: tuple[Queue, ...] = ("back", "front")
"""The bounds: last and first in the queue."""


def queues_of(parameters: Chosen) -> tuple[Queue, ...]:
    """Return the bounds that settings are judged by: both of post-only orders, one of a taker."""
    return QUEUES if parameters.execution == "post_only" else QUEUES[:1]


class Decided(NamedTuple):
    """Entries as arrays, one element for each entry.

    Attributes
    ----------
    side, lost, missed : ndarray of int8 and of bool, shape (N,)
        +1 or −1; whether a gap ended it; whether its order was not filled.
    times : ndarray of int64, shape (3, N)
        Times of entries, of exits, and of the states that decided the entries; 0 without one.
    prices : ndarray of float64, shape (2, N)
        Prices of entries and of exits; NaN without one.
    fees_bps : ndarray of float64, shape (N,)
        Fees of both sides.
    maker_exit : ndarray of bool, shape (N,)
        Whether a resting order left the position.
    reason : ndarray of int8, shape (N,)
        Why each was left, see `exits`.
    grades : ndarray of int8, shape (N,)
        How strong the signal was that decided each, see `sizing`.
    phase : tuple of int
        Phase at the end, see `post_only_numpy`; the state that decided the resting order; the side;
        why the position is being left; its grade.
    recent : ndarray of int64
        Times of the newest entries, see `hourly_cap`.
    """

    side: NDArray[np.int8]
    times: Ints
    prices: Floats
    lost: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    fees_bps: Floats
    maker_exit: NDArray[np.bool_]
    reason: NDArray[np.int8]
    grades: NDArray[np.int8]
    phase: tuple[int, int, int, int, int]
    recent: Ints


def has_trades(history: History) -> bool:
    """Return whether a trade was seen until the history's end, also one before its first state."""
    trades = history.trades
    return trades.streamed and trades.start + len(trades) > 0


def after_a_trade(history: History) -> History:
    """Return a history whose stream of trades is known to work, since there was a trade elsewhere.

    Orders are followed in all parts of it, where those that end before its own first trade were
    refused. One whose source tells of no trades stays as it is.
    """
    if history.trades.start or not history.trades.streamed:
        return history
    trades = replace(history.trades, start=1)
    return changed(history, trades=trades, trade_ends=history.trade_ends + 1)


def refuse_without_trades(history: History) -> None:
    """Raise a SettingsError for a history without any trade."""
    if has_trades(history):
        return
    trades = history.trades
    told = "there has been none so far" if trades.streamed else "the source has none"
    raise SettingsError(
        f"Post-only fills are computed from trades, and {told}.",
        'Set execution="taker", or take a live source or recording with trades.',
    )


def with_known_trades(history: History) -> History:
    """Return a history in which states whose trades are unknown are gaps in the book."""
    if not history.silences or history.trades_known.all():
        return history
    best = {
        name: np.where(history.trades_known, getattr(history, name), np.nan)
        for name in ("bid", "ask")
    }
    return changed(history, **best)


def market(history: History, parameters: Chosen, queue: Queue) -> tuple[Books, Prints, Rules]:
    """Return the kernels' arguments for a history.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        ``latency_ms``, ``wait_seconds``, ``size`` and what it depends on are used.
    queue : {"back", "front"}
        The bound.
    """
    trades = history.trades
    books = Books(
        history.time, history.bid, history.ask,
        *map(_read_only, (best_sizes(history, +1), best_sizes(history, -1))),
        *map(_read_only, taken(history, parameters)[:2]),
    )  # fmt: skip
    prints = Prints(
        history.trade_ends - trades.start, trades.time,
        np.rint(trades.price / history.tick_size), trades.amounts[1].astype(np.int64),
    )  # fmt: skip
    sizes = sizes_of(parameters)
    rules = Rules(
        round(parameters.latency_ms * 1e6), round(parameters.wait_seconds * 1e9),
        np.zeros(1) if sizes is None else sizes, queue == "back", float(history.tick_size),
        10.0**trades.size_decimals,
    )  # fmt: skip
    return books, prints, rules


def _read_only(column: Floats) -> Floats:
    """Return a read-only view of a column; the kernels are compiled for these alone."""
    column = column.view()
    column.flags.writeable = False
    return column


def decide(
    history: History,
    found: Decisions,
    parameters: Chosen,
    first: int,
    phase: tuple[int, int, int, int, int],
    held: tuple[int, float, int],
    queue: Queue,
    recent: Ints,
) -> Decided:
    """Return the entries that are decided from state ``first`` on.

    Parameters
    ----------
    history : History
        T states.
    found : Decisions
        What entries and exits are decided by.
    parameters : Chosen
        ``threshold``, ``hold_seconds``, the execution and the fees are used.
    first : int
        First state to decide on.
    phase : tuple of int
        Phase before, as `Decided.phase`. A resting order is followed again from the state that
        decided it.
    held : tuple of int, float and int
        Time and price of the open position, and its decision time; zeros without one.
    queue : {"back", "front"}
        The bound.
    recent : ndarray of int64
        Times of the newest entries before, see `hourly_cap`.

    Notes
    -----
    States before the first trade are decided on too, so that a part of a history gives what the
    whole does. Whoever has the whole refuses one without trades, by `refuse_without_trades`.
    """
    now, decided, direction, why, grade = phase
    is_out = now in (post_only_numpy.ENTERING, post_only_numpy.LEAVING)
    begin = min(first, decided) if is_out else first
    part = with_known_trades(history[begin:])
    books, prints, rules = market(part, parameters, queue)
    most = len(part) + 1
    side, prices = np.empty(most, np.int8), np.empty((2, most))
    times = np.empty((3, most), np.int64)
    lost, missed, maker = np.empty((3, most), bool)
    times[0, 0], prices[0, 0], times[2, 0] = held
    side[0] = direction
    state = np.array([now, decided - begin, direction, why, grade], np.int64)
    reasons, grades = np.empty((2, most), np.int8)
    recent = newest(parameters, recent)
    count = KERNELS.current().scan(
        books, prints, rules, found.entries[begin:], found.grades[begin:], first - begin,
        parameters.threshold, round(parameters.hold_seconds * 1e9),
        found.exits.rows(slice(begin, None)), recent, state, side, times, prices, lost, missed,
        maker, reasons, grades,
    )  # fmt: skip
    exit_fee = np.where(maker[:count], parameters.maker_fee_bps, parameters.fee_bps)
    now, decided, direction, why, grade = state.tolist()
    return Decided(
        side[:count], times[:, :count], prices[:, :count], lost[:count], missed[:count],
        parameters.maker_fee_bps + exit_fee, maker[:count], reasons[:count], grades[:count],
        (now, decided + begin, direction, why, grade), recent,
    )  # fmt: skip


class Posted(NamedTuple):
    """Results of single orders over H holds.

    Attributes
    ----------
    gross_bps, fees_bps : ndarray of float64, shape (H, N)
        Basis points of the entry price; NaN if the order was not filled or the exit is unknown.
    left : ndarray of int64, shape (H, N)
        The state of the exit; −1 without one.
    """

    gross_bps: Floats
    fees_bps: Floats
    left: Ints


def each(
    history: History,
    parameters: Chosen,
    rows: Ints,
    sides: NDArray[np.int8],
    holds: Floats,
    queue: Queue,
    exits: Exits = NONE,
    grades: NDArray[np.int8] = NO_GRADES,
) -> Posted:
    """Return the results of single orders, each independent of the others.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        The execution and the fees are used.
    rows : ndarray of int64, shape (N,)
        The states that decide them; each has both sides of the book.
    sides : ndarray of int8, shape (N,)
        +1 or −1.
    holds : ndarray of float64, shape (H,)
        Seconds.
    queue : {"back", "front"}
        The bound.
    exits : Exits
        What ends positions before their hold is over.
    grades : ndarray of int8, shape (N,) or (0,)
        How strong the signal was that decided each; empty: all have grade 0.
    """
    shape = len(holds), len(rows)
    gross, maker = np.full(shape, np.nan), np.zeros(shape, bool)
    left = np.full(shape, -1, np.int64)
    KERNELS.current().each(
        *market(with_known_trades(history), parameters, queue), rows, sides,
        np.round(holds * 1e9).astype(np.int64), exits,
        grades if len(grades) else np.zeros(len(rows), np.int8), gross, maker, left,
    )  # fmt: skip
    exit_fee = np.where(maker, parameters.maker_fee_bps, parameters.fee_bps)
    return Posted(gross, np.where(left < 0, np.nan, parameters.maker_fee_bps + exit_fee), left)
