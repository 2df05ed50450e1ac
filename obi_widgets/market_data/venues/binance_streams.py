"""Which streams Binance's websockets have: the URL names them, and one that is wrong is ignored.

So the venue is asked for the streams of a websocket some seconds after it was opened, unless all
have sent data by then; what is missing is subscribed to. The stream of the book is not among them,
since a book that does not come is noticed by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.market_data.events import Refused
from obi_widgets.market_data.venues import binance_messages as messages
from obi_widgets.market_data.venues.channels import Channels
from obi_widgets.market_data.venues.replies import FOREVER, SECOND, Send
from obi_widgets.market_data.venues.wire import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.market_data.venues.replies import Output

BRINGS = {
    "trade": "trades", "aggTrade": "trades", "markPrice": "mark price", "indexPrice": "index",
    "forceOrder": "liquidations",
}  # fmt: skip
"""What streams beside the book bring, by their names."""

EVENT = "depthUpdate"
"""The kind of the frames that change the book."""

SHUTDOWN = "serverShutdown"
"""The kind of the frame that says that this connection will be closed soon."""

SHUTS_DOWN_WITHIN = 600 * SECOND
"""Time from that frame to the close, ns."""

OTHERS = {
    "trade": "trade", "aggTrade": "trade", "markPriceUpdate": "mark", "indexPriceUpdate": "index",
    "forceOrder": "liquidation",
}  # fmt: skip
"""The kinds of the other frames that are used, and their events."""

SUBSCRIBED, LISTED = 1, 2
"""Numbers of the requests that subscribe to streams, and that ask for those there are."""

LIST_AFTER = 5 * SECOND
"""Time from an open websocket to the question for its streams, ns."""


class Streams:
    """The streams beside the book, by websocket.

    Parameters
    ----------
    label : str
        The venue's display name.
    """

    def __init__(self, label: str) -> None:
        self._of: dict[str, dict[str, str]] = {}  # by websocket: streams, by what they bring
        self._list_at: dict[str, int] = {}  # by websocket: when to ask for its streams
        self._channels = Channels(label)

    @property
    def note(self) -> str:
        """What the user should know: which streams are missing, and why."""
        return self._channels.note

    def named(self, socket: str, streams: Iterable[str]) -> None:
        """Store the streams that the URL of a websocket names."""
        names = {BRINGS.get(stream.split("@")[1], ""): stream for stream in streams}
        self._of[socket] = {name: stream for name, stream in names.items() if name}

    def opened(self, socket: str, now: int) -> None:
        """Note that a websocket was opened."""
        if names := self._of.get(socket):
            self._channels.begin(names, now)
            self._list_at[socket] = now + LIST_AFTER

    def closed(self, socket: str) -> None:
        """Note that a websocket was lost."""
        self._channels.forget(self._of.get(socket, {}))
        self._list_at.pop(socket, None)

    def heard(self, stream: str) -> None:
        """Note that a stream, such as ``markPrice@1s``, has sent data."""
        if name := BRINGS.get(stream.partition("@")[0]):
            self._channels.there(name)

    def due(self) -> int:
        """Return the steady time from which `ask` returns something, ns."""
        return min(self._channels.due_at(), *self._list_at.values(), FOREVER)

    def ask(self, now: int) -> list[Output]:
        """Return what subscribes to streams that are missing, and asks for those there are."""
        if now < self.due():
            return []
        missing = set(self._channels.due(now))
        outputs: list[Output] = []
        for socket, names in self._of.items():
            again = [stream for name, stream in names.items() if name in missing]
            if again:
                outputs.append(Send(socket, messages.operation("SUBSCRIBE", SUBSCRIBED, *again)))
            listed = now >= self._list_at.get(socket, FOREVER)
            if listed:
                del self._list_at[socket]
            if again or (listed and self._channels.missing(names)):
                outputs.append(Send(socket, messages.operation("LIST_SUBSCRIPTIONS", LISTED)))
        return outputs

    def read(self, answer: messages.Envelope, socket: str, now: int) -> list[Output]:
        """Handle the answer to a request about streams."""
        names = self._of.get(socket, {})
        if error := bytes(answer.error):
            asked_for = [] if answer.id == LISTED else self._channels.missing(names)
            for name in asked_for:
                self._channels.refused(name, text(error, 160))
            return [Refused(now, "error", text(error))]
        if answer.id == LISTED:
            streams = messages.stream_lists.decode(answer.result) or []
            for name, stream in names.items():
                if stream in streams:
                    self._channels.there(name)
        return []
