"""What the tests of recordings share: records, and files of them."""

from __future__ import annotations

import gzip
import itertools
import json

import zstandard
from exchange_tools import SECOND, lmex_book, lmex_summary, usdm_depth, usdm_snapshot

from obi_widgets.feeds.recording import Record, Recorder

T0 = 1_700_000_000 * SECOND

RECORDS = [
    Record(T0, "answer", "summary", lmex_summary(contract_size=0.01), 200),
    Record(T0 + 1, "open", "book", ""),
    Record(T0 + 2, "frame", "book", lmex_book("snapshot", 10, [(100.0, 5)], [(101.0, 3)])),
    Record(T0 + 3, "frame", "book", "pong"),
    Record(T0 + 4, "frame", "book", "two\nlines\r\nand a third"),
    Record(T0 + 5, "frame", "book", "@frame is not what this is"),
    Record(T0 + 6, "frame", "book", " spaces and 多字节 \u2028 \x85 \x00 🙂 "),
    Record(T0 + 7, "frame", "book", ""),
    Record(T0 + 8, "close", "book", "it was closed\nat once: “why”"),
    Record(T0 + 9, "answer", "picture", "<html>\n", 502),
    Record(T0 + 10, "answer", "picture", "timed out", 0),
    Record(T0 + 11, "answer", "picture", "{}", 200, T0 - SECOND),
    Record(T0 + 12, "pong", "trades", ""),
    Record(T0 + 13, "frame", "book", '{"broken":'),
    Record(T0 + 14, "frame", "trades", '{"data":[]}'),
    Record(T0 + 15, "clock", "", "", shift=-2 * SECOND),
]

HEADER = '{"format":"obi-recording","version":1,"venue":"lmex","symbol":"BTC-PERP"}\n'


def write(path, records=RECORDS, *, venue="lmex", symbol="BTC-PERP"):
    """Write a recording, as `obi.record` does."""
    recorder = Recorder(path, venue, symbol)
    for record in records:
        recorder.write(record)
    recorder.close()
    return path


def put(path, text):
    """Write a file, packed as its name says."""
    data = text if isinstance(text, bytes) else text.encode()
    pack = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(data))
    return path


def capture(count=200, *, symbol="BTCUSDT", price=60_000.0):
    """Return the lines of a capture of Binance USD-M: a snapshot, and changes ten times a second.

    There are `count` + 1 states.
    """
    bid, ask = price, price + 0.1
    start = usdm_depth(9, 9, 8, [(bid, 1)], [(ask, 3)], symbol=symbol)
    lines = [(T0, start), (T0 + 1, usdm_snapshot(10, [(bid, 1)], [(ask, 3)]))]
    for step, last in enumerate(itertools.islice(itertools.count(10, 5), count), 1):
        frame = usdm_depth(last + 1, last + 5, last, [(bid, 1 + step % 7)], symbol=symbol)
        lines.append((T0 + step * SECOND // 10, frame))
    return [f"{time} {_compact(frame)}\n" for time, frame in lines]


def _compact(frame):
    """Return a frame without spaces, as the venue writes it: compiled code reads no other."""
    return json.dumps(json.loads(frame), separators=(",", ":"))
