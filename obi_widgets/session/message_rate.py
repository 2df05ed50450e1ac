"""How many messages a second a feed receives, and whether it is loading past data."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed


def filling(feed: Feed) -> bool:
    """Return whether a feed is loading past data at full speed; a recording may end that way."""
    return feed.market.state != "closed" and (feed.as_fast_as_possible or feed.market.warming)


class Rate:
    """Messages a second, averaged over the last two seconds.

    Attributes
    ----------
    now : float
        The rate; NaN until two counts are known, and while past data are loaded.
    """

    def __init__(self) -> None:
        self.now = np.nan
        self._filling = False
        self._heard: deque[tuple[float, int]] = deque()

    def follow(self, feed: Feed) -> None:
        """Count the messages so far. Past data that are loaded at full speed are left out."""
        now = time.monotonic()
        was_filling, self._filling = self._filling, filling(feed)
        if was_filling or self._filling:
            self._heard.clear()
        self._heard.append((now, feed.messages))
        while len(self._heard) > 2 and now - self._heard[1][0] >= 2:
            self._heard.popleft()
        (then, before), (_, after) = self._heard[0], self._heard[-1]
        self.now = (after - before) / (now - then) if now > then else np.nan
