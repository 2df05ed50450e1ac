"""A made-up market in Hyperliquid's protocol, and the venue at each stage."""

from __future__ import annotations

import json

from exchange_tools import confirm
from fault_tools import BEGIN, StreamedExchange
from make_captures import EVERY, STEPS, received

from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues.hyperliquid import Hyperliquid
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTC", "ETH"
MS = 1_700_000_000_000
OLDER = "snapshot older than what was seen"
BIDS, ASKS = [("100.0", "5"), ("99.5", "7.25")], [("100.5", "3"), ("101.0", "0.004")]


def listing(coin="BTC", decimals=3, price="60000.0", **more):
    """Return the answer to ``metaAndAssetCtxs``: another coin stands before."""
    universe = [
        {"szDecimals": 0, "name": "GAS", "maxLeverage": 3, "isDelisted": True},
        {"szDecimals": decimals, "name": coin, "maxLeverage": 40, "marginTableId": 56, **more},
    ]
    prices = {"GAS": None, coin: price}
    contexts = [{"funding": "0.0", "markPx": prices[item["name"]]} for item in universe]
    return json.dumps([{"universe": universe, "marginTables": [], "collateralToken": 0}, contexts])


def said(channel, data):
    return json.dumps({"channel": channel, "data": data}, separators=(",", ":"))


def book(ms, bids=BIDS, asks=ASKS, coin="BTC"):
    sides = [[{"px": px, "sz": sz, "n": 3} for px, sz in side] for side in (bids, asks)]
    return said("l2Book", {"coin": coin, "time": ms, "levels": sides})


def trade(ms, price="100.5", size="0.25", side="B", coin="BTC", number=118906512037719):
    return {
        "coin": coin, "side": side, "px": price, "sz": size, "time": ms, "hash": "0x0",
        "tid": number, "users": ["0x1", "0x2"],
    }  # fmt: skip


def context(coin="BTC"):
    values = {
        "funding": "0.0000125", "openInterest": "29875.4", "prevDayPx": "83000.0",
        "dayNtlVlm": "1e9", "premium": "-0.0003", "oraclePx": "84150.0", "markPx": "84144.5",
        "midPx": None, "impactPxs": None, "dayBaseVlm": "12345.6",
    }  # fmt: skip
    return said("activeAssetCtx", {"coin": coin, "ctx": values})


def acknowledged(kind="l2Book", coin="BTC", **more):
    subscription = {"type": kind, "coin": coin, **more}
    data = {"method": "subscribe", "subscription": subscription}
    return said("subscriptionResponse", data)


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""

    def frame(text):
        return Record(received(market.ms), "frame", BOOK, text)

    def coins(lots):
        return f"{lots // 1000}.{lots % 1000:03}"

    def whole():
        sides = [[(price, coins(lots)) for price, lots in side[:5]] for side in market.whole()]
        return frame(book(market.ms, *sides, coin=symbol))

    now = received(market.ms)
    yield Record(now, "answer", INSTRUMENT, listing(symbol), 200)
    yield Record(now, "open", BOOK, "")
    yield frame(acknowledged(coin=symbol, nSigFigs=None, mantissa=None, fast=True))
    yield frame(acknowledged("trades", symbol))
    yield frame(acknowledged("activeAssetCtx", symbol))
    yield frame(said("trades", [trade(market.ms - EVERY, coin=symbol)]))
    yield frame(context(symbol))
    yield whole()
    for number in range(STEPS):
        step = market.step()
        side, size = "B" if step.buys else "A", coins(step.traded)
        new = trade(market.ms, step.price, size, side, symbol, number * 7919 % 1000)
        yield whole()
        yield frame(said("trades", [new]))
        if number % 20 == 10:
            yield frame(context(symbol))
            yield frame(said("pong", None).replace(',"data":null', ""))
    yield whole()  # it comes without a change, too


class HyperliquidExchange(StreamedExchange):
    """Whole books, once subscribed to. See `fault_tools`."""

    source = "hyperliquid:BTC"
    garbage = (
        book(MS - 5, coin="ETH"),
        said("error", "Already subscribed: {}"),
        said("l2Book", {}),
        '{"channel":"pong"}',
    )

    def listing(self):
        return listing()

    def believed(self):
        return (self.venue._sequence // 1_000_000 - BEGIN) // 50

    def operate(self, text):
        if '"unsubscribe"' in text:
            self.subscribed = False
        super().operate(text)

    def subscribes(self, text):
        return '"subscribe"' in text and '"l2Book"' in text

    def snapshot(self):
        sides = ([(str(px), str(sz)) for px, sz in side] for side in self.window)
        return book(self.ms, *sides)

    delta = snapshot


EXCHANGES = [HyperliquidExchange]


def connected(symbol="BTC", **how):
    venue = Hyperliquid(symbol, **how)
    venue.start(0)
    venue.fetched(INSTRUMENT, 200, listing(symbol), 0)
    venue.connected(BOOK, 0)
    return confirm(venue)
