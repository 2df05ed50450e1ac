"""The base class of feeds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market

TICK = 0.02
"""Seconds between two calls of `Market.tick`."""


class Feed(ABC):
    """Delivers the frames of one source to a market, until it is cancelled.

    Attributes
    ----------
    market : Market
        Receives the frames.
    messages : int
        Number of frames delivered.
    as_fast_as_possible : bool
        Whether frames are played as fast as possible, so the market does not show the present.
    """

    as_fast_as_possible = False
    kind: ClassVar[str] = "live"
    """Kind of data: ``live``, ``recording`` or ``simulated``."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.messages = 0

    @abstractmethod
    async def run(self) -> None:
        """Deliver frames until there are no more, or until cancelled. Called once."""

    @abstractmethod
    def now(self) -> int:
        """Return the current time of the clock that gives receive times, ns UTC."""
