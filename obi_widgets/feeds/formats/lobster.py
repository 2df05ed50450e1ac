"""Files of LOBSTER: an order book and its messages, line by line; NASDAQ, one day.

A line of the order book has ask price, ask size, bid price, bid size, level by level: the state
after the message in the same line of the other file. Prices are dollars times 10,000. Times are
seconds after midnight in New York; the date is in the file name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.formats.csv_batches import FLOAT, INT, Batch, Columns, batches
from obi_widgets.feeds.formats.event_files import NO_TICK, EventFiles, FileEvent, Head, head_of
from obi_widgets.market_data.events import Refused, Snapshot, Status, Trade

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BOOK, MESSAGES = "orderbook", "message"

NAME = re.compile(
    r"^(?P<symbol>[^_]+)_(?P<date>\d{4}-\d\d-\d\d)_(?:.*_)?(?P<kind>orderbook|message)_"
)

PRICE = 10_000
"""Steps of a price in a dollar."""

NO_LEVEL = 9_999_999_999
"""Price where there is no level: positive for asks, negative for bids."""

DAY = 86_400

VISIBLE, HIDDEN, CROSS, HALT = 4, 5, 6, 7
"""Types of messages: an execution against a visible or a hidden order, a cross, a halt."""

HALTED = -1
"""Price in a message of type `HALT` that begins one; 0 and 1 end it."""

MESSAGE_COLUMNS = ("time", "type", "order", "size", "price", "direction")

ZONE = ZoneInfo("America/New_York")


class Lobster(EventFiles):
    """An order book of LOBSTER and its messages."""

    format: ClassVar[str] = "LOBSTER"

    def __init__(self, heads: Sequence[Head], *, market: str | None = None) -> None:
        super().__init__(heads, market=market)
        self._pairs = _pairs(heads)
        self.paths = [path for pair in self._pairs for path in (pair.book, pair.messages)]
        for pair in self._pairs:
            if not market:
                self.choose("nasdaq", pair.symbol, pair.book)
        self.depth = max(pair.levels for pair in self._pairs)
        self.label, self.quote = "NASDAQ (LOBSTER)", "USD"
        self.streams = frozenset({"trades"})

    @classmethod
    def recognises(cls, head: Head) -> bool:  # noqa: D102
        line = head.line
        if not re.fullmatch(r"-?\d+(\.\d+)?(,-?\d+){3,}", line):
            return False
        count = line.count(",") + 1
        if NAME.match(head.path.name):
            return count == len(MESSAGE_COLUMNS) or count % 4 == 0
        return count % 4 == 0 and _looks_like_a_book(line)

    def lacking(self) -> list[str]:  # noqa: D102
        return [
            NO_TICK,
            "There is no receive time in LOBSTER's files: event times are used in its place.",
        ]

    def read(self) -> list[Iterator[FileEvent]]:  # noqa: D102
        return [self.continued([(pair.book, self._events(pair)) for pair in self._pairs])]

    def _events(self, pair: Pair) -> Iterator[FileEvent]:
        halted, last = False, 0.0
        for book, messages in self._together(pair):
            sides = _sides(book, pair.levels)
            seconds = messages["time"]
            messages.refuse(~((seconds >= 0) & (seconds < DAY)), "time", "not seconds of a day")
            messages.refuse(np.diff(seconds, prepend=last) < 0, "time", "before the line before it")
            last = float(seconds[-1])
            times = (pair.midnight + np.rint(seconds * 1e9).astype(np.int64)).tolist()
            rows = zip(
                times, *(messages[name].tolist() for name in MESSAGE_COLUMNS[1:]), strict=True
            )
            for row, (time, kind, _, size, price, direction) in enumerate(rows):
                if kind in (VISIBLE, HIDDEN):
                    # The direction is that of the resting order.
                    yield Trade(time, time, price / PRICE, float(size), -direction, 0)
                elif kind == CROSS:
                    yield Refused(time, "cross trade, which has no taker")
                elif kind == HALT:
                    halted = price == HALTED
                    if halted:
                        yield Status(time, "gap", "Trading was halted.", "")
                if not halted:
                    bids, asks = (side[row][~np.isnan(side[row, :, 0])] for side in sides)
                    yield Snapshot(time, time, 0, bids, asks, pair.levels)

    def _together(self, pair: Pair) -> Iterator[tuple[Batch, Batch]]:
        """Yield the same lines of both files."""
        names = tuple(f"{pair.levels}:{column}" for column in range(4 * pair.levels))
        book_columns = Columns(names, dict.fromkeys(names, INT), header=False)
        kinds = {**dict.fromkeys(MESSAGE_COLUMNS, INT), "time": FLOAT}
        message_columns = Columns(MESSAGE_COLUMNS, kinds, header=False)
        books = batches(pair.book, book_columns, self.skipped)
        messages = batches(pair.messages, message_columns, self.skipped)
        book: Batch | None = None
        message: Batch | None = None
        while True:
            book = book or next(books, None)
            message = message or next(messages, None)
            if not book or not message:
                break
            count = min(len(book), len(message))
            yield book.part(slice(count)), message.part(slice(count))
            book, message = book.part(slice(count, None)), message.part(slice(count, None))
        left = book or message
        if left:
            longer, shorter = pair.book, pair.messages
            if left.path != longer:
                longer, shorter = shorter, longer
            self.skipped.faults.append(
                f"{longer.name} goes on after line {int(left.lines[0]) - 1:,}, where "
                f"{shorter.name} ends; its further lines were not used."
            )


@dataclass(frozen=True)
class Pair:
    """The two files of a day.

    Attributes
    ----------
    book, messages : Path
        The files.
    symbol : str
        The ticker.
    midnight : int
        Beginning of the day in New York, ns UTC.
    levels : int
        Levels a side.
    """

    book: Path
    messages: Path
    symbol: str
    midnight: int
    levels: int


def _pairs(heads: Sequence[Head]) -> list[Pair]:
    """Return the pairs that the files belong to; find the other file of each by its name."""
    pairs: dict[Path, Pair] = {}
    for head in heads:
        path, name = head.path, NAME.match(head.path.name)
        if name is None:
            raise RecordingError(
                f"{path.name} looks like a file of LOBSTER, and its name has no date.",
                "LOBSTER's times are seconds after midnight: give the file its name, such as "
                "AAPL_2012-06-21_34200000_57600000_orderbook_10.csv, with the message file beside "
                "it.",
                path=path,
            )
        kind = name["kind"]
        other = MESSAGES if kind == BOOK else BOOK
        beside = path.with_name(f"_{other}_".join(path.name.rsplit(f"_{kind}_", 1)))
        if not beside.is_file():
            raise RecordingError(
                f"{path.name} needs {beside.name}, which is not beside it.",
                "LOBSTER's order book has no times, and its messages have no book: put both in one "
                "folder.",
                path=path,
            )
        book, messages = (path, beside) if kind == BOOK else (beside, path)
        if book not in pairs:
            levels = _levels(book)
            pairs[book] = Pair(
                book, messages, name["symbol"], _midnight(name["date"], path), levels
            )
    return list(pairs.values())


def _levels(book: Path) -> int:
    """Return the levels a side in the first line of an order book."""
    return (head_of(book).line.count(",") + 1) // 4


def _midnight(date: str, path: Path) -> int:
    """Return the beginning of a day in New York, ns UTC."""
    import datetime as dt

    try:
        day = dt.datetime.fromisoformat(date).replace(tzinfo=ZONE)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2100:
        raise RecordingError(
            f"The name of {path.name} has the date {date}, which is no day from 2000 to 2099.",
            "Give the file the name that LOBSTER gave it.",
            path=path,
        ) from None
    return int(day.timestamp()) * 10**9


def _looks_like_a_book(line: str) -> bool:
    """Return whether numbers are ask price, ask size, bid price, bid size, as LOBSTER has them."""
    if "." in line:
        return False
    numbers = [int(text) for text in line.split(",")]
    asks, bids = numbers[0::4], numbers[2::4]
    prices = [price for price in (*asks, *bids) if abs(price) != NO_LEVEL]
    sizes = [*numbers[1::4], *numbers[3::4]]
    return (
        bids[0] < asks[0] and asks == sorted(asks) and bids == sorted(bids, reverse=True)
        and all(price >= 100 for price in prices) and all(size >= 0 for size in sizes)
    )  # fmt: skip


def _sides(book: Batch, levels: int) -> list[NDArray[np.float64]]:
    """Return bids and asks, shape (N, levels, 2) each: dollars and shares, NaN for no level."""
    sides = []
    for first, none in ((2, -NO_LEVEL), (0, NO_LEVEL)):
        pairs = []
        for level in range(levels):
            names = [f"{levels}:{4 * level + first + which}" for which in (0, 1)]
            price, size = (book[name] for name in names)
            missing = price == none
            book.refuse(~missing & (price <= 0), names[0], "not a price")
            book.refuse(~missing & (size < 0), names[1], "not a size")
            pairs.append(
                np.stack([np.where(missing, np.nan, price / PRICE), size.astype(float)], axis=1)
            )
        sides.append(np.stack(pairs, axis=1))
    return sides
