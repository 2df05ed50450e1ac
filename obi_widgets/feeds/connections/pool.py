"""The websockets that the feeds of one event loop share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from obi_widgets.feeds.connections.answers import Answers
from obi_widgets.feeds.connections.market_socket import MarketSocket
from obi_widgets.feeds.connections.shared import SharedConnection
from obi_widgets.feeds.simulation.exchange import SimulatedExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from obi_widgets.feeds.budgets import LimitedConnection
    from obi_widgets.feeds.dialling import Dialler
    from obi_widgets.feeds.limits import Tell
    from obi_widgets.market_data.venues import Venue
    from obi_widgets.market_data.venues.replies import Connect
    from obi_widgets.market_data.venues.sharing import Sharing

    Key: TypeAlias = tuple[int, str, Dialler]


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
        self, venue: Venue, to: Connect, dialler: Dialler, tell: Tell
    ) -> AsyncIterator[LimitedConnection | MarketSocket]:
        """Give a websocket for a market: its part of a shared one, if the venue has such.

        Parameters
        ----------
        venue : Venue
            The decoder of the market.
        to : Connect
            The websocket that it asks for.
        dialler : Dialler
            How it is opened: markets share a websocket only if that is the same.
        tell : callable
            Called about once a second while the market waits, with what it waits for.

        Raises
        ------
        Exception
            Why it cannot be opened.
        """
        if venue.sharing is None:
            async with dialler.open(to.url, tell) as own:
                yield own
            return
        url, first = venue.sharing.address(to.url)
        key = id(venue.sharing), url, dialler
        group = self._shared.get(key, ())
        shared = next((one for one in group if one.takes(venue.names)), None)
        if shared is None:
            shared = self._new(key, venue.sharing)
        part = await shared.join(venue.names, first, tell)
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

    def _new(self, key: Key, sharing: Sharing) -> SharedConnection:
        def ended(one: SharedConnection) -> None:
            group = self._shared.get(key, [])
            if one in group:
                group.remove(one)
            if not group:
                self._shared.pop(key, None)

        _, url, dialler = key
        rate = dialler.budget.messages
        shared = SharedConnection(sharing, rate, partial(dialler.open, url), ended)
        self._shared.setdefault(key, []).append(shared)
        return shared
