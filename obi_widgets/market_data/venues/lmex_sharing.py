"""How the markets of LMEX and of BTSE share one websocket."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from obi_widgets.market_data.venues.sharing import (
    NOBODY,
    Answer,
    Requests,
    Subscription,
    TopicSharing,
)

NONE_ACCEPTED = b'{"event":"subscribe","channel":[]}'


class LmexSharing(TopicSharing):
    """LMEX and BTSE: an answer has no number, and may list all topics that are held.

    So each topic has its own request, and an answer is that of the oldest one. A topic that it
    does not list was not accepted: that is said by an empty list to a websocket of one topic.
    """

    books = "update:"
    markets = 100  # topics of a websocket; a market has one by each

    def write(self, asked: Subscription, number: int) -> str:  # noqa: ARG002, D102
        operation = "subscribe" if asked.on else "unsubscribe"
        return msgspec.json.encode({"op": operation, "args": asked.topics}).decode()

    def answer(self, frame: bytes, requests: Requests) -> Answer:  # noqa: D102
        if frame == b"pong":
            return Answer()
        answer = _answers.decode(frame)
        if answer.errors:
            topics = {item.arg for item in answer.errors if item.arg}
            for topic in topics:
                requests.take(on=True, listed=(topic,))
            return Answer(topics or None)
        if answer.event not in ("subscribe", "unsubscribe"):
            return Answer()
        topic = requests.take(on=answer.event == "subscribe", listed=answer.channel)
        if not topic or answer.event == "unsubscribe":
            return NOBODY
        accepted = topic in answer.channel
        return Answer((topic,), frame=None if accepted else NONE_ACCEPTED)


class _Error(Struct):
    arg: str = ""


class _Answer(Struct):
    event: str = ""
    channel: list[str] = []
    errors: list[_Error] = []


_answers = msgspec.json.Decoder(_Answer)
