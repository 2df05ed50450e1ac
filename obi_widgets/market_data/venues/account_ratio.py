"""How many accounts are long for each that is short: venues tell it by REST, every 5 minutes."""

from __future__ import annotations

import zlib
from math import nan
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.market_data.events import Mark, Refused
from obi_widgets.market_data.venues.replies import FOREVER, SECOND, Fetch, Output
from obi_widgets.market_data.venues.wire import DECODE_ERRORS, refused, text

if TYPE_CHECKING:
    from collections.abc import Callable

RATIO = "long-short ratio"
"""The name of its request, which recordings have."""

EVERY = 300 * SECOND
"""Time from one request to the next, ns: a new value comes as often."""

FIRST_AFTER, SPREAD = 60 * SECOND, 30
"""Time from the connection to the first request, ns, and seconds by which markets differ in it. The
first minute belongs to the books."""


class Ratio(NamedTuple):
    """A ratio as a venue told it.

    Attributes
    ----------
    symbol : str
        The symbol in the answer.
    ms : int
        Its time, ms since 1970.
    value : float
        Long accounts for each short one.
    """

    symbol: str
    ms: int
    value: float


class AccountRatio:
    """When to ask for the ratio of a market, and what an answer says.

    Parameters
    ----------
    symbol : str
        The symbol that the answer must have.
    url : str
        What to request.
    read : callable
        Returns the newest `Ratio` of an answer, None if it has none, and raises one of
        `DECODE_ERRORS` if it cannot be read.
    """

    def __init__(self, symbol: str, url: str, read: Callable[[str | bytes], Ratio | None]) -> None:
        self._symbol, self._url, self._read = symbol, url, read
        self._newest = 0  # time of the newest ratio, ms
        self.due_at = FOREVER
        """Steady time from which `ask` requests it, ns."""

    def begin(self, now: int) -> None:
        """Note that a connection is open. A new one does not bring the next request forward."""
        if self.due_at == FOREVER:
            self.due_at = now + FIRST_AFTER + zlib.crc32(self._symbol.encode()) % SPREAD * SECOND

    def ask(self, now: int) -> list[Output]:
        """Return the request, if it is due."""
        if now < self.due_at:
            return []
        self.due_at = now + EVERY
        return [Fetch(RATIO, self._url)]

    def fetched(self, status: int, body: str | bytes, now: int) -> list[Output]:
        """Return what an answer says; a value that was told before is not repeated."""
        if status != 200:
            return [Refused(now, f"{RATIO} not answered", f"HTTP {status}")]
        try:
            told = self._read(body)
        except DECODE_ERRORS:
            return [refused(body, now, f"unreadable {RATIO}")]
        if told is None:
            return [Refused(now, f"no {RATIO}", text(body))]
        if told.symbol != self._symbol:
            return [Refused(now, "other symbol", text(told.symbol))]
        if told.ms <= self._newest:
            return []
        self._newest = told.ms
        return [Mark(told.ms * 1_000_000, now, nan, nan, nan, long_short_ratio=told.value)]
