"""Entries by post-only orders: a limit order that rests at the touch until somebody takes it.

What an order does, in event time, from state to state:

1. A state decides. The limit is that state's best price of the order's own side: a buy is posted at
   the best bid. The order is for the size of the settings; without one it is too small to matter.
2. It meets the first state at or after the latency. Where it would cross that book it is refused,
   since it may only be posted: a miss. Otherwise it rests in the book from that state on.
3. It is looked at in each later state, with the trades that belong to that state: those that were
   received since the state before. A trade counts that was made after the order came to rest, and
   before its wait was over, by the exchange's own time.
4. It is filled, whole and at its limit, by any of these:

   - a trade at a worse price for it (a buy: below its limit), or a trade at its limit of a taker of
     its own side (a buyer bought there, so that an offer stood at our bid): whoever trades so has
     passed the order by, which cannot be while it rests;
   - the other side's best price at its limit or beyond, in a state before its wait was over;
   - takers of the other side who trade more at its limit than what is *ahead* of it, and at least
     that and its own size.

5. What is ahead of it the tape cannot tell. So there are two bounds, which differ in nothing else:

   - ``"back"``: all that stood at its price when it came to rest. Nobody ahead of it is thought to
     cancel, except where it shows: no more can be ahead than stands at the price in a later state.
     Where a better price hides the level, as much as one likes may be ahead. Trades that the state
     before has seen already take nothing off it. Whatever is filled so was filled in truth, at
     that state or earlier.
   - ``"front"``: nothing. In truth no order is filled earlier.

   These are the queue positions that hftbacktest knows as risk-averse, and as the first in line.
6. When it is not filled in the first state at which its wait is over, it is cancelled: a miss. A
   part of it that was traded by then is left out. After a miss the next decision may come at once.
7. The hold begins with the state at which the fill is known. At the first whole state after the
   hold the position is offered in the same way at the touch of the other side. Where that is
   refused or not filled within the wait, a taker's order is sent from the state that knows it, so
   that no position stays open: it pays the touch, or walks through the levels with its size, and
   the taker's fee. All fills that rested pay the maker's fee.
8. A gap in the book takes the order or the position with it: what became of it is not known.

The bounds are of fills. Which of them earns less depends on the signal: last in the queue, one is
filled where the price went through, but seldom; first in the queue, one is filled more often,
with losses too. Both are shown, and what is judged is the worse one.

References
----------
hftbacktest, "Order fill" and "Queue models" (RiskAdverseQueueModel, NoPartialFillExchange);
Moallemi, Yuan (2016), "A model for queue position valuation in a limit order book".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from obi_widgets.errors import SettingsError
from obi_widgets.kernels.loader import Kernels
from obi_widgets.signals.touch import best_sizes
from obi_widgets.trading import post_only_numpy
from obi_widgets.trading.post_only_numpy import Books, Prints, Rules
from obi_widgets.trading.quotes import quotes_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.declared import Chosen

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

KERNELS = Kernels("obi_widgets.trading.post_only_numba", post_only_numpy)

Queue = Literal["back", "front"]

QUEUES: tuple[Queue, ...] = ("back", "front")
"""The bounds: last in the queue, and first."""


class Decided(NamedTuple):
    """Entries as arrays, an entry each.

    Attributes
    ----------
    side, lost, missed : ndarray of int8 and of bool, shape (N,)
        +1 or −1; whether a gap took it; whether its order was not filled.
    times : ndarray of int64, shape (3, N)
        Of entries, of exits, and of the states that decided the entries; 0 where there is none.
    prices : ndarray of float64, shape (2, N)
        Of entries and of exits; NaN where there is none.
    fees_bps : ndarray of float64, shape (N,)
        Of both sides.
    phase : tuple of int
        Where it stands at the end: one of the phases in `post_only_numpy`; the state that decided
        the order that is out; the side.
    """

    side: NDArray[np.int8]
    times: Ints
    prices: Floats
    lost: NDArray[np.bool_]
    missed: NDArray[np.bool_]
    fees_bps: Floats
    phase: tuple[int, int, int]


def refuse_without_trades(history: History) -> None:
    """Raise a SettingsError for a history in which no trade was ever seen."""
    trades = history.trades
    if trades.streamed and trades.start + len(trades):
        return
    told = "no trade was seen on it so far" if trades.streamed else "its source tells of none"
    raise SettingsError(
        f"Post-only fills are told from the trades of the tape, and {told}.",
        'Set execution="taker", or take a live source or recording with trades.',
    )


def market(history: History, parameters: Chosen, queue: Queue) -> tuple[Books, Prints, Rules]:
    """Return what the kernels take of a history.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        ``latency_ms``, ``wait_seconds`` and ``size`` are used.
    queue : {"back", "front"}
        The bound.
    """
    trades = history.trades
    books = Books(
        history.time, history.bid, history.ask,
        *map(_read_only, (best_sizes(history, +1), best_sizes(history, -1))),
        *map(_read_only, quotes_of(history, parameters.size)[:2]),
    )  # fmt: skip
    prints = Prints(
        history.trade_ends - trades.start, trades.time,
        np.rint(trades.price / history.tick_size), trades.amounts[1].astype(np.int64),
    )  # fmt: skip
    rules = Rules(
        round(parameters.latency_ms * 1e6), round(parameters.wait_seconds * 1e9),
        parameters.size or 0.0, queue == "back", float(history.tick_size),
        10.0**trades.size_decimals,
    )  # fmt: skip
    return books, prints, rules


def _read_only(column: Floats) -> Floats:
    """Return a column that cannot be written to: the kernels are compiled for these alone."""
    column = column.view()
    column.flags.writeable = False
    return column


def decide(
    history: History,
    signal: Floats,
    parameters: Chosen,
    first: int,
    phase: tuple[int, int, int],
    held: tuple[int, float, int],
    queue: Queue,
) -> Decided:
    """Return the entries that are decided from a state on.

    Parameters
    ----------
    history : History
        T states.
    signal : ndarray of float64, shape (T,)
        What the threshold is held against, of all of them.
    parameters : Chosen
        ``threshold``, ``hold_seconds``, the execution and the fees are used.
    first : int
        The first state to decide on.
    phase : tuple of int
        Where it stands before, as `Decided.phase`. An order that is out is followed again from the
        state that decided it.
    held : tuple of int, float and int
        Time and price of the position that is held, and when it was decided; zeros without one.
    queue : {"back", "front"}
        The bound.

    Raises
    ------
    SettingsError
        A history without trades.
    """
    refuse_without_trades(history)
    now, decided, direction = phase
    is_out = now in (post_only_numpy.ENTERING, post_only_numpy.LEAVING)
    begin = min(first, decided) if is_out else first
    part = history[begin:]
    books, prints, rules = market(part, parameters, queue)
    most = len(part) + 1
    side, prices = np.empty(most, np.int8), np.empty((2, most))
    times = np.empty((3, most), np.int64)
    lost, missed, maker = np.empty((3, most), bool)
    times[0, 0], prices[0, 0], times[2, 0] = held
    side[0] = direction
    state = np.array([now, decided - begin, direction], np.int64)
    count = KERNELS.current().scan(
        books, prints, rules, signal[begin:], first - begin, parameters.threshold,
        round(parameters.hold_seconds * 1e9), state, side, times, prices, lost, missed, maker,
    )  # fmt: skip
    exit_fee = np.where(maker[:count], parameters.maker_fee_bps, parameters.fee_bps)
    now, decided, direction = state.tolist()
    return Decided(
        side[:count], times[:, :count], prices[:, :count], lost[:count], missed[:count],
        parameters.maker_fee_bps + exit_fee, (now, decided + begin, direction),
    )  # fmt: skip


class Posted(NamedTuple):
    """What orders came to, each by itself, over H holds.

    Attributes
    ----------
    gross_bps, fees_bps : ndarray of float64, shape (H, N)
        Basis points of the entry price; NaN where the order was not filled, or the exit is not
        known.
    left : ndarray of int64, shape (H, N)
        The state at which the position was left; −1 where it was not.
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
) -> Posted:
    """Return what single orders come to, whatever the others do.

    Parameters
    ----------
    history : History
        T states.
    parameters : Chosen
        The execution and the fees are used.
    rows : ndarray of int64, shape (N,)
        The states that decide them, each with both sides of the book.
    sides : ndarray of int8, shape (N,)
        +1 or −1.
    holds : ndarray of float64, shape (H,)
        Seconds.
    queue : {"back", "front"}
        The bound.
    """
    shape = len(holds), len(rows)
    gross, maker = np.full(shape, np.nan), np.zeros(shape, bool)
    left = np.full(shape, -1, np.int64)
    KERNELS.wait()  # in plain Python it would take minutes
    KERNELS.code.each(
        *market(history, parameters, queue), rows, sides,
        np.round(holds * 1e9).astype(np.int64), gross, maker, left,
    )  # fmt: skip
    exit_fee = np.where(maker, parameters.maker_fee_bps, parameters.fee_bps)
    return Posted(gross, np.where(left < 0, np.nan, parameters.maker_fee_bps + exit_fee), left)
