"""What the tests of file formats share: a book in plain Python, and files of small markets."""

from __future__ import annotations

import gzip
import json
import warnings

import numpy as np

import obi_widgets as obi
from obi_widgets.errors import RecordingError, RecordingWarning

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND


class PlainBook:
    """A book as a dict a side: sizes by price."""

    def __init__(self):
        self.sides = {+1: {}, -1: {}}

    def put(self, side, levels):
        for price, size in levels:
            if float(size):
                self.sides[side][float(price)] = float(size)
            else:
                self.sides[side].pop(float(price), None)

    def replace(self, bids, asks):
        self.sides = {+1: {}, -1: {}}
        self.put(+1, bids)
        self.put(-1, asks)

    def top(self, side, count):
        """Return prices and sizes, best first, NaN and 0 behind the last."""
        prices = sorted(self.sides[side], reverse=side > 0)[:count]
        rest = count - len(prices)
        return [*prices, *[np.nan] * rest], [
            *(self.sides[side][price] for price in prices),
            *[0.0] * rest,
        ]


def load(paths, **options):
    """Load every state, and return the history and what was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", RecordingWarning)
        history = obi.load(paths, **{"interval": 0, **options})
    return history, " ".join(str(one.message) for one in told)


def refused(paths, **options):
    """Return the error of files that are not loaded."""
    try:
        obi.load(paths, **{"interval": 0, **options})
    except RecordingError as error:
        return error
    raise AssertionError("they were loaded")


def states(history):
    """Return the states that have a book, as lists: time, then prices and sizes of both sides."""
    rows = np.flatnonzero(~np.isnan(history.mid))
    columns = [
        np.nan_to_num(column, nan=none)
        for side in (+1, -1)
        for column, none in ((history.prices(side), -1), (history.sizes(side), 0))
    ]
    return [(int(history.time[row]), *(column[row].tolist() for column in columns)) for row in rows]


def expected(time, book, levels):
    """Return a plain book as `states` has it; sizes are kept as 32-bit floats."""
    parts = []
    for side in (+1, -1):
        prices, sizes = book.top(side, levels)
        parts += [
            np.nan_to_num(np.array(prices), nan=-1).tolist(),
            np.float32(sizes).astype(float).tolist(),
        ]
    return (time, *parts)


def captured(paths):
    """Yield receive time and message of a capture of Binance USD-M, in order."""
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                received, _, text = line.partition(" ")
                message = json.loads(text)
                yield int(received), message.get("data", message)


def book_events(paths):
    """Yield the events of a capture's book: receive time, whether it is a snapshot, and message."""
    waiting, last = [], None
    for received, message in captured(paths):
        if "lastUpdateId" in message:
            last = message["lastUpdateId"]
            yield received, True, {"b": message["bids"], "a": message["asks"], "T": message["T"],
                                   "u": last}  # fmt: skip
            for event in waiting:
                if event["u"] > last:
                    yield received, False, event
        elif message["e"] == "depthUpdate":
            if last is None:
                waiting.append(message)
            elif message["u"] > last:
                yield received, False, message


def captured_trades(paths):
    """Return the trades of a capture after its snapshot."""
    return [(received, one) for received, one in captured(paths)
            if one.get("e") == "trade" and one["X"] == "MARKET"]  # fmt: skip
