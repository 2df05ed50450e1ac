"""How OKX's markets share one websocket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues import okx_messages as messages
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

_ARG = re.compile(rb'"arg"\s*:\s*\{\s*"channel"\s*:\s*"([^"\\]+)"\s*,\s*"instId"\s*:\s*"([^"\\]+)"')
_WRONG = re.compile(r"channel:([^,\s]+),inst(?:Id|Type):(\S+)")


class OkxSharing(Sharing):
    """OKX: each topic of a request is answered by itself, and so is an error about one.

    Two markets may have one index, whose frames then go to both. The liquidations of all swaps are
    one topic, and go to all of them.
    """

    # The venue allows 480 subscriptions an hour by a websocket. Six for each of 40 markets leave
    # about as many for markets that subscribe again.
    markets = 40
    together = 50  # of the 64 kB that a request may have, a topic takes 60 bytes
    books = "books:"
    an_hour = 440  # the rest is for those who leave

    def read(self, text: str) -> Subscription | None:  # noqa: D102
        operation = decoded(_operations, text)
        if operation is None or operation.op not in ("subscribe", "unsubscribe"):
            return None
        topics = tuple(arg.topic for arg in operation.args)
        return Subscription(operation.op == "subscribe", topics)

    def write(self, asked: Subscription, number: int) -> str:  # noqa: D102
        pairs = (topic.partition(":") for topic in asked.topics)
        fields = {
            "id": str(number),
            "op": "subscribe" if asked.on else "unsubscribe",
            "args": [messages.argument(channel, whose) for channel, _, whose in pairs],
        }
        return msgspec.json.encode(fields).decode()

    def topics_of(self, frame: bytes) -> Collection[str]:  # noqa: D102
        if found := _ARG.search(frame, 0, HEAD):
            return (f"{found[1].decode()}:{found[2].decode()}",)
        if frame == b"pong":
            return ()
        arg = _frames.decode(frame).arg
        return (arg.topic,) if arg.channel else ()

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: D102
        if frame == b"pong":
            return Answer()
        said = _frames.decode(frame)
        if said.event == "notice":
            return Answer(ends=True)
        if said.event != "error":
            return Answer()
        if named := _WRONG.search(said.msg):
            return Answer((f"{named[1]}:{named[2]}",), failed=True)
        number = int(said.id) if said.id.isdecimal() else None
        return Answer(requests.topics(number), failed=True)


class _Arg(Struct, frozen=True):
    channel: str = ""
    instId: str = ""  # noqa: N815
    instType: str = ""  # noqa: N815

    @property
    def topic(self) -> str:
        return f"{self.channel}:{self.instId or self.instType}"


class _Operation(Struct):
    op: str
    args: list[_Arg] = []


class _Frame(Struct):
    event: str = ""
    arg: _Arg = _Arg()
    msg: str = ""
    id: str = ""


_operations = msgspec.json.Decoder(_Operation)
_frames = msgspec.json.Decoder(_Frame)
