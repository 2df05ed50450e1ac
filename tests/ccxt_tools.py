"""An exchange of ccxt that is made up, at ccxt's own classes of books."""

from __future__ import annotations

import asyncio
import time

import numpy as np
from ccxt.async_support.base.ws.order_book import OrderBook
from ccxt.base.errors import BadSymbol

LEVELS = 8
TICK = 0.5


def market(symbol, **more):
    """Return how ccxt describes a market."""
    pair, _, settled = symbol.partition(":")
    base, quote = pair.split("/")
    facts = {
        "symbol": symbol, "id": pair.replace("/", ""), "base": base, "quote": quote,
        "spot": not settled, "contract": bool(settled), "linear": settled == quote,
        "inverse": settled == base, "contractSize": None, "precision": {"price": TICK},
    }  # fmt: skip
    return facts | more


class FakeExchange:
    """An exchange whose book changes in place, as ccxt's do.

    Subclass attributes say what it does.

    Attributes
    ----------
    script : list
        What each further call of `watch_order_book` does: an error is raised, a callable changes
        the book. After the last the call waits for more.
    taped : list
        What each call of `watch_trades` gives, or raises.
    made : list
        Every exchange that was made of the class.
    """

    name = "Fake"
    precisionMode = 4  # noqa: N815 as in ccxt
    has = {"watchOrderBook": True, "watchTrades": True}  # noqa: RUF012
    listed = (market("BTC/USDT"), market("ETH/USDT"))
    book_class = OrderBook
    script: list = []  # noqa: RUF012
    taped: list = []  # noqa: RUF012
    made: list = []  # noqa: RUF012

    def __init__(self, config=None):
        self.markets, self.markets_by_id, self.closed = {}, {}, False
        self.book = self.book_class({"symbol": "BTC/USDT"}, 1000)
        self.made.append(self)

    async def load_markets(self):
        self.markets = {one["symbol"]: one for one in self.listed}
        for one in self.listed:
            self.markets_by_id.setdefault(one["id"], []).append(one)
        return self.markets

    async def watch_order_book(self, symbol, limit=None):
        if symbol not in self.markets:
            raise BadSymbol(symbol)
        while not self.script:  # noqa: ASYNC110 it is filled by another thread
            await asyncio.sleep(0.01)
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        step(self.book)
        return self.book.limit()

    async def watch_trades(self, symbol):
        while not self.taped:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        step = self.taped.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self):
        self.closed = True


def fake(monkeypatch, **what):
    """Make ccxt know an exchange named ``fake``; return its class."""
    import ccxt.pro

    own = {"script": [], "taped": [], "made": []} | what
    made = type("Fake", (FakeExchange,), own)
    monkeypatch.setattr(ccxt.pro, "fake", made, raising=False)
    monkeypatch.setattr(ccxt.pro, "exchanges", [*ccxt.pro.exchanges, "fake"])
    return made


def ms_ago(seconds):
    """Return the wall-clock time of some seconds ago, ms."""
    return int(time.time() * 1000) - round(1000 * seconds)


def sides_at(step, *, mid=1000.0):
    """Return both sides of a book that differs from step to step, best first."""
    draw = np.random.default_rng(step)
    mid += TICK * (step % 5)
    return [
        [[mid + TICK * sign * (n + 1), float(draw.integers(1, 50))] for n in range(LEVELS)]
        for sign in (-1, +1)
    ]


def change(step, ms, **how):
    """Return what turns ccxt's book into that of a step, level by level and in place."""

    def apply(book):
        for side, levels in zip(("bids", "asks"), sides_at(step, **how), strict=True):
            kept = {price for price, _ in levels}
            for price in [level[0] for level in book[side] if level[0] not in kept]:
                book[side].store(price, 0)
            for price, size in levels:
                book[side].store(price, size)
        book["timestamp"] = ms

    return apply


def steps(count, *, since=None, every=100, **how):
    """Return so many changes of the book, and their event times in ms."""
    since = ms_ago(60) if since is None else since
    times = [since + every * step for step in range(count)]
    return [change(step, ms, **how) for step, ms in enumerate(times)], times
