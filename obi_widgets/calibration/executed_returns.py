"""Returns of entries, each by itself, executed as the settings say."""

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
from obi_widgets.trading.entries import EDGE
from obi_widgets.trading.post_only import each
from obi_widgets.trading.quotes import quotes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.trading.post_only import Queue

    Floats = NDArray[np.float64]


class ExecutedReturns(NamedTuple):
    """Returns of a taker who decides at each state to enter.

    Attributes
    ----------
    long_bps, short_bps : ndarray of float64, shape (H, T)
        Basis points of the entry price, before fees. NaN where the order is not filled, and where
        the return is not known.
    moves : ForwardReturns
        Returns of mid from the state that decides to the state where the position is left.
    """

    long_bps: Floats
    short_bps: Floats
    moves: ForwardReturns


def how_filled(parameters: Parameters) -> str:
    """Return how the settings' orders are filled, as the end of "It assumes that all is filled"."""
    if parameters.price == "mid":
        where = "at mid, which no queue promises"
    elif parameters.size is None:
        where = "at the touch"
    else:
        where = f"through the levels, {parameters.size:g} base units an order"
    if parameters.slippage_bps is not None:
        where += f", up to {parameters.slippage_bps:g} bps beyond the touch at decision"
    if not parameters.latency_ms:
        return f"at once {where}, without latency"
    return f"{where}, after a latency of {parameters.latency_ms:g} ms"


def executed_returns(
    history: History, parameters: Parameters, horizons: ArrayLike
) -> ExecutedReturns:
    """Return what a taker makes who decides at each state, and holds for each horizon.

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
    offered, latency = quotes(history, parameters), round(parameters.latency_ms * 1e6)
    rows = np.arange(states)
    met = np.maximum(np.searchsorted(time, time + latency), rows)
    arrives = met < states
    met = np.minimum(met, states - 1)
    last_lost = np.maximum.accumulate(np.where(history.lost, rows, -1))
    prices = []
    touches = (mid, mid) if parameters.price == "mid" else (history.ask, history.bid)
    cap = np.inf if parameters.slippage_bps is None else (parameters.slippage_bps + EDGE) / 1e4
    sides = zip((+1, -1), offered[:2], offered[2:], touches, strict=True)
    for side, mean, last, wanted in sides:
        within = side * last[met] <= side * (wanted * (1 + side * cap))
        prices.append(np.where(arrives & within, mean[met], np.nan))
    for row in np.flatnonzero(~too_coarse(seconds, history.interval)).tolist():
        due = np.searchsorted(time, time[met] + round(float(seconds[row]) * 1e9))
        known = arrives & (due < states)
        due = np.minimum(due, states - 1)
        left = np.maximum(np.searchsorted(time, time[due] + latency), due)
        known &= left < states
        left = np.minimum(left, states - 1)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            move = 1e4 * (mid[left] / mid - 1.0)
            known &= (last_lost[left] < rows) & ~np.isnan(move) & ~np.isnan(mid[due])
            end[row], bps[row] = np.where(known, left, -1), np.where(known, move, np.nan)
            long[row] = np.where(known, 1e4 * (offered.sell[left] / prices[0] - 1), np.nan)
            short[row] = np.where(known, -1e4 * (offered.buy[left] / prices[1] - 1), np.nan)
    return ExecutedReturns(long, short, ForwardReturns(seconds, end, bps))


class EntryReturns(NamedTuple):
    """Returns of entries.

    Attributes
    ----------
    gross_bps : ndarray of float64, shape (H, T)
        Basis points of the entry price, before fees. NaN without an entry, and where it is not
        filled or its exit is not known.
    fees_bps : ndarray of float64, shape (H, T) or (H,)
        Of both sides: of each entry, or the same for all.
    moves : ForwardReturns
        Returns of mid from each state, entered or not.
    overlap : ndarray of int64, shape (H,)
        The largest number of states that an entry or a move spans.
    """

    gross_bps: Floats
    fees_bps: Floats
    moves: ForwardReturns
    overlap: NDArray[np.int64]


def entry_returns(
    history: History,
    parameters: Parameters,
    x: NDArray[np.int8],
    horizons: ArrayLike,
    queue: Queue = "back",
) -> EntryReturns:
    """Return what entries make that are held for each horizon.

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

    Notes
    -----
    The end of a post-only entry depends on who trades with it. The moves of mid, which tell what
    being long and short at random times makes, end at the first state at or after the horizon.
    """
    if parameters.execution == "taker":
        taken = executed_returns(history, parameters, horizons)
        gross = np.where(x > 0, taken.long_bps, taken.short_bps)
        gross[:, x == 0] = np.nan
        fees = np.full(len(gross), 2 * parameters.fee_bps)
        return EntryReturns(gross, fees, taken.moves, taken.moves.overlap)
    moves = forward_returns(history, horizons, after=True)
    rows = np.flatnonzero((x != 0) & (history.bid < history.ask))
    made = each(history, parameters, rows, x[rows], moves.horizons, queue)
    shape = moves.bps.shape
    gross, fees = np.full(shape, np.nan), np.full(shape, np.nan)
    known = ~too_coarse(moves.horizons, history.interval)[:, None]
    gross[:, rows] = np.where(known, made.gross_bps, np.nan)
    fees[:, rows] = made.fees_bps
    spans = np.max(made.left - rows, axis=1, initial=0)
    return EntryReturns(gross, fees, moves, np.maximum(moves.overlap, spans))
