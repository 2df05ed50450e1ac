"""What a venue asks of whoever moves its bytes."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from obi_widgets.market_data.events import Event

SECOND = 1_000_000_000
"""Nanoseconds."""

FOREVER = 2**63 - 1
"""A local time that does not come, ns."""

BOOK = "book"
"""The websocket that a venue's book comes by; frames that do not say come from it."""


class Connect(Struct, frozen=True):
    """Keep a websocket to this URL from now on; reconnect when it is lost."""

    socket: str
    url: str


class Reconnect(Struct, frozen=True):
    """Drop this websocket and connect again."""

    socket: str
    reason: str


class Send(Struct, frozen=True):
    """Send this text on this websocket; when it is not connected, don't."""

    socket: str
    text: str


class Fetch(Struct, frozen=True):
    """Ask this URL, after ``delay`` nanoseconds, and hand the answer to `Venue.fetched`.

    With a ``body``, which is JSON, it is sent by POST; without one the URL is asked by GET.
    """

    name: str
    url: str
    delay: int = 0
    body: str = ""


class Ping(Struct, frozen=True):
    """Send a protocol ping on this websocket, and call `Venue.ponged` when it is answered."""

    socket: str


Reply: TypeAlias = Connect | Reconnect | Send | Fetch | Ping
Output: TypeAlias = Event | Reply
