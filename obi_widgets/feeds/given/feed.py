"""`obi_widgets.Feed`: books and trades that a user's own code gives by calls."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

from obi_widgets.checks import above_zero, text
from obi_widgets.errors import SourceError
from obi_widgets.market_data.events import Instrument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CALLS = "books given to obi.Feed"
"""`History.source` of states that came so."""


class Follower(Protocol):
    """What books and trades are given to."""

    def book(self, time: object, bids: object, asks: object, received: object) -> bool:
        """Apply a book; return whether it was used."""

    def trade(self, *given: Any) -> bool:  # noqa: ANN401
        """Apply a trade; return whether it was used."""


class Feed:
    """A market whose books your own code gives, from any thread.

    Make one, open a lab on it, and call `book` whenever your market changes. Each call takes effect
    before it returns, in the thread that calls: nothing is queued and nothing is dropped. A book
    of ten levels takes some fifty microseconds, so a caller that gives more than about ten thousand
    a second is slowed down. Books that come before a lab or a session follows the feed are not
    kept.

    Nothing is trusted: a book that cannot be right (crossed, empty, with a price that is there
    twice, or with numbers that are none) is left out, counted, and told on the screen. The market
    is then in the state ``gap`` until the next book.

    Parameters
    ----------
    market : str
        Name of the market, ``"VENUE:SYMBOL"`` or any other, for labels and provenance.
    tick_size : float, optional
        Step of the price grid, quote currency. If left out, it is found from the prices.
    quote : str
        Currency of the prices, for labels.

    Raises
    ------
    ArgumentError
        If a name is not text.
    SettingsError
        If the tick size is not a number above 0.

    Examples
    --------
    A teacher's toy market: the mid follows the imbalance.

    >>> import numpy as np
    >>> import obi_widgets as obi
    >>> feed = obi.Feed("TOY:MARKET", tick_size=0.5)
    >>> lab = obi.Lab(feed)
    >>> rng, mid, time = np.random.default_rng(1), 1000.0, 1_700_000_000_000_000_000
    >>> for step in range(600):
    ...     bid_size, ask_size = rng.integers(1, 20, 2)
    ...     mid += 0.5 * float(rng.random() < 0.2) * np.sign(bid_size - ask_size)
    ...     time += 100_000_000
    ...     used = feed.book(time, bids=[(mid - 0.5, bid_size)], asks=[(mid + 0.5, ask_size)])
    >>> feed.close()
    >>> len(lab.history), lab.history.gaps
    (599, 0)
    >>> lab.close()
    """

    def __init__(
        self, market: str = "books", *, tick_size: float | None = None, quote: str = ""
    ) -> None:
        text("market", market, "Give a name, such as 'MY:MARKET'.")
        text("quote", quote, "Give a currency, such as 'USD'.")
        step = 0.0 if tick_size is None else above_zero("tick_size", tick_size, "quote currency")
        self.instrument = instrument_of(market, quote=quote, tick_size=step)
        self._followers: WeakSet[Follower] = WeakSet()
        self._lock = Lock()
        self._closed = False

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._followers)} following"
        return f"<Feed {name_of(self.instrument)}, {state}>"

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def book(
        self, time: object, bids: ArrayLike, asks: ArrayLike, *, received: object = None
    ) -> bool:
        """Give the whole book, as it is at a time.

        Parameters
        ----------
        time : int, datetime or datetime64
            Event time, nanoseconds UTC; not before the book before it. A time without a zone is
            UTC.
        bids, asks : array_like of float, shape (levels, 2)
            Prices, quote currency, and sizes, base units; in any order. All levels that are known:
            beyond the last one nothing is known. One side may be empty.
        received : int, datetime or datetime64, optional
            When your computer had it, for the lag. The event time if left out.

        Returns
        -------
        bool
            Whether it was used. If not, the screen says why; or the feed was closed, or no lab
            follows it.
        """
        with self._lock:
            followers = () if self._closed else tuple(self._followers)
        return bool([1 for one in followers if one.book(time, bids, asks, received)])

    def trade(
        self,
        time: object,
        price: float,
        size: float,
        side: int | str,
        *,
        id: int = 0,  # noqa: A002 as `Trades.id`
        received: object = None,
    ) -> bool:
        """Give a trade. It belongs to the first book that is given after it.

        Parameters
        ----------
        time, received : int, datetime or datetime64
            As in `book`.
        price, size : float
            Quote currency, and base units.
        side : {+1, -1, "buy", "sell"}
            Whether the taker bought or sold.
        id : int
            Number of the trade.

        Returns
        -------
        bool
            Whether it was used, as in `book`.
        """
        with self._lock:
            followers = () if self._closed else tuple(self._followers)
        given = (time, price, size, side, id, received)
        return bool([1 for one in followers if one.trade(*given)])

    def close(self) -> None:
        """End the market. Labs keep what they have, and say that no books follow."""
        with self._lock:
            self._closed = True

    def _follow(self, follower: Follower) -> None:
        """Give the books to a session too, from now on.

        Raises
        ------
        SourceError
            If the feed was closed.
        """
        with self._lock:
            if self._closed:
                raise SourceError("The feed was closed.", "Make a new one: obi.Feed(...).")
            self._followers.add(follower)

    def _leave(self, follower: Follower) -> None:
        """Give a session no further books."""
        with self._lock:
            self._followers.discard(follower)


def instrument_of(market: str, *, quote: str = "", tick_size: float = 0.0) -> Instrument:
    """Return the instrument of a name such as ``"MY:MARKET"``; without a venue it is ``given``."""
    venue, _, symbol = market.rpartition(":")
    venue, symbol = venue or "given", symbol or "books"
    return Instrument(venue, symbol, venue, quote, tick_size)


def name_of(instrument: Instrument) -> str:
    """Return the name of a market, ``VENUE:SYMBOL``; empty if it has none."""
    name = f"{instrument.venue}:{instrument.symbol}"
    return "" if name == ":" else name
