"""A past for the simulated exchange: a day of it would take minutes to simulate.

States are made up, at one an interval: mid walks by whole ticks and comes to where the simulator
begins; distances between levels and sizes are drawn. They pass the writer one by one, as a feed's
do.
"""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.feeds.simulation.simulator import LISTINGS
from obi_widgets.market_data.book import Book
from obi_widgets.session import session

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market

DRAWN = 500
"""Shapes of a book that are taken in turn."""


def begin_with_a_past(seconds: float) -> None:
    """Let the sessions opened from now on begin with so many seconds of past."""
    opened = session.open_feed

    @functools.wraps(opened)  # a session asks for its options
    def open_feed(source, **options):
        feed = opened(source, **options)
        fill(feed.market, seconds)
        return feed

    session.open_feed = open_feed


def fill(market: Market, seconds: float) -> None:
    """Write states up to now."""
    listing, writer = LISTINGS[market.venue.symbol], market._writer
    random = np.random.default_rng(1)
    step = round(market.interval * 1e9)
    count = round(seconds * 1e9) // step
    moved = random.random(count) < 0.3
    walk = np.cumsum(np.where(moved, random.integers(-3, 4, count), 0))
    best = round(listing.price / listing.tick_size) + walk - walk[-1]
    away = np.cumsum(random.geometric(0.2, (2, DRAWN, writer.levels)), axis=2)
    away -= away[:, :, :1]
    leaning = np.exp(0.4 * random.standard_normal((2, DRAWN, 1)))
    sizes = leaning * random.lognormal(-1.5, 0.9, (2, DRAWN, writer.levels))
    first = (time.time_ns() // step - count) * step
    book = Book()
    for row, bid in enumerate(best.tolist()):
        shape = row % DRAWN
        prices = (bid - away[0, shape], bid + 1 + away[1, shape])
        book.replace(
            *(
                np.column_stack([one * listing.tick_size, sizes[side, shape]]).tolist()
                for side, one in enumerate(prices)
            )
        )
        writer.append(first + row * step, first + row * step, book)
    writer.flush()
