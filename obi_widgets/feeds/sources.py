"""What a source may be, and the feed of each kind. A new kind of source is an entry in `KINDS`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, Union

from msgspec.structs import replace as with_changes

from obi_widgets.checks import UNSET, Unset, flag, integer, number, text
from obi_widgets.errors import SettingsError, SourceError, quoted
from obi_widgets.feeds.by_ccxt.markets import CcxtSource, ccxt_source, label_of
from obi_widgets.feeds.by_ccxt.venue import CcxtVenue
from obi_widgets.feeds.formats import EventFiles, open_files
from obi_widgets.feeds.formats.tables import is_at_once
from obi_widgets.feeds.given.feed import CALLS, Feed, instrument_of, name_of
from obi_widgets.feeds.given.following import GivenFeed
from obi_widgets.feeds.given.venue import Given
from obi_widgets.feeds.history_feed import HistoryFeed
from obi_widgets.feeds.history_replay import HistoryReplay
from obi_widgets.feeds.options import FITS, KEEPS, REACHES, Options
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.folder_days import compacted
from obi_widgets.feeds.recording.recording import files_of
from obi_widgets.history.columns import History
from obi_widgets.market_data.venues import (
    VENUES,
    Venue,
    find_market,
    known_venue,
    make_venue,
    similar_source,
)
from obi_widgets.market_data.venues.symbols import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.feeds import base
    from obi_widgets.market_data.events import Instrument

ITERATOR = "an iterator of books given by the user"
"""`History.source` of states that came so."""

Books: TypeAlias = Iterator[Any] | AsyncIterable[Any]
"""Tuples ``(time, bids, asks)``, one after the other."""

Source: TypeAlias = Union[str, Path, Iterable[str | Path], History, "pd.DataFrame", Feed, Books]


class Kind(NamedTuple):
    """A kind of source.

    Attributes
    ----------
    what : str
        What it is, for errors.
    takes : frozenset of str
        Options that it has a use for; any other is refused.
    find : callable
        Takes a source and the option ``market``; returns what `open` needs. None if the source is
        of another kind.
    open : callable
        Takes what `find` returned, and the options; returns the feed.
    """

    what: str
    takes: frozenset[str]
    find: Callable[[Any, str | None], Any]
    open: Callable[[Any, Options], base.Feed]


class Found(NamedTuple):
    """A source: its kind, and what is opened."""

    kind: Kind
    opened: Any


def find(source: Source, market: str | None = None) -> Found:
    """Return what a source is, after checking that it is there.

    Raises
    ------
    ArgumentError
        If it can be no source.
    SourceError, SymbolError
        If it is neither a known venue nor a file, or the venue cannot have such a symbol.
    RecordingError
        If it is a file that cannot be shown.
    """
    for kind in KINDS:
        if (opened := kind.find(source, market)) is not None:
            return Found(kind, opened)
    raise AssertionError  # the last kind takes everything, or refuses it


def open_feed(
    source: Source,
    *,
    speed: float | Unset | None = UNSET,
    levels: int = 50,
    history_seconds: float = 3600.0,
    interval: float = 0.1,
    strict: bool = False,
    refresh_at: float = 0.5,
    market: str | None = None,
    edge: float | None = None,
    seed: int | None = None,
    warmup: float | None = None,
    proxy: str | None = None,
    urls: Mapping[str, str] | None = None,
    testnet: bool = False,
    origin: str | None = None,
) -> base.Feed:
    """Return the feed of a source. It does not run yet.

    Parameters
    ----------
    source : str, Path, iterable of paths, History, DataFrame, Feed, iterator or async iterator
        ``venue:SYMBOL`` for a live market, ``ccxt:EXCHANGE:SYMBOL`` for one that ccxt follows,
        ``sim:SYMBOL`` for the simulated exchange, or the path of a recording, or of another file
        that `load` reads; a history, or a DataFrame that `History.from_frame` takes; a `Feed`; or
        an iterator of tuples ``(time, bids, asks)``, as
        `Feed.book` takes them.
    speed : float or None
        For a recording: multiple of real time, default 1; None for as fast as possible. A saved
        history is there at once, unless a speed is given.
    levels : int
        Number of levels to keep on each side, 1 to 1,000.
    history_seconds : float
        Length of the history that is kept at least, seconds, 10 to 30 days. It may be up to 4,096
        states longer, since the oldest states are dropped in blocks.
    interval : float
        Seconds of event time between two states, 0 to 3,600. 0 keeps every state;
        ``history_seconds`` then counts a hundred states a second.
    strict : bool
        What a signal is in a state where it uses levels that no snapshot covered: NaN if True. If
        False, it is computed from the levels that the venue has sent; see `obi_widgets.inferred`.
    refresh_at : float
        For venues that report every change: a new snapshot is requested when less than this
        fraction, 0 to 1, of the range of prices that the last one covered is left on a side.
    market : str, optional
        ``venue:SYMBOL`` of a source that does not name its market.
    edge : float, optional
        For the simulated exchange: how far a hidden pressure of +1 moves mid until it has faded,
        bps; default 1. The imbalance shows the pressure, with noise. At 0, nothing predicts mid.
    seed : int, optional
        For the simulated exchange: the same seed gives the same market. By default it differs each
        time.
    warmup : float, optional
        For the simulated exchange: seconds of a past that is played first; default 300.
    proxy, urls, testnet, origin
        For a live market: how it is reached; see `obi_widgets.Session`.

    Raises
    ------
    ArgumentError
        If the source is something else.
    SourceError, SymbolError
        If the source is neither a known venue nor a file, or the venue cannot have such a symbol.
    SettingsError
        If a number is out of its range, or an option does not fit the source.
    RecordingError
        If the source is a file that is not a recording.
    HistoryError
        If it is a DataFrame that is not one of books.
    """
    options = Options(
        speed, levels, history_seconds, interval, strict, refresh_at, market, edge, seed, warmup,
        proxy, urls, testnet, origin,
    )  # fmt: skip
    found = find(source, market)
    for option, value in options.given().items():
        if option not in found.kind.takes:
            only = FITS.get(option)
            does = f"is for {only}" if only else f"does not fit {found.kind.what}"
            raise SettingsError(f"{option} = {quoted(value)} {does}.", "Leave it out.")
    return found.kind.open(found.opened, options)


# -- histories ---------------------------------------------------------------------------------


def _history(source: object, _: str | None) -> History | None:
    return source if isinstance(source, History) else None


def _open_history(history: History, options: Options) -> base.Feed:
    return HistoryFeed(_named(history, options))


def _frame(source: object, _: str | None) -> object:
    return source if type(source).__name__ == "DataFrame" else None


def _open_frame(frame: Any, options: Options) -> base.Feed:  # noqa: ANN401
    return HistoryFeed(_named(History.from_frame(frame), options))


def _named(history: History, options: Options) -> History:
    """Return a history with what the options say: whether it is strict, and its market."""
    from dataclasses import replace

    changes: dict[str, Any] = {"strict": history.strict or flag("strict", options.strict)}
    if options.market is not None:
        own = name_of(history.instrument)
        if own not in ("", options.market):
            raise SettingsError(
                f"market = {quoted(options.market)} does not fit a history of {own}.",
                "Leave it out.",
            )
        changes["instrument"] = with_changes(
            _instrument(options.market),
            tick_size=history.instrument.tick_size,
            contract_size=history.instrument.contract_size,
            inverse=history.instrument.inverse,
        )
    return replace(history, **changes)


def _instrument(market: str | None) -> Instrument:
    if market is None:
        return instrument_of("books")
    return instrument_of(text("market", market, "Give a name, such as 'MY:MARKET'."))


# -- books as they come ------------------------------------------------------------------------


def _calls(source: object, _: str | None) -> Feed | None:
    return source if isinstance(source, Feed) else None


def _open_calls(calls: Feed, options: Options) -> base.Feed:
    venue = Given(calls.instrument, CALLS)
    return GivenFeed(options.reader(venue), venue, calls=calls)


def _books(source: object, _: str | None) -> Books | None:
    """Return an iterator of books. A list of books is one; a list of paths is a recording."""
    if isinstance(source, list | tuple) and source and isinstance(source[0], list | tuple):
        return iter(source)
    return source if isinstance(source, Iterator | AsyncIterable) else None


def _open_books(books: Books, options: Options) -> base.Feed:
    venue = Given(_instrument(options.market), ITERATOR)
    return GivenFeed(options.reader(venue), venue, books=books)


# -- venues ------------------------------------------------------------------------------------


def _own_venue(source: object, _: str | None) -> Venue | None:
    return source if isinstance(source, Venue) else None


def _venue(source: object, _: str | None) -> tuple[str, str] | None:
    name, symbol = _market(source)
    if not name or name == "sim":
        return None
    return name, symbol


def _open_venue(found: tuple[str, str] | Venue, options: Options) -> base.Feed:
    from obi_widgets.feeds.live import LiveFeed  # to load a recording needs no websockets

    venue = found if isinstance(found, Venue) else make_venue(*found)
    return LiveFeed(options.reader(options.reach.set_on(venue)))


def _simulated(source: object, _: str | None) -> str | None:
    from obi_widgets.feeds.simulation.simulator import LISTINGS

    name, symbol = _market(source)
    if name != "sim":
        return None
    if symbol not in LISTINGS:
        given = str(source).partition(":")[2]
        near = did_you_mean(get_close_matches(given.upper(), LISTINGS, n=1))
        raise SourceError(
            f"The simulator lists no symbol {quoted(given)}.",
            f"{near} It lists {', '.join(LISTINGS)}.".lstrip(),
        )
    return symbol


def _open_simulated(symbol: str, options: Options) -> base.Feed:
    from obi_widgets.feeds.simulation.simulator import SimulatedMarket
    from obi_widgets.feeds.simulator_feed import SimulatorFeed

    warmup = number("warmup", 300.0 if options.warmup is None else options.warmup, 0, 86_400,
                    "seconds")  # fmt: skip
    edge = 1.0 if options.edge is None else options.edge
    seed = time.time_ns() % 2**32 if options.seed is None else options.seed
    reader = options.reader(make_venue("sim", symbol))
    return SimulatorFeed(reader, SimulatedMarket(symbol, edge=edge, seed=seed), warmup=warmup)


def _market(source: object) -> tuple[str, str]:
    """Return venue and symbol of a market's name, as the venue spells it.

    Two empty texts for anything else.
    """
    if not isinstance(source, str):
        return "", ""
    name, colon, symbol = source.partition(":")
    if not colon or known_venue(name) is None:
        return "", ""
    if not symbol:
        raise SourceError(f"{source!r} names no symbol.", "Give venue:SYMBOL.")
    return find_market(name, symbol)


# -- ccxt --------------------------------------------------------------------------------------


def _by_ccxt(source: object, _: str | None) -> CcxtSource | None:
    return ccxt_source(source) if isinstance(source, str) else None


def _open_by_ccxt(found: CcxtSource, options: Options) -> base.Feed:
    from obi_widgets.feeds.by_ccxt.following import CcxtFeed

    venue = CcxtVenue(found.exchange, found.symbol, label_of(found.exchange))
    return CcxtFeed(options.reader(venue), venue, found.exchange)


# -- files -------------------------------------------------------------------------------------


def _saved(source: Any, market: str | None) -> list[Path] | None:  # noqa: ANN401
    """Return files that `load` reads at once, and that are no recordings."""
    if not isinstance(source, str | Path | list | tuple):
        return None
    if isinstance(source, str) and not Path(source).exists():
        return None  # the next kind refuses it
    if (found := compacted(source, market)) is not None:
        return [found.folder]
    paths = files_of(source, market)
    return paths if all(map(is_at_once, paths)) else None


def _open_saved(paths: list[Path], options: Options) -> base.Feed:
    from obi_widgets.feeds.loading import load

    asked = {name: one for name, one in options.given().items() if name in SAVED_TAKES}
    history = load(paths, **asked)
    found = compacted(paths, options.market)
    files = tuple(found.files if found else paths)
    if isinstance(options.speed, Unset) or options.speed is None:
        return HistoryFeed(history, files)
    return HistoryReplay(history, files, options.speed)


def _recording(source: Any, market: str | None) -> Recording | EventFiles:  # noqa: ANN401
    if isinstance(source, str) and not Path(source).exists():
        raise SourceError(
            f"{quoted(source)} is neither a venue's symbol nor a file.",
            similar_source(source)
            or f"Give venue:SYMBOL with one of the venues {', '.join(VENUES)}, or a path.",
        )
    return open_files(source, market)


def _open_recording(recording: Recording | EventFiles, options: Options) -> base.Feed:
    from obi_widgets.feeds.replay import ReplayFeed

    if recording.depth:
        levels = min(integer("levels", options.levels, 1, 1000), recording.depth)
        options = options._replace(levels=levels)
    speed = 1.0 if isinstance(options.speed, Unset) else options.speed
    return ReplayFeed(options.reader(recording.make_venue()), recording, speed)


SAVED_TAKES = frozenset({"levels", "interval", "strict", "market"})

KINDS = (
    Kind("a history", frozenset({"strict", "market"}), _history, _open_history),
    Kind("a DataFrame", frozenset({"strict", "market"}), _frame, _open_frame),
    Kind("an obi.Feed", KEEPS, _calls, _open_calls),
    Kind("an iterator of books", KEEPS | {"market"}, _books, _open_books),
    Kind("a venue", KEEPS | REACHES | {"refresh_at"}, _own_venue, _open_venue),
    Kind("a venue", KEEPS | REACHES | {"refresh_at"}, _venue, _open_venue),
    Kind(
        "the simulated exchange",
        KEEPS | {"refresh_at", "edge", "seed", "warmup"},
        _simulated,
        _open_simulated,
    ),
    Kind("a market by ccxt", KEEPS, _by_ccxt, _open_by_ccxt),
    Kind("a file of a history", SAVED_TAKES | {"speed"}, _saved, _open_saved),
    Kind("a recording", KEEPS | {"refresh_at", "speed", "market"}, _recording, _open_recording),
)
"""Every kind of source. A source is of the first kind that finds it its own; the last refuses what
is none."""
