"""How Hyperliquid's markets share one websocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues import hyperliquid_messages as messages
from obi_widgets.market_data.venues.sharing import (
    HEAD,
    Answer,
    Requests,
    Sharing,
    Subscription,
    decoded,
)

if TYPE_CHECKING:
    from collections.abc import Collection

CHANNELS = frozenset({messages.BOOK, messages.TRADES, messages.CONTEXT})

_CHANNEL = re.compile(rb'\s*\{\s*"channel"\s*:\s*"([^"\\]+)"')
_TYPE, _NAME = (re.compile(rf'"{key}"\s*:\s*"([^"]+)"') for key in ("type", "coin"))
_COIN = re.compile(rb'"coin"\s*:\s*"([^"\\]+)"')


class HyperliquidSharing(Sharing):
    """Hyperliquid: a subscription has a request of its own, and frames do not say its parameters.

    So two books of one coin, a fast one and a deep one, need two websockets.
    """

    books = "l2Book:"
    markets = 300  # the venue allows 1,000 subscriptions, three of a market, and ten websockets

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        request = decoded(_requests, text)
        if request is None or request.method not in ("subscribe", "unsubscribe"):
            return None
        others = dict(request.subscription)
        topic = f"{others.pop('type', '')}:{others.pop('coin', '')}"
        group = msgspec.json.encode(others).decode()
        return Subscription(request.method == "subscribe", (topic,), group)

    def write(self, asked: Subscription, number: int) -> str:  # noqa: ARG002, D102
        kind, _, coin = asked.topics[0].partition(":")
        method = "subscribe" if asked.on else "unsubscribe"
        return messages.request(method, type=kind, coin=coin, **msgspec.json.decode(asked.group))

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _CHANNEL.match(frame):
            channel = found[1].decode()
        else:
            channel = messages.frames.decode(frame).channel
        if channel not in CHANNELS:
            return ()
        coin = _COIN.search(frame, 0, HEAD)
        name = coin[1].decode() if coin else messages.coin_of(frame)
        return (f"{channel}:{name}",) if name else ()

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: ARG002, D102
        message = messages.frames.decode(frame)
        if message.channel == "error":
            said = messages.errors.decode(message.data)
            kind, coin = _TYPE.search(said), _NAME.search(said)
            return Answer((f"{kind[1]}:{coin[1]}",) if kind and coin else None)
        if message.channel != "subscriptionResponse":
            return Answer()
        to = messages.acknowledgements.decode(message.data).subscription
        return Answer((f"{to.type}:{to.coin}",))


class _Request(Struct):
    method: str
    subscription: dict[str, Any] = {}


_requests = msgspec.json.Decoder(_Request)
