"""An exchange that serves a simulated market by websocket and HTTP on loopback.

It speaks the protocol of LMEX, so that the code for the real exchange reads it:
`obi_widgets.market_data.venues.lmex`.

Other users of the machine, and web pages in its browsers, can reach loopback too. So each path
begins with a secret, the ``Host`` header must be the server's own, and a request with an
``Origin`` header is refused, since it comes from a web page. A client that does not read, or sends
too many requests, is disconnected; the others are not affected.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import secrets
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self, get_args
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from obi_widgets.feeds.simulation.simulator import STEP, Changes, SimulatedMarket, SimulatedTrade
from obi_widgets.feeds.simulation.subscribers import (
    LARGEST_REQUEST,
    MAX_CONNECTIONS,
    Allowance,
    post,
    slow,
)
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.http11 import Request, Response

DEPTH = 50
"""Number of levels a side that the exchange publishes."""

MAX_JUMP = 60.0
"""How far the clock may be ahead of the market, seconds, beyond the warm-up. If it is further
ahead, the market's time jumps to it: the computer slept, or its clock was set."""

MAX_READ_WAIT = 1000
"""Number of waits of 1 ms for a slow client, before it is disconnected."""

READ_TURNS = 2
"""Turns of the event loop that a client in the same loop needs to read a frame."""

TRADES_AT_ONCE = 20
"""Number of past trades in the first frame to a client, as at LMEX."""

Fault = Literal["drop", "repeat", "reorder", "cross", "disconnect", "silence", "error", "garbage"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
"""Faults that can be injected: see `SimulatedExchange.inject`."""


_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # do not print refused handshakes in a notebook cell


class SimulatedExchange:
    """Serves one market on 127.0.0.1 while its context is entered.

    Parameters
    ----------
    market : SimulatedMarket
        The market that is served.
    warmup : float
        Length of the simulated past, seconds. The first client that subscribes gets it as fast as
        it reads, so that a chart does not begin empty.
    """

    def __init__(self, market: SimulatedMarket, *, warmup: float = 300.0) -> None:
        self.market = market
        self.warmup = warmup
        self.sequence = 1_000_000
        self._secret = secrets.token_urlsafe(24)
        self._server: Server | None = None
        self._clock: asyncio.Task[None] | None = None
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

    # -- serving ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        opening = asyncio.ensure_future(self._open())
        try:
            self._server = await asyncio.shield(opening)
        except asyncio.CancelledError:  # close the socket: asyncio would leave it open
            (await opening).close()
            raise
        self._clock = asyncio.create_task(self._run(), name="obi-exchange")
        return self

    async def _open(self) -> Server:
        return await serve(
            self._serve_client,
            "127.0.0.1",
            0,
            process_request=self._process_request,
            compression=None,
            ping_interval=None,
            max_size=LARGEST_REQUEST,
            logger=_log,
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
        """Base URLs with the secret, for `obi_widgets.market_data.venues.lmex.Simulated`."""
        base = f"{self._host}/{self._secret}"
        return {
            BOOK: f"ws://{base}/ws/oss/futures",
            TRADES: f"ws://{base}/ws/futures",
            "rest": f"http://{base}/futures",
        }

    @property
    def _host(self) -> str:
        assert self._server is not None
        return f"127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def inject(self, fault: Fault) -> None:
        """Inject a fault at the next delta.

        Parameters
        ----------
        fault : str
            ``drop`` leaves the delta out; ``repeat`` sends it twice; ``reorder`` sends it after
            the next one. In place of the delta, ``cross`` sends a bid above the ask, ``error`` an
            error frame, and ``garbage`` a frame that is not JSON. ``disconnect`` cuts all
            connections; ``silence`` does so too, and until `heal` the exchange then confirms
            subscriptions but sends no data.

        Raises
        ------
        ValueError
            If there is no such fault.
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
        return self._start_time + round(1e3 * STEP * self.market.steps)

    async def _run(self) -> None:
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

    def _connections(self) -> list[ServerConnection]:
        return [*self._subscribers[BOOK], *self._subscribers[TRADES]]

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
        return json.dumps({"topic": self._topic, "data": data}, separators=(",", ":"))

    def _texts(self, levels: Changes) -> list[tuple[str, str]]:
        return [(self._price(price), str(size)) for price, size in levels.items()]

    def _price(self, ticks: int) -> str:
        tick = self.market.listing.tick_size
        decimals = max(0, len(f"{tick:.15f}".rstrip("0").partition(".")[2]))
        return f"{ticks * tick:.{decimals}f}"

    @property
    def _topic(self) -> str:
        return f"update:{self.market.symbol}_0"

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
                return [json.dumps({"severity": "ERROR", "errors": [{"error": error}]})]
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
        return json.dumps({"topic": self._trades_topic, "data": items})

    @property
    def _trades_topic(self) -> str:
        return f"tradeHistoryApiV2:{self.market.symbol}"

    # -- connections -----------------------------------------------------------------------

    def _send(self, which: str, frame: str) -> None:
        for connection in list(self._subscribers[which]):
            post(connection, frame)

    async def _serve_client(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        which = BOOK if connection.request.path.endswith("/oss/futures") else TRADES
        allowance = Allowance()
        try:
            async for message in connection:
                if not allowance.take():
                    await connection.close(1008, "too many requests")
                elif message == "ping":
                    post(connection, "pong")
                else:
                    self._handle_request(connection, which, json.loads(message))
        except (ConnectionClosed, ValueError, RecursionError):
            return  # the client has left, or did not send JSON: close the connection
        finally:
            self._subscribers[which].discard(connection)

    def _handle_request(self, connection: ServerConnection, which: str, request: object) -> None:
        if not isinstance(request, dict):
            raise ValueError("a request is an object")  # noqa: TRY004
        operation, args = request.get("op"), request.get("args")
        topics = [str(arg) for arg in args] if isinstance(args, list) else []
        served = self._topic if which == BOOK else self._trades_topic
        if operation == "unsubscribe":
            self._subscribers[which].discard(connection)
        elif operation != "subscribe":
            error = {"code": 1001, "message": "Operation provided is currently not supported"}
            post(connection, json.dumps({"severity": "ERROR", "errors": [{"error": error}]}))
            return
        accepted = [topic for topic in topics if topic == served]
        post(connection, json.dumps({"event": operation, "channel": accepted}))
        if operation == "subscribe" and accepted and not self._silent:
            self._subscribers[which].add(connection)
            if which == TRADES:
                post(connection, self._trades_frame(list(self._trades)[::-1]))  # the newest first
            else:
                if not self._subscribed.is_set():
                    self._start_time = round((time.time() - self.warmup) * 1e3)
                    self._published, self._published_at = self._window(), self.now
                    self._subscribed.set()
                post(connection, self._book_frame("snapshot", self._published))

    # -- HTTP ------------------------------------------------------------------------------

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer HTTP requests and refused handshakes; return None to accept a handshake."""
        if request.headers.get_all("Origin") or request.headers.get_all("Host") != [self._host]:
            return connection.respond(http.HTTPStatus.FORBIDDEN, "Not for web pages.\n")
        secret, _, target = request.path.removeprefix("/").partition("/")
        given = secret.encode("utf-8", "surrogateescape")
        if not secrets.compare_digest(given, self._secret.encode()):
            return connection.respond(http.HTTPStatus.NOT_FOUND, "There is nothing here.\n")
        url = urlsplit(target)
        path = url.path
        if path in ("ws/oss/futures", "ws/futures"):
            assert self._server is not None
            if len(self._server.connections) < MAX_CONNECTIONS:
                return None
            return connection.respond(
                http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n"
            )
        symbol = parse_qs(url.query).get("symbol", [""])[0]
        listing = self.market.listing
        body: object
        if symbol != self.market.symbol:
            body = []
        elif path.endswith("/market_summary"):
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
        elif path.endswith("/orderbook/L2"):
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
