"""What a session needs of a source: a feed, and the market that it reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

if TYPE_CHECKING:
    from obi_widgets.feeds.clocks import Lag
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument, State

TICK = 0.02
"""Seconds between two calls of `Market.tick`."""


class Followed(Protocol):
    """The attributes of a market that a session uses; see `obi_widgets.feeds.market.Market`."""

    instrument: Instrument
    has_book: bool
    changed_at: int

    @property
    def state(self) -> State:
        """The state now."""

    @property
    def detail(self) -> str:
        """Why it is so."""

    @property
    def advice(self) -> str:
        """What to do about it."""

    @property
    def capacity(self) -> int | None:
        """The number of states that are kept at least; None for all."""

    @property
    def lag(self) -> Lag:
        """The lag of the newest event, in seconds."""

    @property
    def warming(self) -> bool:
        """Whether a past is being played as fast as possible."""

    def history(self) -> History:
        """Return the book states so far."""

    def age(self, now: int) -> float:
        """Return the seconds since the newest change of the book; NaN before the first."""

    def health(self, now: int) -> Health:
        """Return the health of the feed at a time of its clock, ns UTC; the kind is left open."""

    def end(self, detail: str, advice: str) -> None:
        """Close the market: no data follow."""


class Place(NamedTuple):
    """Where a source is found again; a link of a lab repeats it.

    Attributes
    ----------
    sources : tuple of str
        ``venue:SYMBOL``, or the paths of files.
    files : bool
        Whether they are files: then the link also has their hash, the window and the selection.
    options : mapping of str to object
        Options that the source needs to be the same again.
    """

    sources: tuple[str, ...]
    files: bool = False
    options: Mapping[str, Any] = MappingProxyType({})


class Feed(ABC):
    """Delivers the data of one source to a market, until it is cancelled.

    Parameters
    ----------
    market : Market
        Receives the data.

    Attributes
    ----------
    market : Market
        Receives the data.
    messages : int
        Number of frames or books delivered.
    as_fast_as_possible : bool
        Whether frames are played as fast as possible, so the market does not show the present.
    """

    as_fast_as_possible = False
    kind: ClassVar[str] = "live"
    """Kind of data: ``live``, ``recording``, ``simulated``, ``history`` or ``given``."""

    span: float | None = None
    """Length of the data, seconds, if all of it is there from the beginning."""
    market: Followed

    def __init__(self, market: Followed) -> None:
        self.market = market
        self.messages = 0

    @abstractmethod
    async def run(self) -> None:
        """Deliver data until there are no more, or until cancelled. Called once."""

    def end(self, detail: str, advice: str) -> None:
        """Close the market, and say why and what to do."""
        self.market.end(detail, advice)

    @abstractmethod
    def now(self) -> int:
        """Return the current time of the clock that gives receive times, ns UTC."""

    def place(self) -> Place:
        """Return where the source is found again.

        Raises
        ------
        SourceError
            If it cannot be: the data were given as objects, and a link carries no data.
        """
        instrument = self.market.instrument
        return Place((f"{instrument.venue}:{instrument.symbol}",))
