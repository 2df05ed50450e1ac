"""The product as the harness sees it: the only module that knows its names.

If the product lacks a feature (coverage, clock changes, pings), a substitute is used.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from obi_widgets.errors import ObiError
from obi_widgets.feeds.market import Market
from obi_widgets.kernels import loader
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect, Reply, Send

__all__ = ["BOOK", "Connect", "Fetch", "ObiError", "Product", "Reconnect", "Send", "Side"]

SECOND = 1_000_000_000
KEPT = 50
"""Levels per side that the history keeps, and that a screen shows."""


def ready() -> None:
    """Wait for the compiled code, so that it is the code under test."""
    loader.wait()


class Side(NamedTuple):
    """One side of the live book.

    Attributes
    ----------
    prices, sizes : ndarray of float64
        Best first.
    edge : float
        The worst price up to which all levels are known; infinite if all are.
    """

    prices: np.ndarray
    sizes: np.ndarray
    edge: float


class Product:
    """A market fed by hand.

    Parameters
    ----------
    venue, symbol : str
        As in ``venue:SYMBOL``.
    interval, capacity
        Of its history.
    """

    def __init__(
        self, venue: str, symbol: str, interval: float, *, capacity: int | None = None
    ) -> None:
        self.venue = make_venue(venue, symbol)
        self.market = Market(self.venue, levels=KEPT, interval=interval, capacity=capacity)

    @property
    def state(self) -> str:
        return self.market.state

    @property
    def detail(self) -> str:
        return self.market.detail

    @property
    def by_rest(self) -> bool:
        """Whether it says that the book is read by REST."""
        return "read by REST" in self.market.detail

    @property
    def failures(self) -> Counter[str]:
        """Number of errors other than `ObiError` that the product caught, by kind."""
        refused = self.market.refused
        return Counter({name: refused[name] for name in refused if name.startswith("failed")})

    @property
    def changed_at(self) -> int:
        """The local time of the newest change of the book, ns."""
        return self.market.changed_at

    @property
    def knows_coverage(self) -> bool:
        """Whether the book tells its known range; otherwise its kept levels count as known."""
        return hasattr(self.market.book.bids, "edge")

    # -- in --------------------------------------------------------------------------------

    def start(self, now: int) -> list[Reply]:
        return self._happened("start", now)

    def tick(self, now: int) -> list[Reply]:
        return self.market.tick(now)

    def frame(self, socket: str, frame: str | bytes, now: int) -> list[Reply]:
        return self.market.receive(frame, now, socket)

    def opened(self, socket: str, now: int) -> list[Reply]:
        return self._happened("connected", socket, now)

    def closed(self, socket: str, reason: str, now: int) -> list[Reply]:
        return self._happened("disconnected", socket, reason, now)

    def answer(self, name: str, status: int, body: str, now: int, date: int) -> list[Reply]:
        """Hand in an answer; ``date`` is the server's clock, ns, of its HTTP header."""
        known = (date // SECOND * SECOND,) if status and hasattr(self.market, "fetched") else ()
        return self._happened("fetched", name, status, body, now, *known)

    def ponged(self, socket: str, now: int) -> list[Reply]:
        """Hand in the pong of a websocket's own ping."""
        return self._happened("ponged", socket, now)

    def _happened(self, what: str, *args) -> list[Reply]:
        """Call the market's method, or the venue's if the market has none."""
        if hasattr(self.market, what):
            return getattr(self.market, what)(*args)
        now = next(one for one in reversed(args) if isinstance(one, int))
        return self.market.handle(getattr(self.venue, what)(*args), now)

    def clock_was_set(self, delta: int) -> None:
        """Report that the wall clock was set, as the live feed does, which has both clocks."""
        self.market.clock_was_set(delta)

    # -- out -------------------------------------------------------------------------------

    def sides(self) -> tuple[Side, Side]:
        """Return bids and asks."""
        out = []
        for side, sign in ((self.market.book.bids, 1), (self.market.book.asks, -1)):
            keys, sizes = side.levels[:, : side.count][:, ::-1]
            filled = sizes > 0
            prices, sizes = sign * keys[filled], sizes[filled]
            if self.knows_coverage:
                edge = sign * side.edge
            else:
                edge = prices[KEPT - 1] if len(prices) >= KEPT else -sign * np.inf
            out.append(Side(prices, sizes, edge))
        return out[0], out[1]

    def rows(self):
        """Return the history; see `reach`."""
        return self.market.history()

    @staticmethod
    def reach(history) -> np.ndarray | None:
        """Return the known range of each side, bps from mid, shape (2, T); None if unknown."""
        found = getattr(history, "reach", None)
        return None if found is None else np.asarray(found, float).reshape(2, -1)
