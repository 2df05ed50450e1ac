"""The history of a simulated market, without an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.checks import integer, number, text
from obi_widgets.errors import SourceError, quoted
from obi_widgets.feeds.simulation.simulator import LISTINGS, STEP, SimulatedMarket
from obi_widgets.history.grid import on_grid
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.whole_books import WholeBooks
from obi_widgets.market_data.events import Instrument
from obi_widgets.market_data.venues import known_venue
from obi_widgets.market_data.venues.lmex import Simulated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History

    Ints = NDArray[np.int64]

BEGINNING = 1_767_225_600_000_000_000
"""Event time at which `simulate` begins, ns: 2026-01-01 UTC."""

STEPS = 2
"""Steps of the market from one state to the next."""


def simulate(
    source: str = "sim:BTC-PERP",
    *,
    seconds: float = 3600.0,
    edge: float = 1.0,
    seed: int = 0,
    levels: int = 50,
) -> History:
    """Return the history of a simulated market, without running an exchange.

    Parameters
    ----------
    source : str
        ``sim:SYMBOL``.
    seconds : float
        Length of the history, 1 to 86,400 seconds. An hour takes about two seconds to compute.
    edge : float
        Expected move of mid, bps, from when the hidden pressure is +1 until it has faded. The
        pressure makes bids larger than asks, so the imbalance predicts mid. 0: nothing predicts
        mid. The largest possible edge depends on the symbol.
    seed : int
        Seed of the random numbers, 0 to 2**63 − 1. The same seed gives the same history.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.

    Returns
    -------
    History
        Ten states a second, from 2026-01-01 UTC on, and every trade. Times are int64 ns UTC,
        prices are in USDT, sizes in base units. A trade has the time of the middle of its step of
        50 ms.

    Raises
    ------
    SourceError
        If the symbol is not simulated.
    SettingsError
        If a number is out of its range.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> history = obi.simulate(seconds=60, levels=10, seed=1)
    >>> history.levels, history.gaps
    (10, 0)
    """
    return history_of(SimulatedMarket(symbol_of(source), edge=edge, seed=seed), seconds, levels)


def symbol_of(source: str) -> str:
    """Return the symbol of a simulated source.

    Raises
    ------
    SourceError
        If the symbol is not simulated.
    """
    advice = f"Give sim: and one of {', '.join(LISTINGS)}."
    name, _, symbol = text("source", source, advice).partition(":")
    is_simulated = known_venue(name) is Simulated
    symbol = Simulated.own_symbol(symbol) if is_simulated and symbol else ""
    if symbol not in LISTINGS:
        raise SourceError(f"{quoted(source)} is not simulated.", advice)
    return symbol


def history_of(market: SimulatedMarket, seconds: float, levels: int) -> History:
    """Return the history of a market over the next seconds: ten states a second, and every trade.

    Parameters
    ----------
    market : SimulatedMarket
        It advances.
    seconds : float
        1 to 86,400.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.
    """
    seconds = number("seconds", seconds, 1, 86_400, "seconds")
    levels = integer("levels", levels, 1, 1000)
    tick, unit = market.listing.tick_size, market.listing.contract_size
    instrument = Instrument(
        "sim", market.symbol, "Simulator", "USDT", tick_size=tick, contract_size=unit
    )
    steps, trades = round(seconds / STEP), 0
    books = WholeBooks(instrument, levels, steps // STEPS)
    for first in range(1, steps + 1, STEPS * BLOCK):
        last = min(first + STEPS * BLOCK - 1, steps)
        traded, ticks, lots = _recorded(market, first, last, levels)
        step, price, size, side = traded
        trades += len(step)
        ids = np.arange(trades - len(step), trades) + 1
        middle = _time(step - 0.5)
        books.tape.trades.extend(
            np.stack([middle, middle, ids]), on_grid(price.astype(float), tick), side * size * unit
        )
        if len(ticks):
            ends = np.arange(first + STEPS - 1, last + 1, STEPS)
            books.add(_time(ends), ticks, lots)
    return books.history()


def _time(step: NDArray[Any]) -> Ints:
    """Return the event time of a step, ns."""
    return BEGINNING + np.rint(step * STEP * 1e9).astype(np.int64)


def _recorded(
    market: SimulatedMarket, first: int, last: int, levels: int
) -> tuple[Ints, Ints, Ints]:
    """Return what a market does from one step to another.

    Returns
    -------
    trades : ndarray of int64, shape (4, N)
        Step, ticks, contracts, taker's side.
    ticks, lots : ndarray of int64, shape (T, 2, L)
        Prices and contracts of the best levels after every second step; 0 where there is none.
    """
    trades: list[int] = []
    prices: list[int] = []
    sizes: list[int] = []
    counts: list[int] = []
    for step in range(first, last + 1):
        for trade in market.step():
            trades += (step, *trade)
        if step % STEPS == 0:
            for side in (+1, -1):
                best, contracts = market.best_levels(side, levels)
                prices += best
                sizes += contracts
                counts.append(len(best))
    there = np.arange(max(counts, default=0)) < np.array(counts, np.int64).reshape(-1, 2, 1)
    ticks, lots = np.zeros(there.shape, np.int64), np.zeros(there.shape, np.int64)
    for room, values in ((ticks, prices), (lots, sizes)):
        room[there] = np.fromiter(values, np.int64, len(values))
    return np.array(trades, np.int64).reshape(-1, 4).T, ticks, lots
