"""A made-up market at LMEX, as connections of different ages receive it, for tests of folders."""

from __future__ import annotations

import json

from exchange_tools import SECOND, lmex_book, lmex_summary
from recording_tools import write

from obi_widgets.feeds.recording import Record

MS = 1_000_000
DAY = 86_400 * SECOND
BEGIN = 1_700_000_000 * SECOND
"""Event time of change 0; a change follows every 50 ms."""


def time_of(number):
    """Return the event time of a change."""
    return BEGIN + 50 * MS * number


def size_of(level, number):
    """Return the size of a level after a change: each change sets two levels a side."""
    newest = number - (number - level) % 5  # the last change that set it
    return 1 + (newest * 7 + level) % 23


def sides(number, levels):
    return (
        [(100.0 - 0.5 * level, size_of(level, number)) for level in levels],
        [(100.5 + 0.5 * level, size_of(level, number) + 1) for level in levels],
    )


def snapshot(number):
    return lmex_book("snapshot", number, *sides(number, range(5)))


def delta(number):
    return lmex_book("delta", number, *sides(number, [number % 5]))


def trades(*numbers):
    """Return a frame of the trades that come with changes; their ids are the numbers."""
    data = [
        {
            "price": 100.5,
            "size": 1 + number % 4,
            "side": "BUY",
            "symbol": "BTC-PERP",
            "tradeId": number,
            "timestamp": time_of(number) // MS,
        }
        for number in numbers
    ]
    return json.dumps({"topic": "tradeHistoryApiV2:BTC-PERP", "data": data})


def connection(first, last, *, late=5 * MS, trades_until=None, quiet=()):
    """Return what one connection records, from the snapshot at a change to another change.

    Every third change comes with a trade. ``late`` is the time from a change to its receipt.
    ``quiet`` has the numbers of changes that did not happen: the later ones come with their number.
    """
    at = time_of(first) + late - 2 * MS
    records = [
        Record(at, "answer", "summary", lmex_summary(), 200),
        Record(at + 1, "open", "book", ""),
        Record(at + 2, "open", "trades", ""),
        Record(at + 3, "frame", "trades", trades(*range(max(first - 9, 3), first, 3))),
        Record(at + 4, "frame", "book", snapshot(first)),
    ]
    for number in range(first + 1, last + 1):
        if number in quiet:
            continue
        received = time_of(number) + late
        if number % 3 == 0 and number <= (trades_until or last):
            records.append(Record(received, "frame", "trades", trades(number)))
        records.append(Record(received + 1, "frame", "book", delta(number)))
    return records


def recorded(folder, *connections):
    """Write a file for each connection to the folder of a market; return the files."""
    place = folder / "lmex_BTC-PERP"
    place.mkdir(parents=True, exist_ok=True)
    from obi_widgets.feeds.recording.folder import file_name

    return [write(place / file_name(records[0].time), records) for records in connections]


def gaps(history):
    """Return event times around each gap."""
    lost = [row for row in range(len(history)) if history.bid[row] != history.bid[row]]
    return [(int(history.time[row - 1]), int(history.time[row + 1])) for row in lost]
