"""The websocket by which other processes read topics, on 127.0.0.1.

Who may read it tells `obi_widgets.feeds.loopback`. Each subscriber has a queue with a bound; one
that does not read fast enough is told so and closed, and the others are not affected.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from obi_widgets.errors import SourceError
from obi_widgets.feeds.loopback import ADDRESS, nothing_here, refuse
from obi_widgets.feeds.simulation.subscribers import LARGEST_REQUEST, Allowance
from obi_widgets.session.serving.subscriptions import answer, greet
from obi_widgets.session.serving.topics import Subscriber

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from obi_widgets.session.serving.topics import Topics

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # do not print refused handshakes

SLOW = 1013, "Too slow: too much waited. Connect again."
BUSY = 1008, "Too many requests."
GOING = 1001

PATIENCE = 30.0
"""Seconds that a client has to read why it is closed, before the connection is cut."""

FAREWELL = 3.0
"""The same when the server ends."""

LOOK_EVERY = 0.01
"""Seconds between two looks at what is left to send then."""


class TopicServer:
    """Serves topics while its context is entered.

    Parameters
    ----------
    topics : Topics
        The topics.
    secret : str
        What the path of the address is.
    port : int
        The port; 0 for any that is free.

    Attributes
    ----------
    farewell : str
        Why the server ends, for those who are subscribed then.
    shed : int
        Number of subscribers that were closed since they were too slow.
    """

    def __init__(self, topics: Topics, secret: str, port: int = 0) -> None:
        self.farewell, self.shed = "The server was ended.", 0
        self._topics, self._secret, self._port = topics, secret, port
        self._server: Server | None = None
        self._open: dict[ServerConnection, Subscriber] = {}

    async def __aenter__(self) -> Self:
        try:
            self._server = await serve(
                self._serve_client, ADDRESS, self._port, process_request=self._process_request,
                compression=None, max_size=LARGEST_REQUEST, close_timeout=FAREWELL,
                logger=_log,
            )  # fmt: skip
        except OSError as error:
            raise SourceError(
                f"Port {self._port} cannot be served: {error.strerror or error}.",
                "Give another one: --port N, or --port 0 for any that is free.",
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        for _look in range(round(FAREWELL / LOOK_EVERY)):
            if not any(one.bytes for one in self._open.values()):
                break
            await asyncio.sleep(LOOK_EVERY)  # what was published before is sent first
        self._server.close(code=GOING, reason=self.farewell)
        closing = asyncio.ensure_future(self._server.wait_closed())
        await asyncio.wait([closing], timeout=FAREWELL)
        for connection in self._open:  # who does not read
            connection.transport.abort()
        await closing

    @property
    def host(self) -> str:
        """Address and port."""
        assert self._server is not None
        return f"{ADDRESS}:{next(iter(self._server.sockets)).getsockname()[1]}"

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a handshake; return None to accept it."""
        if (refused := refuse(connection, request, self.host, self._secret)) is not None:
            return refused
        return None if request.path == f"/{self._secret}" else nothing_here(connection)

    async def _serve_client(self, connection: ServerConnection) -> None:
        woken = asyncio.Event()

        def wake() -> None:
            woken.set()
            if subscriber.shed:
                sending.cancel()  # it may wait for a client that does not read

        subscriber = Subscriber(wake)
        sending = asyncio.create_task(self._send(connection, subscriber, woken))
        reading = asyncio.create_task(self._read(connection, subscriber))
        self._open[connection] = subscriber
        try:
            greet(self._topics, subscriber)
            await asyncio.wait((sending, reading), return_when=asyncio.FIRST_COMPLETED)
            self._topics.leave(subscriber)
            if subscriber.shed:
                self.shed += 1
                await _close(connection, *SLOW)
        finally:
            self._topics.leave(subscriber)
            sending.cancel()
            reading.cancel()
            await asyncio.wait((sending, reading))
            del self._open[connection]
        for task in (sending, reading):
            if not task.cancelled():
                task.result()  # raises what was unexpected

    async def _send(
        self, connection: ServerConnection, subscriber: Subscriber, woken: asyncio.Event
    ) -> None:
        """Send what is put into a queue, until the client has left or the task is cancelled."""
        with suppress(ConnectionClosed):
            while True:
                await woken.wait()
                woken.clear()
                while (message := subscriber.take()) is not None:
                    await connection.send(message, text=True)

    async def _read(self, connection: ServerConnection, subscriber: Subscriber) -> None:
        """Answer requests, until the client has left or sends too many."""
        allowance = Allowance()
        with suppress(ConnectionClosed):
            async for request in connection:
                if not allowance.take():
                    await _close(connection, *BUSY)
                    return
                answer(self._topics, subscriber, request)


async def _close(connection: ServerConnection, code: int, reason: str) -> None:
    """Close a connection with a reason; cut it if that is not read."""
    try:
        async with asyncio.timeout(PATIENCE):
            await connection.close(code, reason)
    except TimeoutError:
        connection.transport.abort()
