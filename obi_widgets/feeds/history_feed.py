"""A history as a source: a finished recording, all of it there at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from obi_widgets.errors import SourceError, counted
from obi_widgets.feeds.base import Feed, Place
from obi_widgets.feeds.clocks import Lag
from obi_widgets.feeds.health.of_history import health_of_history

if TYPE_CHECKING:
    from pathlib import Path

    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import Instrument, State

UNNAMED = "books"
"""The symbol that is shown for a market without a name."""


class FinishedMarket:
    """The market of a history that does not grow.

    Parameters
    ----------
    history : History
        Its states.

    Attributes
    ----------
    state, detail, advice, has_book, changed_at
        See `obi_widgets.feeds.market.Market`. The state is ``closed`` from the beginning.
    """

    warming = False
    capacity: int | None = None

    def __init__(self, history: History) -> None:
        self._history = history
        self.instrument: Instrument = history.instrument
        if not self.instrument.symbol:
            label = self.instrument.label or history.source
            self.instrument = replace(self.instrument, symbol=UNNAMED, label=label)
        self.state: State = "closed"
        self.detail, self.advice = f"A finished recording of {_length(history)}.", ""
        self.has_book = False
        self.changed_at = 0
        self._health: Health | None = None  # made once: the history does not grow

    @property
    def lag(self) -> Lag:
        """The lag of the newest event: none is new."""
        return Lag()

    def history(self) -> History:
        """Return the history."""
        return self._history

    def age(self, now: int) -> float:  # noqa: ARG002
        """Return NaN: the book does not change."""
        return float("nan")

    def health(self, now: int) -> Health:  # noqa: ARG002
        """Return the health of the feed that the history came from, as far as it tells it."""
        if self._health is None:
            self._health = health_of_history(self._history, self.instrument, self.detail)
        return self._health

    def end(self, detail: str, advice: str) -> None:
        """Close the market; what it says of itself stays."""


class HistoryFeed(Feed):
    """Shows a history. It delivers nothing, since everything is there.

    Parameters
    ----------
    history : History
        The history.
    paths : tuple of Path
        The files that it was loaded from by the session; none if it was given.

    Attributes
    ----------
    paths : tuple of Path
        The same.
    """

    kind = "history"

    def __init__(self, history: History, paths: tuple[Path, ...] = ()) -> None:
        super().__init__(FinishedMarket(history))
        self.paths = paths
        self.span = float(history.time[-1] - history.time[0]) / 1e9 if len(history) else 0.0

    async def run(self) -> None:  # noqa: D102
        return

    def now(self) -> int:  # noqa: D102
        return 0

    def place(self) -> Place:  # noqa: D102
        if not self.paths:
            history = self.market.history()
            raise SourceError(
                f"A link carries no data, and these came from {history.source or 'a history'}.",
                "Save them by lab.history.save('books.parquet'), and open the lab on that file: "
                "obi.Lab('books.parquet').link().",
            )
        return Place(tuple(map(str, self.paths)), files=True)


def _length(history: History) -> str:
    """Return in words how long a history is."""
    count = len(history)
    seconds = (int(history.time[-1]) - int(history.time[0])) / 1e9 if count else 0.0
    return f"{counted(count, 'book state')} in {_duration(seconds)}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.3g} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
