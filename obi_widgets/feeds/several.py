"""The feeds of many sources at once, for a board."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from obi_widgets.checks import integer
from obi_widgets.errors import (
    ArgumentError,
    HistoryError,
    ObiError,
    RecordingError,
    SettingsError,
    SourceError,
    SymbolError,
    quoted,
)
from obi_widgets.feeds.connections import Connections
from obi_widgets.feeds.given.feed import name_of
from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.options import FITS, Options
from obi_widgets.feeds.reach import check_urls
from obi_widgets.feeds.sources import Found, find
from obi_widgets.market_data.venues import Venue

if TYPE_CHECKING:
    from obi_widgets.feeds.base import Feed

REFUSED = (SourceError, SymbolError, RecordingError, HistoryError)
"""Errors of one source. The other sources can be followed all the same."""

MOST = 200
"""Markets that one thread may read. Each has a history of its own in memory."""

MAX_SEED = 2**62
"""Largest seed of the first simulated market. Each further one has the next number."""

WARMUP = 60.0
"""Seconds of the past that a simulated market begins with, if nothing else is said. A market alone
has five minutes: one thread makes it all, and for 21 markets that would take a minute."""


def open_feeds(
    sources: Iterable[str | Path], options: Options
) -> dict[str, tuple[Feed, Options] | ObiError]:
    """Return the feed of each source, or why there is none. They do not run yet.

    All are for one event loop: markets of a venue share websockets as far as it allows.

    Parameters
    ----------
    sources : iterable of str or Path
        As `open_feed` takes them: ``venue:SYMBOL``, or the path of a file.
    options : Options
        Each source gets those that it has a use for. Of simulated markets, the first has the seed,
        and each later one the next number, so that they do not move alike.

    Returns
    -------
    dict of str to tuple or ObiError
        By source, in the given order: its feed and its options, or its error.

    Raises
    ------
    ArgumentError
        If the sources are no list of texts, if there are none, or if one is named twice.
    SettingsError
        If an option is out of its range, or none of the sources has a use for it, or ``urls`` are
        given for several venues.
    """
    names = _names(sources)
    found: dict[str, Found | ObiError] = {}
    for name in names:
        try:
            found[name] = find(name)
        except REFUSED as error:
            found[name] = error
    there = [one for one in found.values() if isinstance(one, Found)]
    _check_use(options, there)
    reached = [one.opened for one in there if "urls" in one.kind.takes]
    check_urls(options.urls, (one.name if isinstance(one, Venue) else one[0] for one in reached))
    feeds: dict[str, tuple[Feed, Options] | ObiError] = {}
    seeds = itertools.count(
        0 if options.seed is None else integer("seed", options.seed, 0, MAX_SEED)
    )
    for name, one in found.items():
        if isinstance(one, ObiError):
            feeds[name] = one
            continue
        fitting = _fitting(options, one, seeds)
        try:
            feeds[name] = one.kind.open(one.opened, fitting), fitting
        except REFUSED as error:
            feeds[name] = error
    _check_twice(feeds)
    connections = Connections()
    for opened in feeds.values():
        if not isinstance(opened, ObiError) and isinstance(opened[0], LiveFeed):
            opened[0].share(connections)
    return feeds


def _names(sources: Iterable[str | Path]) -> list[str]:
    advice = "Give a list such as ['sim:BTC-PERP', 'sim:ETH-PERP']."
    if isinstance(sources, str | Path) or not isinstance(sources, Iterable):
        raise ArgumentError(f"{quoted(sources)} is no list of sources.", advice)
    names: list[str] = []
    for number, source in enumerate(sources):
        if not isinstance(source, str | Path):
            raise ArgumentError(f"Source {number + 1}, {quoted(source)}, is no text.", advice)
        names.append(str(source))
        if len(names) > MOST:
            raise ArgumentError(
                f"There are more than {MOST} sources.", "Give fewer, or make several boards."
            )
        if names.count(names[-1]) > 1:
            raise ArgumentError(f"{quoted(names[-1])} is named twice.", "Name each source once.")
    if not names:
        raise ArgumentError("There are no sources.", advice)
    return names


def _check_use(options: Options, found: list[Found]) -> None:
    """Check that each option fits a source at least."""
    for option, value in options.given().items():
        if found and not any(option in one.kind.takes for one in found):
            only = FITS.get(option)
            does = f"is for {only}" if only else "fits none of the sources"
            raise SettingsError(f"{option} = {quoted(value)} {does}.", "Leave it out.")


def _fitting(options: Options, found: Found, seeds: Iterator[int]) -> Options:
    """Return the options that a source takes; each that takes a seed has the next one."""
    taken = {name: one for name, one in options.given().items() if name in found.kind.takes}
    if "warmup" in found.kind.takes:
        taken.setdefault("warmup", WARMUP)
    if "seed" in taken:
        taken["seed"] = next(seeds)
    return Options()._replace(**taken)


def _check_twice(feeds: dict[str, tuple[Feed, Options] | ObiError]) -> None:
    """Check that no two texts name the same market of a venue."""
    seen: dict[str, str] = {}
    for name, one in feeds.items():
        if isinstance(one, ObiError) or one[0].kind not in ("live", "simulated"):
            continue
        market = name_of(one[0].market.instrument)
        if market in seen:
            raise ArgumentError(
                f"{quoted(seen[market])} and {quoted(name)} are the same market.",
                "Name each market once.",
            )
        seen[market] = name
