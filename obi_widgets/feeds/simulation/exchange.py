"""An exchange that serves simulated markets by websocket and HTTP on loopback.

It speaks the protocol of LMEX, so that the code for the real exchange reads it:
`obi_widgets.market_data.venues.lmex`.

Who may read it tells `obi_widgets.feeds.loopback`. A client that does not read, or sends too many
requests, is disconnected; the others are not affected.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from obi_widgets.feeds.loopback import ADDRESS, nothing_here, refuse
from obi_widgets.feeds.simulation.served import FAULTS, Fault, ServedMarket
from obi_widgets.feeds.simulation.subscribers import (
    LARGEST_REQUEST,
    MAX_CONNECTIONS,
    Allowance,
    post,
)
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from obi_widgets.feeds.simulation.simulator import SimulatedMarket

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # do not print refused handshakes in a notebook cell


class SimulatedExchange:
    """Serves markets on 127.0.0.1 while its context is entered, however often it is.

    Parameters
    ----------
    market : SimulatedMarket, optional
        The first market that is served; see `add` for others.
    warmup : float
        Length of the simulated past of that market, seconds. The first client that subscribes gets
        it as fast as it reads, so that a chart does not begin empty.

    Attributes
    ----------
    served : dict of str to ServedMarket
        The markets by symbol.
    """

    def __init__(self, market: SimulatedMarket | None = None, *, warmup: float = 300.0) -> None:
        self.served: dict[str, ServedMarket] = {}
        self._secret = secrets.token_urlsafe(24)
        self._server: Server | None = None
        self._entered = 0
        self._entering = asyncio.Lock()
        self._clocks: dict[str, asyncio.Task[None]] = {}
        if market is not None:
            self.add(market, warmup)

    def add(self, market: SimulatedMarket, warmup: float = 300.0) -> ServedMarket:
        """Serve another market. Its time begins when the context is entered next."""
        served = self.served[market.symbol] = ServedMarket(market, warmup)
        return served

    async def remove(self, symbol: str) -> None:
        """Serve a market no more."""
        del self.served[symbol]
        await self._stop([symbol])

    # -- serving ---------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with self._entering:
            if self._server is None:
                opening = asyncio.ensure_future(self._open())
                try:
                    self._server = await asyncio.shield(opening)
                except asyncio.CancelledError:  # close the socket: asyncio would leave it open
                    (await opening).close()
                    raise
            self._entered += 1
        for symbol, served in self.served.items():
            if symbol not in self._clocks:
                self._clocks[symbol] = asyncio.create_task(served.run(), name="obi-exchange")
        return self

    async def _open(self) -> Server:
        return await serve(
            self._serve_client,
            ADDRESS,
            0,
            process_request=self._process_request,
            compression=None,
            ping_interval=None,
            max_size=LARGEST_REQUEST,
            logger=_log,
        )

    async def __aexit__(self, *_: object) -> None:
        self._entered -= 1
        if self._entered:
            return
        assert self._server is not None
        server, self._server = self._server, None
        await self._stop([*self._clocks])
        server.close()
        await server.wait_closed()

    async def _stop(self, symbols: list[str]) -> None:
        """Stop the time of some markets."""
        for symbol in symbols:
            clock = self._clocks.pop(symbol, None)
            if clock is not None:
                clock.cancel()
                with suppress(asyncio.CancelledError):
                    await clock

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
        return f"{ADDRESS}:{next(iter(self._server.sockets)).getsockname()[1]}"

    def inject(self, fault: Fault) -> None:
        """Inject a fault at the next delta of each market.

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
        for served in self.served.values():
            served.inject(fault)

    def heal(self) -> None:
        """End the silence."""
        for served in self.served.values():
            served.heal()

    # -- connections -----------------------------------------------------------------------

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
            for served in self.served.values():
                served.unsubscribe(connection, which)

    def _handle_request(self, connection: ServerConnection, which: str, request: object) -> None:
        if not isinstance(request, dict):
            raise ValueError("a request is an object")  # noqa: TRY004
        operation, args = request.get("op"), request.get("args")
        if operation not in ("subscribe", "unsubscribe"):
            error = {"code": 1001, "message": "Operation provided is currently not supported"}
            post(connection, json.dumps({"severity": "ERROR", "errors": [{"error": error}]}))
            return
        topics = {str(arg) for arg in args} if isinstance(args, list) else set[str]()
        named = [one for one in self.served.values() if one.topics[which] in topics]
        accepted = [one.topics[which] for one in named]
        post(connection, json.dumps({"event": operation, "channel": accepted}))
        for served in named:
            if operation == "subscribe":
                served.subscribe(connection, which)
            else:
                served.unsubscribe(connection, which)

    # -- HTTP ------------------------------------------------------------------------------

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer HTTP requests and refused handshakes; return None to accept a handshake."""
        if (refused := refuse(connection, request, self._host, self._secret)) is not None:
            return refused
        url = urlsplit(request.path.removeprefix("/").partition("/")[2])
        path = url.path
        if path in ("ws/oss/futures", "ws/futures"):
            assert self._server is not None
            if len(self._server.connections) < MAX_CONNECTIONS:
                return None
            return connection.respond(
                http.HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.\n"
            )
        served = self.served.get(parse_qs(url.query).get("symbol", [""])[0])
        body: object
        if served is None:
            body = []
        elif path.endswith("/market_summary"):
            body = [served.summary()]
        elif path.endswith("/orderbook/L2"):
            body = served.rest_book()
        else:
            return nothing_here(connection)
        return connection.respond(http.HTTPStatus.OK, json.dumps(body))
