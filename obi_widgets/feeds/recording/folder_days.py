"""Which files of a folder hold which days of a market."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.folder import choose, head_of, markets_in
from obi_widgets.feeds.recording.recording import Recording
from obi_widgets.history import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECOND = 1_000_000_000  # ns


class Day(NamedTuple):
    """A day of a market, UTC, and its files.

    Attributes
    ----------
    date : date
        The day.
    files : tuple of Path
        Recordings that hold parts of it, in order of time. The first one may begin the day before,
        and the last one end the day after.
    parquet : Path, optional
        The Parquet file of this day, if there is one.
    made_of : mapping of str to int
        Names and sizes, bytes, of the recordings that the Parquet file was made of; empty if it
        does not say.
    """

    date: date
    files: tuple[Path, ...]
    parquet: Path | None
    made_of: Mapping[str, int]

    @property
    def begin(self) -> int:
        """When it begins, ns UTC."""
        midnight = datetime(self.date.year, self.date.month, self.date.day, tzinfo=UTC)
        return int(midnight.timestamp()) * SECOND

    @property
    def end(self) -> int:
        """When the next day begins, ns UTC."""
        return self.begin + 86_400 * SECOND

    @property
    def compacted(self) -> bool:
        """Whether the Parquet file holds all that there is of the day."""
        return self.parquet is not None and all(
            self.made_of.get(name) == size for name, size in self.sizes().items()
        )

    @property
    def recorded(self) -> bool:
        """Whether the recordings hold all that there is of the day.

        They do not if one of those that the Parquet file was made of is gone, or was cut off.
        """
        if self.parquet is None:
            return bool(self.files)
        sizes = self.sizes()
        return bool(self.made_of) and all(
            sizes.get(name, -1) >= size for name, size in self.made_of.items()
        )

    def sizes(self) -> dict[str, int]:
        """Return the sizes of the recordings, bytes, by their names."""
        return {path.name: path.stat().st_size for path in self.files if path.exists()}


def date_of(time: int) -> date:
    """Return the day of a time, ns UTC."""
    return datetime.fromtimestamp(time // SECOND, UTC).date()


def day_of(path: Path) -> date | None:
    """Return the day on which a recording begins."""
    head = head_of(path)
    return None if head is None else date_of(head.begin)


def parquet_of(place: Path, day: date) -> Path:
    """Return the path of the Parquet file of a day, in the folder of its market."""
    return place / f"{day.isoformat()}.parquet"


def days_in(folder: Path) -> dict[str, list[Day]]:
    """Return the days of each market of a folder, in order of time."""
    saved: dict[str, dict[date, Saved]] = {}
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("*/*.parquet")]):
        try:
            day = date.fromisoformat(path.stem)
        except ValueError:
            continue  # a file of the user's
        found = _saved(path)
        saved.setdefault(found.market, {})[day] = found
    recorded = markets_in(folder)
    return {
        market: _days(recorded.get(market, []), saved.get(market, {}))
        for market in [*recorded, *(market for market in saved if market not in recorded)]
    }


def days_of(folder: Path, market: str | None) -> tuple[str, list[Day]]:
    """Return a market of a folder, and its days.

    Raises
    ------
    RecordingError
        If the folder has several markets and none is chosen, or it does not have the chosen one.
    """
    found = days_in(folder)
    chosen = choose(folder, [*found], market)
    return chosen, found[chosen]


class Compacted(NamedTuple):
    """A market in a folder of which Parquet files hold what no recording holds."""

    folder: Path
    market: str
    days: list[Day]

    @property
    def files(self) -> list[Path]:
        """All its files, in order of time."""
        files = [day.files if day.recorded else (day.parquet, *day.files) for day in self.days]
        return [path for path in dict.fromkeys(chain(*files)) if path is not None]


def compacted(paths: object, market: str | None) -> Compacted | None:
    """Return what is read of a folder that needs its Parquet files; None for others."""
    path = paths[0] if isinstance(paths, list | tuple) and len(paths) == 1 else paths
    if not isinstance(path, str | Path) or "\0" in str(path) or not Path(path).is_dir():
        return None
    if not any(Path(path).rglob("*.parquet")):
        return None
    chosen, days = days_of(Path(path), market)
    return None if all(day.recorded for day in days) else Compacted(Path(path), chosen, days)


def _days(files: Sequence[Path], saved: dict[date, Saved]) -> list[Day]:
    """Return the days of recordings and of Parquet files."""
    begins = [day for day in map(day_of, files) if day is not None]
    spans: list[tuple[Path, date, date]] = []  # each file, and its first and last day
    for path, (begin, following) in zip(files, pairwise([*begins, date.max]), strict=True):
        # If the next one begins later than the next day, only the file itself says when it ends.
        far = following > begin + timedelta(days=1)
        spans.append((path, begin, max(begin, date_of(_end(path))) if far else following))
    days = {*saved}
    for _, begin, last in spans:
        days |= {begin + timedelta(days=later) for later in range((last - begin).days + 1)}
    return [
        Day(
            day,
            tuple(path for path, begin, last in spans if begin <= day <= last),
            saved[day].path if day in saved else None,
            saved[day].made_of if day in saved else {},
        )
        for day in sorted(days)
    ]


def _end(path: Path) -> int:
    """Return the time of the last record of a file, ns UTC."""
    return max(
        (chunk.last_time for chunk in Recording(path).chunks() if not isinstance(chunk, list)),
        default=0,
    )


class Saved(NamedTuple):
    """What a Parquet file says of itself: its market, and the recordings that it was made of."""

    path: Path
    market: str
    made_of: dict[str, int]


def _saved(path: Path) -> Saved:
    """Return what a Parquet file says."""
    try:
        file = parquet.File(path)
    except (OSError, ValueError) as error:
        raise RecordingError(
            f"{path} cannot be read: {error}.",
            "Remove it, and compact the folder again.",
            path=path,
        ) from error
    file.close()
    instrument = file.facts["instrument"]
    market = f"{instrument['venue']}:{instrument['symbol']}"
    return Saved(path, market, file.facts.get("recordings", {}))
