"""Live feed of a venue over websockets and HTTP."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidStatus
from websockets.frames import CloseCode

from obi_widgets.errors import RecordingError, SourceError
from obi_widgets.feeds import elapsed
from obi_widgets.feeds.base import TICK, Feed, Place
from obi_widgets.feeds.changeover import Changeover, Lifetime, marked, unmarked
from obi_widgets.feeds.dialling import LARGEST_FRAME, Dialler, text_of
from obi_widgets.feeds.fetching import Fetching
from obi_widgets.feeds.recording import Record, Recorder
from obi_widgets.feeds.requests import Requests
from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues.base import NOTHING_UNSENT
from obi_widgets.market_data.venues.http_answers import explain
from obi_widgets.market_data.venues.replies import (
    Connect,
    Fetch,
    Ping,
    Reconnect,
    Renew,
    Reply,
    Send,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager

    from obi_widgets.feeds.budgets import LimitedConnection
    from obi_widgets.feeds.connections import Connections
    from obi_widgets.feeds.connections.market_socket import MarketSocket
    from obi_widgets.feeds.limits import Wait
    from obi_widgets.feeds.market import Market

log = logging.getLogger(__name__)

REOPEN_AFTER = 1.0
"""Seconds from the loss of a websocket until it is reopened; doubled at each further loss."""

MAX_REOPEN_AFTER = 60.0
"""Longest wait until a websocket is reopened, seconds."""

STEADY = 10.0
"""Seconds that a websocket must last for the next wait to be `REOPEN_AFTER` again."""

LATE_LOOK = 1.0
"""Seconds from one look at the market to the next from which frames may wait to be read."""

CLOCK_STEP = 500_000_000
"""Smallest change of the wall clock against the time that has passed, ns, that counts as a clock
that was set: gradual corrections are far slower."""


class LiveFeed(Feed):
    """Connects to a venue and delivers its frames to a market.

    Parameters
    ----------
    market : Market
        Receives the frames.
    recorder : Recorder, optional
        Records the frames as well.
    connections : Connections, optional
        Websockets that it shares with the other feeds of its event loop. By default it opens its
        own.

    Attributes
    ----------
    connection_ids : mapping of str to str
        The id of each websocket that is open, by its name. A new connection has another id; the
        venue does not know it.
    """

    market: Market

    def __init__(
        self,
        market: Market,
        recorder: Recorder | None = None,
        *,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(market)
        self.recorder = recorder
        # Names of websockets and of requests are `marked` by the number of their decoder.
        self._connections = connections
        self._sockets: dict[str, LimitedConnection | MarketSocket] = {}
        self.connection_ids: Mapping[str, str] = {}
        self._kept_open: dict[str, asyncio.Task[None]] = {}
        self._silent: set[str] = set()  # websockets asked for that have sent nothing yet
        self._turn = 0  # number of the market's decoder
        self._turns = 0  # number of the newest decoder
        self._changeover: Changeover | None = None
        self._lifetime = Lifetime(market.venue.lasts)
        self._tasks: set[asyncio.Task[None]] = set()
        self._proxy: str | None = None
        self._ahead = time.time_ns() - elapsed.monotonic_ns()  # wall clock minus elapsed time

    @property
    def heard_all(self) -> bool:
        """Whether there is a book, and each websocket that the venue asked for has sent a frame."""
        return self.market.has_book and not self._silent

    @property
    def ends_soon(self) -> bool:
        """Whether the venue is about to end a connection, so that new ones should be opened now."""
        return self._lifetime.is_due

    def place(self) -> Place:  # noqa: D102
        venue = self.market.venue
        if venue.urls != dict(venue.endpoints):
            raise SourceError(
                f"{venue.label} is read from other addresses than its own, and a link has none.",
                "Share the call of obi.Lab itself.",
            )
        return super().place()

    def share(self, connections: Connections) -> None:
        """Share websockets with the other feeds of its event loop. Call it before `run`."""
        self._connections = connections

    def now(self) -> int:  # noqa: D102
        return time.time_ns()

    def _now(self) -> int:
        """Return `now`, and report a wall clock that was set. Only for the feed's own thread."""
        now = self.now()
        ahead = now - elapsed.monotonic_ns()
        shift, self._ahead = ahead - self._ahead, ahead
        if abs(shift) > CLOCK_STEP:
            self._deliver(Record(now - shift, "clock", "", "", shift=shift))
        return now

    async def run(self) -> None:  # noqa: D102
        # The environment's proxy is not for a server on this machine.
        venue = self.market.venue
        self._proxy = venue.route.proxy
        if self._proxy is None and venue.urls["rest"].startswith("http://127.0.0.1"):
            self._proxy = ""
        async with (
            Requests(proxy=self._proxy) as requests,
            asyncio.TaskGroup() as self._group,
        ):
            self._fetching = Fetching(requests, self._connections)
            self._carry_out(self.market.start(self._now()))
            was_late = False
            while self.market.state != "closed":
                slept_at = elapsed.monotonic()
                await asyncio.sleep(TICK)
                # After a look that came late, what waits is read before silence is judged.
                was_late = not was_late and elapsed.monotonic() - slept_at > LATE_LOOK
                if not was_late:
                    self._look()
            for task in self._tasks:
                task.cancel()

    def _look(self) -> None:
        """Check timeouts and intervals, and say until when the market's state holds."""
        market = self.market
        market.venue.unsent = self._unsent(self._turn)
        self._carry_out(market.tick(self._now()))
        self._look_at_connections()
        market.vouch(market.venue.silent_at - market.steady_now)

    def _spawn(self, coroutine: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = self._group.create_task(coroutine, name=f"obi-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _carry_out(self, replies: Iterable[Reply], turn: int | None = None) -> None:
        """Start a task for each request of a decoder: of the market's, or of number ``turn``."""
        for request in replies:
            reply = marked(request, self._turn if turn is None else turn)
            match reply:
                case Connect():
                    self._silent.add(reply.socket)
                    task = self._spawn(self._keep_open(reply), reply.socket)
                    self._kept_open[reply.socket] = task
                case Renew():
                    self._lifetime.noticed(reply.socket, reply.within)
                case Send():
                    self._spawn(self._send(reply), "send")
                case Reconnect():
                    self._spawn(self._drop(reply), "drop")
                case Fetch():
                    self._spawn(self._fetch(reply), reply.name)
                case Ping():
                    self._spawn(self._ping(reply), "ping")

    def _deliver(self, record: Record) -> None:
        """Record a record, and apply it to the market."""
        if record.kind == "close":
            self._lifetime.closed(record.name)
        name, turn = unmarked(record.name)
        if self._turns:
            record = record._replace(name=name)
            turn = self._turn if record.kind == "clock" else turn
        if self.recorder is not None:
            with suppress(RecordingError):  # `record` reports Recorder.error and .too_long
                self.recorder.write(record)
        if self._changeover is not None:
            self._deliver_in_changeover(self._changeover, record, turn)
        elif turn == self._turn:
            self._carry_out(record.apply(self.market))

    def _is_plain(self, turn: int) -> bool:
        """Return whether a frame of a decoder's websocket goes to the market and nowhere else."""
        return self.recorder is None and self._changeover is None and turn == self._turn

    def _unsent(self, turn: int) -> frozenset[str]:
        """Return of what the requests of a decoder still wait to be sent."""
        unsent = NOTHING_UNSENT
        for name, socket in self._sockets.items():
            if unmarked(name)[1] == turn:
                unsent |= socket.unsent
        return unsent

    # -- connections that the venue ends ---------------------------------------------------

    def _look_at_connections(self) -> None:
        """Open new connections before the venue ends those in use, and go on with them."""
        change, now = self._changeover, self._now()
        if change is None:
            # A file that is recorded has one connection; a new file has a new one.
            if self.recorder is None and self._lifetime.is_due:
                self._turns += 1
                change = self._changeover = Changeover(self.market, self._turns)
                self._carry_out(change.start(now), change.turn)
            return
        change.venue.unsent = self._unsent(change.turn)
        self._carry_out(change.tick(now), change.turn)
        if change.joined:
            if change.settled:
                self._changeover = None
            return
        heard_all = not any(unmarked(name)[1] == change.turn for name in self._silent)
        if change.is_ready(heard_all=heard_all):
            self._join(change, now)
        elif change.failed:
            log.warning(
                "A new connection to %s is given up: %s.", self.market.venue.label, change.failed
            )
            self._changeover = None
            self._lifetime.failed(change.turn)
            self._end_connections(change.turn)

    def _deliver_in_changeover(self, change: Changeover, record: Record, turn: int) -> None:
        if turn == change.turn and record.kind != "clock":
            self._carry_out(change.newer(record), turn)
        elif turn != self._turn:
            return  # of a connection that is not used any more
        elif record.kind == "close" and change.can_join():
            self._join(change, record.time)  # sooner than was planned
        else:
            self._carry_out(change.older(record))

    def _join(self, change: Changeover, now: int) -> None:
        """Go on with the new connections, and end those before."""
        before, self._turn = self._turn, change.turn
        self._carry_out(change.join(now))
        for name in self._kept_open:
            own, turn = unmarked(name)
            if turn == change.turn and name not in self._sockets:
                self.market.note_lost(own)
        self._lifetime.replaced(change.turn)
        self._end_connections(before)

    def _end_connections(self, turn: int) -> None:
        for name, task in list(self._kept_open.items()):
            if unmarked(name)[1] == turn:
                task.cancel()
                del self._kept_open[name]
                self._silent.discard(name)

    # -- websockets ------------------------------------------------------------------------

    async def _keep_open(self, to: Connect) -> None:
        """Open a websocket, read it, and reopen it whenever it is lost."""
        pause = REOPEN_AFTER
        while True:
            steady = await self._open(to)
            pause = REOPEN_AFTER if steady else pause
            # Random waits: clients must not all come back at once to a venue that was down.
            await asyncio.sleep(min(pause * random.uniform(1.0, 1.5), MAX_REOPEN_AFTER))
            pause = min(2 * pause, MAX_REOPEN_AFTER)

    async def _open(self, to: Connect) -> bool:
        """Open a websocket, and read it until it is lost; return whether it lasted."""
        async with AsyncExitStack() as stack:
            try:
                socket = await stack.enter_async_context(self._websocket(to))
            # Many kinds of error are possible: DNS, certificate, proxy, HTTP status.
            except Exception as error:  # noqa: BLE001
                reason = self._reason(error)
                self._deliver(Record(self._now(), "close", to.socket, reason))
                return False
            return await self._read(to.socket, socket)

    def _websocket(
        self, to: Connect
    ) -> AbstractAsyncContextManager[LimitedConnection | MarketSocket]:
        """Return a websocket to be entered: one of its own, or a part of a shared one."""
        venue = self.market.venue
        dialler = Dialler(venue.budget, self._proxy, venue.route.origin)
        if self._connections is None:
            return dialler.open(to.url, self.tell)
        return self._connections.open(venue, to, dialler, self.tell)

    async def _read(self, name: str, socket: LimitedConnection | MarketSocket) -> bool:
        """Deliver a websocket's frames until it is lost; return whether it lasted `STEADY` s."""
        self._sockets[name] = socket
        self._name_connections()
        self._lifetime.opened(name, socket.connected_at)
        self._deliver(Record(self._now(), "open", name, ""))
        opened, too_large, reason = time.monotonic(), False, "it was closed"
        own, turn = unmarked(name)
        try:
            while True:
                frame = await socket.recv(decode=False)
                self._silent.discard(name)
                if self._is_plain(turn) and frame.isascii():
                    self._carry_out(self.market.receive(frame, self._now(), own))
                else:
                    text = frame.decode("utf-8", "replace")
                    self._deliver(Record(self._now(), "frame", name, text))
                self.messages = self.market.messages
        except ConnectionClosedOK:
            pass
        except ConnectionClosed as error:
            reason = str(error)
            too_large = error.sent is not None and error.sent.code == CloseCode.MESSAGE_TOO_BIG
        finally:
            del self._sockets[name]
            self._name_connections()
        if too_large:
            reason = f"it sent a frame of more than {LARGEST_FRAME // 2**20} MiB"
            now = self._now()
            self._carry_out(self.market.handle([Refused(now, "frame too large", reason)], now))
        self._deliver(Record(self._now(), "close", name, reason))
        return not too_large and time.monotonic() - opened > STEADY

    def _name_connections(self) -> None:
        """Set `connection_ids`, as one new object: other threads read it."""
        self.connection_ids = {
            unmarked(name)[0]: str(socket.id) for name, socket in self._sockets.items()
        }

    def _reason(self, error: Exception) -> str:
        """Return why a websocket could not be opened."""
        if not isinstance(error, InvalidStatus):
            return str(error) or type(error).__name__
        what, advice = explain(self.market.venue.label, error.response.status_code, text_of(error))
        return f"{what} {advice}".removesuffix(".")

    async def _send(self, reply: Send) -> None:
        if (socket := self._sockets.get(reply.socket)) is not None:
            with suppress(ConnectionClosed):  # `_read` reports the loss
                await socket.send(reply.text)

    async def _ping(self, reply: Ping) -> None:
        if (socket := self._sockets.get(reply.socket)) is not None:
            with suppress(ConnectionClosed):
                await (await socket.ping())
                self._deliver(Record(self._now(), "pong", reply.socket, ""))

    async def _drop(self, reply: Reconnect) -> None:
        if (socket := self._sockets.get(reply.socket)) is not None:
            await socket.close(reason="resynchronising")

    # -- HTTP ------------------------------------------------------------------------------

    async def _fetch(self, fetch: Fetch) -> None:
        found = await self._fetching.ask(fetch, self.market.venue, self)
        if found is not None:
            now, (status, body, date) = self._now(), found.answer
            self._deliver(Record(now, "answer", fetch.name, body, status, date, took=found.took))

    def tell(self, wait: Wait) -> None:
        """Show what a request or a new websocket waits for, and for how long."""
        self.market.explain(*wait.words(self.market.venue.label))
