"""Raw files of cryptofeed, as lines of a recording: what one client sent and received.

Each line is a JSON object; ``t`` is its kind: ``header``, ``http`` (an answer, with its URL),
``connect``, ``send``, or ``recv`` (a frame). ``ts`` is the receive time in seconds. A frame is read
by the decoder of its venue, as that of a recording is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording.files import CUT_OFF, Fault, blocks
from obi_widgets.feeds.recording.lines import EARLIEST, Record, encode
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK, Fetch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from obi_widgets.feeds.recording.files import Blocks

BEGINS = b'{"t":"header"'
"""First bytes of such a file."""

OTHER = "other"
"""Name of the websockets that are not the book's."""


class Answers(NamedTuple):
    """What a venue's answers by HTTP are, and which websocket is the book's.

    Attributes
    ----------
    venue : str
        Its name here.
    requests : dict of str to str
        Names of its requests, by the paths of their URLs.
    book : str
        What the address of the book's websocket contains; ``{symbol}`` stands for the symbol.
    apart : bool
        Whether websockets of other addresses are of other venues, and are left out.
    """

    venue: str
    requests: dict[str, str]
    book: str
    apart: bool = False


def _binance(venue: str, api: str) -> tuple[Answers]:
    requests = {f"/{api}/exchangeInfo": "instrument", f"/{api}/depth": "snapshot"}
    return (Answers(venue, requests, "{symbol}@depth"),)


def _bybit(venue: str, category: str) -> Answers:
    requests = {"/v5/market/instruments-info": "instrument"}
    return Answers(venue, requests, f"/v5/public/{category}", apart=True)


EXCHANGES = {
    "BINANCE": _binance("binance-spot", "api/v3"),
    "BINANCE_FUTURES": _binance("binance-usdm", "fapi/v1"),
    "BINANCE_DELIVERY": _binance("binance-coinm", "dapi/v1"),
    "BYBIT": (
        _bybit("bybit", "linear"),
        _bybit("bybit-spot", "spot"),
        _bybit("bybit-inverse", "inverse"),
    ),
    "OKX": (Answers("okx", {"/api/v5/public/instruments": "instrument"}, "/ws/v5/public"),),
    "COINBASE": (
        Answers(
            "coinbase", {"/api/v3/brokerage/market/products": "instrument"}, "advanced-trade-ws"
        ),
    ),
}
"""Venues by their names at cryptofeed, which may have one name for several. A venue that is decoded
needs a line here."""


def is_cryptofeed(data: bytes) -> bool:
    """Return whether the first bytes of a file are those of cryptofeed's raw files."""
    return data.replace(b" ", b"").startswith(BEGINS)


def check(path: Path, data: bytes) -> list[str]:
    """Return the venues that a file may hold.

    Raises
    ------
    RecordingError
        If the file does not name its venue, or the venue is not decoded.
    """
    try:
        name = json.loads(data.partition(b"\n")[0]).get("exchange")
    except ValueError:
        name = None
    if name in EXCHANGES:
        return [answers.venue for answers in EXCHANGES[name]]
    known = ", ".join(EXCHANGES)
    raise RecordingError(
        f"{path.name} is a raw file of cryptofeed, recorded at {name}, a venue that is not known "
        "here yet."
        if name
        else f"{path.name} is a raw file of cryptofeed that does not name its venue.",
        f"Those of {known} can be read. Give books of another to obi.History.from_arrays.",
        path=path,
        line=1,
    )


def translated(path: Path, venue: str, symbol: str) -> Blocks:
    """Yield the lines of a file as lines of a recording.

    Parameters
    ----------
    path : Path
        The file.
    venue : str
        The venue that is read, by its name here.
    symbol : str
        The symbol that is read: snapshots of others are left out. Empty for the frames of all.
    """
    translator, number, waiting, cut = Translator(venue, symbol), 0, b"", False
    for block in blocks(path):
        if isinstance(block, Fault):
            cut = True
            yield block._replace(what=block.what.format(line=number), missing=False)
            waiting = b"" if block.missing else waiting
            continue
        *lines, waiting = (waiting + block).split(b"\n")
        records = list[bytes]()
        for line in lines:
            number += 1
            try:
                records += map(encode, translator.records(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                yield b"".join(records)
                records.clear()
                yield Fault(f"has a damaged line {number:,}, which was left out", missing=False)
        yield b"".join(records)
    yield b"".join(map(encode, translator.end()))
    if waiting.strip() and not cut:
        yield Fault(CUT_OFF.format(line=number), missing=False)


class Translator:
    """Makes records of the lines of a file, in order of time.

    Answers may stand before frames that were received earlier: they wait for these.

    Parameters
    ----------
    venue, symbol : str
        See `translated`.
    """

    def __init__(self, venue: str, symbol: str) -> None:
        self._venue, self._symbol = venue, symbol
        self._answers: Answers | None = None
        self._waiting: list[Record] = []
        self._sockets: dict[str, str] = {}  # by the name of the connection
        asked = make_venue(venue, symbol).start(0) if symbol else []
        self._asked = [urlsplit(fetch.url) for fetch in asked if isinstance(fetch, Fetch)]

    def records(self, line: bytes) -> Iterator[Record]:
        """Yield the records that a line leads to."""
        if not line.strip():
            return
        fields = msgspec.json.decode(line)
        kind = fields["t"]
        if kind == "header":
            venues = EXCHANGES[fields["exchange"]]
            self._answers = next((one for one in venues if one.venue == self._venue), None)
            return
        if self._answers is None:
            raise ValueError(line)
        if kind not in ("http", "connect", "recv"):
            return
        time = round(fields["ts"] * 1_000_000) * 1000  # a float holds microseconds
        if time < EARLIEST:
            raise ValueError(line)
        if kind == "http":
            self._take_answer(fields, time, self._answers)
            self._waiting.sort(key=lambda record: record.time)
            return
        name = str(fields["conn"])
        yield from self._due(time)
        again = False
        if kind == "connect":
            book = self._answers.book.format(symbol=self._symbol.lower())
            again = name in self._sockets
            self._sockets[name] = BOOK if book in str(fields.get("addr", "")) else OTHER
        socket = self._sockets.get(name, BOOK)
        if socket == OTHER and self._answers.apart:
            return
        if kind == "recv":
            yield Record(time, "frame", socket, str(fields["data"]))
            return
        if again:
            yield Record(time, "close", socket, "connected again")
        yield Record(time, "open", socket, "")

    def end(self) -> Iterator[Record]:
        """Yield the records that still wait."""
        yield from self._waiting
        self._waiting.clear()

    def _due(self, time: int) -> Iterator[Record]:
        """Yield the answers that came before a time."""
        while self._waiting and self._waiting[0].time <= time:
            yield self._waiting.pop(0)

    def _take_answer(self, fields: dict[str, Any], time: int, answers: Answers) -> None:
        url = urlsplit(fields["url"])
        name = answers.requests.get(url.path)
        if name is None or not self._symbol or not self._is_own(url):
            return
        if any(url.path == asked.path for asked in self._asked):  # the instrument: the last is used
            self._waiting = [record for record in self._waiting if record.name != name]
        self._waiting.append(Record(time, "answer", name, fields["data"], 200))

    def _is_own(self, url: SplitResult) -> bool:
        """Return whether an answer may hold the own symbol.

        It does not if a parameter of its request differs from that of our own request.
        """
        own = {"symbol": [self._symbol]}
        for asked in self._asked:
            if asked.path == url.path:
                own |= parse_qs(asked.query)
        given = parse_qs(url.query)
        return all(own[name] == value for name, value in given.items() if name in own)
