"""A made-up market, and exchanges, in the protocol of OKX."""

from __future__ import annotations

import json
import zlib

from exchange_tools import confirm
from fault_tools import BEGIN, StreamedExchange
from make_captures import EVERY, STEPS, received

from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.replies import BOOK
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SWAP = "BTC-USDT-SWAP"
BIDS, ASKS = [(100.0, 5), (99.5, 7)], [(100.5, 4), (101.0, 3)]


def frame(channel, data, symbol=SWAP, **more):
    """Return a frame of a channel, with one item of data."""
    return json.dumps({"arg": {"channel": channel, "instId": symbol}, **more, "data": [data]})


def liquidation_frame(*told, kind="SWAP"):
    """Return a frame of liquidations: symbol, side of the order, price, contracts, time in ms."""
    data = [
        {"details": [{"bkLoss": "0", "bkPx": price, "ccy": "", "side": side, "sz": size,
                      "posSide": "short" if side == "buy" else "long", "ts": str(ms)}],
         "instFamily": symbol[:8], "instId": symbol, "instType": kind, "uly": symbol[:8]}
        for symbol, side, price, size, ms in told
    ]  # fmt: skip
    arg = {"channel": "liquidation-orders", "instType": kind}
    return json.dumps({"arg": arg, "data": data}, separators=(",", ":"))


def book_frame(action, number, bids=(), asks=(), *, previous=-1, symbol=SWAP, ms=None, checksum=0):
    """Return a frame of the book; without a number, one of an old recording."""
    data = {
        "asks": [[str(price), str(size), "0", "1"] for price, size in asks],
        "bids": [[str(price), str(size), "0", "1"] for price, size in bids],
        "ts": str(BEGIN + 50 * (number or 0) if ms is None else ms),
        "checksum": checksum,
    }
    if number is not None:
        data |= {"seqId": number, "prevSeqId": previous}
    return frame("books", data, symbol, action=action)


def checksum(bids, asks):
    """Return the documented checksum of a book, computed the plain way."""
    bids, asks = sorted(bids, reverse=True)[:25], sorted(asks)[:25]
    parts = []
    for place in range(25):
        for side in (bids, asks):
            if place < len(side):
                parts += [str(side[place][0]), str(side[place][1])]
    crc = zlib.crc32(":".join(parts).encode())
    return crc - (1 << 32) if crc & (1 << 31) else crc


def listing(symbol=SWAP, *, code="0", **facts):
    """Return the answer to instruments, of one symbol."""
    contract = {} if symbol.count("-") == 1 else {"ctVal": "1", "ctMult": "1", "ctType": "linear"}
    item = {"instId": symbol, "tickSz": "0.5", "ctVal": "", "ctMult": "", "ctType": ""}
    return json.dumps({"code": code, "data": [item | contract | facts], "msg": ""})


def connected(symbol=SWAP, *, now=0, **facts):
    """Return a venue that knows its instrument, and whose websocket is open."""
    venue = make_venue("okx", symbol)
    venue.start(now)
    venue.fetched(INSTRUMENT, 200, listing(symbol, **facts), now)
    venue.connected(BOOK, now)
    return confirm(venue, now)


def in_sync(symbol=SWAP, **how):
    """Return a venue whose book stands at number 10."""
    venue = connected(symbol, **how)
    venue.received(book_frame("snapshot", 10, BIDS, ASKS, symbol=symbol), how.get("now", 0))
    return venue


# -- a made-up market, see `make_captures` -----------------------------------------------------

SYMBOLS = SWAP, "ETH-USDT-SWAP"


def speak(symbol, market):
    """Return all that is heard of a market. Contracts are of 0.01 coins."""

    def levels(side):
        return [[price, f"{lots / 10:.1f}", "0", "1"] for price, lots in side]

    def said(channel, name=symbol, *, action=None, **data):
        fields = {"arg": {"channel": channel, "instId": name}}
        fields |= {"action": action} if action else {"data": []}
        fields["data"] = [{**data, "ts": str(data.pop("ms", market.ms))}]
        text = json.dumps(fields, separators=(",", ":"))
        return Record(received(market.ms), "frame", BOOK, text)

    def book(action, number, previous, bids, asks):
        return said("books", action=action, asks=levels(asks), bids=levels(bids), checksum=0,
                    seqId=number, prevSeqId=previous)  # fmt: skip

    def trade(number, price, lots, side, ms):
        return said("trades", instId=symbol, tradeId=str(number), px=price, sz=f"{lots / 10:.1f}",
                    side=side, ms=ms)  # fmt: skip

    now = received(market.ms)
    facts = {"ctVal": "0.01", "ctMult": "1", "ctType": "linear", "tickSz": "0.1"}
    yield Record(now, "answer", INSTRUMENT, listing(symbol, **facts), 200)
    yield Record(now, "open", BOOK, "")
    for channel in ("books", "trades", "mark-price"):
        ack = {"event": "subscribe", "arg": {"channel": channel, "instId": symbol}, "connId": "c"}
        yield Record(now, "frame", BOOK, json.dumps(ack))
    bids, asks = market.whole()
    yield trade(99, bids[0][0], 7, "sell", market.ms - EVERY)  # of before the subscription
    yield book("snapshot", 1000, -1, bids, asks)
    yield said("funding-rate", instId=symbol, fundingRate="0.0001", nextFundingRate="",
               instType="SWAP", fundingTime="1700006400000")  # fmt: skip
    yield said("open-interest", instId=symbol, instType="SWAP", oi="100", oiCcy="1", oiUsd="60000")
    last = 1000
    for number in range(1, 1 + STEPS):
        step = market.step()
        number, previous, last = number + 100, last, last + 3 * number
        yield book("update", last, previous, step.bids, step.asks)
        side = "buy" if step.buys else "sell"
        yield trade(number, step.price, step.traded, side, market.ms)
        if number % 5 == 0:
            yield said("mark-price", instId=symbol, instType="SWAP", markPx=step.price)
            yield said("index-tickers", symbol.removesuffix("-SWAP"), instId=symbol[:8],
                       idxPx=step.price)  # fmt: skip
        if number % 20 == 0:
            yield book("update", last, last, [], [])  # nothing has changed
            yield Record(received(market.ms), "frame", BOOK, "pong")
            lots = f"{step.traded / 10:.1f}"
            frame = liquidation_frame((symbol, side, step.price, lots, market.ms))
            yield Record(received(market.ms), "frame", BOOK, frame)
            answer = {"code": "0", "msg": "", "data": [[str(market.ms), "1.5"]]}
            yield Record(received(market.ms), "answer", RATIO, json.dumps(answer), 200)


# -- exchanges, see `fault_tools` --------------------------------------------------------------


class OkxExchange(StreamedExchange):
    """Changes of two steps in one frame; in between, a frame says that nothing has changed.

    A restart counts on from a much lower number.
    """

    source = f"okx:{SWAP}"
    garbage = (
        '{"arg":{"channel":"books","instId":"BTC-USDT-SWAP"}}',
        '{"event":"notice","code":"64008","msg":"The connection will soon be closed."}',
        '{"event":"error","code":"60014","msg":"Requests too frequent"}',
        book_frame("snapshot", 5, [(1, 1)], [(2, 1)], symbol="ETH-USDT-SWAP"),
        frame("trades", {"instId": SWAP, "tradeId": "1"}),
    )
    base = 10_000_000
    last = 0  # the number that was sent last

    def __init__(self, *how):
        self.steps = {}  # by number
        super().__init__(*how)

    def listing(self):
        return listing()

    def subscribes(self, text):
        return text.startswith('{"op":"subscribe"') and '"books"' in text

    def restart(self):
        self.base -= 1_000_000

    def number(self):
        number = self.base + 7 * self.step
        self.steps[number] = self.step
        return number

    def snapshot(self):
        self.last = self.number()
        return book_frame("snapshot", self.last, *self.window, ms=self.ms)

    def delta(self):
        previous = self.last
        if self.step % 2 == 0:
            return book_frame("update", previous, previous=previous, ms=self.ms)
        before, after = self.truth.changes[self.step - 1 : self.step + 1]
        sides = [[*(old | new).items()] for old, new in zip(before, after, strict=True)]
        self.last = self.number()
        return book_frame("update", self.last, *sides, previous=previous, ms=self.ms)

    def believed(self):
        return self.steps[self.venue._sequence]


class OldOkxExchange(OkxExchange):
    """As OKX was: a checksum instead of numbers."""

    def snapshot(self):
        return self.book("snapshot", self.window)

    def delta(self):
        return self.book("update", self.changes)

    def book(self, action, sides):
        self.steps[self.ms] = self.step
        crc = checksum(*self.window)
        return book_frame(action, None, *sides, ms=self.ms, checksum=crc)
