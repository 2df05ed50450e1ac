"""A simulated market as an exchange publishes it: its book, its trades, and faults.

The frames are those of LMEX; see `obi_widgets.feeds.simulation.exchange`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from obi_widgets.feeds.simulation.simulator import STEP, Changes, SimulatedMarket, SimulatedTrade
from obi_widgets.feeds.simulation.subscribers import post, slow
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.server import ServerConnection

DEPTH = 50
"""Number of levels a side that the exchange publishes."""

MAX_JUMP = 60.0
"""How far the clock may be ahead of the market, seconds, beyond the warm-up. If it is further
ahead, the market's time jumps to it: the computer slept, or its clock was set."""

MAX_READ_WAIT = 1000
"""Number of waits of 1 ms for a slow client, before it is disconnected."""

READ_TURNS = 3
"""Turns of the event loop that a client in the same loop needs to read a frame: one to receive it,
one to give it to a market, and one to read it there."""

TRADES_AT_ONCE = 20
"""Number of past trades in the first frame to a client, as at LMEX."""

Fault = Literal["drop", "repeat", "reorder", "cross", "disconnect", "silence", "error", "garbage"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""Faults that can be injected: see `SimulatedExchange.inject`."""


class ServedMarket:
    """Publishes a simulated market to its subscribers.

    Parameters
    ----------
    market : SimulatedMarket
        The market.
    warmup : float
        Length of the simulated past, seconds. The first client that subscribes gets it as fast as
        it reads.

    Attributes
    ----------
    sequence : int
        Number of the newest change of the book.
    """

    def __init__(self, market: SimulatedMarket, warmup: float) -> None:
        self.market = market
        self.warmup = warmup
        self.sequence = 1_000_000
        self.topics = {
            BOOK: f"update:{market.symbol}_0",
            TRADES: f"tradeHistoryApiV2:{market.symbol}",
        }
        self._subscribed = asyncio.Event()
        self._subscribers: dict[str, set[ServerConnection]] = {BOOK: set(), TRADES: set()}
        self._published: dict[int, Changes] = {}
        self._published_at = 0  # ms, event time
        self._trades: deque[dict[str, object]] = deque(maxlen=TRADES_AT_ONCE)
        self._trade_id = 0
        self._faults: deque[Fault] = deque()
        self._delayed_frame: str | None = None
        self._silent = False
        self._start_time = 0  # ms, event time of step 0
        decimals = len(f"{market.listing.tick_size:.15f}".rstrip("0").partition(".")[2])
        self._price_format = f"%.{decimals}f"

    @property
    def now(self) -> int:
        """Event time, ms."""
        return self._start_time + round(1e3 * STEP * self.market.steps)

    def inject(self, fault: Fault) -> None:
        """Inject a fault at the next delta; see `SimulatedExchange.inject`."""
        self._faults.append(fault)

    def heal(self) -> None:
        """End the silence: clients that have subscribed during it get what there is."""
        if not self._silent:
            return
        self._silent = False
        for which, connections in self._subscribers.items():
            for connection in connections:
                self._begin(connection, which)

    # -- subscribers -----------------------------------------------------------------------

    def subscribe(self, connection: ServerConnection, which: str) -> None:
        """Send a client the book or the trades from now on, beginning with what there is.

        During a silence it is sent nothing, until `heal`.
        """
        self._subscribers[which].add(connection)
        if not self._silent:
            self._begin(connection, which)

    def _begin(self, connection: ServerConnection, which: str) -> None:
        """Send a client what there is."""
        if which == TRADES:
            post(connection, self._trades_frame(list(self._trades)[::-1]))  # the newest first
            return
        if not self._subscribed.is_set():
            self._start_time = round((time.time() - self.warmup) * 1e3)
            self._published, self._published_at = self._window(), self.now
            self._subscribed.set()
        post(connection, self._book_frame("snapshot", self._published))

    def unsubscribe(self, connection: ServerConnection, which: str) -> None:
        """Send a client no more."""
        self._subscribers[which].discard(connection)

    def _connections(self) -> set[ServerConnection]:
        return self._subscribers[BOOK] | self._subscribers[TRADES]

    def _send(self, which: str, frame: str) -> None:
        if self._silent:
            return
        for connection in list(self._subscribers[which]):
            post(connection, frame)

    # -- time ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Let the market go on in real time, from the first subscription on."""
        await self._subscribed.wait()
        while True:
            wait = self.now / 1e3 + STEP - time.time()  # seconds until the next step
            if -wait > self.warmup + MAX_JUMP:
                self._start_time += round(-1e3 * wait)  # skip the time that was missed
            # At most one step: if the clock was set back, do not wait until it has caught up.
            await asyncio.sleep(min(max(wait, 0.0), STEP))
            if wait < 0:
                await self._wait_for_slow_readers()
            trades = self.market.step()
            if trades:
                self._publish_trades(trades)
                await self._yield_to_readers()
            self._publish_book()
            await self._yield_to_readers()

    async def _yield_to_readers(self) -> None:
        """Let a client in this loop read what was sent, so that book and trades stay in order."""
        for _ in range(READ_TURNS):
            await asyncio.sleep(0)

    async def _wait_for_slow_readers(self) -> None:
        """Wait for slow clients, so that the past is sent no faster than they read it."""
        # Count turns instead of time: if the loop was blocked, the clients in it were blocked too.
        for _ in range(MAX_READ_WAIT):
            if not slow(self._connections()):
                return
            await asyncio.sleep(0.001)
        for connection in slow(self._connections()):
            connection.transport.abort()

    # -- the book --------------------------------------------------------------------------

    def _window(self) -> dict[int, Changes]:
        return {side: self.market.top(side, DEPTH) for side in (+1, -1)}

    def _publish_book(self) -> None:
        window = self._window()
        changes = {
            side: _difference(self._published.get(side, {}), window[side]) for side in window
        }
        self._published, self._published_at = window, self.now
        if not changes[+1] and not changes[-1]:
            return
        self.sequence += 1
        frames = [self._book_frame("delta", changes)]
        if self._faults:
            frames = self._frames_with_fault(self._faults.popleft(), frames[0])
        elif self._delayed_frame is not None:
            frames.append(self._delayed_frame)
            self._delayed_frame = None
        for frame in frames:
            self._send(BOOK, frame)

    def _book_frame(self, kind: str, levels: Mapping[int, Changes]) -> str:
        # As at LMEX: the worst ask comes first in a snapshot; a delta has no order.
        sides = {side: self._texts(levels[side]) for side in (+1, -1)}
        if kind == "snapshot":
            sides[-1].reverse()
        data = {
            "bids": sides[+1],
            "asks": sides[-1],
            "seqNum": self.sequence,
            "prevSeqNum": self.sequence - 1,
            "type": kind,
            "symbol": self.market.symbol,
            "timestamp": self._published_at,  # the market may be a step ahead of it
        }
        return _text({"topic": self.topics[BOOK], "data": data})

    def _texts(self, levels: Changes) -> list[tuple[str, str]]:
        tick, price = self.market.listing.tick_size, self._price_format
        return [(price % (ticks * tick), str(size)) for ticks, size in levels.items()]

    def _frames_with_fault(self, fault: Fault, frame: str) -> list[str]:
        match fault:
            case "drop":
                return []
            case "repeat":
                return [frame, frame]
            case "reorder":
                self._delayed_frame = frame
                return []
            case "cross":
                far = self.market.best[-1] + 1000
                return [self._book_frame("delta", {+1: {far: 1}, -1: {}})]
            case "error":
                error = {"code": 1007, "message": "User buffer is full."}
                return [_text({"severity": "ERROR", "errors": [{"error": error}]})]
            case "garbage":
                return ["<html>502 Bad Gateway</html>"]
            case "disconnect" | "silence":
                self._silent = fault == "silence"
                for connection in self._connections():
                    connection.transport.abort()
                return []

    # -- trades ----------------------------------------------------------------------------

    def _publish_trades(self, trades: list[SimulatedTrade]) -> None:
        items: list[dict[str, object]] = []
        for trade in trades:
            self._trade_id += 1
            items.append(
                {
                    "price": trade.price * self.market.listing.tick_size,
                    "size": trade.size,
                    "side": "BUY" if trade.side > 0 else "SELL",
                    "symbol": self.market.symbol,
                    "tradeId": self._trade_id,
                    "timestamp": self.now,
                }
            )
        self._trades += items
        self._send(TRADES, self._trades_frame(items))

    def _trades_frame(self, items: list[dict[str, object]]) -> str:
        return _text({"topic": self.topics[TRADES], "data": items})

    # -- answers by HTTP -------------------------------------------------------------------

    def summary(self) -> dict[str, object]:
        """Return the facts of the instrument."""
        symbol, listing = self.market.symbol, self.market.listing
        return {
            "symbol": symbol,
            "base": symbol.partition("-")[0],
            "quote": "USDT",
            "contractSize": listing.contract_size,
            "minPriceIncrement": listing.tick_size,
            "minSizeIncrement": 1,
        }

    def rest_book(self) -> dict[str, object]:
        """Return the book, which has no sequence number here."""
        window = self._window()
        sides = {
            name: [{"price": p, "size": q} for p, q in self._texts(window[side])]
            for name, side in (("buyQuote", +1), ("sellQuote", -1))
        }
        return {**sides, "timestamp": self.now, "symbol": self.market.symbol}


def _text(data: object) -> str:
    return msgspec.json.encode(data).decode()


def _difference(old: Changes, new: Changes) -> Changes:
    """Return the changes that turn one window of levels into another."""
    changes = {price: 0 for price in old if price not in new}
    changes.update({price: size for price, size in new.items() if old.get(price) != size})
    return changes
