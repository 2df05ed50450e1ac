"""A venue by websockets and HTTP."""

from __future__ import annotations

import asyncio
import math
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.frames import CloseCode

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.base import TICK, Feed
from obi_widgets.feeds.limits import LIMITS
from obi_widgets.feeds.recording import Record, Recorder
from obi_widgets.feeds.requests import Requests
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues.http_answers import explain, limited
from obi_widgets.market_data.venues.replies import Connect, Fetch, Ping, Reconnect, Reply, Send

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.simulation.simulator import SimulatedMarket

LARGEST_FRAME = 15 * 2**20
"""Bytes, decompressed: one venue's first book measured five million, and a recording's line may
have 16 MiB. Written as a text of JSON, which few frames are, some would be longer: the recorder
counts them."""

OPEN_WITHIN = 10.0
"""Seconds for a websocket's handshake."""

REOPEN_AFTER = 1.0
"""Seconds from the loss of a websocket until it is opened again; then twice as many each time."""

REOPEN_WITHIN = 60.0
"""Seconds: the most that they become."""

STEADY = 10.0
"""Seconds that a websocket must have lasted for the wait to be short again."""

STEP = 500_000_000
"""Nanoseconds that the wall clock gains or loses on the monotonic one when it has been set: what
keeps it right is far slower."""


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
        self._queued: set[tuple[str, str, str]] = set()  # what waits for their host
        self._local = False
        self._ahead = time.time_ns() - time.monotonic_ns()  # the wall clock, of the monotonic one

    def now(self) -> int:  # noqa: D102
        return time.time_ns()

    def _now(self) -> int:
        """Return the same, and see whether the clock has been set. For the feed's own thread."""
        now = self.now()
        ahead = now - time.monotonic_ns()
        shift, self._ahead = ahead - self._ahead, ahead
        if abs(shift) > STEP:
            self._tell(Record(now - shift, "clock", "", "", shift=shift))
        return now

    async def run(self) -> None:  # noqa: D102
        # The environment's proxies are not for a server on this machine.
        self._local = self.market.venue.urls["rest"].startswith("http://127.0.0.1")
        async with (
            Requests(self._wait, proxies=not self._local) as self._http,
            asyncio.TaskGroup() as self._group,
        ):
            self._carry(self.market.start(self._now()))
            while self.market.state != "closed":
                await asyncio.sleep(TICK)
                self._carry(self.market.tick(self._now()))
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
                case Ping():
                    self._spawn(self._ping(reply), "ping")

    def _tell(self, record: Record) -> None:
        if self.recorder is not None:
            with suppress(RecordingError):  # its `error` and `too_long` tell whoever records
                self.recorder.write(record)
        self._carry(record.tell(self.market))

    # -- websockets ------------------------------------------------------------------------

    async def _converse(self, to: Connect) -> None:
        """Keep a websocket open."""
        pause = REOPEN_AFTER
        while True:
            sent = await self._http.turn(to.url)
            steady = False
            try:
                socket = await connect(
                    to.url,
                    max_size=LARGEST_FRAME,
                    open_timeout=OPEN_WITHIN,
                    close_timeout=1.0,
                    proxy=None if self._local else True,
                )
            # Of any kind: a name that is not found, a certificate, a proxy, an HTTP status.
            except Exception as error:  # noqa: BLE001
                self._tell(Record(self._now(), "close", to.socket, self._failed(to, error, sent)))
            else:
                LIMITS.note(to.url, 101, {}, "", sent)
                async with socket:
                    steady = await self._read(to.socket, socket)
            pause = REOPEN_AFTER if steady else pause
            # A venue that was down has many who come back: not all at once.
            await asyncio.sleep(min(pause * random.uniform(1.0, 1.5), REOPEN_WITHIN))
            pause = min(2 * pause, REOPEN_WITHIN)

    async def _read(self, name: str, socket: ClientConnection) -> bool:
        """Hand on what a websocket says until it is lost; return whether it lasted."""
        self._sockets[name] = socket
        self._tell(Record(self._now(), "open", name, ""))
        opened, too_large, reason = time.monotonic(), False, "it was closed"
        try:
            while True:
                frame = await socket.recv(decode=False)
                self.messages += 1
                if self.recorder is None and frame.isascii():
                    self._carry(self.market.receive(frame, self._now(), name))
                else:
                    text = frame.decode("utf-8", "replace")
                    self._tell(Record(self._now(), "frame", name, text))
        except ConnectionClosedOK:
            pass
        except ConnectionClosed as error:
            reason = str(error)
            too_large = error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG
        finally:
            del self._sockets[name]
        if too_large:
            reason = f"it sent a frame of more than {LARGEST_FRAME // 2**20} MiB"
            now = self._now()
            self._carry(self.market.handle([Refused(now, "frame too large", reason)], now))
        self._tell(Record(self._now(), "close", name, reason))
        return not too_large and time.monotonic() - opened > STEADY

    def _failed(self, to: Connect, error: Exception, sent: float) -> str:
        """Return why a websocket could not be opened; take note of the limit that it told."""
        if not isinstance(error, InvalidStatus):
            return str(error) or type(error).__name__
        answer = error.response
        body = bytes(answer.body or b"")
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        LIMITS.note(to.url, answer.status_code, headers, body.decode("utf-8", "replace"), sent)
        what, advice = explain(self.market.venue.label, answer.status_code, body)
        return f"{what} {advice}".removesuffix(".")

    async def _send(self, reply: Send) -> None:
        socket = self._sockets.get(reply.socket)
        if socket is not None:
            with suppress(ConnectionClosed):  # its reader tells of it
                await socket.send(reply.text)

    async def _ping(self, reply: Ping) -> None:
        socket = self._sockets.get(reply.socket)
        if socket is not None:
            with suppress(ConnectionClosed):
                await (await socket.ping())
                self._tell(Record(self._now(), "pong", reply.socket, ""))

    async def _drop(self, reply: Reconnect) -> None:
        socket = self._sockets.get(reply.socket)
        if socket is not None:
            await socket.close(reason="resynchronising")

    # -- HTTP ------------------------------------------------------------------------------

    async def _fetch(self, fetch: Fetch) -> None:
        await asyncio.sleep(fetch.delay / 1e9)
        wanted = fetch.name, fetch.url, fetch.body
        if wanted in self._queued:
            return  # the one that waits answers for this one
        self._queued.add(wanted)
        try:
            sent = await self._http.turn(fetch.url)
        finally:
            self._queued.discard(wanted)
        answer = await self._http.ask(fetch.url, sent, fetch.body)
        self._tell(
            Record(self._now(), "answer", fetch.name, answer.body, answer.status, answer.date_ns)
        )

    def _wait(self, left: float, status: int) -> None:
        """Show that a request waits for the limit of its host."""
        seconds = math.ceil(left)
        wait = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60):,} min"
        self.market.explain(
            limited(self.market.venue.label, status), f"The next request goes out in {wait}."
        )


class SimulatorFeed(LiveFeed):
    """The simulated exchange, and the live feed that reads it, in one loop.

    Parameters
    ----------
    market : Market
        Where the frames go; its venue is `obi_widgets.market_data.venues.lmex.Simulated`.
    simulated : SimulatedMarket
        What the exchange serves.
    warmup : float
        Seconds of the past to begin with.
    recorder : Recorder, optional
        Where the frames are recorded too.
    """

    kind = "simulated"

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
