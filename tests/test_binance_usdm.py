"""Binance USD-M's protocol: the instrument, trades and marks, and whose a frame is."""

import json
from math import isnan, nan

import numpy as np
import pytest
from exchange_tools import ASKS, BIDS, SECOND, levels_of, names, only, usdm_depth, usdm_snapshot
from usdm_tools import (  # noqa: F401 some for the tests of every venue
    EXCHANGES,
    SYMBOLS,
    connected,
    in_sync,
    speak,
    trade_frame,
    waiting,
)

from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import (
    Clock,
    Delta,
    Instrument,
    Liquidation,
    Mark,
    Status,
    Trade,
)
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.binance import INSTRUMENT, SNAPSHOT, TIME
from obi_widgets.market_data.venues.binance_futures import INTEREST
from obi_widgets.market_data.venues.binance_plain import MARKET
from obi_widgets.market_data.venues.http_answers import limited
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Renew


def exchange_info(symbol="BTCUSDT"):
    filters = [{"filterType": "LOT_SIZE"}, {"filterType": "PRICE_FILTER", "tickSize": "0.10"}]
    return json.dumps({"symbols": [{"symbol": symbol, "quoteAsset": "USDT", "filters": filters}]})


# -- the instrument ------------------------------------------------------------------------


def test_the_instrument_is_read_before_anything_is_connected():
    venue = make_venue("binance-usdm", "BTCUSDT")
    status, fetch = venue.start(0)
    assert (status.state, status.detail) == ("connecting", "Reading the instrument.")
    assert fetch == Fetch(INSTRUMENT, "https://fapi.binance.com/fapi/v1/exchangeInfo")
    root = "wss://fstream.binance.com"
    assert venue.fetched(INSTRUMENT, 200, exchange_info(), 0) == [
        Instrument("binance-usdm", "BTCUSDT", "Binance USD-M", "USDT", 0.1, 1.0),
        Connect(BOOK, f"{root}/public/stream?streams=btcusdt@depth@100ms"),
        Connect(
            MARKET,
            f"{root}/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s/btcusdt@forceOrder",
        ),
    ]


@pytest.mark.parametrize(
    ("symbol", "advice"),
    [
        ("NOPE", "Check how the venue spells it."),
        ("BTCUSD", "Did you mean 'BTCUSDT'?"),
        ("BTCUSDTT", "Did you mean 'BTCUSDT'?"),
    ],
)
def test_a_symbol_that_is_not_listed_ends_the_feed(symbol, advice):
    venue = make_venue("binance-usdm", symbol)
    (status,) = venue.fetched(INSTRUMENT, 200, exchange_info(), 7)
    assert status == Status(7, "closed", f"Binance USD-M lists no symbol {symbol!r}.", advice)


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (451, "", "Binance USD-M refuses this location (HTTP 451)."),
        (403, "", "Binance USD-M refuses this location (HTTP 403)."),
        (418, "", limited("Binance USD-M", 418)),
        (429, "", limited("Binance USD-M", 429)),
        (0, "timed out", "Binance USD-M cannot be reached: timed out."),
    ],
)
@pytest.mark.parametrize("name", [INSTRUMENT, SNAPSHOT])
def test_what_is_not_answered_is_said_and_asked_for_again(name, status, body, detail):
    said, again = waiting(usdm_depth(90, 110, 80)).fetched(name, status, body, 7)
    assert (said.state, said.detail) == ("connecting", detail)
    assert (again.name, again.delay) == (name, 5 * SECOND)


def test_another_symbol_in_the_list_may_be_odd():
    listing = json.loads(exchange_info())
    odd = {"symbol": "ODD", "filters": [{"filterType": "PRICE_FILTER", "tickSize": "much"}]}
    listing["symbols"].insert(0, odd)
    outputs = make_venue("binance-usdm", "BTCUSDT").fetched(INSTRUMENT, 200, json.dumps(listing), 7)
    assert only(Instrument, outputs)[0].tick_size == 0.1
    said, _ = make_venue("binance-usdm", "ODD").fetched(INSTRUMENT, 200, json.dumps(listing), 7)
    assert said.detail.endswith("cannot be read: a tick size of much is not possible.")


def test_a_list_of_symbols_that_cannot_be_read_is_asked_for_again():
    said, again = make_venue("binance-usdm", "BTCUSDT").fetched(INSTRUMENT, 200, "<html>", 7)
    assert said.detail.startswith("Binance USD-M's list of symbols cannot be read: ")
    assert again.name == INSTRUMENT


# -- trades, mark, refusals ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["trade", "aggTrade"])
@pytest.mark.parametrize(("maker_bought", "side"), [(True, -1), (False, +1)])
def test_a_trades_side_is_the_takers(kind, maker_bought, side):
    frame = trade_frame(kind, maker_bought=maker_bought)
    assert connected().received(frame, 7) == [Trade(8_000_000, 7, 100.5, 0.25, side, 5)]


def test_mark_index_and_funding_are_read():
    data = {"e": "markPriceUpdate", "E": 9, "s": "BTCUSDT", "p": "100.5", "ap": "100.4"}
    data |= {"P": "100.6", "i": "100.25", "r": "0.00010000", "T": 1_700_000_000_000, "st": 1}
    frame = json.dumps({"stream": "btcusdt@markPrice@1s", "data": data})
    assert connected().received(frame, 7) == [
        Mark(9_000_000, 7, 100.5, 100.25, 0.0001, next_funding=1_700_000_000.0)
    ]


@pytest.mark.parametrize(("index", "told"), [("100.25", 100.25), ("0.00000000", nan)])
def test_a_contract_with_a_date_of_delivery_has_no_funding_rate_and_maybe_no_index(index, told):
    symbol = "BTCUSDT_261225"
    data = {"e": "markPriceUpdate", "E": 9, "s": symbol, "p": "100.5", "ap": "100.4", "P": "0"}
    data |= {"i": index, "r": "", "T": 0, "ps": "BTCUSDT", "st": 1}
    frame = json.dumps({"stream": f"{symbol.lower()}@markPrice@1s", "data": data})
    (mark,) = make_venue("binance-usdm", symbol).received(frame, 7)
    assert (mark.price, mark.index, mark.funding_rate) == pytest.approx(
        (100.5, told, nan), nan_ok=True
    )


def test_the_open_interest_is_asked_for_and_is_in_coins():
    venue = connected()
    asked = [one for second in range(60) for one in only(Fetch, venue.tick(second * SECOND))]
    asked += only(Fetch, venue.tick(60 * SECOND))
    url = "https://fapi.binance.com/fapi/v1/openInterest?symbol=BTCUSDT"
    assert asked == [Fetch(INTEREST, url)] * 2  # every 30 s
    body = '{"openInterest":"10659.509","symbol":"BTCUSDT","time":1700000000123}'
    (event,) = venue.fetched(INTEREST, 200, body, 7)
    assert (event.time, event.received) == (1_700_000_000_123_000_000, 7)
    assert event.open_interest == 10659.509
    assert isnan(event.price)


def force_order(**more):
    """Return the documented frame, or one that differs."""
    order = {
        "s": "BTCUSDT",
        "S": "SELL",
        "o": "LIMIT",
        "f": "IOC",
        "q": "0.014",
        "p": "9910",
        "ap": "9910",
        "X": "FILLED",
        "l": "0.014",
        "z": "0.014",
        "T": 1568014460893,
    }
    data = {"e": "forceOrder", "E": 1568014460893, "o": order | more}
    return json.dumps({"stream": "btcusdt@forceOrder", "data": data})


def test_a_liquidation_has_the_side_of_its_order_and_what_was_filled():
    at = 1_568_014_460_893_000_000
    assert connected().received(force_order(), 7, MARKET) == [Liquidation(at, 7, 9910, 0.014, -1)]
    assert str(market_of(force_order())) == "binance-usdm:BTCUSDT"
    part = force_order(S="BUY", q="1", z="0.25", ap="9911.5")
    assert connected().received(part, 7, MARKET) == [Liquidation(at, 7, 9911.5, 0.25, +1)]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({"s": "ETHUSDT"}, "other symbol"),
        ({"st": 2}, "COIN-M"),
        ({"S": "LONG"}, "liquidation without a side"),
        ({"z": "0", "ap": "0"}, "liquidation without a fill"),
        ({"z": "many"}, "unreadable liquidation"),
        ({"ap": "-1"}, "unreadable liquidation"),
        ({"T": None}, "unreadable liquidation"),
    ],
)
def test_a_liquidation_that_cannot_be_used_is_refused_by_name(more, name):
    market = in_sync()
    market.receive(force_order(**more), 9, MARKET)
    assert market.refused == {name: 1}
    assert market.state == "live"


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (usdm_depth(1, 2, 0, symbol="ETHUSDT"), "other symbol"),
        (trade_frame(symbol="ETHUSDT"), "other symbol"),
        ('{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1}}', "bookTicker"),
        ('{"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":1}}', "other symbol"),
        (usdm_depth(121, 130, 120).replace("btcusdt@", "ethusdt@"), "other symbol"),
        (usdm_depth(121, 130, 120).replace('"U"', '"ps": "ETHUSDT", "U"'), "other symbol"),
        (usdm_depth(121, 130, 120).replace('"U"', '"st": 2, "U"'), "COIN-M"),
        (usdm_depth(121, 130, 120).replace('"U"', '"st": 3, "U"'), "other kind of market"),
        (
            usdm_snapshot(120, BIDS, ASKS)[:-1] + ',"symbol":"BTCUSD_PERP","pair":"BTCUSD"}',
            "COIN-M",
        ),
        ('{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","p":"x"}}', "unreadable trade"),
        ('{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate"}}', "unreadable mark"),
        ('{"result":null}', "unknown"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "unknown"),
    ],
)
def test_other_frames_are_refused_by_name_and_leave_the_book_alone(frame, name):
    market = in_sync()
    assert names(market.venue.received(frame, 3 * SECOND)) == [name]
    (delta,) = only(Delta, market.venue.received(usdm_depth(121, 130, 120), 3 * SECOND))
    assert delta.sequence == 130


def test_a_notice_is_about_the_websocket_that_gave_it():
    notice = '{"e":"serverShutdown","E":1}'
    for socket in ("book", "market"):
        (renew,) = in_sync().venue.received(notice, 3 * SECOND, socket)
        assert (type(renew), renew.socket) == (Renew, socket)


def test_a_lost_market_connection_leaves_the_book_alone():
    venue = in_sync().venue
    assert venue.connected(MARKET, 3) == []
    assert only(Status, venue.disconnected(MARKET, "it was closed", 4)) == []


# -- whose it is, and what time it is ------------------------------------------------------


@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": ")], ids=["compiled", "in Python"])
def test_pair_and_kind_of_market_are_looked_at(spaces):
    for more, live in (
        ({"ps": "BTCUSDT", "st": 1}, True),
        ({"ps": "BTCUSD", "st": 1}, False),
        ({"ps": "BTCUSDT", "st": 2}, False),
    ):
        market = in_sync()
        frame = json.loads(usdm_depth(121, 130, 120, [(99.0, 5)]))
        frame["data"] |= more
        market.receive(json.dumps(frame, separators=spaces), 3 * SECOND)
        assert (99.0 in levels_of(market.book)[0]) == live


@pytest.mark.parametrize(
    ("symbol", "said"),
    [
        ("ETHUSD_PERP", "Binance USD-M has no symbol 'ETHUSD_PERP'. Did you mean "),
        ("BTCUSD_240628", "'BTCUSD_240628' is a symbol of Binance COIN-M"),
    ],
)
def test_a_symbol_that_cannot_be_is_refused(symbol, said):
    with pytest.raises(SymbolError, match=said):
        make_venue("binance-usdm", symbol)


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (usdm_depth(1, 2, 0), "binance-usdm:BTCUSDT"),
        (usdm_depth(1, 2, 0, symbol="ETHUSD_PERP"), "binance-coinm:ETHUSD_PERP"),
        (usdm_depth(1, 2, 0).replace('"U"', '"st": 2, "U"'), "binance-coinm:BTCUSDT"),
        (usdm_depth(1, 2, 0).replace('"pu"', '"x"'), "binance-spot:BTCUSDT"),
        (usdm_snapshot(1), "binance-usdm:"),  # of which, it does not say
        (usdm_snapshot(1)[:-1] + ',"symbol":"A","pair":"B"}', "binance-coinm:A"),
        ('{"lastUpdateId":1,"bids":[],"asks":[]}', "binance-spot:"),
        ("pong", None),
        ("[" * 100_000, None),
    ],
)
def test_a_frame_tells_its_market(frame, market):
    found = market_of(frame)
    assert (str(found) if found else None) == market


def test_the_venues_clock_is_read():
    venue = connected()
    assert venue.ask_time(20 * SECOND) == [Fetch(TIME, "https://fapi.binance.com/fapi/v1/time")]
    assert venue.ask_time(29 * SECOND) == []
    body = '{"serverTime":1700000000123}'
    assert venue.fetched(TIME, 200, body, 8) == [Clock(1_700_000_000_123_000_000, 8)]
    assert names(venue.fetched(TIME, 429, "", 8)) == ["time not answered"]
    assert names(venue.fetched(TIME, 200, "{}", 8)) == ["unreadable time"]


def test_the_time_in_a_list_of_symbols_is_not_that_of_the_answer():
    """One list is given to many markets, for up to a minute; caches on its way keep it too."""
    listing = json.loads(exchange_info()) | {"serverTime": 1_700_000_000_123}
    market = Market(make_venue("binance-usdm", "BTCUSDT"))
    market.start(1_700_000_050 * SECOND)
    market.fetched(INSTRUMENT, 200, json.dumps(listing), 1_700_000_050 * SECOND)
    assert np.isnan(market.health(1_700_000_051 * SECOND).clock.low)
    assert names(market.venue.fetched(INSTRUMENT, 200, json.dumps(listing), 7))[0] == "Instrument"


@pytest.mark.parametrize("tick_size", ["NaN", "-1", "1e-300", "Infinity"])
def test_a_tick_size_that_cannot_be_is_not_used(tick_size):
    listing = exchange_info().replace('"0.10"', f'"{tick_size}"')
    said, again = make_venue("binance-usdm", "BTCUSDT").fetched(INSTRUMENT, 200, listing, 7)
    assert said.detail.startswith("Binance USD-M's list of symbols cannot be read: a tick size of ")
    assert again.name == INSTRUMENT
