"""How Coinbase's markets share one websocket, whose messages are all numbered together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues import coinbase_messages as messages
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

_CHANNELS = {messages.BOOK_FRAMES: messages.BOOK, messages.TRADES: messages.TRADES}
"""The channels that are subscribed to, by what their frames say."""

_CHANNEL = re.compile(rb'\s*\{\s*"channel"\s*:\s*"([^"\\]+)"')
_NUMBER = re.compile(rb'"sequence_num"\s*:\s*(\d+)')
_PRODUCT = re.compile(rb'"product_id"\s*:\s*"([^"\\]+)"')


class CoinbaseSharing(Sharing):
    """Coinbase: all messages of a websocket are numbered together, those of all its markets.

    A decoder counts them, so it is told by a frame of ours (`skipped`) which ones were of other
    markets. A number that is missing may be a change of any book.
    """

    # The venue names no limit. A lost message costs all of a websocket a snapshot of up to 5 MB.
    markets = 25
    together = 25
    books = "level2:"

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        request = decoded(_requests, text)
        if request is None or request.type not in ("subscribe", "unsubscribe"):
            return None
        topics = tuple(f"{request.channel}:{one}" for one in request.product_ids or ("",))
        return Subscription(request.type == "subscribe", topics, request.channel)

    def write(self, asked: Subscription, number: int) -> str:  # noqa: ARG002, D102
        symbols = [topic.partition(":")[2] for topic in asked.topics]
        method = "subscribe" if asked.on else "unsubscribe"
        return messages.request(method, asked.group, *filter(None, symbols))

    def keys(self, topic: str, names: Collection[str]) -> tuple[str, ...]:  # noqa: D102
        channel, _, symbol = topic.partition(":")
        return tuple(f"{channel}:{name}" for name in names) if symbol else (topic,)

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _CHANNEL.match(frame):
            said = found[1].decode()
        else:
            said = messages.frames.decode(frame).channel
        channel = _CHANNELS.get(said)
        if channel is None:
            return ()
        return [f"{channel}:{name}" for name in distinct(_PRODUCT.findall(frame))]

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: ARG002, D102
        return Answer()  # heartbeats, whose numbers count; an error does not say whose it is

    def number_of(self, frame: bytes) -> int | None:  # noqa: D102
        if found := _NUMBER.search(frame, 0, HEAD):
            return int(found[1])
        return messages.frames.decode(frame).sequence_num

    def skipped(self, last: int) -> bytes:  # noqa: D102
        fields: dict[str, Any] = {"channel": messages.OTHERS, "sequence_num": last}
        return msgspec.json.encode(fields)


class _Request(Struct):
    type: str
    channel: str = ""
    product_ids: tuple[str, ...] = ()


_requests = msgspec.json.Decoder(_Request)
