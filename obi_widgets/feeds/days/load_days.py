"""Loading of a folder day by day."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from obi_widgets.checks import flag, integer, number
from obi_widgets.checks import path as as_path
from obi_widgets.errors import RecordingError, RecordingWarning, SettingsError
from obi_widgets.feeds.loading import INTERVAL, LEVELS, NoBookError, load, of_days
from obi_widgets.feeds.recording.folder_days import days_of
from obi_widgets.history.loaders import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from obi_widgets.feeds.recording.folder_days import Day
    from obi_widgets.history.columns import History


@dataclass(frozen=True)
class DayLoader:
    """The loader of one day of a market; see `obi_widgets.history.loaders.Loader`.

    Parameters
    ----------
    day : Day
        Its files.
    market : str
        ``venue:SYMBOL``.
    levels, interval, strict
        As in `load`.
    """

    day: Day
    market: str
    levels: int
    interval: float
    strict: bool

    @property
    def name(self) -> str:
        """What an error calls the day."""
        return f"{self.market} on {self.day.date}"

    @property
    def states(self) -> None:
        """Nothing: their number is known once the day is loaded."""
        return

    def __call__(self) -> History:
        """Return the history of the day, and warn of data that were not used."""
        history, missing = self._read()
        if missing:
            warnings.warn(missing, RecordingWarning, stacklevel=3)
        return history

    def load(self) -> Loaded:
        """Load the day; it has no history if there is no book on it."""
        try:
            history, missing = self._read()
        except NoBookError as error:
            return Loaded(None, (f"{error.what} It is left out.",))
        return Loaded(history, (missing,) if missing else ())

    def _read(self) -> tuple[History, str]:
        """Return its Parquet file if that fits, otherwise see `of_days`; and what is missing."""
        day, levels, interval = self.day, self.levels, self.interval
        if day.parquet is not None and day.compacted:
            try:
                saved = load(
                    day.parquet, market=self.market, levels=levels, interval=interval,
                    strict=self.strict,
                )  # fmt: skip
            except SettingsError:  # saved with other levels or another interval
                if not day.recorded:
                    raise
            else:
                return saved, ""
        history, missing = of_days([day], self.market, levels, interval, strict=self.strict)
        return history, " ".join(missing)


class Days(Sequence["History"]):
    """The days of a market in a folder: a sequence of histories, each loaded when it is asked for.

    A day is not kept: two loops load it twice. A loop leaves a day without a book out, and warns of
    it. `load_days` makes it. `sweep`, `calibrate` and `walk_forward` take it, and load each day
    where it is computed with: in a process of its own, or by a worker of a cluster.

    Parameters
    ----------
    market : str
        See below.
    loaders : sequence of DayLoader
        See below.

    Attributes
    ----------
    market : str
        ``venue:SYMBOL``.
    loaders : tuple of DayLoader
        One for each day, in order of time. They can be pickled.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> folder = obi.record(["sim:BTC-PERP"], "one", seconds=1, progress=False)
    >>> days = obi.load_days(folder)
    >>> len(days) == len(days.dates)
    True
    """

    def __init__(self, market: str, loaders: Sequence[DayLoader]) -> None:
        self.market = market
        self.loaders = tuple(loaders)

    @property
    def dates(self) -> tuple[date, ...]:
        """The days, UTC."""
        return tuple(one.day.date for one in self.loaders)

    def __len__(self) -> int:
        return len(self.loaders)

    @overload
    def __getitem__(self, at: int) -> History: ...
    @overload
    def __getitem__(self, at: slice) -> Days: ...
    def __getitem__(self, at: int | slice) -> History | Days:
        if isinstance(at, slice):
            return Days(self.market, self.loaders[at])
        return self.loaders[at]()

    def __iter__(self) -> Iterator[History]:
        for one in self.loaders:
            history, missing = one.load()
            for sentence in missing:
                warnings.warn(sentence, RecordingWarning, stacklevel=2)
            if history is not None:
                yield history

    def __repr__(self) -> str:
        if not self.loaders:
            return f"<Days {self.market} none>"
        return f"<Days {self.market} {len(self)} from {self.dates[0]} to {self.dates[-1]} UTC>"


def load_days(
    folder: str | Path,
    *,
    market: str | None = None,
    levels: int = LEVELS,
    interval: float = INTERVAL,
    strict: bool = False,
) -> Days:
    """Load a folder that `record` wrote as one history for each day, UTC.

    A day is loaded when it is asked for, and not kept, so that memory holds one day and one file
    however many days there are. A state belongs to the day of its event time. If `compact` wrote a
    Parquet file of a day with the same levels and interval, that is read; otherwise the recordings.
    Of a day of which recordings are gone, the Parquet file is joined with what others add.

    Parameters
    ----------
    folder : str or Path
        The folder, or that of one market in it.
    market : str, optional
        ``venue:SYMBOL``. Needed if the folder holds several markets.
    levels, interval, strict
        As in `load`.

    Returns
    -------
    Days
        A sequence of `History`; ``dates`` has the days. Give it to `sweep`, `calibrate` or
        `walk_forward` as it is: they load each day when its turn comes.

    Raises
    ------
    RecordingError
        If it is no such folder, or holds several markets and none is chosen. When a day is loaded:
        if it has no book, or its files cannot be read.
    SettingsError
        If a number is out of its range. When a day is loaded of which recordings are gone, and its
        Parquet file has other levels or another interval.

    Warns
    -----
    RecordingWarning
        When a day is loaded: if data of the book were not used. In a loop: if a day has no book; it
        is left out.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> folder = obi.record(["sim:BTC-PERP"], "btc", seconds=1, progress=False)
    >>> days = obi.load_days(folder, levels=10)
    >>> days.market
    'sim:BTC-PERP'
    >>> [history.levels for history in days][0]
    10
    """
    levels, interval = kept(levels, interval)
    strict = flag("strict", strict)
    chosen, days = days_of(as_folder(folder), market)
    return Days(chosen, [DayLoader(day, chosen, levels, interval, strict) for day in days])


def kept(levels: int, interval: float) -> tuple[int, float]:
    """Return the levels and the interval that are kept, after checking them."""
    return integer("levels", levels, 1, 1000), number("interval", interval, 0, 3600, "seconds")


def as_folder(folder: str | Path) -> Path:
    """Return the path of a folder that exists.

    Raises
    ------
    ArgumentError
        If it is no path.
    RecordingError
        If there is no such folder.
    """
    place = as_path(folder, "Give the folder that obi.record wrote.")
    if not place.is_dir():
        raise RecordingError(
            f"There is no folder {place}.", "Give the folder that obi.record wrote.", path=place
        )
    return place
