"""The simulated exchange, and a live feed that reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.feeds.base import Feed, Place
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.simulation.exchange import SimulatedExchange

if TYPE_CHECKING:
    from obi_widgets.feeds.connections import Connections
    from obi_widgets.feeds.market import Market
    from obi_widgets.feeds.recording import Recorder
    from obi_widgets.feeds.simulation.simulator import SimulatedMarket


class SimulatorFeed(LiveFeed):
    """The simulated exchange and a live feed that reads it, in one event loop.

    Parameters
    ----------
    market : Market
        Receives the frames; its venue is `obi_widgets.market_data.venues.lmex.Simulated`.
    simulated : SimulatedMarket
        The market that the exchange serves.
    warmup : float
        Length of the simulated past that is played first, seconds.
    recorder : Recorder, optional
        Records the frames as well.
    connections : Connections, optional
        See `LiveFeed`; the exchange is then shared, too.

    Attributes
    ----------
    exchange : SimulatedExchange
        The exchange.
    served : ServedMarket
        The market, as the exchange publishes it.
    """

    kind = "simulated"

    def __init__(
        self,
        market: Market,
        simulated: SimulatedMarket,
        *,
        warmup: float = 300.0,
        recorder: Recorder | None = None,
        connections: Connections | None = None,
    ) -> None:
        super().__init__(market, recorder)
        self.exchange = SimulatedExchange()
        self.served = self.exchange.add(simulated, warmup)
        if connections is not None:
            self.share(connections)

    def share(self, connections: Connections) -> None:  # noqa: D102
        super().share(connections)
        self.exchange = connections.exchange_without(self.served.market.symbol)
        self.served = self.exchange.add(self.served.market, self.served.warmup)

    def place(self) -> Place:  # noqa: D102
        return Feed.place(self)._replace(options={"seed": self.served.market.seed})

    async def run(self) -> None:  # noqa: D102
        async with self.exchange:
            self.market.venue.urls.update(self.exchange.endpoints)
            try:
                await super().run()
            finally:
                await self.exchange.remove(self.served.market.symbol)
