"""A made-up market in Kraken's protocol, its checksums, and the venue at each stage."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime

from exchange_tools import SECOND, confirm, names
from fault_tools import BEGIN, StreamedExchange
from make_captures import EVERY, STEPS, received

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.kraken import Kraken
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTC/USD", "ETH/USD"
MS = 1_700_000_000_000
WRONG = "The book was thrown away: the checksum of the book is wrong."


def stamp(ms):
    """Return a time as the venue writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def digits(number, decimals):
    """Return a number as it stands in the text that a checksum is formed of."""
    return f"{number:.{decimals}f}".replace(".", "").lstrip("0")


def checksum(bids, asks, decimals=(1, 8)):
    """Return the checksum of a book, sizes by price, as the venue documents it."""
    best = [sorted(asks.items())[:10], sorted(bids.items(), reverse=True)[:10]]
    text = "".join(
        digits(price, decimals[0]) + digits(size, decimals[1])
        for side in best
        for price, size in side
    )
    return zlib.crc32(text.encode())


def book(kind, ms, bids=(), asks=(), crc=None, symbol="BTC/USD"):
    sides = [[{"price": price, "qty": qty} for price, qty in side] for side in (bids, asks)]
    data = {"symbol": symbol, "bids": sides[0], "asks": sides[1]}
    data |= {} if crc is None else {"checksum": crc}
    data |= {} if ms is None else {"timestamp": stamp(ms)}
    return json.dumps({"channel": "book", "type": kind, "data": [data]}, separators=(",", ":"))


def trades(kind, *rows, symbol="BTC/USD"):
    """Return a frame of trades; each row is (number, ms, price, size, side)."""
    data = [
        {"symbol": symbol, "side": side, "price": price, "qty": qty, "ord_type": "market",
         "trade_id": number, "timestamp": stamp(ms)}
        for number, ms, price, qty, side in rows
    ]  # fmt: skip
    return json.dumps({"channel": "trade", "type": kind, "data": data}, separators=(",", ":"))


def acknowledged(channel="book", *, method="subscribe", ms=MS, **more):
    fields = {"method": method, "result": {"channel": channel}, "success": True}
    return json.dumps({**fields, "time_in": stamp(ms), "time_out": stamp(ms), **more})


def listing(symbol="BTC/USD", decimals=(1, 8), tick="0.1"):
    """Return the answer to AssetPairs; the first pair is another one."""
    old = symbol.replace("BTC", "XBT").replace("DOGE", "XDG")
    pairs = {
        "X": {"altname": "GASUSD", "wsname": "GAS/USD", "pair_decimals": 4, "lot_decimals": 8},
        "Z": {"wsname": "ODD/USD", "pair_decimals": 1, "lot_decimals": 8, "tick_size": "-"},
        "Y": {
            "altname": old.replace("/", ""), "wsname": old, "base": "XXBT", "quote": "ZUSD",
            "pair_decimals": decimals[0], "lot_decimals": decimals[1], "tick_size": tick,
            "fees": [[0, 0.4]], "ordermin": "0.00005",
        },
    }  # fmt: skip
    return json.dumps({"error": [], "result": pairs})


HEARTBEAT = '{"channel":"heartbeat"}'
SYSTEM = (
    '{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online",'
    '"api_version":"v2","connection_id":13834774380200032777}]}'
)


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""

    def frame(text):
        return Record(received(market.ms), "frame", BOOK, text)

    def numbers(side):
        return [(float(price), lots / 1000) for price, lots in side]

    def whole():
        return [dict(numbers(side)) for side in market.whole()]

    now = received(market.ms)
    yield Record(now, "answer", INSTRUMENT, listing(symbol), 200)
    yield Record(now, "open", BOOK, "")
    yield frame(SYSTEM)
    yield frame(acknowledged(ms=market.ms))
    yield frame(acknowledged("trade", ms=market.ms))
    yield frame(trades("snapshot", (999, market.ms - EVERY, 59999.9, 0.007, "sell"), symbol=symbol))
    bids, asks = whole()
    crc = checksum(bids, asks)
    yield frame(book("snapshot", market.ms, bids.items(), asks.items(), crc, symbol))
    for number in range(1000, 1000 + STEPS):
        step = market.step()
        side = "buy" if step.buys else "sell"
        new = number, market.ms, float(step.price), step.traded / 1000, side
        changed = numbers(step.bids), numbers(step.asks)
        yield frame(book("update", market.ms, *changed, checksum(*whole()), symbol))
        yield frame(trades("update", new, symbol=symbol))
        if number % 20 == 0:
            yield frame(HEARTBEAT)
    yield frame(HEARTBEAT)


class Kraken10(Kraken):
    """A book of ten levels, all of which the checksum is formed of."""

    levels = window = 10


class KrakenExchange(StreamedExchange):
    """A market of ten levels a side; see `fault_tools`."""

    source = "kraken:BTC/USD"
    garbage = (
        book("snapshot", 5, [(1, 1)], [(2, 1)], symbol="ETH/USD"),
        book("update", MS, [(1.5, 1)], [], 7),
        '{"method":"subscribe","success":false,"error":"Already subscribed"}',
        HEARTBEAT,
        SYSTEM,
    )

    def begin(self):
        self.venue = Kraken10("BTC/USD")
        self.market = Market(self.venue)
        super().begin()

    def listing(self):
        return listing()

    def subscribes(self, text):
        return '"subscribe"' in text and '"book"' in text

    def believed(self):
        return (self.venue._sequence // 1_000_000 - BEGIN) // 50

    def crc(self):
        return checksum(*(dict(side) for side in self.window))

    def snapshot(self):
        return book("snapshot", self.ms, *self.window, self.crc())

    def delta(self):
        return book("update", self.ms, *self.changes, self.crc())

    def idle(self):
        return HEARTBEAT


EXCHANGES = [KrakenExchange]


def connected(symbol="BTC/USD", decimals=(1, 8)):
    venue = make_venue("kraken", symbol)
    venue.start(0)
    venue.fetched(INSTRUMENT, 200, listing(symbol, decimals), 0)
    venue.connected(BOOK, 0)
    return confirm(venue)


BIDS, ASKS = {100.0: 5.0, 99.5: 7.25}, {100.5: 3.0, 101.0: 0.00005}


def in_sync():
    venue = connected()
    whole = book("snapshot", MS, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    assert names(venue.received(whole, SECOND)) == ["Snapshot"]
    return venue
