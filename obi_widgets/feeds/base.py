"""What a feed is to a session."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market

TICK = 0.02
"""Seconds between looks at the clock."""


class Feed(ABC):
    """Moves the frames of one market, in an event loop of its own, until it is cancelled.

    Attributes
    ----------
    market : Market
        Where they go.
    messages : int
        Frames so far.
    at_once : bool
        Whether they are played as fast as possible: what the market says is not of now.
    """

    at_once = False
    kind: ClassVar[str] = "live"
    """What the data are: ``live``, ``recording`` or ``simulated``."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.messages = 0

    @abstractmethod
    async def run(self) -> None:
        """Move frames until there are no more, or until cancelled. Called once."""

    @abstractmethod
    def now(self) -> int:
        """Return the clock that receive times are told by, ns UTC."""
