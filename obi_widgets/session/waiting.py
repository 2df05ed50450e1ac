"""Waiting for book states: for as long as they come, and saying how long that will be."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from obi_widgets.checks import integer, number
from obi_widgets.errors import VenueError

if TYPE_CHECKING:
    from obi_widgets.feeds.market import Market

QUIET = 30.0
"""Seconds without a new state after which nobody waits any longer."""

AT_ONCE = 2.0
"""Seconds that a wait may take before it says what it waits for."""

LONGEST = 30 * 86_400
"""Seconds."""

LOOK = 0.02
"""Seconds between looks."""


class _Bar(tqdm):  # type: ignore[misc]  # it tells no types
    monitor_interval = 0  # no thread of its own


def wait_for(market: Market, states: int, timeout: float | None) -> None:
    """Return when a market's history has so many states. See `Session.wait`."""
    states = integer("states", states, 1, market.capacity or LONGEST, "states, all that are kept")
    if timeout is not None:
        timeout = number("timeout", timeout, 0, LONGEST, "seconds, or None")
    began = heard = time.monotonic()
    there = first = len(market.history())
    with _Bar(
        desc="waiting for book states", total=states, initial=min(first, states), unit=" states",
        delay=AT_ONCE, leave=False, mininterval=0.5, file=sys.stdout,
    ) as bar:  # fmt: skip
        while there < states:
            now = time.monotonic()
            over = timeout is not None and now - began > timeout
            quiet = timeout is None and now - heard > QUIET
            if over or quiet or market.state == "closed":
                raise _in_vain(market, there, states, now - began, there - first, quiet=quiet)
            time.sleep(LOOK)
            before, there = there, len(market.history())
            if there > before:
                heard = time.monotonic()
                bar.update(there - before)


def _in_vain(
    market: Market, there: int, states: int, seconds: float, came: int, *, quiet: bool
) -> VenueError:
    """Return the error of a wait that has come to nothing, with the reason that is known."""
    seen = f"{there:,} of {states:,} states came"
    source = f"{market.venue.name}:{market.venue.symbol}"
    if market.state == "closed":
        return VenueError(f"{seen}. {market.detail}".strip(), market.advice, source=source)
    if quiet:
        seen = f"{seen}, and none in the last {QUIET:g} s"
    elif came:
        rate = came / seconds
        rest = (states - there) / rate
        return VenueError(
            f"{seen} in {seconds:,.1f} s, {rate:,.3g} a second. {market.detail}".strip(),
            f"The rest takes about {rest:,.0f} s more: give a longer timeout, or none.",
            source=source,
        )
    return VenueError(f"{seen}. {market.detail}".strip(), market.advice, source=source)
