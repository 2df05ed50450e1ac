"""The requests of a venue, which a feed carries out."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from obi_widgets.market_data.events import Event

SECOND = 1_000_000_000
"""Nanoseconds."""

FOREVER = 2**63 - 1
"""A time that never comes, ns."""

BOOK = "book"
"""Name of the websocket of the book."""


class Connect(Struct, frozen=True):
    """Keep a websocket to this URL open from now on; reconnect when it is lost."""

    socket: str
    url: str


class Reconnect(Struct, frozen=True):
    """Close this websocket, and connect again."""

    socket: str
    reason: str


class Renew(Struct, frozen=True):
    """Replace all websockets by new ones: the venue ends this one within so many nanoseconds."""

    socket: str
    reason: str
    within: int


class Send(Struct, frozen=True):
    """Send this text by this websocket, if it is open."""

    socket: str
    text: str


class Fetch(Struct, frozen=True):
    """Request this URL after ``delay`` nanoseconds, and give the answer to `Venue.fetched`.

    The method is POST if there is a ``body``, which is JSON; otherwise GET. The ``weight`` is what
    it counts in the venue's `Budget`.
    """

    name: str
    url: str
    delay: int = 0
    body: str = ""
    weight: int = 1


class Ping(Struct, frozen=True):
    """Send a ping frame by this websocket, and call `Venue.ponged` when it is answered."""

    socket: str


Reply: TypeAlias = Connect | Reconnect | Renew | Send | Fetch | Ping
Output: TypeAlias = Event | Reply
