"""A venue by websockets and HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, cast

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus

from obi_widgets.feeds.base import TICK, Feed
from obi_widgets.feeds.exchange import SimulatedExchange
from obi_widgets.recording import Record, Recorder
from obi_widgets.venues.base import Connect, Fetch, Reconnect, Reply, Send, explain

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Iterable

    from obi_widgets.feeds.simulator import SimulatedMarket
    from obi_widgets.market import Market

LARGEST_FRAME = 64 * 2**20
"""Bytes: one venue's first book measured five million, and websockets' default is one."""

TIMEOUT = 10.0

REOPEN_AFTER = 1.0
"""Seconds: websockets itself waits only when a connection could not be opened, and a venue that
opens and hangs up at once is not to be flooded either."""


class LiveFeed(Feed):
    """Moves the frames of a venue.

    Parameters
    ----------
    market : Market
        Where they go.
    recorder : Recorder, optional
        Where they are recorded too.
    """

    def __init__(self, market: Market, recorder: Recorder | None = None) -> None:
        super().__init__(market)
        self.recorder = recorder
        self._sockets: dict[str, ClientConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._local = False

    def now(self) -> int:  # noqa: D102
        return time.time_ns()

    async def run(self) -> None:  # noqa: D102
        # The environment's proxies are not for a server on this machine.
        self._local = self.market.venue.urls["rest"].startswith("http://127.0.0.1")
        async with (
            httpx.AsyncClient(timeout=TIMEOUT, trust_env=not self._local) as self._http,
            asyncio.TaskGroup() as self._group,
        ):
            now = self.now()
            self._carry(self.market.handle(self.market.venue.start(now), now))
            while self.market.state != "closed":
                await asyncio.sleep(TICK)
                self._carry(self.market.tick(self.now()))
            for task in self._tasks:
                task.cancel()

    def _spawn(self, what: Coroutine[None, None, None], name: str) -> None:
        task = self._group.create_task(what, name=f"obi-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _carry(self, replies: Iterable[Reply]) -> None:
        """Do what the venue asks for."""
        for reply in replies:
            match reply:
                case Connect():
                    self._spawn(self._converse(reply), reply.socket)
                case Send():
                    self._spawn(self._send(reply), "send")
                case Reconnect():
                    self._spawn(self._drop(reply), "drop")
                case Fetch():
                    self._spawn(self._fetch(reply), reply.name)

    def _tell(self, record: Record) -> None:
        if self.recorder is not None:
            self.recorder.write(record)
        self._carry(record.tell(self.market))

    # -- websockets ------------------------------------------------------------------------

    async def _converse(self, to: Connect) -> None:
        def lost(error: Exception) -> Exception | None:
            """Tell why no connection came about; None: try again, later and later."""
            self._tell(Record(self.now(), "close", to.socket, self._reason(error)))
            return None

        opened = connect(
            to.url,
            max_size=LARGEST_FRAME,
            open_timeout=TIMEOUT,
            close_timeout=1.0,
            process_exception=lost,
            proxy=None if self._local else True,
        )
        # Closed by hand: else a cancelled feed would leave its websocket to the event loop.
        async with aclosing(cast("AsyncGenerator[ClientConnection, None]", aiter(opened))) as each:
            async for socket in each:
                await self._read(to.socket, socket)
                await asyncio.sleep(REOPEN_AFTER)

    async def _read(self, name: str, socket: ClientConnection) -> None:
        """Hand on what a websocket says until it is lost."""
        self._sockets[name] = socket
        self._tell(Record(self.now(), "open", name, ""))
        reason = "it was closed"
        try:
            while True:
                frame = await socket.recv(decode=False)
                self.messages += 1
                if self.recorder is None and frame.isascii():
                    self._carry(self.market.receive(frame, self.now(), name))
                else:
                    text = frame.decode("utf-8", "replace")
                    self._tell(Record(self.now(), "frame", name, text))
        except ConnectionClosedOK:
            pass
        except ConnectionClosed as error:
            reason = self._reason(error)
        finally:
            del self._sockets[name]
        self._tell(Record(self.now(), "close", name, reason))

    def _reason(self, error: Exception) -> str:
        if isinstance(error, InvalidStatus):
            what, advice = explain(
                self.market.venue.label,
                error.response.status_code,
                bytes(error.response.body or b""),
            )
            return f"{what} {advice}".removesuffix(".")
        return str(error) or type(error).__name__

    async def _send(self, reply: Send) -> None:
        socket = self._sockets.get(reply.socket)
        if socket is not None:
            with suppress(ConnectionClosed):  # its reader tells of it
                await socket.send(reply.text)

    async def _drop(self, reply: Reconnect) -> None:
        socket = self._sockets.get(reply.socket)
        if socket is not None:
            await socket.close(reason="resynchronising")

    # -- HTTP ------------------------------------------------------------------------------

    async def _fetch(self, fetch: Fetch) -> None:
        await asyncio.sleep(fetch.delay / 1e9)
        try:
            answer = await self._http.get(fetch.url)
            status, body = answer.status_code, answer.text
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            status, body = 0, str(error) or type(error).__name__
        self._tell(Record(self.now(), "answer", fetch.name, body, status))


class SimulatorFeed(LiveFeed):
    """The simulated exchange, and the live feed that reads it, in one loop.

    Parameters
    ----------
    market : Market
        Where the frames go; its venue is `obi_widgets.venues.lmex.Simulated`.
    simulated : SimulatedMarket
        What the exchange serves.
    warmup : float
        Seconds of the past to begin with.
    recorder : Recorder, optional
        Where the frames are recorded too.
    """

    def __init__(
        self,
        market: Market,
        simulated: SimulatedMarket,
        *,
        warmup: float = 300.0,
        recorder: Recorder | None = None,
    ) -> None:
        super().__init__(market, recorder)
        self.exchange = SimulatedExchange(simulated, warmup=warmup)

    async def run(self) -> None:  # noqa: D102
        async with self.exchange:
            self.market.venue.urls.update(self.exchange.endpoints)
            await super().run()
