"""Returns of single entries, each independent of the others, executed as the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.calibration.forward_returns import (
    ForwardReturns,
    as_horizons,
    forward_returns,
    too_coarse,
    touch_returns,
)
from obi_widgets.trading.declared import at_once
from obi_widgets.trading.entries import EDGE, KERNELS
from obi_widgets.trading.exits import NONE
from obi_widgets.trading.post_only import each, with_known_trades
from obi_widgets.trading.quotes import quotes
from obi_widgets.trading.sizing import NO_GRADES, sized

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.exits import Exits
    from obi_widgets.trading.post_only import Queue
    from obi_widgets.trading.quotes import Quotes

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int32]


class ExecutedReturns(NamedTuple):
    """Returns of a taker's entries: one at each state, long and short.

    Attributes
    ----------
    long_bps, short_bps : ndarray of float64, shape (H, T)
        Basis points of the entry price, before fees. NaN if the order is not filled or the return
        is unknown.
    moves : ForwardReturns
        Returns of mid from the state of the decision to the state of the exit.
    """

    long_bps: Floats
    short_bps: Floats
    moves: ForwardReturns


class _Orders(NamedTuple):
    """A taker's order of each state.

    Attributes
    ----------
    offered : Quotes
        What orders pay and get in each state, by grade.
    grades : ndarray of int8, shape (T,)
        Which of these an order has that is decided at a state: 0 if all have the same.
    arrival : ndarray of int64, shape (T,)
        The state at which the order arrives; T for nowhere.
    prices : tuple of ndarray of float64, shape (T,)
        Price of a long and of a short entry; NaN where the order is not filled.
    """

    offered: Quotes
    grades: NDArray[np.int8]
    arrival: NDArray[np.int64]
    prices: tuple[Floats, Floats]


def how_filled(parameters: Parameters) -> str:
    """Return how the settings' orders are filled, as the end of "It assumes that all is filled"."""
    if parameters.price == "mid":
        where = "at mid, where no order is sure to be filled"
    elif parameters.size is None:
        where = "at the touch"
    else:
        where = f"through the levels, {parameters.size:g} base units an order"
        where += ", less where the signal is weaker" * sized(parameters)
    if parameters.slippage_bps is not None:
        where += f", up to {parameters.slippage_bps:g} bps beyond the touch at decision"
    if not parameters.latency_ms:
        return f"at once {where}, without latency"
    return f"{where}, after a latency of {parameters.latency_ms:g} ms"


def executed_returns(
    history: History,
    parameters: Parameters,
    horizons: ArrayLike,
    grades: NDArray[np.int8] = NO_GRADES,
    orders: _Orders | None = None,
) -> ExecutedReturns:
    """Return the returns of a taker who enters at each state, for each horizon as the hold.

    Parameters
    ----------
    history : History
        T states.
    parameters : Parameters
        ``price``, ``latency_ms``, ``slippage_bps`` and ``size`` are used, as by
        `obi_widgets.entries`: the hold begins with the entry, and its end is decided at the first
        state at or after it.
    horizons : array_like of float, shape (H,)
        Seconds.
    grades : ndarray of int8, shape (T,) or (0,)
        How strong the signal is in each state, if the size depends on it.
    orders : _Orders, optional
        What `_orders_of` returns, if that is known already.
    """
    if at_once(parameters):
        touch = touch_returns(history, horizons)
        if parameters.price == "touch":
            return ExecutedReturns(touch.long_bps, touch.short_bps, touch.moves)
        return ExecutedReturns(touch.moves.bps, -touch.moves.bps, touch.moves)
    seconds, time, mid = as_horizons(horizons), history.time, history.mid
    shape, states = (len(seconds), len(history)), len(history)
    end = np.full(shape, -1, np.int32)
    bps, long, short = (np.full(shape, np.nan) for _ in range(3))
    offered, own, arrival, prices = orders or _orders_of(history, parameters, grades)
    rows, latency = np.arange(states), round(parameters.latency_ms * 1e6)
    arrives = arrival < states
    arrival = np.minimum(arrival, states - 1)
    last_lost = np.maximum.accumulate(np.where(history.lost, rows, -1))
    for row in np.flatnonzero(~too_coarse(seconds, history.interval)).tolist():
        hold_end = np.searchsorted(time, time[arrival] + round(float(seconds[row]) * 1e9))
        known = arrives & (hold_end < states)
        hold_end = np.minimum(hold_end, states - 1)
        exit_row = np.maximum(np.searchsorted(time, time[hold_end] + latency), hold_end)
        known &= exit_row < states
        exit_row = np.minimum(exit_row, states - 1)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            move = 1e4 * (mid[exit_row] / mid - 1.0)
            known &= (last_lost[exit_row] < rows) & ~np.isnan(move) & ~np.isnan(mid[hold_end])
            end[row], bps[row] = np.where(known, exit_row, -1), np.where(known, move, np.nan)
            sold, bought = offered.sell[own, exit_row], offered.buy[own, exit_row]
            long[row] = np.where(known, 1e4 * (sold / prices[0] - 1), np.nan)
            short[row] = np.where(known, -1e4 * (bought / prices[1] - 1), np.nan)
    return ExecutedReturns(long, short, ForwardReturns(seconds, end, bps))


def _orders_of(history: History, parameters: Parameters, grades: NDArray[np.int8]) -> _Orders:
    """Return the order that a taker would send at each state."""
    time, mid, states = history.time, history.mid, len(history)
    offered, latency = quotes(history, parameters), round(parameters.latency_ms * 1e6)
    arrival = np.maximum(np.searchsorted(time, time + latency), np.arange(states))
    arrives, met = arrival < states, np.minimum(arrival, states - 1)
    own = grades if len(grades) and len(offered.buy) > 1 else np.zeros(states, np.int8)
    prices = []
    prices_now = (mid, mid) if parameters.price == "mid" else (history.ask, history.bid)
    cap = np.inf if parameters.slippage_bps is None else (parameters.slippage_bps + EDGE) / 1e4
    sides = zip((+1, -1), offered[:2], offered[2:], prices_now, strict=True)
    for side, mean, last, price_now in sides:
        within = side * last[own, met] <= side * (price_now * (1 + side * cap))
        prices.append(np.where(arrives & within, mean[own, met], np.nan))
    return _Orders(offered, own, arrival, (prices[0], prices[1]))


def _left_early(
    history: History,
    parameters: Parameters,
    x: NDArray[np.int8],
    horizons: Floats,
    exits: Exits,
    grades: NDArray[np.int8],
    orders: _Orders,
) -> tuple[Floats, Rows]:
    """Return the gross returns of a taker's entries with exits, and the rows where they end."""
    time, states = history.time, len(history)
    gross = np.full((len(horizons), states), np.nan)
    ends = np.full(gross.shape, -1, np.int32)
    offered, own, arrival, prices = orders
    latency = round(parameters.latency_ms * 1e6)
    price = np.where(x > 0, *prices)
    rows = np.flatnonzero((x != 0) & (history.bid < history.ask) & ~np.isnan(price))
    if not len(rows):
        return gross, ends
    sides, price, met = x[rows], price[rows], arrival[rows].astype(np.int64)
    # A state after the last stands for none.
    whole = np.append(np.where(history.bid < history.ask, np.arange(states), states), states)
    whole = np.minimum.accumulate(whole[::-1])[::-1]
    lost = np.append(history.lost, False)
    lost_before = np.append(0, np.cumsum(lost))
    nowhere = np.full((len(offered.buy), 1), np.nan)
    got = [np.append(one, nowhere, axis=1) for one in (offered.sell, offered.buy)]
    own, grade = own[rows], grades[rows] if len(grades) else np.zeros(len(rows), np.int8)
    longest = np.searchsorted(time, time[met] + round(float(horizons[-1]) * 1e9))
    left = np.empty(len(rows), np.int64)
    KERNELS.current().first_exits(
        history.bid, history.ask, offered.buy, offered.sell, parameters.price == "mid", exits,
        met, sides, price, np.minimum(longest, states - 1), grade, left,
    )  # fmt: skip
    for h in np.flatnonzero(~too_coarse(horizons, history.interval)).tolist():
        due = whole[np.searchsorted(time, time[met] + round(float(horizons[h]) * 1e9))]
        decided = np.where((left >= 0) & (left < due), left, due)
        when = time[np.minimum(decided, states - 1)] + latency
        end = np.where(decided < states, np.maximum(np.searchsorted(time, when), decided), states)
        end = whole[end]
        known = (end < states) & (lost_before[end + 1] == lost_before[rows])
        out = np.where(sides > 0, got[0][own, end], got[1][own, end])
        gross[h, rows] = np.where(known, sides * 1e4 * (out / price - 1), np.nan)
        ends[h, rows] = np.where(known, end, -1)
    return gross, ends


def _at_once(
    history: History, parameters: Parameters, x: NDArray[np.int8], moves: ForwardReturns
) -> Floats:
    """Return the gross returns of entries that are filled at once, as `executed_returns` has them.

    Those of states without an entry are never computed, which saves memory.
    """
    gross = np.full(moves.bps.shape, np.nan)
    entered = np.flatnonzero(x)
    for row, end in enumerate(moves.end):
        rows = entered[end[entered] >= 0]
        long = x[rows] > 0
        if parameters.price == "mid":
            gross[row, rows] = np.where(long, moves.bps[row, rows], -moves.bps[row, rows])
            continue
        left = end[rows]
        paid = np.where(long, history.ask[rows], history.bid[rows])
        got = np.where(long, history.bid[left], history.ask[left])
        gross[row, rows] = np.where(long, 1e4, -1e4) * (got / paid - 1)
    return gross


class EntryReturns(NamedTuple):
    """Returns of entries.

    Attributes
    ----------
    gross_bps : ndarray of float64, shape (H, T)
        Basis points of the entry price, before fees. NaN without an entry, or if it is not filled
        or its exit is unknown.
    fees_bps : ndarray of float64, shape (H, T) or (H,)
        Fees of both sides, for each entry, or one value if all entries pay the same.
    moves : ForwardReturns
        Returns of mid from every state, with or without an entry.
    ends : ndarray of int32, shape (H, T)
        Row where each entry ends; −1 without an entry, or if its exit is unknown. Of orders whose
        exits are their holds, the row where the move of mid ends.
    """

    gross_bps: Floats
    fees_bps: Floats
    moves: ForwardReturns
    ends: Rows


def entry_returns(
    history: History,
    parameters: Parameters,
    x: NDArray[np.int8],
    horizons: ArrayLike,
    queue: Queue = "back",
    exits: Exits = NONE,
    grades: NDArray[np.int8] = NO_GRADES,
) -> EntryReturns:
    """Return the returns of entries, for each horizon as the hold.

    Parameters
    ----------
    history : History
        T states.
    parameters : Parameters
        The execution and the fees are used.
    x : ndarray of int8, shape (T,)
        Entries: +1 buys, −1 sells, 0 is none.
    horizons : array_like of float, shape (H,)
        Seconds.
    queue : {"back", "front"}
        Which bound of post-only fills.
    exits : Exits
        What ends a position before its hold is over.
    grades : ndarray of int8, shape (T,) or (0,)
        How strong the signal is in each state, see `obi_widgets.trading.sizing`; empty if nothing
        depends on it.

    Notes
    -----
    When an entry ends that is post-only, or may be left early, depends on what follows. The returns
    of mid, which give the gain of being long or short at random times, end at the first state at or
    after the horizon.
    """
    if parameters.execution == "taker":
        fees = np.full(len(as_horizons(horizons)), 2 * parameters.fee_bps)
        if len(exits.long):
            orders = _orders_of(history, parameters, grades)
            moves = executed_returns(history, parameters, horizons, grades, orders).moves
            gross, ends = _left_early(history, parameters, x, moves.horizons, exits, grades, orders)
            return EntryReturns(gross, fees, moves, ends)
        if at_once(parameters):
            moves = forward_returns(history, horizons, after=True)
            return EntryReturns(_at_once(history, parameters, x, moves), fees, moves, moves.end)
        taken = executed_returns(history, parameters, horizons, grades)
        gross = np.where(x > 0, taken.long_bps, taken.short_bps)
        gross[:, x == 0] = np.nan
        return EntryReturns(gross, fees, taken.moves, taken.moves.end)
    history = with_known_trades(history)
    moves = forward_returns(history, horizons, after=True)
    rows = np.flatnonzero((x != 0) & (history.bid < history.ask))
    mine = grades[rows] if len(grades) else grades
    made = each(history, parameters, rows, x[rows], moves.horizons, queue, exits, mine)
    shape = moves.bps.shape
    gross, fees = np.full(shape, np.nan), np.full(shape, np.nan)
    known = ~too_coarse(moves.horizons, history.interval)[:, None]
    gross[:, rows] = np.where(known, made.gross_bps, np.nan)
    fees[:, rows] = made.fees_bps
    ends = moves.end
    if len(exits.long):
        ends = np.full(shape, -1, np.int32)
        ends[:, rows] = made.left
    return EntryReturns(gross, fees, moves, ends)
