"""What a subscriber may ask for, and what it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from obi_widgets.errors import ObiError

if TYPE_CHECKING:
    from obi_widgets.session.serving.topics import Subscriber, Topics

FORM = 'Send {"op": "subscribe", "topics": [...]}, or the same with "unsubscribe".'


class Request(Struct, forbid_unknown_fields=True):
    """A request: from now on, messages of some topics, or no more of them."""

    op: Literal["subscribe", "unsubscribe"]
    topics: list[str]


def greet(topics: Topics, subscriber: Subscriber) -> None:
    """Tell a new subscriber which topics there are."""
    _say(subscriber, {"type": "hello", "topics": topics.names})


def answer(topics: Topics, subscriber: Subscriber, text: str | bytes) -> None:
    """Do what a request says. One that is wrong is answered by an error, and changes nothing."""
    try:
        request = msgspec.json.decode(text, type=Request)
        if request.op == "subscribe":
            topics.subscribe(subscriber, request.topics)
        else:
            topics.unsubscribe(subscriber, request.topics)
            _say(subscriber, {"type": "unsubscribed", "topics": request.topics})
    except ObiError as error:
        _say(subscriber, {"type": "error", "error": error.what, "advice": error.advice})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = f"This is no request: {error}."
        _say(subscriber, {"type": "error", "error": said, "advice": FORM})


def _say(subscriber: Subscriber, fields: dict[str, Any]) -> None:
    subscriber.put(msgspec.json.encode(fields))
