"""Tables of books, Parquet or CSV: a row for each state, a column for each price and size.

`History.from_frame` says which names of columns are known. A column of times is called ``time`` or
``timestamp``, or is the index that pandas has stored; those of receipt, ``received`` or
``local_timestamp``. A table is loaded as a whole.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from obi_widgets.checks import integer
from obi_widgets.errors import HistoryError, RecordingError, SettingsError, quoted
from obi_widgets.feeds.formats.csv_batches import FLOAT, INT, TEXT, Columns, batches
from obi_widgets.feeds.formats.event_files import NO_TICK, Head, head_of, market_parts, no_trades
from obi_widgets.feeds.formats.opening import format_of
from obi_widgets.feeds.formats.units import NO_UNIT, UNITS, outside, to_ns, unit_of
from obi_widgets.feeds.recording.skipped import Skipped
from obi_widgets.history import frame_names, parquet
from obi_widgets.history.columns import History
from obi_widgets.history.frames import TIMES
from obi_widgets.market_data.events import Instrument
from obi_widgets.market_data.venues import known_venue

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

RECEIVED = ("received", "local_timestamp")
"""Columns of receive times."""

NAMED = (("venue", "exchange"), ("symbol",))
"""Columns that name the market."""

_WHERE = re.compile(r"Row \d+, index (.+?): ")


class Table(NamedTuple):
    """A table that was read.

    Attributes
    ----------
    frame : DataFrame
        Index: times (UTC) of Parquet, numbers of lines of CSV.
    notes : list of str
        What is wrong with the file.
    """

    frame: pd.DataFrame
    notes: list[str]


def is_table(path: Path) -> bool:
    """Return whether a file is a table of books that `History.save` did not write."""
    head = head_of(path)
    if head.data.startswith(parquet.MAGIC):
        names = _parquet_columns(path)
    else:
        plain = head.line.isprintable() and not set(head.line) & {"{", '"'}
        names = head.columns if plain and format_of(head) is None else ()
    try:
        frame_names.find(names)
    except HistoryError:
        return False
    return True


def is_at_once(path: Path) -> bool:
    """Return whether a file holds a history as a whole: a table, or what `History.save` wrote."""
    return parquet.is_parquet(path) or is_table(path)


def load_table(
    path: Path, *, market: str | None, levels: int, interval: float | None, strict: bool
) -> tuple[History, list[str]]:
    """Load a table of books.

    Parameters
    ----------
    path : Path
        The file.
    market, levels, strict
        As in `obi_widgets.load`.
    interval : float, optional
        It must be omitted, or 0: a table has the rows that it has.

    Returns
    -------
    history : History
    faults : list of str
        Sentences about damage, for a warning.

    Raises
    ------
    RecordingError
        If the table is not one of books, or a row is wrong.
    SettingsError
        If there is an interval.
    """
    levels = integer("levels", levels, 1, 1000)
    if interval:
        raise SettingsError(
            f"interval = {quoted(interval)} is not possible: {path.name} is a table, and each of "
            "its rows is kept.",
            "Leave interval out, or take fewer rows by pandas, and give them to "
            "obi.History.from_frame.",
        )
    is_parquet = parquet.is_parquet(path)
    frame, faults = _read_parquet(path) if is_parquet else _read_csv(path)
    instrument = _instrument(path, frame, market)
    try:
        history = History.from_frame(_best(frame, levels), time=_time(frame), instrument=instrument)
    except HistoryError as error:
        raise _with_place(path, error, lines=not is_parquet) from error
    lacking = [
        no_trades("a table of books", ""),
        NO_TICK,
        "Whether every event has a row is not in the table, so the order flow is unknown.",
    ]
    notes = (*history.notes, *faults, *lacking)
    return replace(history, notes=notes, strict=strict, source="a table of books"), faults


# -- reading -----------------------------------------------------------------------------------


def _parquet_columns(path: Path) -> tuple[str, ...]:
    """Return the columns of a Parquet file that `History.save` did not write; else none."""
    try:
        import pyarrow.parquet as files

        schema = files.read_schema(path)
    except (ImportError, OSError, ValueError):  # the errors of pyarrow are among them
        return ()  # to load it raises the error
    return () if parquet.KEY in (schema.metadata or {}) else tuple(schema.names)


def _read_parquet(path: Path) -> Table:
    """Read the columns that are used."""
    import pyarrow.parquet as files

    stored = files.read_table(path, use_threads=False)
    frame = stored.to_pandas()
    for name in (*TIMES, *RECEIVED):
        if name in frame.columns and frame[name].dtype.kind in "iuf":
            frame[name] = _times(path, name, frame[name].to_numpy())
    return Table(_named_received(frame), [])


def _read_csv(path: Path) -> Table:
    """Read and check the lines of a CSV file."""
    import pandas as pd

    head = head_of(path)
    names, first = head.columns, _second_line(head)
    sides = frame_names.find(names)
    kinds = {str(name): FLOAT for side in sides for level in side for name in level}
    times = [name for name in (*TIMES, *RECEIVED) if name in names]
    numbers = []
    for name in times:
        text = first[names.index(name)] if len(first) == len(names) else ""
        kinds[name] = next((kind for kind, rule in _KINDS if re.fullmatch(rule, text)), TEXT)
        numbers += [name] if kinds[name] != TEXT else []
    kinds |= {name: TEXT for one in NAMED for name in one if name in names}
    skipped, parts = Skipped(), []
    columns = Columns(names, kinds, tuple(numbers))
    for batch in batches(path, columns, skipped):
        for side in sides:
            for price, size in side:
                batch.levels(str(price), str(size), optional=True)
        parts.append(pd.DataFrame(batch.columns, index=batch.lines))
    if not parts:
        raise RecordingError(
            f"{path.name} has no line after its header.", "Get it again.", path=path
        )
    frame = pd.concat(parts)
    for name in numbers:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    for name in set(times) - set(numbers) - set(TIMES):
        frame[name] = pd.to_datetime(frame[name], utc=True, errors="coerce", format="ISO8601")
    return Table(_named_received(frame), skipped.damage)


_KINDS = ((INT, r"-?\d+"), (FLOAT, r"-?\d+\.\d*(e\d+)?"))
"""Kinds of times that are numbers, and how they look."""


def _second_line(head: Head) -> list[str]:
    line = head.data.partition(b"\n")[2].partition(b"\n")[0]
    return line.decode("utf-8", "replace").rstrip("\r").split(",")


def _named_received(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose receive times are named as `History.from_frame` names them."""
    own, other = RECEIVED
    if own not in frame.columns and other in frame.columns:
        return frame.rename(columns={other: own})
    return frame


def _times(path: Path, name: str, values: NDArray[Any]) -> pd.DatetimeIndex:
    """Return numbers as times; their unit follows from the first."""
    import pandas as pd

    unit = unit_of(values[0]) if len(values) else 1
    bad = outside(values, unit) if unit else np.ones(len(values), bool)
    if bad.any():
        row = int(bad.argmax())
        unit_name = next((label for label, ns in UNITS.items() if ns == unit), "")
        what = f"no time between 2000 and 2100 in {unit_name}" if unit else NO_UNIT
        raise RecordingError(
            f"{path.name}, row {row:,}: {name} is {values[row]}, {what}.",
            "Make all times of one unit, from seconds to nanoseconds since 1970.",
            path=path,
        )
    return pd.to_datetime(to_ns(values, unit), utc=True)


# -- making the history ------------------------------------------------------------------------


def _time(frame: pd.DataFrame) -> str | None:
    """Return the column of times; None if the index holds them."""
    return next((name for name in TIMES if name in frame.columns), None)


def _best(frame: pd.DataFrame, levels: int) -> pd.DataFrame:
    """Return a table without the levels behind the best ones."""
    behind = [
        name
        for side in frame_names.find(frame.columns)
        for level in side[levels:]
        for name in level
    ]
    return frame.drop(columns=behind)


def _instrument(path: Path, frame: pd.DataFrame, market: str | None) -> Instrument:
    """Return the market that a table or the user names."""
    named = []
    for names in NAMED:
        name = next((one for one in names if one in frame.columns), None)
        values = [] if name is None else list(dict.fromkeys(map(str, frame[name].unique())))
        if len(values) > 1:
            raise RecordingError(
                f"{path.name} holds several markets: {name} is {' and '.join(values[:5])}.",
                "Take one of them by pandas, and give it to obi.History.from_frame.",
                path=path,
            )
        named.append(values[0] if values else "")
    if market in (None, ":".join(named)):
        return Instrument(named[0], named[1])
    chosen = market_parts(market)
    venue = known_venue(named[0])  # another name may be that of the same exchange
    other = venue is not None and venue.name != chosen[0]
    if other or named[1] not in ("", chosen[1]):
        raise RecordingError(
            f"{path.name} is of {':'.join(named).strip(':')}, not of {market}.",
            "Leave market out.",
            path=path,
        )
    return Instrument(*chosen)


def _with_place(path: Path, error: HistoryError, *, lines: bool) -> RecordingError:
    """Return the error of a file: it names the line, or the row."""
    found = _WHERE.match(error.what)
    if found is None or not lines:
        return RecordingError(f"{path.name}: {error.what}", error.advice, path=path)
    line = int(found[1])
    what = f"{path.name}, line {line:,}: {error.what[found.end() :]}"
    return RecordingError(what, error.advice, path=path, line=line)


def load_tables(
    paths: Sequence[Path], *, market: str | None, levels: int, interval: float | None, strict: bool
) -> tuple[History, list[str]]:
    """Load tables of one market, in the order of time, as one history; see `load_table`."""
    parts = [
        load_table(path, market=market, levels=levels, interval=interval, strict=strict)
        for path in paths
    ]
    faults = [fault for _, some in parts for fault in some]
    return (parts[0][0] if len(parts) == 1 else History.concat(h for h, _ in parts)), faults
