"""What the tests of Binance USD-M's protocol share: the venue, and its market, at each stage."""

import json

from binance_tools import BinanceExchange
from exchange_tools import ASKS, BIDS, SECOND, usdm_depth, usdm_snapshot
from make_captures import STEPS, received

from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.binance import INSTRUMENT, SNAPSHOT
from obi_widgets.market_data.venues.binance_futures import INTEREST
from obi_widgets.market_data.venues.binance_plain import MARKET
from obi_widgets.market_data.venues.replies import BOOK

DEPTH_URL = "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000"


def connected(now=0):
    venue = make_venue("binance-usdm", "BTCUSDT")
    venue.start(now)
    venue.connected(BOOK, now)
    return venue


def waiting(*events):
    """Return a venue that has buffered events, and asked for the snapshot."""
    venue = connected()
    for event in events:
        venue.received(event, SECOND)
    return venue


def in_sync():
    """Return a market whose book was continued to update 120."""
    market = Market(waiting(usdm_depth(90, 110, 80)))
    read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    read(market, None, usdm_depth(115, 120, 110), 2 * SECOND)
    assert market.state == "live"
    return market


def read(market, answer, text, now):
    venue = market.venue
    outputs = venue.fetched(answer, 200, text, now) if answer else venue.received(text, now)
    return market.handle(outputs, now)


def trade_frame(kind="aggTrade", *, symbol="BTCUSDT", maker_bought=True):
    number = {"aggTrade": {"a": 5, "f": 1, "l": 2}, "trade": {"t": 5}}[kind]
    data = {"e": kind, "E": 9, "T": 8, "s": symbol, "p": "100.5", "q": "0.25", "m": maker_bought}
    return json.dumps({"stream": f"btcusdt@{kind}", "data": data | number})


def forced(symbol, price, size, ms, *, buys, **more):
    """Return the order of a liquidation that is filled."""
    return {
        "s": symbol, "S": "BUY" if buys else "SELL", "o": "LIMIT", "f": "IOC", "q": size,
        "p": price, "ap": price, "X": "FILLED", "l": size, "z": size, "T": ms, **more,
    }  # fmt: skip


def ratio(ms, **whose):
    """Return the record of an answer about long and short accounts."""
    told = {"longShortRatio": "1.5", "longAccount": "0.6", "shortAccount": "0.4", "timestamp": ms}
    return Record(received(ms), "answer", RATIO, json.dumps([{**whose, **told}]), 200)


# -- a made-up market, see `make_captures` -----------------------------------------------------

SYMBOLS = "BTCUSDT", "ETHUSDT"


def speak(symbol, market):
    """Return all that is heard of a market."""
    rules = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}]
    facts = {"symbol": symbol, "quoteAsset": "USDT", "filters": rules}

    def coins(lots):
        return f"{lots // 1000}.{lots % 1000:03}"

    def levels(side):
        return [[price, coins(lots)] for price, lots in side]

    def frame(socket, stream, kind, **fields):
        data = {"e": kind, "E": market.ms + 2, "T": market.ms, "s": symbol, **fields}
        said = {"stream": f"{symbol.lower()}@{stream}", "data": data}
        text = json.dumps(said, separators=(",", ":"))
        return Record(received(market.ms), "frame", socket, text)

    def event(number, bids=(), asks=()):
        numbers = {"U": 10 * number - 9, "u": 10 * number, "pu": 10 * number - 10}
        return frame(BOOK, "depth@100ms", "depthUpdate", **numbers, b=levels(bids), a=levels(asks))

    now = received(market.ms)
    yield Record(now, "answer", INSTRUMENT, json.dumps({"symbols": [facts]}), 200)
    yield Record(now, "open", BOOK, "")
    yield Record(now, "open", MARKET, "")
    yield event(100)
    bids, asks = map(levels, market.whole())
    snapshot = {"lastUpdateId": 1000, "E": market.ms, "T": market.ms, "bids": bids, "asks": asks}
    yield Record(received(market.ms), "answer", SNAPSHOT, json.dumps(snapshot), 200)
    for number in range(101, 101 + STEPS):
        step = market.step()
        yield event(number, step.bids, step.asks)
        yield frame(
            MARKET, "aggTrade", "aggTrade", a=number, p=step.price, q=coins(step.traded),
            f=number, l=number, m=not step.buys,
        )  # fmt: skip
        if number % 10 == 0:
            mark = {"p": step.price, "i": step.price, "r": "0.00010000"}
            yield frame(MARKET, "markPrice@1s", "markPriceUpdate", **mark)
            interest = {"symbol": symbol, "openInterest": "90.5", "time": market.ms}
            yield Record(received(market.ms), "answer", INTEREST, json.dumps(interest), 200)
        if number % 20 == 0:
            order = forced(symbol, step.price, coins(step.traded), market.ms, buys=step.buys)
            yield frame(MARKET, "forceOrder", "forceOrder", o=order)
            yield ratio(market.ms, symbol=symbol)


class UsdmExchange(BinanceExchange):
    source = "binance-usdm:BTCUSDT"
    garbage = (
        '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}',
        usdm_depth(5, 6, 4, [(1, 1)], symbol="ETHUSDT"),
    )

    def event(self, last, bids, asks):
        return usdm_depth(last - 13, last, last - 20, bids, asks, ms=self.ms)

    def snapshot(self, last, bids, asks):
        return usdm_snapshot(last, bids, asks, ms=self.ms)


EXCHANGES = [UsdmExchange]
