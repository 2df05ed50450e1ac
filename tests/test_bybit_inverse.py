"""Bybit's inverse contracts: what differs from its linear ones."""

import json

import pytest
from bybit_tools import BybitExchange, book_frame, connected, listing
from bybit_tools import speak as speak_of

from obi_widgets.market_data.events import Instrument
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK, Connect
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTCUSD", "ETHUSD"


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""
    return speak_of(symbol, market, "inverse")


class InverseExchange(BybitExchange):
    """The same exchange, of the other category: its sizes are contracts of 1 USD."""

    source = "bybit-inverse:BTCUSD"
    category = "inverse"

    def sizes(self, side):
        return {price: size / price for price, size in side.items()}


EXCHANGES = [InverseExchange]


def test_it_asks_for_inverse_contracts_of_1_usd():
    venue = make_venue("bybit-inverse", "BTCUSD")
    assert venue.start(0)[-1].url.endswith("/instruments-info?category=inverse&symbol=BTCUSD")
    facts, connect = venue.fetched(INSTRUMENT, 200, listing("BTCUSD", category="inverse"), 0)
    assert facts == Instrument(
        "bybit-inverse", "BTCUSD", "Bybit inverse", "USDT", 0.5, 1.0, inverse=True
    )
    assert connect == Connect(BOOK, "wss://stream.bybit.com/v5/public/inverse")


def test_sizes_are_contracts_divided_by_the_price_of_their_level():
    venue = connected("bybit-inverse", "BTCUSD")
    frame = book_frame("snapshot", 10, [(50_000.0, 100)], [(50_010.0, 1)], symbol="BTCUSD")
    (snapshot,) = venue.received(frame, 1)
    assert snapshot.bids == [(50_000.0, 0.002)]
    assert snapshot.asks == [(50_010.0, pytest.approx(1.99960008e-5))]
    frame = (
        '{"topic":"publicTrade.BTCUSD","ts":2,"type":"snapshot","data":[{"i":"0a","T":1,'
        '"p":"50000","v":"25","S":"Sell","seq":9,"s":"BTCUSD"}]}'
    )
    (trade,) = venue.received(frame, 2)
    assert (trade.size, trade.side) == (0.0005, -1)


def test_the_open_interest_is_contracts_divided_by_the_mark_price():
    venue = connected("bybit-inverse", "BTCUSD")

    def mark(**fields):
        data = {"symbol": "BTCUSD", **fields}
        said = {"topic": "tickers.BTCUSD", "type": "delta", "ts": 2, "data": data}
        return venue.received(json.dumps(said), 2)

    assert mark(openInterest="1000000") == []  # the mark price is not known yet
    (first,) = mark(openInterest="1000000", markPrice="50000")
    (second,) = mark(openInterest="2000000")
    assert (first.open_interest, second.open_interest) == (20.0, 40.0)
