"""A made-up market in LMEX's protocol, which BTSE and the simulated exchange speak too."""

from __future__ import annotations

import json

from exchange_tools import lmex_book, lmex_summary
from fault_tools import BEGIN, StreamedExchange
from make_captures import EVERY, STEPS, received

from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues.lmex import REST_BOOK, SUMMARY, TRADES
from obi_widgets.market_data.venues.replies import BOOK

SYMBOLS = "BTC-PERP", "ETH-PERP"


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""
    facts = {
        "symbol": symbol, "base": symbol[:3], "quote": "USDT",
        "contractSize": 0.001, "minPriceIncrement": 0.1,
    }  # fmt: skip

    def frame(socket, **fields):
        text = json.dumps(fields, separators=(",", ":"))
        return Record(received(market.ms), "frame", socket, text)

    def trade(number, ms, price, contracts, side):
        return {
            "price": price, "size": contracts, "side": side,
            "symbol": symbol, "tradeId": number, "timestamp": ms,
        }  # fmt: skip

    def book(kind, number, bids, asks):
        levels = [[[price, str(contracts)] for price, contracts in side] for side in (bids, asks)]
        data = {
            "bids": levels[0], "asks": levels[1], "seqNum": number, "prevSeqNum": number - 1,
            "type": kind, "symbol": symbol, "timestamp": market.ms,
        }  # fmt: skip
        return frame(BOOK, topic=f"update:{symbol}_0", data=data)

    now = received(market.ms)
    yield Record(now, "answer", SUMMARY, json.dumps([facts]), 200)
    yield Record(now, "open", BOOK, "")
    yield Record(now, "open", TRADES, "")
    yield frame(BOOK, event="subscribe", channel=[f"update:{symbol}_0"])
    yield frame(TRADES, event="subscribe", channel=[f"tradeHistoryApiV2:{symbol}"])
    bids, asks = market.whole()
    past = trade(999, market.ms - EVERY, float(bids[0][0]), 7, "SELL")
    yield frame(TRADES, topic=f"tradeHistoryApiV2:{symbol}", data=[past])
    yield book("snapshot", 1000, bids, asks[::-1])  # the worst ask comes first
    for number in range(1001, 1001 + STEPS):
        step = market.step()
        side = "BUY" if step.buys else "SELL"
        new = trade(number, market.ms, float(step.price), step.traded, side)
        yield book("delta", number, step.bids, step.asks)
        yield frame(TRADES, topic=f"tradeHistoryApiV2:{symbol}", data=[new])
        if number % 20 == 0:
            yield Record(received(market.ms), "frame", BOOK, "pong")


class LmexExchange(StreamedExchange):
    """The exchange of ``test_faults``: also polled over REST."""

    source = "lmex:BTC-PERP"
    garbage = (
        '{"topic":"update:BTC-PERP_0"}',
        '{"event":"subscribe","channel":[]}',
        '{"errors":[{"error":{"code":1007,"message":"User buffer is full."}}]}',
        lmex_book("snapshot", 5, [(1, 1)], [(2, 1)], symbol="ETH-PERP"),
    )

    def listing(self):
        return lmex_summary()

    def subscribes(self, text):
        return text.startswith('{"op":"subscribe"')

    def snapshot(self):
        return lmex_book("snapshot", self.step, *self.window)

    def delta(self):
        return lmex_book("delta", self.step, *self.changes)

    def idle(self):
        return "pong"

    def believed(self):
        if self.venue._sequence is not None:
            return self.venue._sequence
        rest_book = self.venue._rest_book
        assert rest_book.polled  # else it would drop the deltas of a book that is live
        return (rest_book.shown_ms - BEGIN) // 50

    def answer(self, name):
        if name != REST_BOOK:
            return None
        sides = [[{"price": str(price), "size": str(size)} for price, size in side]
                 for side in self.window]  # fmt: skip
        named = {"buyQuote": sides[0], "sellQuote": sides[1], "symbol": "BTC-PERP"}
        return json.dumps({**named, "timestamp": BEGIN + 50 * self.step})


EXCHANGES = [LmexExchange]
