"""What a feed says of itself: its state with the reason, and how old its newest data are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from obi_widgets.history.silences import note_now
from obi_widgets.market_data.events import CURRENT
from obi_widgets.session.message_rate import filling

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed
    from obi_widgets.history.columns import History
    from obi_widgets.market_data.events import State

READING = "Reading the recording."


class Standing(NamedTuple):
    """The state of a feed at a moment.

    Attributes
    ----------
    state : str
        See `obi_widgets.market_data.events.State`; ``syncing`` while a recording is read at once.
    detail, advice : str
        Reason of the state, and what to do about it; may be empty.
    has_book : bool
        Whether the newest state is the newest book; False while past data are loaded.
    age : float
        Seconds since the book last changed; NaN before the first change, after the feed's end, and
        while past data are loaded.
    """

    state: State
    detail: str
    advice: str
    has_book: bool
    age: float

    @classmethod
    def of(cls, feed: Feed, history: History) -> Standing:
        """Return the state of a feed and its history."""
        market, loading = feed.market, filling(feed)
        state, detail, advice = market.state, market.detail, market.advice
        if feed.as_fast_as_possible and state != "closed":
            state, detail, advice = "syncing", READING, ""
        if state in CURRENT and (silence := note_now(history)):
            detail = f"{detail} {silence}".strip()
        fresh = market.changed_at and state != "closed" and not loading
        age = market.age(feed.now()) if fresh else np.nan
        return cls(state, detail, advice, market.has_book and not loading, age)
