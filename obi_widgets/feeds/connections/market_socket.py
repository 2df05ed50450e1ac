"""The part of one market in a websocket that many share, used as if it were a whole one.

What a market has not read yet waits for it, and does not hold up the others.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Protocol

from websockets.frames import CloseCode

from obi_widgets.feeds.connections.routing import Seat

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from websockets.exceptions import ConnectionClosed

    from obi_widgets.feeds.limits import Tell

MOST_WAITING = 64 * 2**20
"""Most bytes that wait for one market. One that has not read so many is closed, and begins anew."""

IN_TURN = 16
"""Frames that a market reads before the others have their turn."""


class Shared(Protocol):
    """What the part of a market needs of the shared websocket."""

    opened_at: float

    def unsent(self, socket: MarketSocket) -> frozenset[str]:
        """Return of what a market's requests wait to be sent; see `Venue.unsent`."""

    def send(self, socket: MarketSocket, text: str) -> None:
        """Send what a market sends, as soon as the venue's limits allow."""

    async def ping(self) -> Awaitable[float]:
        """Send a ping; return what waits for its answer."""

    async def leave(self, socket: MarketSocket, reason: str) -> None:
        """Take a market out."""


class MarketSocket(Seat):
    """The part of one market in a shared websocket. It is used as a `LimitedConnection` is.

    Attributes
    ----------
    id : UUID
        Of this part: a market that joins again gets another.
    opened_at : float
        When the market joined, by `time.monotonic`.
    tell : callable
        Shows what the market waits for.
    """

    def __init__(self, shared: Shared, names: frozenset[str], tell: Tell) -> None:
        super().__init__(names)
        self.tell = tell
        self.id = uuid.uuid4()
        self.opened_at = time.monotonic()
        self._shared = shared
        self._frames: deque[bytes] = deque()
        self._bytes = 0  # of the frames that wait
        self._turn = 0
        self._error: ConnectionClosed | None = None
        self._reader: asyncio.Future[None] | None = None

    @property
    def connected_at(self) -> float:
        """When the websocket itself was opened, by `time.monotonic`: its age counts from then."""
        return self._shared.opened_at

    @property
    def unsent(self) -> frozenset[str]:
        """See `Venue.unsent`."""
        return self._shared.unsent(self)

    async def recv(self, decode: bool | None = None) -> bytes:  # noqa: ARG002
        """Return the next frame; text as bytes too.

        Raises
        ------
        ConnectionClosed
            When the websocket is lost, or this part of it is closed.
        """
        self._turn += 1
        if self._turn % IN_TURN == 0:
            await asyncio.sleep(0)
        while not self._frames:
            if self._error is not None:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    async def send(self, text: str) -> None:
        """Send a text; it may wait for the venue's limits.

        Raises
        ------
        ConnectionClosed
            If this part of the websocket is closed.
        """
        if self._error is not None:
            raise self._error
        self._shared.send(self, text)

    async def ping(self) -> Awaitable[float]:
        """Send a ping; return what waits for its answer."""
        if self._error is not None:
            raise self._error
        return await self._shared.ping()

    async def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:  # noqa: ARG002
        """Close this part of the websocket; the others stay."""
        await self._shared.leave(self, reason)

    def put(self, frame: bytes) -> bool:
        """Add a frame; return whether there was room."""
        self._bytes += len(frame)
        if self._bytes > MOST_WAITING:
            return False
        self._frames.append(frame)
        self._notify()
        return True

    def end(self, error: ConnectionClosed) -> None:
        """Let the reader have this error after the frames that wait."""
        if self._error is None:
            self._error = error
        self._notify()

    def _notify(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
