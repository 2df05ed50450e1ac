"""Requests of one feed by HTTP: within the venue's limits, and none twice at a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.feeds.changeover import unmarked

if TYPE_CHECKING:
    from obi_widgets.feeds.connections import Connections
    from obi_widgets.feeds.connections.answers import Asker
    from obi_widgets.feeds.limits import Tell
    from obi_widgets.feeds.requests import Answer, Requests
    from obi_widgets.market_data.venues.base import Venue
    from obi_widgets.market_data.venues.replies import Fetch


class Fetched(NamedTuple):
    """An answer, and how long it took: ns, or None if another market asked for it."""

    answer: Answer
    took: int | None


class Fetching:
    """Asks for what a venue's decoder wants to know.

    Parameters
    ----------
    requests : Requests
        Sends them.
    connections : Connections or None
        What is shared with other feeds, their answers included.
    """

    def __init__(self, requests: Requests, connections: Connections | None) -> None:
        self._requests = requests
        self._connections = connections
        self._queued: set[tuple[str, str, str]] = set()  # requests that wait: name, URL and body

    async def ask(self, fetch: Fetch, venue: Venue, asker: Asker) -> Fetched | None:
        """Return the answer; None if the same request waits already, and serves this one too.

        Parameters
        ----------
        fetch : Fetch
            What to ask for.
        venue : Venue
            The decoder that wants to know it.
        asker : Asker
            Is told what the request waits for.
        """
        await asyncio.sleep(fetch.delay / 1e9)
        request = fetch.name, fetch.url, fetch.body
        if request in self._queued:
            return None
        self._queued.add(request)
        sent: float | None = None  # it stays so if another market asks

        async def ask(tell: Tell) -> Answer:
            nonlocal sent
            sent = await self._requests.wait_for_limit(fetch.url, tell, venue.budget, fetch.weight)
            self._queued.discard(request)
            return await self._requests.ask(fetch.url, sent, fetch.body)

        try:
            if self._connections is None or unmarked(fetch.name)[0] != venue.asked_first:
                answer = await ask(asker.tell)
            else:  # it may hold all markets of the venue, and then has one URL for all
                answer = await self._connections.answers.get(request[1:], asker, ask)
        finally:
            self._queued.discard(request)
        took = None if sent is None else round((time.monotonic() - sent) * 1e9)
        return Fetched(answer, took)
