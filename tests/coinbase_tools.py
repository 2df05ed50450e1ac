"""A made-up market in the protocol of Coinbase Advanced, and the venue at each stage."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from exchange_tools import SECOND, confirm, names
from fault_tools import StreamedExchange
from make_captures import EVERY, STEPS, received

from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTC-USD", "ETH-USD"
MS = 1_700_000_000_000
CAPTURE = "wire/coinbase.jsonl.zst"


def stamp(ms):
    """Return a time as the venue writes it."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def said(channel, number, *events, ms=MS):
    """Return a message; it is sent 40 ms after the event."""
    fields = {"channel": channel, "timestamp": stamp(ms + 40), "sequence_num": number}
    return json.dumps({**fields, "events": events}, separators=(",", ":"))


def changes(kind, ms, bids=(), asks=(), symbol="BTC-USD"):
    updates = [
        {"side": side, "event_time": stamp(ms), "price_level": str(px), "new_quantity": str(sz)}
        for side, levels in (("bid", bids), ("offer", asks))
        for px, sz in levels
    ]
    return {"type": kind, "product_id": symbol, "updates": updates}


def book(kind, number, ms, bids=(), asks=(), symbol="BTC-USD"):
    return said("l2_data", number, changes(kind, ms, bids, asks, symbol), ms=ms)


def traded(kind, number, *rows, symbol="BTC-USD"):
    """Return a message of trades; each row is (id, ms, price, size, the maker's side)."""
    trades = [
        {"product_id": symbol, "trade_id": str(one), "price": str(price), "size": str(size),
         "time": stamp(ms), "side": side}
        for one, ms, price, size, side in rows
    ]  # fmt: skip
    return said("market_trades", number, {"type": kind, "trades": trades})


def heartbeat(number):
    now = "2023-11-14 22:13:20.854840045 +0000 UTC m=+41691.260485341"
    return said("heartbeats", number, {"current_time": now, "heartbeat_counter": 41691})


def subscribed(number, **channels):
    return said("subscriptions", number, {"subscriptions": channels})


def listing(symbol="BTC-USD", kind="SPOT", alias=""):
    products = [
        {"product_id": "ODD-USD", "product_type": "SPOT", "price_increment": ""},
        {"product_id": "GAS-USD", "product_type": "FUTURE", "price_increment": "5"},
        {"product_id": symbol, "product_type": kind, "quote_currency_id": symbol[4:],
         "base_increment": "0.00000001", "price_increment": "0.01", "alias": alias},
    ]  # fmt: skip
    return json.dumps({"products": products, "num_products": 3, "pagination": None})


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""
    numbers = iter(range(10**9))

    def frame(text):
        return Record(received(market.ms), "frame", BOOK, text)

    def coins(side):
        return [(price, f"{lots // 1000}.{lots % 1000:03}") for price, lots in side]

    def changed(kind, bids, asks):
        return frame(book(kind, next(numbers), market.ms, coins(bids), coins(asks), symbol))

    now = received(market.ms)
    yield Record(now, "answer", INSTRUMENT, listing(symbol), 200)
    yield Record(now, "open", BOOK, "")
    past = 999, market.ms - EVERY, "59999.9", "0.007", "BUY"
    yield frame(traded("snapshot", next(numbers), past, symbol=symbol))
    yield frame(subscribed(next(numbers), market_trades=[symbol]))
    yield changed("snapshot", *market.whole())
    yield frame(subscribed(next(numbers), level2=[symbol], market_trades=[symbol]))
    for number in range(1000, 1000 + STEPS):
        step = market.step()
        maker = "SELL" if step.buys else "BUY"
        new = number, market.ms, step.price, step.traded / 1000, maker
        yield changed("update", step.bids, step.asks)
        yield frame(traded("update", next(numbers), new, symbol=symbol))
        if number % 10 == 0:
            yield frame(heartbeat(next(numbers)))
    yield frame(heartbeat(next(numbers)))


class CoinbaseExchange(StreamedExchange):
    """Every message has the next number, whether it arrives or not."""

    source = "coinbase:BTC-USD"
    garbage = (
        book("snapshot", 10**6, MS, [(1, 1)], [(2, 1)], symbol="ETH-USD"),
        book("update", 10**6, MS, [(1, 1)]),
        '{"type":"error","message":"rate limit exceeded"}',
        heartbeat(10**6),
    )

    def __init__(self, *what):
        self.count, self.steps = -1, {}
        super().__init__(*what)

    def listing(self):
        return listing()

    def subscribes(self, text):
        return '"subscribe"' in text and '"level2"' in text

    def reopen(self):
        self.restart()
        super().reopen()

    def restart(self):
        self.count = -1

    def frame(self):
        self.count += 1
        self.steps[self.count] = self.step
        return super().frame()

    def believed(self):
        return self.steps[self.venue._sequence]

    def snapshot(self):
        return book("snapshot", self.count, self.ms, *self.window)

    def delta(self):
        return book("update", self.count, self.ms, *self.changes)

    def idle(self):
        return heartbeat(self.count)


EXCHANGES = [CoinbaseExchange]

BIDS, ASKS = [("100.0", "5"), ("99.5", "7.25")], [("100.5", "3"), ("101.0", "0.004")]


def connected(symbol="BTC-USD", **how):
    venue = make_venue("coinbase", symbol)
    venue.start(0)
    venue.fetched(INSTRUMENT, 200, listing(symbol, **how), 0)
    venue.connected(BOOK, 0)
    confirm(venue)
    venue._number = None  # a test begins with any number
    return venue


def in_sync():
    venue = connected()
    assert names(venue.received(book("snapshot", 7, MS, BIDS, ASKS), SECOND)) == ["Snapshot"]
    return venue
