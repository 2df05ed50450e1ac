"""How many connections, messages and requests a venue allows one address."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Rate(NamedTuple):
    """At most so many in so many seconds. 0 is no limit."""

    most: int = 0
    seconds: float = 1.0

    def __str__(self) -> str:
        if not self.most:
            return "none known"
        if self.seconds == 1.0:
            return f"{self.most:,} a second"
        minutes = self.seconds / 60
        time = f"{minutes:g} min" if minutes >= 1 else f"{self.seconds:g} s"
        return f"{self.most:,} in {time}"


class Budget(NamedTuple):
    """What a venue allows. The defaults are no limits.

    Attributes
    ----------
    connects : Rate
        New websockets from one address.
    websockets : int
        Websockets that are open at once from one address; 0 is no limit.
    messages : Rate
        Messages that are sent to the venue.
    messages_by : {"websocket", "address"}
        Whether these are counted for each websocket, or for all of one address together.
    requests : Rate
        Requests by HTTP from one address, by their weight.
    """

    connects: Rate = Rate()
    websockets: int = 0
    messages: Rate = Rate()
    messages_by: Literal["websocket", "address"] = "websocket"
    requests: Rate = Rate()
