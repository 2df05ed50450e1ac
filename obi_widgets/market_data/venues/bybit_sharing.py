"""How Bybit's markets share one websocket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues.sharing import Answer, Requests, Subscription, TopicSharing

if TYPE_CHECKING:
    from collections.abc import Mapping


class BybitSharing(TopicSharing):
    """Bybit: a request with a wrong topic is refused whole, so each topic has its own request.

    Its number is the topic, by which the answer is known.
    """

    # All topics of a websocket may have 21,000 characters. Four of a market have about 80, and with
    # the longest symbols 130.
    markets = 150
    books = "orderbook."

    def write(self, asked: Subscription, number: int) -> str:  # noqa: ARG002, D102
        fields: Mapping[str, object] = {
            "op": "subscribe" if asked.on else "unsubscribe",
            "args": asked.topics,
            "req_id": asked.topics[0],
        }
        return msgspec.json.encode(fields).decode()

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: ARG002, D102
        answer = _answers.decode(frame)
        if answer.op not in ("subscribe", "unsubscribe"):
            return Answer()  # a pong
        topic = answer.ret_msg.partition(",topic:")[2] or answer.req_id
        return Answer((topic,) if topic else None, failed=not answer.success)


class _Answer(Struct):
    op: str = ""
    req_id: str = ""
    success: bool = True
    ret_msg: str = ""


_answers = msgspec.json.Decoder(_Answer)
