"""The health of a session: that of its feed, of its consumers, and of what the signal needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from obi_widgets.presentation.frames.frame import Reach
from obi_widgets.signals.coverage import inferred

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed, Followed
    from obi_widgets.feeds.health.health import Health
    from obi_widgets.history.columns import History
    from obi_widgets.settings.settings import Settings

NEWEST = 36_000
"""Newest states that are checked for levels that were not known: an hour at ten a second."""


class Watched(Protocol):
    """The attributes of a session that are read."""

    settings: Settings
    feed: Feed
    market: Followed

    @property
    def left_out(self) -> tuple[int, int]:
        """States and frames that slow consumers did not get."""


def health_of_session(session: Watched) -> Health:
    """Return the health of a session now."""
    feed, market = session.feed, session.market
    health = market.health(feed.now())
    history = market.history()
    used, share = _used(history, session)
    states, frames = session.left_out
    return replace(
        health,
        kind=feed.kind,
        left_out_states=states,
        left_out_frames=frames,
        used_bps=used,
        inferred_share=share,
    )


def _used(history: History, session: Watched) -> tuple[float, float]:
    """Return how far the signal looks into the book now, bps, and how often it had to guess."""
    parameters = session.settings.parameters
    if not len(history):
        return np.nan, np.nan
    try:
        reach = Reach.of(history[-1:], parameters)
        band = parameters.levels_used.band_bps
        newest = history[-NEWEST:]
        share = float(np.mean(inferred(newest, parameters)))
    except Exception:  # noqa: BLE001 of a user's signal; the screen tells it
        return np.nan, np.nan
    deepest = reach.bps if reach.levels else np.nan
    return (deepest if band is None else float(band)), share
