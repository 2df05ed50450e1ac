"""Waiting for a number of book states, with a progress bar."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from tqdm import tqdm

from obi_widgets.checks import integer, number
from obi_widgets.errors import VenueError, counted

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Followed

QUIET = 30.0
"""Without a timeout, the wait ends after so many seconds without a new state."""

SHOW_AFTER = 2.0
"""Seconds after which a wait shows its progress bar."""

LONGEST = 30 * 86_400
"""Longest timeout, seconds."""

POLL_EVERY = 0.02
"""Seconds between two checks for new states."""


class _Bar(tqdm):  # type: ignore[misc]  # tqdm has no types
    monitor_interval = 0  # no thread of its own


def wait_for(market: Followed, states: int, timeout: float | None) -> None:
    """Wait until a market's history has a number of states, see `Session.wait`."""
    states = integer("states", states, 1, market.capacity or LONGEST, "states, all that are kept")
    if timeout is not None:
        timeout = number("timeout", timeout, 0, LONGEST, "seconds, or None")
    began = last_new = time.monotonic()
    count = first = len(market.history())
    with _Bar(
        desc="waiting for book states", total=states, initial=min(first, states), unit=" states",
        delay=SHOW_AFTER, leave=False, mininterval=0.5, file=sys.stdout,
    ) as bar:  # fmt: skip
        while count < states:
            now = time.monotonic()
            timed_out = timeout is not None and now - began > timeout
            quiet = timeout is None and now - last_new > QUIET
            if timed_out or quiet or market.state == "closed":
                raise _unfinished(market, count, states, now - began, count - first, quiet=quiet)
            time.sleep(POLL_EVERY)
            before, count = count, len(market.history())
            if count > before:
                last_new = time.monotonic()
                bar.update(count - before)


def _unfinished(
    market: Followed, count: int, states: int, seconds: float, added: int, *, quiet: bool
) -> VenueError:
    """Return the error of a wait that ended too early, with its reason if that is known."""
    seen = f"{count:,} of {counted(states, 'state')} came"
    source = f"{market.instrument.venue}:{market.instrument.symbol}"
    if market.state == "closed":
        return VenueError(f"{seen}. {market.detail}".strip(), market.advice, source=source)
    if quiet:
        seen = f"{seen}, and none in the last {QUIET:g} s"
    elif added:
        rate = added / seconds
        remaining = (states - count) / rate
        return VenueError(
            f"{seen} in {seconds:,.1f} s, {rate:,.3g} a second. {market.detail}".strip(),
            f"The rest takes about {remaining:,.0f} s more: give a longer timeout, or none.",
            source=source,
        )
    return VenueError(f"{seen}. {market.detail}".strip(), market.advice, source=source)
