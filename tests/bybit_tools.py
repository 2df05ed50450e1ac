"""A made-up market, and an exchange, in the protocol of Bybit's three categories."""

from __future__ import annotations

import json

from exchange_tools import confirm
from fault_tools import BEGIN, StreamedExchange
from make_captures import STEPS, received

from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.replies import BOOK, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT

BIDS, ASKS = [(100.0, 5), (99.5, 7)], [(100.5, 4), (101.0, 3)]


def book_frame(kind, number, bids=(), asks=(), *, symbol="BTCUSDT", topic=None, ms=None, seq=None):
    """Return a frame of the book; its time and its ``seq`` grow with its number."""
    data = {
        "s": symbol,
        "b": [[str(price), str(size)] for price, size in bids],
        "a": [[str(price), str(size)] for price, size in asks],
        "u": number,
        "seq": 5 * number if seq is None else seq,
    }
    ms = BEGIN + 50 * number if ms is None else ms
    fields = {"topic": topic or f"orderbook.200.{symbol}", "type": kind, "ts": ms + 1, "data": data}
    return json.dumps({**fields, "cts": ms})


def liquidation(**more):
    """Return the documented frame of a liquidation, of this market, or one that differs."""
    one = {"T": 1739502302929, "s": "BTCUSDT", "S": "Sell", "v": "20000", "p": "0.04499"}
    said = {"topic": "allLiquidation.BTCUSDT", "type": "snapshot", "ts": 1739502303204}
    return json.dumps({**said, "data": [one | more]})


def listing(symbol="BTCUSDT", *, category="linear", tick="0.5", code=0):
    """Return the answer to instruments-info, of one symbol."""
    item = {"symbol": symbol, "quoteCoin": "USDT", "priceFilter": {"tickSize": tick}}
    result = {"category": category, "list": [item]}
    return json.dumps({"retCode": code, "retMsg": "OK", "result": result, "time": BEGIN})


def asked(topic):
    """Return the request of a topic beside the book."""
    return Send(BOOK, f'{{"op":"subscribe","args":["{topic}"],"req_id":"{topic}"}}')


def connected(name="bybit", symbol="BTCUSDT", now=0):
    """Return a venue that knows its instrument, and whose websocket is open."""
    venue = make_venue(name, symbol)
    venue.start(now)
    venue.fetched(INSTRUMENT, 200, listing(symbol), now)
    venue.connected(BOOK, now)
    return confirm(venue, now)


def in_sync(**how):
    """Return a venue whose book stands at update 10."""
    venue = connected(**how)
    venue.received(book_frame("snapshot", 10, BIDS, ASKS, symbol=venue.symbol), how.get("now", 0))
    return venue


def speak(symbol, market, category="linear"):
    """Return all that is heard of a market; see `make_captures`."""
    inverse = category == "inverse"

    def size(price, lots):
        """Contracts of 1 USD if inverse, else coins."""
        return f"{lots * float(price) / 1000:.9g}" if inverse else f"{lots / 1000:.3f}"

    def levels(side):
        return [[price, size(price, lots)] for price, lots in side]

    def frame(topic, kind, data, **more):
        said = {"topic": topic, "type": kind, "ts": market.ms + 1, "data": data, **more}
        return Record(received(market.ms), "frame", BOOK, json.dumps(said, separators=(",", ":")))

    def book(kind, number, bids, asks):
        data = {"s": symbol, "b": levels(bids), "a": levels(asks), "u": number, "seq": 7 * number}
        return frame(f"orderbook.200.{symbol}", kind, data, cts=market.ms)

    def ticker(kind, **fields):
        return frame(f"tickers.{symbol}", kind, {"symbol": symbol, **fields})

    def ack(operation):
        said = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": "", "op": operation}
        return Record(received(market.ms), "frame", BOOK, json.dumps(said))

    def ratio(symbol):
        told = {"symbol": symbol, "buyRatio": "0.6", "sellRatio": "0.4", "timestamp": market.ms}
        body = {"retCode": 0, "retMsg": "OK", "result": {"list": [told]}}
        return Record(received(market.ms), "answer", RATIO, json.dumps(body), 200)

    now = received(market.ms)
    quote = "USD" if inverse else "USDT"
    item = {"symbol": symbol, "quoteCoin": quote, "priceFilter": {"tickSize": "0.10"}}
    answer = {"retCode": 0, "retMsg": "OK", "result": {"category": category, "list": [item]}}
    yield Record(now, "answer", INSTRUMENT, json.dumps(answer), 200)
    yield Record(now, "open", BOOK, "")
    if category != "spot":  # it comes before the acknowledgement, as in the real capture
        yield ticker("snapshot", lastPrice="60000.0", markPrice="60000.1", indexPrice="60000.2",
                     openInterest="1000", fundingRate="0.0001", bid1Price="60000.0")  # fmt: skip
    yield ack("subscribe")
    yield book("snapshot", 100, *market.whole())
    for number in range(101, 101 + STEPS):
        step = market.step()
        yield book("delta", number, step.bids, step.asks)
        side = "Buy" if step.buys else "Sell"
        trade = {"T": market.ms, "s": symbol, "S": side, "v": size(step.price, step.traded),
                 "p": step.price, "i": f"{number:08x}-82bc-50de-be60-03eedbe3cdd7", "BT": False,
                 "seq": 7 * number}  # fmt: skip
        yield frame(f"publicTrade.{symbol}", "snapshot", [trade])
        if category != "spot" and number % 5 == 0:
            yield ticker("delta", bid1Size="1", markPrice=step.price)
        if number % 20 == 0:
            yield ack("ping")
            if category != "spot":
                gone = {"T": market.ms, "s": symbol, "S": side, "v": trade["v"], "p": step.price}
                yield frame(f"allLiquidation.{symbol}", "snapshot", [gone])
                yield ratio(symbol)


class BybitExchange(StreamedExchange):
    """The exchange of ``test_faults``: sometimes its service restarts, and counts from 1 again.

    Update ``u`` is of step ``u`` + `offset`.
    """

    source = "bybit:BTCUSDT"
    category = "linear"
    garbage = (
        '{"topic":"orderbook.200.BTCUSDT"}',
        '{"success":false,"ret_msg":"error:invalid op","op":"subscribe"}',
        '{"success":true,"ret_msg":"pong","op":"ping"}',
        book_frame("snapshot", 5, [(1, 1)], [(2, 1)], symbol="ETHUSDT"),
        book_frame("snapshot", 5, [(1, 1)], [(2, 1)], topic="orderbook.50.BTCUSDT"),
    )
    offset = -1000
    restarting = False

    @property
    def symbol(self):
        return self.source.partition(":")[2]

    def listing(self):
        return listing(self.symbol, category=self.category)

    def subscribes(self, text):
        return '"subscribe"' in text and "orderbook" in text

    def restart(self):
        if self.subscribed:
            self.restarting = True

    def frame(self):
        if self.restarting:  # a snapshot that nobody has asked for
            self.restarting, self.offset = False, self.step - 1
            return self.book("snapshot", self.window)
        return super().frame()

    def snapshot(self):
        return self.book("snapshot", self.window)

    def delta(self):
        return self.book("delta", self.changes)

    def book(self, kind, sides):
        bids, asks = ([(price, self.wire(price, size)) for price, size in side] for side in sides)
        number = self.step - self.offset
        return book_frame(
            kind, number, bids, asks, symbol=self.symbol, ms=self.ms, seq=9 * self.step
        )

    def wire(self, price, size):
        """Return a size as the venue sends it."""
        return size

    def believed(self):
        # By the time of what it was told last: two counts have the same numbers.
        return (self.venue._seen_time // 1_000_000 - BEGIN) // 50
