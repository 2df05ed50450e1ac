"""A simulated market served in LMEX's own protocol, by a real websocket and HTTP on loopback.

What reads it is the code that reads the real one: `obi_widgets.venues.lmex`.
"""

from __future__ import annotations

import asyncio
import http
import json
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self, get_args
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from obi_widgets.feeds.simulator import STEP, Changes, SimulatedMarket, SimulatedTrade
from obi_widgets.venues.base import BOOK
from obi_widgets.venues.lmex import TRADES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Request, Response

DEPTH = 50
"""Levels a side that the exchange tells of."""

Fault = Literal["drop", "repeat", "reorder", "cross", "disconnect", "silence", "error", "garbage"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""What can be made to go wrong: see `SimulatedExchange.inject`."""


class SimulatedExchange:
    """Serves one market on 127.0.0.1 while its context is entered.

    Parameters
    ----------
    market : SimulatedMarket
        What happens.
    warmup : float
        Seconds of the past to play, as fast as they are read, to whoever subscribes first: so
        that a chart does not begin empty.
    """

    def __init__(self, market: SimulatedMarket, *, warmup: float = 300.0) -> None:
        self.market = market
        self.warmup = warmup
        self.sequence = 1_000_000
        self._server: Server | None = None
        self._clock: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._subscribers: dict[str, set[ServerConnection]] = {BOOK: set(), TRADES: set()}
        self._published: dict[int, Changes] = {}
        self._published_at = 0  # ms, event time
        self._trades: deque[str] = deque(maxlen=20)
        self._trade_id = 0
        self._faults: deque[Fault] = deque()
        self._held: str | None = None
        self._silent = False
        self._origin = 0  # ms, event time of step 0

    # -- serving ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        opening = asyncio.ensure_future(self._open())
        try:
            self._server = await asyncio.shield(opening)
        except asyncio.CancelledError:  # asyncio forgets a socket that it was just opening
            (await opening).close()
            raise
        self._clock = asyncio.create_task(self._run(), name="obi-exchange")
        return self

    async def _open(self) -> Server:
        return await serve(
            self._converse,
            "127.0.0.1",
            0,
            process_request=self._answer,
            compression=None,
            ping_interval=None,
        )

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        assert self._clock is not None
        self._clock.cancel()
        with suppress(asyncio.CancelledError):
            await self._clock
        self._server.close()
        await self._server.wait_closed()

    @property
    def endpoints(self) -> dict[str, str]:
        """Where it is, for `obi_widgets.venues.lmex.Simulated`."""
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return {
            BOOK: f"ws://127.0.0.1:{port}/ws/oss/futures",
            TRADES: f"ws://127.0.0.1:{port}/ws/futures",
            "rest": f"http://127.0.0.1:{port}/futures",
        }

    def inject(self, fault: Fault) -> None:
        """Make something go wrong at the next delta.

        ``drop`` leaves it out, ``repeat`` sends it twice, ``reorder`` sends it after the one that
        follows it, ``cross`` sends a bid above the ask in its place, ``disconnect`` cuts the
        connections, ``silence`` does so too and then acknowledges subscriptions without serving
        them until `heal`, ``error`` sends an error frame, ``garbage`` one that is not JSON.
        """
        if fault not in FAULTS:
            raise ValueError(f"There is no fault {fault!r}. Known are: {', '.join(FAULTS)}.")
        self._faults.append(fault)

    def heal(self) -> None:
        """End the silence."""
        self._silent = False

    @property
    def now(self) -> int:
        """Event time, ms."""
        return self._origin + round(1e3 * STEP * self.market.steps)

    async def _run(self) -> None:
        await self._wanted.wait()
        while True:
            ahead = self.now / 1e3 + STEP - time.time()  # of the step that comes next
            # When behind, let what was sent be read: nothing is told faster than it is heard.
            await asyncio.sleep(max(ahead, 0.0))
            trades = self.market.step()
            if trades:
                await self._publish_trades(trades)
            await self._publish_book()

    # -- the book --------------------------------------------------------------------------

    def _window(self) -> dict[int, Changes]:
        return {side: self.market.top(side, DEPTH) for side in (+1, -1)}

    async def _publish_book(self) -> None:
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
            frames = await self._spoil(self._faults.popleft(), frames[0])
        elif self._held is not None:
            frames.append(self._held)
            self._held = None
        for frame in frames:
            await self._send(BOOK, frame)

    def _book_frame(self, kind: str, levels: Mapping[int, Changes]) -> str:
        # As on the wire: asks worst first in a snapshot, no order in a delta.
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
            "timestamp": self._published_at,  # which the market may be a step ahead of
        }
        return json.dumps({"topic": self._topic, "data": data}, separators=(",", ":"))

    def _texts(self, levels: Changes) -> list[tuple[str, str]]:
        return [(self._price(price), str(size)) for price, size in levels.items()]

    def _price(self, ticks: int) -> str:
        tick = self.market.listing.tick_size
        decimals = max(0, len(f"{tick:.10f}".rstrip("0").partition(".")[2]))
        return f"{ticks * tick:.{decimals}f}"

    @property
    def _topic(self) -> str:
        return f"update:{self.market.symbol}_0"

    async def _spoil(self, fault: Fault, frame: str) -> list[str]:
        match fault:
            case "drop":
                return []
            case "repeat":
                return [frame, frame]
            case "reorder":
                self._held = frame
                return []
            case "cross":
                far = self.market.best[-1] + 1000
                return [self._book_frame("delta", {+1: {far: 1}, -1: {}})]
            case "error":
                error = {"code": 1007, "message": "User buffer is full."}
                return [json.dumps({"severity": "ERROR", "errors": [{"error": error}]})]
            case "garbage":
                return ["<html>502 Bad Gateway</html>"]
            case "disconnect" | "silence":
                self._silent = fault == "silence"
                for connection in [*self._subscribers[BOOK], *self._subscribers[TRADES]]:
                    connection.transport.abort()
                return []

    # -- trades ----------------------------------------------------------------------------

    async def _publish_trades(self, trades: list[SimulatedTrade]) -> None:
        items = []
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
        topic = f"tradeHistoryApiV2:{self.market.symbol}"
        await self._send(TRADES, json.dumps({"topic": topic, "data": items}))

    # -- connections -----------------------------------------------------------------------

    async def _send(self, which: str, frame: str) -> None:
        for connection in list(self._subscribers[which]):
            with suppress(ConnectionClosed):
                await connection.send(frame)

    async def _converse(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        which = BOOK if connection.request.path.endswith("/oss/futures") else TRADES
        try:
            async for message in connection:
                if message == "ping":
                    await connection.send("pong")
                else:
                    await self._operate(connection, which, json.loads(message))
        except (ConnectionClosed, ValueError):
            return  # a client that is gone, or does not speak JSON, is hung up on
        finally:
            self._subscribers[which].discard(connection)

    async def _operate(
        self, connection: ServerConnection, which: str, request: Mapping[str, object]
    ) -> None:
        operation, args = request.get("op"), request.get("args")
        topics = [str(arg) for arg in args] if isinstance(args, list) else []
        served = self._topic if which == BOOK else f"tradeHistoryApiV2:{self.market.symbol}"
        if operation == "unsubscribe":
            self._subscribers[which].discard(connection)
        elif operation != "subscribe":
            error = {"code": 1001, "message": "Operation provided is currently not supported"}
            await connection.send(json.dumps({"severity": "ERROR", "errors": [{"error": error}]}))
            return
        accepted = [topic for topic in topics if topic == served]
        await connection.send(json.dumps({"event": operation, "channel": accepted}))
        if operation == "subscribe" and accepted and not self._silent:
            self._subscribers[which].add(connection)
            if which == BOOK:
                if not self._wanted.is_set():
                    self._origin = round((time.time() - self.warmup) * 1e3)
                    self._published, self._published_at = self._window(), self.now
                    self._wanted.set()
                await connection.send(self._book_frame("snapshot", self._published))

    # -- HTTP ------------------------------------------------------------------------------

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer what is not a websocket's handshake."""
        url = urlsplit(request.path)
        if url.path in ("/ws/oss/futures", "/ws/futures"):
            return None
        symbol = parse_qs(url.query).get("symbol", [""])[0]
        listing = self.market.listing
        body: object
        if symbol != self.market.symbol:
            body = []
        elif url.path.endswith("/market_summary"):
            body = [
                {
                    "symbol": symbol,
                    "base": symbol.partition("-")[0],
                    "quote": "USDT",
                    "contractSize": listing.contract_size,
                    "minPriceIncrement": listing.tick_size,
                    "minSizeIncrement": 1,
                }
            ]
        elif url.path.endswith("/orderbook/L2"):
            window = self._window()
            sides = {
                name: [{"price": p, "size": q} for p, q in self._texts(window[side])]
                for name, side in (("buyQuote", +1), ("sellQuote", -1))
            }
            body = {**sides, "timestamp": self.now, "symbol": symbol}
        else:
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is nothing here.\n")
        return connection.respond(http.HTTPStatus.OK, json.dumps(body))


def _difference(old: Changes, new: Changes) -> Changes:
    """Return the changes that turn one window of levels into another."""
    changes = {price: 0 for price in old if price not in new}
    changes.update((price, size) for price, size in new.items() if old.get(price) != size)
    return changes
