"""Limits on the clients of the simulated exchange."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, broadcast

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_REQUEST = 4096
"""Largest frame that a client may send, bytes."""

REQUESTS_AT_ONCE = 200
"""Frames that a client may send in a burst."""

REQUESTS_A_SECOND = 50.0
"""Frames a second that a client may send after the burst."""

BACKLOG = 2**20
"""Largest number of bytes that may wait until a client reads them."""

MAX_CONNECTIONS = 32
"""Largest number of open websockets."""


class Allowance:
    """The number of requests that a connection may still make."""

    def __init__(self) -> None:
        self._left, self._at = float(REQUESTS_AT_ONCE), time.monotonic()

    def take(self) -> bool:
        """Count a request; return whether it is allowed."""
        now = time.monotonic()
        earned = (now - self._at) * REQUESTS_A_SECOND
        self._left, self._at = min(self._left + earned, REQUESTS_AT_ONCE) - 1, now
        return self._left >= 0


def post(connection: ServerConnection, frame: str) -> None:
    """Send a frame without waiting; close a connection that does not read."""
    if _unread(connection) > BACKLOG:
        connection.transport.abort()
    else:
        broadcast([connection], frame)


def slow(connections: Iterable[ServerConnection]) -> list[ServerConnection]:
    """Return the connections with so many unread bytes that they are close to being closed."""
    return [connection for connection in connections if _unread(connection) > BACKLOG // 2]


def _unread(connection: ServerConnection) -> int:
    return connection.transport.get_write_buffer_size()
