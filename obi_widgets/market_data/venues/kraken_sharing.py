"""How Kraken's markets share one websocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues import kraken_messages as messages
from obi_widgets.market_data.venues.sharing import (
    HEAD,
    Answer,
    Requests,
    Sharing,
    Subscription,
    decoded,
    distinct,
)

if TYPE_CHECKING:
    from collections.abc import Collection

CHANNELS = "book", "trade"

_CHANNEL = re.compile(rb'\s*\{\s*"channel"\s*:\s*"([^"\\]+)"')
_PAIR = re.compile(r"[A-Z0-9.]+/[A-Z0-9.]+")
_SYMBOL = re.compile(rb'"symbol"\s*:\s*"([^"\\]+)"')


class KrakenSharing(Sharing):
    """Kraken: each symbol of a request is answered by itself.

    A request keeps the number that a decoder gave it, since that is how the decoder knows what is
    answered. Those of all markets have the same.
    """

    markets = 100  # the venue names no limit
    together = 50
    books = "book:"

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        request = decoded(_requests, text)
        if request is None or request.method not in ("subscribe", "unsubscribe"):
            return None
        others = dict(request.params)
        symbols, channel = others.pop("symbol", ()), others.get("channel", "")
        group = msgspec.json.encode([others, request.req_id]).decode()
        topics = tuple(f"{channel}:{symbol}" for symbol in symbols)
        return Subscription(request.method == "subscribe", topics, group)

    def write(self, asked: Subscription, number: int) -> str:  # noqa: ARG002, D102
        parameters, own = msgspec.json.decode(asked.group)
        if not asked.on:
            parameters.pop("snapshot", None)  # which only a subscription has
        parameters["symbol"] = [topic.partition(":")[2] for topic in asked.topics]
        method = "subscribe" if asked.on else "unsubscribe"
        fields = {"method": method, "params": parameters}
        if own is not None:
            fields["req_id"] = own
        return msgspec.json.encode(fields).decode()

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _CHANNEL.match(frame):
            channel = found[1].decode()
        else:
            channel = messages.frames.decode(frame).channel
        if channel == "book":  # a frame has one book, whose symbol comes first
            symbol = _SYMBOL.search(frame, 0, HEAD)
            names = [symbol[1].decode()] if symbol else []
        elif channel == "trade":
            names = distinct(_SYMBOL.findall(frame))
        else:
            return ()
        names = names or [messages.symbol_of(frame)]  # it may be spelt in another way
        return [f"{channel}:{name}" for name in names if name]

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: ARG002, D102
        said = _answers.decode(frame)
        if said.channel == "status":  # whether the venue is online
            return Answer(lasts=True)
        if said.method not in ("subscribe", "unsubscribe"):
            return Answer()
        symbol = said.symbol or said.result.symbol
        if not symbol and (named := _PAIR.search(said.error)):
            symbol = named[0]
        return Answer([f"{channel}:{symbol}" for channel in CHANNELS] if symbol else None)


class _Result(Struct, frozen=True):
    symbol: str = ""


class _Answer(Struct):
    channel: str = ""
    method: str = ""
    error: str = ""
    symbol: str = ""
    result: _Result = _Result()


class _Request(Struct):
    method: str
    params: dict[str, Any] = {}
    req_id: int | None = None


_answers = msgspec.json.Decoder(_Answer)
_requests = msgspec.json.Decoder(_Request)
