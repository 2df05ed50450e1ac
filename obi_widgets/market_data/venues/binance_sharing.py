"""How the markets of Binance share one websocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw, Struct

from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.sharing import (
    FIRST_NUMBER,
    HEAD,
    NOBODY,
    Answer,
    Requests,
    Sharing,
    Subscription,
)

if TYPE_CHECKING:
    from collections.abc import Collection

_STREAM = re.compile(rb'\s*\{\s*"stream"\s*:\s*"([^"\\]+)"')


class BinanceSharing(Sharing):
    """Binance: streams that an URL would name are subscribed to by requests instead.

    A decoder reads no answer to a subscription. So if a request is refused, the part of its market
    is closed. It asks which streams there are: a list of all of them tells each market of its own.
    """

    markets = 200  # the venue allows 1,024 streams, and a market has five at most
    together = 100

    def address(self, url: str) -> tuple[str, Subscription | None]:  # noqa: D102
        base, _, streams = url.partition("?streams=")
        return base, Subscription(True, tuple(streams.split("/"))) if streams else None

    def read(self, text: str) -> Subscription | None:  # noqa: ARG002, D102
        return None

    def write(self, asked: Subscription, number: int) -> str:  # noqa: D102
        method = "SUBSCRIBE" if asked.on else "UNSUBSCRIBE"
        fields = {"method": method, "params": asked.topics, "id": number}
        return msgspec.json.encode(fields).decode()

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
        if said.id < FIRST_NUMBER and error is not None:
            return Answer()  # to a decoder's own request
        if error is None:
            return Answer() if bytes(said.result).startswith(b"[") else NOBODY
        why = f"{error.msg} (code {error.code})"
        return Answer(requests.topics(said.id), refused=why, failed=True)


SHUTDOWN = "serverShutdown"
"""The kind of the frame that says that the websocket will be closed."""


class _Reason(Struct):
    code: int | None = None
    msg: str = ""


class _Answer(_Reason):
    id: int | None = None
    error: _Reason | None = None
    result: Raw = Raw()
    e: str = ""


_answers = msgspec.json.Decoder(_Answer)
