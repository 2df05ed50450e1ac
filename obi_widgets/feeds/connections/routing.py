"""Which market of a shared websocket a frame is given to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from obi_widgets.market_data.venues.sharing import Answer, Requests, Subscription
from obi_widgets.market_data.venues.wire import DECODE_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from obi_widgets.market_data.venues.sharing import Sharing


class Seat:
    """The part of one market in a shared websocket.

    Parameters
    ----------
    names : frozenset of str
        The names of the market.

    Attributes
    ----------
    held : dict of str to str
        The topics that it subscribed to, and the group of the request.
    had_data : bool
        Whether a frame of one of its topics came.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names
        self.held: dict[str, str] = {}
        self.had_data = False
        self.number: int | None = None  # of the newest frame that it was given


AnySeat = TypeVar("AnySeat", bound=Seat)


class Routing(Generic[AnySeat]):
    """Gives each frame of a shared websocket to whom it concerns.

    Parameters
    ----------
    sharing : Sharing
        What the venue says of its frames.

    Attributes
    ----------
    seats : list of Seat
        Those who share the websocket.
    unclaimed : int
        Number of frames of topics that nobody holds, such as those still under way when a market
        left.
    """

    def __init__(self, sharing: Sharing) -> None:
        self.sharing = sharing
        self.seats: list[AnySeat] = []
        self.unclaimed = 0
        self._holders: dict[str, list[AnySeat]] = {}  # of each topic
        self._keys: dict[str, list[AnySeat]] = {}  # of each topic as frames say it
        self._number: int | None = None  # of the newest frame
        self._unbroken_from = 0  # from this number on, no frame is missing

    # -- who holds what --------------------------------------------------------------------

    def subscribe(self, seat: AnySeat, asked: Subscription) -> Subscription | None:
        """Note what a market asks for; return what has to be sent. None for nothing.

        A topic that another market holds is not ended while it does, nor subscribed to again,
        unless a market asks twice: no data have come, and the venue had answered before.
        """
        topics = [topic for topic in asked.topics if self._change(seat, topic, asked)]
        return Subscription(asked.on, tuple(topics), asked.group) if topics else None

    def leave(self, seat: AnySeat) -> list[Subscription]:
        """Take a market out; return what has to be sent."""
        groups: dict[str, list[str]] = {}
        for topic, group in seat.held.items():
            groups.setdefault(group, []).append(topic)
        ended = [
            self.subscribe(seat, Subscription(False, tuple(topics), group))
            for group, topics in groups.items()
        ]
        self.seats.remove(seat)
        return [one for one in ended if one is not None]

    def _change(self, seat: AnySeat, topic: str, asked: Subscription) -> bool:
        holders = self._holders.setdefault(topic, [])
        others = any(holder is not seat for holder in holders)
        again = asked.on and seat in holders
        if asked.on and seat not in holders:
            holders.append(seat)
            seat.held[topic] = asked.group
            for key in self.sharing.keys(topic, seat.names):
                self._keys.setdefault(key, []).append(seat)
        elif not asked.on and seat in holders:
            holders.remove(seat)
            del seat.held[topic]
            for key in self.sharing.keys(topic, seat.names):
                self._keys[key].remove(seat)
                if not self._keys[key]:
                    del self._keys[key]
        if not holders:
            del self._holders[topic]
        return again or not others

    # -- whose a frame is ------------------------------------------------------------------

    def route(
        self, frame: bytes, requests: Requests
    ) -> tuple[Iterable[tuple[AnySeat, bytes]], Answer | None]:
        """Return who gets a frame, and what it says if it answers a request.

        Returns
        -------
        given : iterable of (Seat, bytes)
            Each market with a frame that it is given. Several for one market are in order.
        answer : Answer, optional
            None for a frame of data.
        """
        number, answer = None, None
        try:
            number = self.sharing.number_of(frame)
            topics = self.sharing.topics_of(frame)
            if not topics:
                answer = self.sharing.answer(frame, requests)
        except DECODE_ERRORS:  # it may have been anybody's
            answer = answer or Answer()
            topics = ()
        if topics:
            seats = self._seats_of(topics)
            self.unclaimed += not seats
            for seat in seats:
                seat.had_data = True
        else:
            assert answer is not None
            seats = self.seats if answer.topics is None else self._seats_of(answer.topics)
            frame = frame if answer.frame is None else answer.frame
            if answer.refused:
                return [(seat, b"") for seat in seats], answer
        if number is None:
            return [(seat, frame) for seat in seats], answer
        return self._numbered(seats, frame, number), answer

    def _seats_of(self, topics: Iterable[str]) -> list[AnySeat]:
        found = [seat for topic in topics for seat in self._keys.get(topic, ())]
        return found if len(found) < 2 else list(dict.fromkeys(found))

    def _numbered(
        self, seats: Iterable[AnySeat], frame: bytes, number: int
    ) -> list[tuple[AnySeat, bytes]]:
        """Return who gets a frame, after one that tells which ones were of other markets.

        That is not told where a number is missing, so that the market notices it.
        """
        if self._number is None or number != self._number + 1:
            self._unbroken_from = number
        self._number = number
        given = list[tuple[AnySeat, bytes]]()
        for seat in seats:
            known, seat.number = seat.number, number
            if known is not None and self._unbroken_from <= known + 1 < number:
                given.append((seat, self.sharing.skipped(number - 1)))
            given.append((seat, frame))
        return given
