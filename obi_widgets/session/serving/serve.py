"""Markets followed and served until they end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from obi_widgets.errors import VenueError, counted
from obi_widgets.feeds.blocking import run, run_and_wait
from obi_widgets.feeds.given.feed import name_of
from obi_widgets.feeds.thread import FeedThread
from obi_widgets.session.serving.output import Lines
from obi_widgets.session.serving.published import PublishedMarket, topics_of
from obi_widgets.session.serving.server import TopicServer
from obi_widgets.session.serving.topics import Topics
from obi_widgets.session.watching import ENDED, FINISHED

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from obi_widgets.feeds.base import Feed
    from obi_widgets.settings.parameters import Parameters

LOOK_EVERY = 0.02
"""Seconds between two looks at the feeds."""


def names_of(feeds: Sequence[Feed]) -> list[str]:
    """Return the name of each feed's market in topics: its symbol if no other has the same.

    Of markets that share a symbol it is ``venue:SYMBOL``, and of the same market twice the second
    one ends in ``#2``.
    """
    symbols = [feed.market.instrument.symbol or "books" for feed in feeds]
    names: list[str] = []
    for feed, symbol in zip(feeds, symbols, strict=True):
        alone = symbols.count(symbol) == 1
        name = symbol if alone else name_of(feed.market.instrument) or symbol
        same = sum(one.partition("#")[0] == name for one in names)
        names.append(f"{name}#{same + 1}" if same else name)
    return names


def serve(
    feeds: Sequence[Feed],
    parameters: Parameters,
    opened: Callable[[str, tuple[str, ...]], object],
    stop: threading.Event,
    *,
    secret: str,
    port: int = 0,
    output: int | None = None,
    told: Callable[[str], object] | None = None,
) -> None:
    """Follow markets and serve them on 127.0.0.1, until all have ended or a flag is set.

    Parameters
    ----------
    feeds : sequence of Feed
        The sources. They do not run yet.
    parameters : Parameters
        Settings of the signal.
    opened : callable
        Called with address and port, and with the topics, once it is served.
    stop : threading.Event
        Ends it.
    secret : str
        What the path of the address is.
    port : int
        The port; 0 for any that is free.
    output : int, optional
        A file descriptor, to which all messages are written too, a line each.
    told : callable, optional
        Called with sentences about what was left out.

    Raises
    ------
    SourceError
        If the port cannot be served.
    VenueError
        If all markets have ended, and a live one is among them.
    BrokenPipeError
        If whoever read ``output`` has left.
    """
    serving = _Serving(feeds, parameters, told or (lambda _: None))
    run_and_wait(
        lambda: run(serving.run(opened, stop, secret=secret, port=port, output=output)),
        cancel=stop.set,
    )


class _Serving:
    """What `serve` does, in its own event loop."""

    def __init__(
        self, feeds: Sequence[Feed], parameters: Parameters, told: Callable[[str], object]
    ) -> None:
        names = names_of(feeds)
        self._topics = Topics(topics_of(names))
        self._markets = [
            PublishedMarket(name, feed, parameters, self._topics)
            for name, feed in zip(names, feeds, strict=True)
        ]
        self._reader = FeedThread(feeds, lambda: None)
        self._told = told

    async def run(
        self,
        opened: Callable[[str, tuple[str, ...]], object],
        stop: threading.Event,
        *,
        secret: str,
        port: int,
        output: int | None,
    ) -> None:
        async with TopicServer(self._topics, secret, port) as server:
            opened(server.host, self._topics.names)
            lines = None if output is None else Lines(self._topics, output)
            self._reader.thread.start()
            try:
                await self._publish(stop, server, lines)
            finally:
                self._reader.stop(*ENDED)
                self._reader.thread.join(timeout=10)
                if lines is not None:
                    lines.close()
            server.farewell = self._farewell(stop)
        if lines is not None and lines.left is not None:
            raise lines.left
        if not stop.is_set():
            self._refuse_end()

    async def _publish(
        self, stop: threading.Event, server: TopicServer, lines: Lines | None
    ) -> None:
        shed, missed, lines_end = 0, 0, False
        while not stop.is_set():
            more = [market.look() for market in self._markets]
            if lines is not None:
                if lines.left is not None:
                    return
                if lines.shed and not lines_end:
                    lines_end = True
                    self._told("Standard output was not read fast enough: no line follows.")
            if server.shed > shed:
                self._told(f"Closed, since too slow: {counted(server.shed - shed, 'subscriber')}.")
                shed = server.shed
            left_out = sum(market.missed for market in self._markets)
            if left_out > missed:
                self._told(f"Not published, since it was too slow: {left_out - missed:,} states.")
                missed = left_out
            if all(market.standing.state == "closed" for market in self._markets) and not any(more):
                return
            await asyncio.sleep(0 if any(more) else LOOK_EVERY)

    def _farewell(self, stop: threading.Event) -> str:
        if stop.is_set():
            return "The server was ended."
        return "The data have ended."

    def _refuse_end(self) -> None:
        """Raise an error if a market has ended that should not have."""
        for market in self._markets:
            if market.feed.kind not in FINISHED:
                standing, source = market.standing, name_of(market.feed.market.instrument)
                raise VenueError(standing.detail, standing.advice, source=source)
