"""The websockets that the feeds of one event loop share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from obi_widgets.feeds.connections.answers import Answers
from obi_widgets.feeds.connections.shared import MarketSocket, SharedConnection
from obi_widgets.feeds.simulation.exchange import SimulatedExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable
    from contextlib import AbstractAsyncContextManager

    from obi_widgets.feeds.budgets import LimitedConnection
    from obi_widgets.market_data.venues import Venue
    from obi_widgets.market_data.venues.budget import Rate
    from obi_widgets.market_data.venues.replies import Connect
    from obi_widgets.market_data.venues.sharing import Sharing

    Key: TypeAlias = tuple[int, str, Hashable]
    Dial: TypeAlias = Callable[[str], AbstractAsyncContextManager[LimitedConnection]]


class Connections:
    """Websockets that many markets share, as far as their venues allow. For one event loop.

    Give the same one to each `LiveFeed` that runs in that loop. A websocket is opened when its
    first market asks for it, and is closed when the last one has left.

    Attributes
    ----------
    answers : Answers
        Answers over HTTP that many markets use.
    """

    def __init__(self) -> None:
        self.answers = Answers()
        self._exchanges: list[SimulatedExchange] = []
        self._shared: dict[Key, list[SharedConnection]] = {}

    def __len__(self) -> int:
        """Return the number of websockets that are open or being opened."""
        return sum(map(len, self._shared.values()))

    @property
    def markets(self) -> list[int]:
        """Number of markets by each websocket."""
        return [one.markets for group in self._shared.values() for one in group]

    @asynccontextmanager
    async def open(
        self, venue: Venue, to: Connect, dial: Dial, by: Hashable = None
    ) -> AsyncIterator[LimitedConnection | MarketSocket]:
        """Give a websocket for a market: its part of a shared one, if the venue has such.

        Parameters
        ----------
        venue : Venue
            The decoder of the market.
        to : Connect
            The websocket that it asks for.
        dial : callable
            Returns a context manager that opens a websocket to a URL. Of a shared one, it is that
            of the market that asked first, and lasts as long as the websocket.
        by : hashable, optional
            How it is opened, such as through which proxy: markets share a websocket only if that is
            the same.

        Raises
        ------
        Exception
            What ``dial`` raises.
        """
        if venue.sharing is None:
            async with dial(to.url) as own:
                yield own
            return
        url, first = venue.sharing.address(to.url)
        key = id(venue.sharing), url, by
        group = self._shared.get(key, ())
        shared = next((one for one in group if one.takes(venue.names)), None)
        if shared is None:
            shared = self._new(key, venue.sharing, venue.budget.messages, dial)
        part = await shared.join(venue.names, first)
        try:
            yield part
        finally:
            await part.close()

    def exchange_without(self, symbol: str) -> SimulatedExchange:
        """Return a simulated exchange that does not serve this symbol yet."""
        for exchange in self._exchanges:
            if symbol not in exchange.served:
                return exchange
        self._exchanges.append(SimulatedExchange())
        return self._exchanges[-1]

    def _new(self, key: Key, sharing: Sharing, rate: Rate, dial: Dial) -> SharedConnection:
        def ended(one: SharedConnection) -> None:
            group = self._shared.get(key, [])
            if one in group:
                group.remove(one)
            if not group:
                self._shared.pop(key, None)

        shared = SharedConnection(sharing, rate, lambda: dial(key[1]), ended)
        self._shared.setdefault(key, []).append(shared)
        return shared
