"""Options of a source, and which kinds of source take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.checks import UNSET, Unset, number
from obi_widgets.errors import SettingsError
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.reach import Reach

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.market_data.venues import Venue

MAX_STATES = 30_000_000
"""Largest number of states that a feed keeps: a month at ten a second. At 20 levels they take 6 GB,
which are allocated as the history grows."""

FITS = {
    "speed": "a recording",
    "market": "a recording",
    "edge": "the simulated exchange",
    "seed": "the simulated exchange",
    "warmup": "the simulated exchange",
    "proxy": "a live market",
    "urls": "a live market",
    "testnet": "a live market",
    "origin": "a live market",
}
"""Options of few sources, and which."""

KEEPS = frozenset({"levels", "history_seconds", "interval", "strict"})
"""Options of all sources whose books are kept as they come."""


REACHES = frozenset(Reach._fields)
"""Options of live markets."""


class Options(NamedTuple):
    """Options of a session about its source; see `open_feed`."""

    speed: float | Unset | None = UNSET
    levels: int = 50
    history_seconds: float = 3600.0
    interval: float = 0.1
    strict: bool = False
    refresh_at: float = 0.5
    market: str | None = None
    edge: float | None = None
    seed: int | None = None
    warmup: float | None = None
    proxy: str | None = None
    urls: Mapping[str, str] | None = None
    testnet: bool = False
    origin: str | None = None

    @property
    def reach(self) -> Reach:
        """How the venue is reached."""
        return Reach(self.proxy, self.urls, self.testnet, self.origin)

    def given(self) -> dict[str, Any]:
        """Return the options that differ from their defaults."""
        usual = Options()
        return {
            name: value
            for name, value, default in zip(self._fields, self, usual, strict=True)
            # Something of another type, such as an array, may not have a truth value.
            if type(value) is not type(default) or value != default
        }

    def reader(self, venue: Venue) -> Market:
        """Return a market that keeps the books of a venue.

        Raises
        ------
        SettingsError
            If a number is out of its range, or more states are to be kept than memory holds.
        """
        interval = number("interval", self.interval, 0, 3600, "seconds")
        seconds = number("history_seconds", self.history_seconds, 10, 30 * 86_400, "seconds")
        capacity = int(seconds / (interval or 0.01))
        if capacity > MAX_STATES:
            raise SettingsError(
                f"{seconds:,g} s at a state every {interval or 0.01:g} s are {capacity:,} "
                f"states, and {MAX_STATES:,} are possible.",
                "Give a smaller history_seconds, or a larger interval.",
            )
        return Market(
            venue,
            levels=self.levels,
            capacity=capacity,
            interval=interval,
            strict=self.strict,
            refresh_at=self.refresh_at,
        )
