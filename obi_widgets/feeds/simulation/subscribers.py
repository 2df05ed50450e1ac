"""What a server of ours grants those who are connected to it: no more than they read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from websockets.asyncio.server import ServerConnection, broadcast

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_REQUEST = 4096
"""Bytes of a frame that a subscriber sends."""

REQUESTS_AT_ONCE = 200
"""Frames that a subscriber may send in a burst."""

REQUESTS_A_SECOND = 50.0
"""Frames that a subscriber may go on to send."""

BACKLOG = 2**20
"""Bytes that may wait for a subscriber to read them."""

MOST_CONNECTIONS = 32
"""Websockets that are open at a time."""


class Allowance:
    """How many requests a connection may still make."""

    def __init__(self) -> None:
        self._left, self._at = float(REQUESTS_AT_ONCE), time.monotonic()

    def take(self) -> bool:
        """Tell whether one more may be made, and count it."""
        now = time.monotonic()
        earned = (now - self._at) * REQUESTS_A_SECOND
        self._left, self._at = min(self._left + earned, REQUESTS_AT_ONCE) - 1, now
        return self._left >= 0


def post(connection: ServerConnection, frame: str) -> None:
    """Send a frame without waiting; hang up on a connection that does not read."""
    if _unread(connection) > BACKLOG:
        connection.transport.abort()
    else:
        broadcast([connection], frame)


def slow(connections: Iterable[ServerConnection]) -> list[ServerConnection]:
    """Return those that leave much unread, and are soon hung up on."""
    return [one for one in connections if _unread(one) > BACKLOG // 2]


def _unread(connection: ServerConnection) -> int:
    return connection.transport.get_write_buffer_size()
