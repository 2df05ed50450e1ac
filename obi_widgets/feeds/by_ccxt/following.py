"""Following a market of an exchange by ccxt: its streams, and what to do when they end."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from obi_widgets.feeds import base
from obi_widgets.feeds.by_ccxt.markets import ccxt_pro, market_of
from obi_widgets.feeds.by_ccxt.troubles import CorruptBookError, Trouble, trouble_of
from obi_widgets.feeds.by_ccxt.venue import CcxtVenue
from obi_widgets.feeds.given.following import GivenFeed
from obi_widgets.feeds.promise import OVERLOOKED
from obi_widgets.market_data.events import Event, Refused, Status

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market

log = logging.getLogger(__name__)

LONGEST_WAIT = 60.0
"""Longest wait between two attempts, seconds."""

STEADY = 10.0
"""Seconds that books must come for the next wait to be the shortest again."""

MOST_BAD = 20
"""Books in a row that cannot be used, after which ccxt must build its book anew."""

CLOSE_WITHIN = 1.5
"""Seconds that an exchange has to close its connections."""


class CcxtFeed(GivenFeed):
    """Gives ccxt's books and trades of one market to a `Market`.

    Parameters
    ----------
    market : Market
        Its venue is a `CcxtVenue`.
    venue : CcxtVenue
        The market at ccxt.
    exchange : str
        ccxt's name of the exchange.
    """

    kind = "live"
    market: Market
    overlooked = OVERLOOKED
    _venue: CcxtVenue

    def __init__(self, market: Market, venue: CcxtVenue, exchange: str) -> None:
        super().__init__(market, venue)
        self._exchange, self._spelling = exchange, venue.symbol
        self._used = 0  # books since the connection
        market.unused = venue.unused
        market.explain(f"Reading the markets of {venue.label}.", "")

    def now(self) -> int:  # noqa: D102
        return time.time_ns()

    def place(self) -> base.Place:  # noqa: D102
        return base.Feed.place(self)

    def _tell(self, *events: Event) -> None:
        with self._lock:
            self.market.handle(events, self.now())

    async def _follow(self) -> tuple[str, str]:
        return await self._until_done(asyncio.create_task(self._watch()))

    async def _watch(self) -> tuple[str, str]:
        """Follow the market through all interruptions; return why it cannot be followed."""
        pause = 0.0
        while True:
            began, self._used = time.monotonic(), 0
            trouble = await self._connect()
            if trouble.state == "closed":
                return trouble.detail, trouble.advice
            steady = self._used and time.monotonic() - began > STEADY
            pause = min(max(trouble.wait, 0 if steady else 2 * pause), LONGEST_WAIT)
            advice = trouble.advice or f"Trying again in {pause:.0f} s."
            self._tell(Status(self.now(), trouble.state, trouble.detail, advice))
            # Random waits: clients must not all come back at once.
            await asyncio.sleep(pause * random.uniform(1.0, 1.5))

    async def _connect(self) -> Trouble:
        """Read the market until an error; return what it means."""
        exchange = getattr(ccxt_pro(), self._exchange)({"aiohttp_trust_env": True})
        try:
            await self._stream(exchange)
        except Exception as raised:
            error = raised
            while isinstance(error, ExceptionGroup):
                error = error.exceptions[0]
            log.debug("ccxt raised an error.", exc_info=error)
            return trouble_of(error, self._venue.label, was_open=self._used > 0)
        finally:
            await self._close(exchange)
        raise AssertionError  # `_stream` ends by an error alone

    async def _close(self, exchange: Any) -> None:  # noqa: ANN401
        try:
            await asyncio.wait_for(exchange.close(), CLOSE_WITHIN)
        except Exception:
            log.debug("%s was not closed.", self._exchange, exc_info=True)

    async def _stream(self, exchange: Any) -> None:  # noqa: ANN401
        venue = self._venue
        await exchange.load_markets()
        found = market_of(exchange, self._spelling, venue.label)
        venue.reconnect()
        waiting = Status(self.now(), "syncing", "Waiting for the first book.")
        self._tell(venue.describe(found), waiting)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_books(exchange, found.symbol))
            if exchange.has.get("watchTrades"):
                group.create_task(self._watch_trades(exchange, found.symbol))

    async def _watch_books(self, exchange: Any, symbol: str) -> None:  # noqa: ANN401
        bad = 0
        while True:
            book = await exchange.watch_order_book(symbol)
            used = self._take(partial(self._venue.whole, book, self.now()))
            self.market.unused = self._venue.unused
            self._used += used
            bad = 0 if used else bad + 1
            if bad >= MOST_BAD:
                raise CorruptBookError(f"{bad} books of ccxt in a row could not be used")
            await asyncio.sleep(0)  # also if ccxt never waits

    async def _watch_trades(self, exchange: Any, symbol: str) -> None:  # noqa: ANN401
        """Read trades. Without them the book is followed all the same."""
        pause = 1.0
        while True:
            try:
                trades = await exchange.watch_trades(symbol)
            except Exception as error:
                log.debug("ccxt gave no trades.", exc_info=error)
                self._tell(Refused(self.now(), f"no trades: {type(error).__name__}"))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_WAIT)
                continue
            pause = 1.0
            self.market.stream_trades()
            with self._lock:
                self.market.handle(self._venue.trades(trades, self.now()), self.now())
            await asyncio.sleep(0)
