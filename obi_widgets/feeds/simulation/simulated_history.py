"""The history of a simulated market, without an exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import integer, number, text
from obi_widgets.errors import SourceError, quoted
from obi_widgets.feeds.simulation.simulator import LISTINGS, STEP, SimulatedMarket
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade
from obi_widgets.market_data.venues import known_venue
from obi_widgets.market_data.venues.lmex import Simulated

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.feeds.simulation.simulator import Changes
    from obi_widgets.history.columns import History

BEGINNING = 1_767_225_600_000_000_000
"""Event time at which `simulate` begins, ns: 2026-01-01 UTC."""


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
        Length of the history, 1 to 86,400 seconds. An hour takes a few seconds to compute.
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
    writer, book = HistoryWriter(instrument, levels=levels, interval=0), Book()
    prices = Prices(tick)
    trade_id = 0
    steps_per_state = 2
    for step in range(1, round(seconds / STEP) + 1):
        middle = BEGINNING + round((step - 0.5) * STEP * 1e9)
        for trade in market.step():
            trade_id += 1
            price, size = prices[trade.price], trade.size * unit
            writer.tape.trade(Trade(middle, middle, price, size, trade.side, trade_id), middle)
        if step % steps_per_state == 0:
            bids, asks = (prices.levels(market.top(side, levels), unit) for side in (+1, -1))
            book.replace(bids, asks)
            now = BEGINNING + round(step * STEP * 1e9)
            writer.append(now, now, book)
    return writer.history()


class Prices(dict[int, float]):
    """Prices by ticks: most come again and again, and Python rounds slowly."""

    def __init__(self, tick: float) -> None:
        self.tick = tick

    def __missing__(self, ticks: int) -> float:
        price = self[ticks] = round(ticks * self.tick, 9)
        return price

    def levels(self, sizes: Changes, unit: float) -> NDArray[np.float64]:
        """Return prices, and sizes in base units, of levels in ticks and contracts."""
        levels = np.empty((len(sizes), 2))
        levels[:, 0] = [self[ticks] for ticks in sizes]
        levels[:, 1] = [*sizes.values()]
        levels[:, 1] *= unit
        return levels
