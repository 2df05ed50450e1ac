"""How the markets of Binance share one websocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct

from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.binance_streams import SHUTDOWN
from obi_widgets.market_data.venues.sharing import (
    HEAD,
    NOBODY,
    Answer,
    Requests,
    Sharing,
    Subscription,
    decoded,
)

if TYPE_CHECKING:
    from collections.abc import Collection

_STREAM = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]+)"')


class BinanceSharing(Sharing):
    """Binance: the streams that a decoder names in a URL are subscribed to by a request instead.

    A decoder hears of no error about its URL, so if such a request is refused, the part of the
    market is closed. A stream that it subscribes to itself, since it was missing, is another
    matter: it reads that answer, and goes on without the stream. It also asks which streams there
    are. The answer lists those of all markets, and goes to all.
    """

    markets = 200  # the venue allows 1,024 streams, and a market has five at most
    together = 100

    def address(self, url: str) -> tuple[str, Subscription | None]:  # noqa: D102
        base, _, streams = url.partition("?streams=")
        return base, Subscription(True, tuple(streams.split("/"))) if streams else None

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        request = decoded(_requests, text)
        if request is None or request.method not in METHODS:
            return None
        return Subscription(request.method == METHODS[0], request.params, BY_DECODER)

    def write(self, asked: Subscription, number: int) -> str:  # noqa: D102
        return messages.operation(METHODS[not asked.on], number, *asked.topics)

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _STREAM.match(frame, 0, HEAD):
            return (found[1].decode(),)
        stream = messages.envelopes.decode(frame).stream
        return (stream,) if stream else ()

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: D102
        said = _answers.decode(frame)
        if said.id is None:
            return Answer(ends=said.e == SHUTDOWN)
        error = said.error or (said if said.code is not None else None)
        if error is None:
            return Answer() if bytes(said.result).startswith(b"[") else NOBODY
        asked = requests.get(said.id)
        if asked is None:  # of the question which streams there are, or of one long ago
            return Answer()
        if asked.group == BY_DECODER:
            return Answer(asked.topics, failed=True)
        return Answer(asked.topics, refused=f"{error.msg} (code {error.code})", failed=True)


METHODS = "SUBSCRIBE", "UNSUBSCRIBE"

BY_DECODER = "by a decoder"
"""The group of the requests that a decoder makes by itself: it reads the answers to them."""


class _Request(Struct):
    method: str
    params: tuple[str, ...] = ()


class _Reason(Struct):
    code: int | None = None
    msg: str = ""


class _Answer(_Reason):
    id: int | None = None
    error: _Reason | None = None
    result: Raw = Raw()
    e: str = ""


_answers = msgspec.json.Decoder(_Answer)
_requests = msgspec.json.Decoder(_Request)
