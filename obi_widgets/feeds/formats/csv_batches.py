"""Reads a large CSV file in batches of lines, as columns, and checks every value.

A line that is wrong is refused with its number: to leave it out would make the book wrong without
a word. A file that is cut off is read up to its last whole line, and that is told.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.errors import RecordingError, quoted
from obi_widgets.feeds.formats.units import NO_UNIT, UNITS, outside, to_ns, unit_of
from obi_widgets.feeds.recording.files import Fault, blocks
from obi_widgets.market_data.venues.sizes import COINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from obi_widgets.feeds.recording.skipped import Skipped
    from obi_widgets.market_data.venues.sizes import SizeUnit

BATCH = 2**20
"""Bytes of lines that are read at once."""

AGAIN = "Get the file again, or repair the line: a book that lacks a change is wrong from there on."

INT, FLOAT, TEXT = "a whole number", "a number", "text"
"""Kinds of columns."""


@dataclass
class Columns:
    """The columns of a file that are used.

    Attributes
    ----------
    names : sequence of str
        All columns of the file, in order.
    kinds : mapping of str to str
        Kind of each column that is used. Numbers of kind `FLOAT` may be missing: NaN.
    times : tuple of str
        Columns of times, of kind `INT` or `FLOAT`. They become nanoseconds; their unit follows
        from the first value.
    header : bool
        Whether the first line holds the names.
    """

    names: tuple[str, ...]
    kinds: Mapping[str, str]
    times: tuple[str, ...] = ()
    header: bool = True
    units: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Some lines of a file, as columns.

    Attributes
    ----------
    path : Path
        The file.
    lines : ndarray of int64, shape (N,)
        Number of each line, from 1.
    columns : dict of str to ndarray, shape (N,)
        Columns by name: int64, float64 or str objects.
    """

    path: Path
    lines: NDArray[np.int64]
    columns: dict[str, NDArray[Any]]

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.lines)

    def __bool__(self) -> bool:
        return len(self.lines) > 0

    def refuse(self, bad: NDArray[np.bool_], name: str, what: str) -> None:
        """Raise if a value of a column is bad; the error names the first line."""
        if bad.any():
            row = int(bad.argmax())
            value = self.columns[name][row]
            value = value.item() if isinstance(value, np.generic) else value
            raise bad_line(self.path, int(self.lines[row]), f"{name} is {quoted(value)}, {what}")

    def words(self, name: str, allowed: Mapping[str, int]) -> NDArray[np.int8]:
        """Return the number of each word of a column; refuse other words."""
        import pandas as pd

        codes, words = pd.factorize(self.columns[name])
        numbers = np.array([allowed.get(word, UNKNOWN) for word in words], np.int8)[codes]
        self.refuse(numbers == UNKNOWN, name, f"which is none of {', '.join(allowed)}")
        return numbers

    def part(self, rows: slice | NDArray[np.bool_]) -> Batch:
        """Return some of the lines."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Batch(self.path, self.lines[rows], columns)

    def joined(self, after: Batch) -> Batch:
        """Return these lines and the ones after them."""
        columns = {
            name: np.concatenate([values, after[name]]) for name, values in self.columns.items()
        }
        return Batch(self.path, np.concatenate([self.lines, after.lines]), columns)

    def levels(
        self, price: str, size: str, *, optional: bool = False, unit: SizeUnit = COINS
    ) -> NDArray[np.float64]:
        """Return two columns as levels, shape (N, 2); refuse what is no price or no size.

        Where a level is ``optional``, it is NaN if it has no price. ``unit`` is that of the sizes
        in the file; those of the levels are in base units.
        """
        prices, sizes = self[price], self[size]
        none = np.isnan(prices) if optional else np.zeros(len(prices), bool)
        self.refuse(~((prices > 0) & (prices < np.inf)) & ~none, price, "not a price")
        self.refuse(~((sizes >= 0) & (sizes < np.inf)) & ~none, size, "not a size")
        sizes = unit.base_units(prices, np.where(none, np.nan, sizes))
        return np.stack([prices, sizes], axis=1)

    def side(self, names: Sequence[tuple[str, str]], unit: SizeUnit) -> NDArray[np.float64]:
        """Return pairs of columns, best level first, as a side of shape (N, levels, 2).

        A level is NaN if it has no price. Then none behind it may have one: the book would have
        another best price, or a hole that nobody sees.
        """
        columns = [self.levels(*pair, optional=True, unit=unit) for pair in names]
        side = np.stack(columns, axis=1)
        none = np.isnan(side[:, :, 0])
        for level, (price, _) in enumerate(names[:-1]):
            hole = none[:, level] & ~none[:, level + 1]
            self.refuse(hole, price, "and the level behind it has a price")
        return side


UNKNOWN = 127
"""Number of a word that is not allowed."""


def bad_line(path: Path, line: int, what: str, advice: str = AGAIN) -> RecordingError:
    """Return the error of a wrong line."""
    return RecordingError(f"{path.name}, line {line:,}: {what}.", advice, path=path, line=line)


def batches(path: Path, columns: Columns, skipped: Skipped) -> Iterator[Batch]:
    """Yield the lines of a CSV file in batches, as checked columns.

    Parameters
    ----------
    path : Path
        Plain, gzip or Zstandard.
    columns : Columns
        The columns.
    skipped : Skipped
        Receives what is wrong with the file.

    Raises
    ------
    RecordingError
        For the first line that has another number of values, a value of another kind, or a time in
        another unit. Also if two columns have the name of one that is used.
    """
    twice = next((name for name in columns.kinds if columns.names.count(name) > 1), None)
    if twice is not None:
        what = f"{path.name} has {columns.names.count(twice)} columns {twice!r}."
        raise RecordingError(what, "Leave all but one of them out.", path=path)
    for first, data in _whole_lines(path, skipped):
        if first == 1 and columns.header:
            first, data = 2, data.partition(b"\n")[2]
        batch = _batch(path, first, data, columns)
        if len(batch):
            yield batch


def _whole_lines(path: Path, skipped: Skipped) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines, and the number of the first of them."""
    number, waiting, size = 1, list[bytes](), 0
    damaged = False
    for block in blocks(path):
        if isinstance(block, Fault):
            damaged = True
            rest = b"".join(waiting)
            line = number - 1 + rest.count(b"\n")
            skipped.faults.append(f"{path.name} {block.what.format(line=line)}.")
            if not block.missing:
                continue
            skipped.faults.append(f"What follows in {path.name} was not used.")
            break
        waiting.append(block)
        size += len(block)
        if size < BATCH:
            continue
        data = b"".join(waiting)
        whole = data.rfind(b"\n") + 1
        waiting, size = [data[whole:]], len(data) - whole
        if not whole:
            raise bad_line(path, number, f"it is longer than {BATCH:,} bytes", "Get it again.")
        yield number, data[:whole]
        number += data.count(b"\n", 0, whole)
    data = b"".join(waiting)
    whole = data.rfind(b"\n") + 1
    if whole:
        yield number, data[:whole]
        number += data.count(b"\n", 0, whole)
    if data[whole:].strip() and not damaged:
        skipped.faults.append(
            f"Line {number:,} of {path.name}, the last, has no line end: it may be cut off, and "
            "was left out."
        )


def _batch(path: Path, first: int, data: bytes, columns: Columns) -> Batch:
    import pandas as pd

    data = data.replace(b"\r\n", b"\n")
    text = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(text == ord("\n"))
    lengths = np.diff(ends, prepend=-1)
    lines = first + np.arange(len(ends))
    if (lengths == 1).any():  # blank lines hold nothing
        lines = lines[lengths > 1]
        data = b"\n".join(line for line in data.split(b"\n") if line) + b"\n"
        text = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(text == ord("\n"))
    if not len(lines):
        return Batch(path, lines, {name: np.empty(0) for name in columns.kinds})
    commas = np.searchsorted(np.flatnonzero(text == ord(",")), ends)
    values = np.diff(commas, prepend=0) + 1
    wrong = values != len(columns.names)
    if wrong.any():
        row = int(wrong.argmax())
        what = f"it has {values[row]} values, and the file has {len(columns.names)} columns"
        raise bad_line(path, int(lines[row]), what)
    types = {INT: np.int64, FLOAT: np.float64, TEXT: object}
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            header=None,
            # Of those that are not used, several may have one name.
            names=[name if name in columns.kinds else at for at, name in enumerate(columns.names)],
            usecols=list(columns.kinds),
            dtype={name: types[kind] for name, kind in columns.kinds.items()},
            **_exactly(),
            quoting=3,
            keep_default_na=False,
            na_values={name: [""] for name, kind in columns.kinds.items() if kind == FLOAT},
            skip_blank_lines=False,
            encoding_errors="replace",
        )
    except (ValueError, OverflowError):
        _refuse_value(path, lines, data, columns)
        raise bad_line(path, int(lines[0]), "lines from here on cannot be read") from None
    batch = Batch(path, lines, {name: frame[name].to_numpy() for name in columns.kinds})
    for name in columns.times:
        batch.columns[name] = _nanoseconds(batch, name, columns)
    return batch


def _exactly() -> dict[str, Any]:
    """Return the option by which numbers are parsed without an error; pandas 3.1 needs none."""
    import pandas as pd

    major, minor = (int(part) for part in pd.__version__.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def _nanoseconds(batch: Batch, name: str, columns: Columns) -> NDArray[np.int64]:
    """Return a column of times as nanoseconds."""
    values = batch[name]
    unit = columns.units.get(name) or unit_of(values[0])
    if not unit:
        batch.refuse(np.arange(len(values)) == 0, name, NO_UNIT)
    columns.units[name] = unit
    label = next(label for label, ns in UNITS.items() if ns == unit)
    years = f"no time between 2000 and 2100 in {label}, as the first of the file is"
    batch.refuse(outside(values, unit), name, years)
    return to_ns(values, unit)


def _whole(text: str) -> int:
    """Return a whole number that 64 bits hold."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def _number(text: str) -> float:
    """Return a number, or NaN for no text."""
    number = float(text or "nan")
    if text and number != number:
        raise ValueError(text)
    return number


def _refuse_value(path: Path, lines: NDArray[np.int64], data: bytes, columns: Columns) -> None:
    """Raise for the first value that is not of its column's kind."""
    convert: dict[str, Callable[[str], object]] = {
        INT: _whole,
        FLOAT: _number,
        TEXT: str,
    }
    places = [(columns.names.index(name), name, kind) for name, kind in columns.kinds.items()]
    for line, text in zip(
        lines.tolist(), data.decode("utf-8", "replace").split("\n"), strict=False
    ):
        values = text.split(",")
        for place, name, kind in places:
            try:
                convert[kind](values[place])
            except ValueError:
                what = f"{name} is {quoted(values[place])}, not {kind}"
                raise bad_line(path, line, what) from None
