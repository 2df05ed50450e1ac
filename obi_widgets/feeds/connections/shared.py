"""A websocket that many markets share.

A market that leaves, or subscribes again, sends that for its own topics alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close, CloseCode

from obi_widgets.feeds.connections.market_socket import MarketSocket
from obi_widgets.feeds.connections.outbox import Outbox
from obi_widgets.feeds.connections.routing import Routing
from obi_widgets.feeds.limits import Wait
from obi_widgets.market_data.venues.base import NOTHING_UNSENT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from obi_widgets.feeds.budgets import LimitedConnection
    from obi_widgets.feeds.limits import Tell
    from obi_widgets.market_data.venues.budget import Rate
    from obi_widgets.market_data.venues.sharing import Sharing, Subscription

log = logging.getLogger(__name__)

STEADY = 10.0
"""Seconds. A market that leaves earlier, or without data, does not come back to the websocket: the
venue may have forgotten it there."""

SILENT = 2.0
"""Seconds of silence after which a market that leaves may have found the websocket dead."""

ANSWER_WITHIN = 5.0
"""Seconds within which a live websocket answers a ping."""

RECENT = 1.0
"""Seconds for which a frame, or the answer to a ping, shows that the websocket is alive."""

STEP = 1.0
"""Longest time between two reports of a wait, seconds."""

RETIRES_AFTER = 20 * 3600.0
"""Age, seconds, from which no market joins a websocket: venues close them after a day."""


class PartClosedError(ConnectionClosedError):
    """The part of a market was closed for a reason of its own."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, None)
        self.reason_given = reason

    def __str__(self) -> str:
        return self.reason_given


class SharedConnection:
    """A websocket and the markets that share it. Belongs to one event loop.

    Parameters
    ----------
    sharing : Sharing
        What the venue says of it.
    rate : Rate
        The messages that the venue takes.
    dial : callable
        Returns a context manager that opens the websocket, and closes it at its end. What it waits
        for is told to all markets.
    ended : callable
        Called when it is lost, or nobody is left.

    Attributes
    ----------
    opened_at : float
        When it was opened, by `time.monotonic`.
    retired : bool
        Whether no market may join it any more.
    """

    def __init__(
        self,
        sharing: Sharing,
        rate: Rate,
        dial: Callable[[Tell], AbstractAsyncContextManager[LimitedConnection]],
        ended: Callable[[SharedConnection], object],
    ) -> None:
        self._sharing = sharing
        self._ended = ended
        self._routing = Routing[MarketSocket](sharing)
        self._outbox = Outbox(sharing, rate)
        self._wake = asyncio.Event()
        self._opened: asyncio.Future[LimitedConnection] = asyncio.get_running_loop().create_future()
        self._left: set[frozenset[str]] = set()  # names of markets that do not come back
        self._check: asyncio.Task[None] | None = None
        self._ping: asyncio.Task[float] | None = None
        self._greeting: bytes | None = None  # what who joins later has to be told
        self.opened_at = self._heard_at = time.monotonic()
        self._next_turn = 0.0  # when one more market may begin, by time.monotonic
        self.retired = False
        self._task = asyncio.create_task(self._run(dial), name="obi-shared")

    # -- markets ---------------------------------------------------------------------------

    @property
    def markets(self) -> int:
        """Number of markets that share it."""
        return len(self._routing.seats)

    @property
    def unclaimed(self) -> int:
        """Number of frames that no market had asked for."""
        return self._routing.unclaimed

    def takes(self, names: frozenset[str]) -> bool:
        """Return whether a market may join: there is room, and none of its names is here."""
        now = time.monotonic()
        if self.retired or now - self.opened_at > RETIRES_AFTER or self._outbox.used_up(now):
            return False
        if self.markets >= self._sharing.markets or names in self._left:
            return False
        return all(names.isdisjoint(seat.names) for seat in self._routing.seats)

    async def join(
        self, names: frozenset[str], first: Subscription | None, tell: Tell
    ) -> MarketSocket:
        """Return the part of a market, once the websocket is open and it is the market's turn.

        Its place is taken at once. If the websocket cannot be opened, the error is raised to all.
        """
        socket = MarketSocket(self, names, tell)
        if self._greeting is not None:
            socket.put(self._greeting)
        self._routing.seats.append(socket)
        try:
            await asyncio.shield(self._opened)
            await self._wait_for_turn(socket)
        except BaseException:
            if socket in self._routing.seats:
                self._routing.seats.remove(socket)
            if not self.markets:
                await self._stop()
            raise
        socket.opened_at = time.monotonic()
        if first is not None:
            self.ask(socket, first)
        return socket

    def unsent(self, socket: MarketSocket) -> frozenset[str]:
        """Return of what a market's requests wait to be sent; see `Venue.unsent`."""
        waiting = self._outbox.waiting
        if not waiting or waiting.isdisjoint(socket.held):
            return NOTHING_UNSENT
        is_book = self._sharing.is_book
        return frozenset(
            "book" if is_book(topic) else "others" for topic in waiting.intersection(socket.held)
        )

    async def _wait_for_turn(self, socket: MarketSocket) -> None:
        """Wait until the book of a market can be subscribed to at once.

        So it is told meanwhile what it waits for, and a recording begins with what the venue sent.
        """
        rate = self._outbox.rate
        turn = max(self._next_turn, time.monotonic() - 1.0)  # those of a second begin together
        self._next_turn = turn + 1.0 / rate
        while (left := turn - time.monotonic()) > 0 and not self._task.done():
            why = f"is sent the subscriptions of {rate:,.0f} books a second"
            socket.tell(Wait(left, why=why, then="This one is asked for"))
            await asyncio.wait([self._task], timeout=min(left, STEP))

    def send(self, socket: MarketSocket, text: str) -> None:
        """Send what a market sends, as soon as the venue's limits allow."""
        asked = self._sharing.read(text)
        if asked is not None:
            self.ask(socket, asked)
        else:
            self._outbox.say(text, time.monotonic())
            self._wake.set()

    def ask(self, socket: MarketSocket, asked: Subscription) -> None:
        """Send a request of a market. If the venue allows no more, the market goes elsewhere."""
        if socket not in self._routing.seats:
            return  # it has ended while it joined
        if asked.on and self._outbox.used_up(time.monotonic()):
            self.retired = True
            self._remove(socket, _closed("many subscriptions"))
        elif (needed := self._routing.subscribe(socket, asked)) is not None:
            self._outbox.ask(needed)
            self._wake.set()

    async def ping(self) -> Awaitable[float]:
        """Send a ping, unless one is under way; return what waits for its answer.

        All markets probe at once when a venue pauses, and it takes few messages a second. So a
        websocket by which something came just now is not pinged: for the one who asks, it is alive.
        """
        if time.monotonic() - self._heard_at < RECENT:
            alive: asyncio.Future[float] = asyncio.get_running_loop().create_future()
            alive.set_result(0.0)
            return alive
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._probe(), name="obi-ping")
            self._ping.add_done_callback(lambda one: one.cancelled() or one.exception())
        return asyncio.shield(self._ping)

    async def _probe(self) -> float:
        latency = await (await (await self._opened).ping())
        self._heard_at = time.monotonic()
        return latency

    async def leave(self, socket: MarketSocket, reason: str) -> None:
        """Take a market out, whose topics are left; close the websocket if it was the last."""
        now = time.monotonic()
        if socket in self._routing.seats:
            if now - socket.opened_at < STEADY or not socket.had_data:
                self._left.add(socket.names)
            self._remove(socket, _closed(reason))
        if not self.markets:
            await self._stop(reason)
        elif now - self._heard_at > SILENT and (self._check is None or self._check.done()):
            self._check = asyncio.create_task(self._check_life(), name="obi-check")

    def _remove(self, socket: MarketSocket, error: ConnectionClosed) -> None:
        for needed in self._routing.leave(socket):
            self._outbox.ask(needed)
        self._wake.set()
        socket.end(error)

    async def _check_life(self) -> None:
        """Close a websocket that does not answer: a market that heard nothing was right."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await (await self.ping())
        except (TimeoutError, ConnectionClosed):
            self.retired = True  # to close it takes a while
            self._task.cancel()

    # -- the websocket ---------------------------------------------------------------------

    async def _run(
        self, dial: Callable[[Tell], AbstractAsyncContextManager[LimitedConnection]]
    ) -> None:
        """Open the websocket, and read it until it is lost or nobody is left."""
        error: ConnectionClosed = PartClosedError("nothing was heard")
        try:
            async with AsyncExitStack() as stack:
                try:
                    socket = await stack.enter_async_context(dial(self._tell))
                except Exception as failure:  # noqa: BLE001 raised to those who wait
                    self._opened.set_exception(failure)
                    self._opened.exception()  # it may be that nobody waits any more
                    return
                self.opened_at = self._heard_at = time.monotonic()
                self._opened.set_result(socket)
                writer = asyncio.create_task(self._write(socket), name="obi-outbox")
                try:
                    while True:
                        frame = await socket.recv(decode=False)
                        self._heard_at = time.monotonic()
                        self._give(frame)
                except ConnectionClosed as closed:
                    error = closed
                except Exception as failure:
                    log.exception("A shared websocket failed.")
                    error = PartClosedError(f"its reader failed: {failure!r}")
                finally:
                    writer.cancel()
                    with suppress(asyncio.CancelledError, ConnectionClosed):
                        await writer
        finally:
            self.retired = True
            self._opened.cancel()
            if self._ping is not None:
                self._ping.cancel()
            self._ended(self)
            while self._routing.seats:
                self._routing.seats.pop().end(error)

    def _tell(self, wait: Wait) -> None:
        """Tell all markets what the websocket waits for."""
        for seat in self._routing.seats:
            seat.tell(wait)

    async def _stop(self, reason: str = "") -> None:
        """Close the websocket, and wait until it is."""
        self.retired = True
        if self._check is not None:
            self._check.cancel()
        opened = self._opened
        try:
            if opened.done() and not opened.cancelled() and opened.exception() is None:
                await opened.result().close(reason=reason)
        finally:  # also if the market is cancelled while the venue does not answer
            self._task.cancel()
        await asyncio.wait([self._task, *([self._check] if self._check else [])])

    def _give(self, frame: bytes) -> None:
        given, answer = self._routing.route(frame, self._outbox.requests)
        if answer is not None:
            if answer.failed:
                self._outbox.apart()
            self.retired |= answer.ends
            if answer.lasts:
                self._greeting = frame
        for seat, text in given:
            if seat not in self._routing.seats:
                continue  # a frame before this one has ended it
            if answer is not None and answer.refused:
                self._left.add(seat.names)
                self._remove(seat, PartClosedError(answer.refused))
            elif not seat.put(text):
                self._remove(seat, PartClosedError("its frames were not read in time"))

    async def _write(self, socket: LimitedConnection) -> None:
        while True:
            text, wait = self._outbox.next(time.monotonic())
            if text:
                await socket.send(text)
                continue
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()


def _closed(reason: str) -> ConnectionClosedOK:
    return ConnectionClosedOK(None, Close(CloseCode.NORMAL_CLOSURE, reason), None)
