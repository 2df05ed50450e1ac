"""The venue of a file: its events are decoded already, and nothing can be requested."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues.base import Venue
from obi_widgets.market_data.venues.replies import BOOK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues.replies import Output


class FileVenue(Venue):
    """The market of a file, which gives events in place of frames.

    A book that is impossible is thrown away, as a live one is. It is back at the next snapshot.

    Parameters
    ----------
    name, symbol, label : str
        See `Instrument`; empty if the file does not say its market.
    streams : frozenset of str
        What the file has beside the book.
    format_ : str
        Name of the format, for `History.source`.
    """

    endpoints: ClassVar[Mapping[str, str]] = {}
    levels: ClassVar[int] = 0
    name = label = ""

    def __init__(
        self,
        name: str,
        symbol: str,
        label: str,
        streams: frozenset[Literal["trades", "mark"]],
        format_: str,
    ) -> None:
        super().__init__(symbol)
        self.name, self.label = name, label  # type: ignore[misc]  # not of the class
        self.streams = streams
        self.source = f"files of {format_}"
        self.can_ask = False

    def start(self, now: int) -> list[Output]:  # noqa: ARG002, D102
        return []

    def connected(self, socket: str, now: int) -> list[Output]:  # noqa: ARG002, D102
        return []

    def disconnected(self, socket: str, reason: str, now: int) -> list[Output]:  # noqa: ARG002, D102
        return []

    def received(self, frame: str | bytes, now: int, socket: str = BOOK) -> list[Output]:  # noqa: ARG002, D102
        return []

    def fetched(self, name: str, status: int, body: str | bytes, now: int) -> list[Output]:  # noqa: ARG002, D102
        return []

    def tick(self, now: int) -> list[Output]:  # noqa: ARG002, D102
        return []

    def resync(self, reason: str, now: int) -> list[Output]:  # noqa: D102
        advice = "A file cannot send a new one: the book is back at its next snapshot."
        return [Status(now, "gap", f"The book was thrown away: {reason}.", advice)]
