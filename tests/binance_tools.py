"""What the tests of Binance's venues share: frames, and what is heard of a made-up market."""

from __future__ import annotations

import bisect
import gzip
import json

import numpy as np
from fault_tools import Exchange
from make_captures import STEPS, received

from obi_widgets.feeds.loading import play
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record, Recording
from obi_widgets.market_data.venues.binance import INSTRUMENT, SNAPSHOT
from obi_widgets.market_data.venues.binance_streams import EVENT
from obi_widgets.market_data.venues.replies import BOOK

SECOND = 1_000_000_000
T0 = 1_700_000_000_000
"""Event times of frames begin here, ms."""


def texts(levels):
    """Return levels as they stand in a frame."""
    return [[str(price), str(size)] for price, size in levels]


def framed(symbol, stream, data):
    """Return a frame of a combined stream."""
    said = {"stream": f"{symbol.lower()}@{stream}", "data": data}
    return json.dumps(said, separators=(",", ":"))


def listing(symbol, *, tick="0.10", **more):
    """Return the answer to exchangeInfo, of one symbol."""
    rules = [{"filterType": "LOT_SIZE"}, {"filterType": "PRICE_FILTER", "tickSize": tick}]
    return json.dumps({"symbols": [{"symbol": symbol, "filters": rules, **more}]})


class Speaker:
    """What a market of Binance sends while a made-up market goes on; see `make_captures`.

    A subclass says how events and the snapshot number and time themselves, and in which unit sizes
    are.
    """

    def __init__(self, symbol, market):
        self.symbol, self.market = symbol, market

    def size(self, price, lots):
        """Return lots of 0.001 at a price as the venue writes them."""
        return f"{lots // 1000}.{lots % 1000:03}"

    def levels(self, side):
        return [[price, self.size(price, lots)] for price, lots in side]

    def frame(self, stream, kind, *, symbol=None, **fields):
        data = {"e": kind, "E": self.market.ms + 2, **fields}
        text = framed(symbol or self.symbol, stream, data)
        return Record(received(self.market.ms), "frame", BOOK, text)

    def event(self, number, bids=(), asks=()):
        numbers = self.numbers(10 * number - 9, 10 * number)
        return self.frame(
            "depth@100ms", EVENT, s=self.symbol, **numbers,
            b=self.levels(bids), a=self.levels(asks),
        )  # fmt: skip

    def speak(self, answer):
        """Yield the records of all; ``answer`` is that of the instrument."""
        market = self.market
        yield Record(received(market.ms), "answer", INSTRUMENT, answer, 200)
        yield Record(received(market.ms), "open", BOOK, "")
        yield self.event(100)
        bids, asks = map(self.levels, market.whole())
        body = json.dumps({"lastUpdateId": 1000, **self.snapshot(), "bids": bids, "asks": asks})
        yield Record(received(market.ms), "answer", SNAPSHOT, body, 200)
        for number in range(101, 101 + STEPS):
            step = market.step()
            yield self.event(number, step.bids, step.asks)
            yield self.trade(number, step)
            if number % 10 == 0:
                yield from self.others(step)

    def others(self, step):
        """Yield what comes once a second."""
        return iter(())


class BinanceExchange(Exchange):
    """The exchange of ``test_faults``: events of two steps, so that a snapshot may fall into one.

    Step ``s`` ends with update ``10 s + 9``.
    """

    def believed(self):
        return (self.venue._chain.last - 9) // 10

    def event(self, last, bids, asks):
        """Return the frame of an event that ends with an update, 20 after the one before."""
        raise NotImplementedError

    def snapshot(self, last, bids, asks):
        """Return the answer of the REST book."""
        raise NotImplementedError

    def frame(self):
        if self.step % 2 == 0:
            return None
        before, after = self.truth.changes[self.step - 1 : self.step + 1]
        sides = ((old | new).items() for old, new in zip(before, after, strict=True))
        return self.event(10 * self.step + 9, *sides)

    def answer(self, name):
        if name != SNAPSHOT:
            return None
        sides = (side.items() for side in self.truth.window[self.step])
        return self.snapshot(10 * self.step + 9, *sides)


# -- captures ------------------------------------------------------------------------------


def lines_of(paths):
    """Yield the frames of captures, decoded: the inner ones of combined streams."""
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                frame = json.loads(line.partition(" ")[2])
                yield frame.get("data", frame)


class Rebuilt:
    """The book of a capture, rebuilt plainly from its frames; sizes as in the frames.

    Attributes
    ----------
    states : list
        After each event: its last update, and the best price and size of both sides.
    gaps, crossed : int
        Events that did not follow the one before, and books whose sides met.
    """

    def __init__(self, frames, follows):
        self.states, self.gaps, self.crossed = [], 0, 0
        self._sizes, self._prices = ({}, {}), ([], [])  # of bids, of asks; prices are sorted
        last, waiting = None, []
        for frame in frames:
            if "lastUpdateId" in frame:
                assert last is None
                last, fresh = frame["lastUpdateId"], True
                self._put(frame["bids"], frame["asks"])
            elif frame.get("e") == EVENT:
                waiting.append(frame)
            for event in waiting if last is not None else ():
                if event["u"] > last:
                    self.gaps += not (follows(event, last) or (fresh and event["U"] <= last + 1))
                    self._put(event["b"], event["a"])
                    self._note(event["u"])
                    last, fresh = event["u"], False
            if last is not None:
                waiting.clear()

    def _put(self, *changes):
        for sizes, prices, levels in zip(self._sizes, self._prices, changes, strict=True):
            for price, size in ((float(price), float(size)) for price, size in levels):
                if size and price not in sizes:
                    bisect.insort(prices, price)
                if not size and price in sizes:
                    del prices[bisect.bisect_left(prices, price)]
                if size:
                    sizes[price] = size
                else:
                    sizes.pop(price, None)

    def _note(self, update):
        (bids, asks), bid, ask = self._sizes, self._prices[0][-1], self._prices[1][0]
        self.crossed += bid >= ask
        self.states.append((update, bid, bids[bid], ask, asks[ask]))


def play_capture(paths):
    """Play captures through a venue; return the market, and its states as `Rebuilt` has them."""
    recording = Recording(paths)
    market = Market(recording.make_venue(), levels=1, interval=0)
    states = []
    for record in recording:
        before = market.venue._chain.last
        play(market, record)
        last = market.venue._chain.last
        if market.state == "live" and last != before and f'"{EVENT}"' in record.text:
            (bid, held), (ask, offered) = (
                [part[0] for part in side.top(1)] for side in (market.book.bids, market.book.asks)
            )
            states.append((last, bid, held, ask, offered))
    return market, states


def quotes_of(paths):
    """Return receive times, ns, and quotes of bookTicker: update, bid, its size, ask, its size."""
    times, quotes = [], []
    for path in paths:
        with gzip.open(path, "rt") as lines:
            for line in lines:
                received_at, _, text = line.partition(" ")
                frame = json.loads(text).get("data", {})
                if "B" in frame and "A" in frame:
                    times.append(int(received_at))
                    quotes.append((frame["u"], *(float(frame[name]) for name in "bBaA")))
    return np.array(times), np.array(quotes)


def decided(trades, times, quotes, within=SECOND // 2):
    """Return +1 or −1 for each trade whose taker's side the price decides, 0 for others.

    Who sells gets a bid at most. So a price above every best bid of the time before was paid by a
    taker who bought, and one below every best ask by one who sold.
    """
    bids, asks = quotes[:, 1], quotes[:, 3]
    sides = []
    for price, at in zip(trades.price, trades.received, strict=True):
        first, end = np.searchsorted(times, (at - within, at + within // 50))
        window = slice(max(first - 1, 0), end)
        bought, sold = price > bids[window].max(), price < asks[window].min()
        sides.append(int(bought) - int(sold))
    return np.array(sides)
