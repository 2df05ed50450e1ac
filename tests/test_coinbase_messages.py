"""A capture of Coinbase Advanced, against a plain book, its trades and its tickers."""

from __future__ import annotations

import heapq
import io
import json
from collections import Counter
from datetime import datetime

import pytest
import zstandard
from coinbase_tools import CAPTURE, connected
from exchange_tools import captured, names, only
from formats_tools import PlainBook, expected, load, states

from obi_widgets.market_data.events import (
    Snapshot,
    Trade,
)
from obi_widgets.market_data.venues.wire import PAST_TRADE

# -- the capture ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def messages():
    """The frames of 25 s of two products, with their receive times."""
    with captured(CAPTURE).open("rb") as file:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file))
        lines = [json.loads(line) for line in text]
    return [(one["ts"], json.loads(one["data"])) for one in lines if one["t"] == "recv"]


class FarBook(PlainBook):
    """A plain book of which only the best levels are sorted."""

    def apply(self, event):
        if event["type"] == "snapshot":
            self.replace([], [])
        sides = {"bid": +1, "offer": -1}
        for one in event["updates"]:
            self.put(sides[one["side"]], [(one["price_level"], one["new_quantity"])])

    def top(self, side, count):
        best = (heapq.nlargest if side > 0 else heapq.nsmallest)(count, self.sides[side])
        return best, [self.sides[side][price] for price in best]


def test_every_message_of_the_capture_is_read(messages):
    numbers = [message["sequence_num"] for _, message in messages]
    assert numbers == list(range(1030))
    venue = connected()
    outputs = [
        one
        for seconds, message in messages
        for one in venue.received(json.dumps(message), round(seconds * 1e9))
    ]
    kinds = Counter(names(outputs))
    of = Counter(
        message["channel"] if message["channel"] != "l2_data" else event["product_id"]
        for _, message in messages
        for event in message["events"]
    )
    trades = Counter(
        (event["type"], trade["product_id"])
        for _, message in messages
        if message["channel"] == "market_trades"
        for event in message["events"]
        for trade in event["trades"]
    )
    others = sum(count for (_, symbol), count in trades.items() if symbol != "BTC-USD")
    assert kinds == {
        "Snapshot": 1,
        "Delta": 399,
        "Trade": trades["update", "BTC-USD"] - 1,
        PAST_TRADE: trades["snapshot", "BTC-USD"] + 1,  # one came before the book
        "other symbol": of["ETH-USD"] + others,
        "ticker": of["ticker"],
        "candles": of["candles"],
    }
    assert of["BTC-USD"] == 400
    (snapshot,) = only(Snapshot, outputs)
    assert (len(snapshot.bids), len(snapshot.asks)) == (18_764, 27_236)


@pytest.mark.parametrize(("symbol", "sells", "buys"), [("BTC-USD", 11, 35), ("ETH-USD", 12, 13)])
def test_the_captured_trades_sides_agree_with_the_book_wherever_it_decides(
    messages, symbol, sells, buys
):
    """A trade at the best bid or below it was a sale, one at the best ask or above a purchase."""
    plain, venue, decided = FarBook(), connected(symbol), Counter()
    for seconds, message in messages:
        for trade in only(Trade, venue.received(json.dumps(message), round(seconds * 1e9))):
            ((bid,), _), ((ask,), _) = plain.top(+1, 1), plain.top(-1, 1)
            if not bid < trade.price < ask:
                decided[+1 if trade.price >= ask else -1, trade.side] += 1
        for event in message["events"]:
            if event.get("product_id") == symbol:
                plain.apply(event)
    assert decided == {(-1, -1): sells, (+1, +1): buys}


@pytest.mark.parametrize(("symbol", "tickers", "sizes"), [("BTC-USD", 70, 70), ("ETH-USD", 84, 79)])
def test_the_captured_tickers_agree_with_the_book(messages, symbol, tickers, sizes):
    """Each has the touch of a book near it: they come by a channel of their own."""
    plain, touches, told = FarBook(), {}, []
    for number, (_, message) in enumerate(messages):
        for event in message["events"]:
            if event.get("product_id") == symbol:
                plain.apply(event)
                (bid, bid_size), (ask, ask_size) = plain.top(+1, 1), plain.top(-1, 1)
                touches[number] = *bid, *ask, *bid_size, *ask_size
            told += [
                (number, *(float(ticker[f"best_{what}"]) for what in
                           ("bid", "ask", "bid_quantity", "ask_quantity")))
                for ticker in event.get("tickers", ())
                if touches and ticker["product_id"] == symbol
            ]  # fmt: skip
    near = [
        (ticker, [touches[n] for n in range(number - 40, number + 41) if n in touches])
        for number, *ticker in told
    ]
    assert len(near) == tickers
    assert all(any(tuple(ticker[:2]) == one[:2] for one in ones) for ticker, ones in near)
    assert sum(tuple(ticker) in ones for ticker, ones in near) == sizes


@pytest.mark.parametrize(("symbol", "count"), [("BTC-USD", 400), ("ETH-USD", 375)])
def test_the_capture_loads_to_the_states_of_a_plain_book(messages, symbol, count):
    history, told = load(captured(CAPTURE), market=f"coinbase:{symbol}", levels=20)
    plain, want, trades = FarBook(), [], []
    for _, message in messages:
        for event in message["events"]:
            if event.get("product_id") == symbol:
                plain.apply(event)
                moment = datetime.fromisoformat(event["updates"][0]["event_time"])
                micros = round(moment.timestamp() * 1e6)
                want.append(expected(micros * 1000, plain, 20))
            if event.get("type") == "update":
                trades += [one for one in event.get("trades", ()) if one["product_id"] == symbol]
    assert len(want) == count
    assert states(history) == want
    assert history.gaps == 0
    assert history.instrument.tick_size == 0.01
    assert history.instrument.quote == "USD"
    ids = sorted(int(one["trade_id"]) for one in trades)
    known = history.trades.id.tolist()
    assert known == [one for one in ids if one in known]
    assert len(ids) - len(known) <= 3  # before the first state, and after the last
    assert not told
