"""Bybit's spot markets: what differs from its linear contracts."""

from bybit_tools import BybitExchange, asked, book_frame, connected, listing
from bybit_tools import speak as speak_of
from exchange_tools import SECOND, names

from obi_widgets.market_data.events import Instrument
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.replies import BOOK, Connect, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTCUSDT", "ETHUSDT"


def speak(symbol, market):
    """Return all that is heard of a market; see `make_captures`."""
    return speak_of(symbol, market, "spot")


class SpotExchange(BybitExchange):
    """The same exchange, of the other category."""

    source = "bybit-spot:BTCUSDT"
    category = "spot"


EXCHANGES = [SpotExchange]


def test_it_asks_for_spot_instruments_and_connects_to_spot_markets():
    venue = make_venue("bybit-spot", "BTCUSDT")
    assert venue.start(0)[-1].url.endswith("/instruments-info?category=spot&symbol=BTCUSDT")
    assert venue.fetched(INSTRUMENT, 200, listing(category="spot"), 0) == [
        Instrument("bybit-spot", "BTCUSDT", "Bybit spot", "USDT", 0.5),
        Connect(BOOK, "wss://stream.bybit.com/v5/public/spot"),
    ]


def test_a_spot_market_has_no_mark_price_to_subscribe_to():
    sent = make_venue("bybit-spot", "BTCUSDT").connected(BOOK, 3)[1:]
    assert sent == [
        Send(BOOK, '{"op":"subscribe","args":["orderbook.200.BTCUSDT"]}'),
        asked("publicTrade.BTCUSDT"),
    ]


def test_its_book_comes_half_as_often_as_that_of_contracts():
    cadences = [make_venue(name, "BTCUSDT").cadence for name in ("bybit-spot", "bybit")]
    assert cadences == ["200 ms", "100 ms"]


def test_its_sizes_are_coins_and_its_trades_have_numbers():
    venue = connected("bybit-spot")
    (snapshot,) = venue.received(book_frame("snapshot", 10, [(100.0, 0.25)], [(101.0, 2)]), 1)
    assert (snapshot.bids, snapshot.asks) == ([(100.0, 0.25)], [(101.0, 2.0)])
    frame = (
        '{"topic":"publicTrade.BTCUSDT","ts":2,"type":"snapshot","data":[{"i":"2290000001189048101",'
        '"T":1,"p":"100.5","v":"0.25","S":"Buy","seq":9,"s":"BTCUSDT","BT":false,"RPI":false}]}'
    )
    (trade,) = venue.received(frame, SECOND)
    assert (trade.id, trade.side, trade.size) == (2290000001189048101, +1, 0.25)
    assert names(venue.received(frame.replace("22900", "x"), SECOND)) == ["unreadable"]
