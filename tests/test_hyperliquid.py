"""Hyperliquid's protocol: whole books, and what stands beside them."""

from __future__ import annotations

import json
import random

import pytest
from exchange_tools import SECOND, levels_of, names, only
from hyperliquid_tools import (  # noqa: F401 for test_venue_contract and test_faults
    ASKS,
    EXCHANGES,
    MS,
    OLDER,
    SYMBOLS,
    acknowledged,
    book,
    connected,
    context,
    listing,
    said,
    speak,
    trade,
)

from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Instrument, Mark, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.hyperliquid import Hyperliquid, tick_size_at
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME
from obi_widgets.market_data.venues.wire import PAST_TRADE

# -- the instrument ------------------------------------------------------------------------


def test_the_coin_is_looked_up_before_anything_is_connected():
    venue = make_venue("hyperliquid", "BTC")
    status, fetch = venue.start(0)
    assert (status.state, status.detail) == ("connecting", "Reading the instrument.")
    url = "https://api.hyperliquid.xyz/info"
    assert fetch == Fetch(INSTRUMENT, url, body='{"type":"metaAndAssetCtxs"}', weight=20)
    assert venue.fetched(INSTRUMENT, 200, listing(decimals=5, price="84143.0"), 0) == [
        Instrument("hyperliquid", "BTC", "Hyperliquid", "USDC", 1.0, 1.0),
        Connect(BOOK, "wss://api.hyperliquid.xyz/ws"),
    ]


@pytest.mark.parametrize("symbol", ["NOPE", "GAS"])
def test_an_unknown_or_delisted_coin_is_never_subscribed_to(symbol):
    (status,) = Hyperliquid(symbol).fetched(INSTRUMENT, 200, listing(), 0)
    detail = f"Hyperliquid lists no symbol {symbol!r}."
    assert (status.state, status.detail) == ("closed", detail)
    assert status.advice


@pytest.mark.parametrize("body", ["<html>", "{}", "null", "[1]", '[{"universe":[{}]}]'])
def test_a_list_that_cannot_be_read_is_asked_for_again_later_and_later(body):
    venue = Hyperliquid("BTC")
    delays = []
    for _ in range(3):
        status, fetch = venue.fetched(INSTRUMENT, 200, body, SECOND)
        assert status.detail.startswith("Hyperliquid's list of perpetuals cannot be read: ")
        assert fetch.body == '{"type":"metaAndAssetCtxs"}'
        delays.append(fetch.delay // SECOND)
    assert delays == [1, 2, 4]


@pytest.mark.parametrize(
    ("price", "decimals", "tick"),
    [
        (123_456.0, 5, 1.0),  # a whole number may have more than five figures
        (84_143.0, 5, 1.0),
        (9_999.9, 5, 0.1),
        (1_919.4, 4, 0.1),
        (100.0, 2, 0.01),
        (99.999, 2, 0.001),
        (0.56660, 1, 0.00001),
        (0.056660, 1, 0.00001),  # six figures, of which szDecimals are for sizes
        (0.000012, 0, 0.000001),
        (12.345, 6, 1.0),
        (0.0, 3, 0.0),
    ],
)
def test_the_tick_is_that_of_five_figures_at_the_price(price, decimals, tick):
    assert tick_size_at(price, decimals) == tick


def test_a_history_takes_the_finer_tick_when_the_price_falls_below_a_power_of_ten():
    venue = Hyperliquid("ETH")
    market = Market(venue, interval=0)
    market.handle(venue.start(SECOND), SECOND)
    market.fetched(INSTRUMENT, 200, listing("ETH", 4, "10002.0"), SECOND)
    market.connected(BOOK, SECOND)
    for ms, bid, ask in [(2000, "10001.0", "10002.0"), (2500, "9999.9", "10000.0")]:
        frame = book(MS + ms, [(bid, "1")], [(ask, "2")], "ETH")
        market.receive(frame, (MS + ms) * 1_000_000)
    history = market.history()
    assert history.tick_size == 0.1
    assert history.bid.tolist() == [10001.0, 9999.9]
    assert history.ask.tolist() == [10002.0, 10000.0]


@pytest.mark.parametrize("symbol", ["BTC", "kPEPE", "1INCH"])
def test_symbols_are_coins(symbol):
    assert Hyperliquid.own_symbol(symbol) == symbol


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [("btc", "BTC"), ("BTC-PERP", "BTC"), ("btcusd", "BTC"), ("kpepe", "kPEPE"),
     ("KPEPE/USD", "kPEPE"), ("BTC/USDC:USDC", "BTC")],
)  # fmt: skip
def test_other_spellings_find_the_coin(spelling, symbol):
    assert Hyperliquid.own_symbol(spelling) == symbol


@pytest.mark.parametrize(
    ("symbol", "advice"),
    [
        ("@107", "Spot markets"),
        ("xyz:TSLA", "the perpetuals of other deployers are not read"),
    ],
)
def test_what_is_no_coin_is_refused_before_the_venue_closes_the_websocket(symbol, advice):
    with pytest.raises(SymbolError) as error:
        make_venue("hyperliquid", symbol)
    assert error.value.what == f"{symbol!r} is no perpetual of Hyperliquid's own list."
    assert advice in error.value.advice


def test_a_spot_market_whose_coin_has_no_perpetual_is_refused_by_the_list():
    venue = make_venue("hyperliquid", "PURR/USDC")
    (status,) = venue.fetched(INSTRUMENT, 200, listing(), 0)
    assert (status.state, status.detail) == ("closed", "Hyperliquid lists no symbol 'PURR'.")


def test_a_near_miss_is_suggested_from_the_list():
    (status,) = Hyperliquid("PEPE").fetched(INSTRUMENT, 200, listing("kPEPE"), 0)
    assert status.advice == "Did you mean 'kPEPE'?"


# -- subscriptions -------------------------------------------------------------------------


@pytest.mark.parametrize(("fast", "asked"), [(True, {"fast": True}), (False, {})])
def test_one_of_the_two_books_is_subscribed_to_with_trades_and_context(fast, asked):
    venue = Hyperliquid("kPEPE", fast=fast)
    status, *sends = venue.connected(BOOK, 0)
    assert (status.state, status.detail) == ("syncing", "Waiting for the first snapshot.")
    assert {send.socket for send in sends} == {BOOK}
    assert [json.loads(send.text) for send in sends] == [
        {"method": "subscribe", "subscription": {"type": "l2Book", "coin": "kPEPE", **asked}},
        {"method": "subscribe", "subscription": {"type": "trades", "coin": "kPEPE"}},
        {"method": "subscribe", "subscription": {"type": "activeAssetCtx", "coin": "kPEPE"}},
    ]


def test_the_venue_is_pinged_every_30_s_since_it_closes_after_60_s_without_a_word():
    venue = connected()
    pings = []
    for now in range(0, 121 * SECOND, SECOND // 2):
        venue.received(book(MS + now // 1_000_000), now)
        pings += [(now / SECOND, send) for send in venue.tick(now)]
    ping = Send(BOOK, '{"method":"ping"}')
    assert pings == [(30.5, ping), (61, ping), (91.5, ping)]


def test_without_books_it_subscribes_again_although_pongs_come():
    venue = connected()
    venue.received(book(MS), 0)
    outputs = []
    for now in range(0, 42 * SECOND, SECOND // 4):
        new = venue.tick(now)
        for send in only(Send, new):
            if "ping" in send.text:
                outputs += venue.received('{"channel":"pong"}', now)
        outputs += new
    (status,) = only(Status, outputs)
    assert (status.state, status.detail) == ("stale", "No change for 30 s.")
    sent = [json.loads(send.text)["method"] for send in only(Send, outputs) if "l2" in send.text]
    assert sent == ["unsubscribe", "subscribe"] * 2  # after 30 s, and 10 s later
    assert not only(Reconnect, outputs)


def test_the_time_is_asked_for_by_the_cheapest_request():
    (fetch,) = connected().ask_time(20 * SECOND)
    assert fetch.name == TIME
    assert json.loads(fetch.body) == {"type": "l2Book", "coin": "BTC"}
    assert connected().fetched(TIME, 200, book(MS), 0) == []


# -- the book ------------------------------------------------------------------------------


def test_a_frame_is_the_whole_book_and_nothing_is_known_beyond_its_last_level():
    venue = connected()
    (one,) = venue.received(book(MS), 7)
    bids, asks = [(100.0, 5.0), (99.5, 7.25)], [(100.5, 3.0), (101.0, 0.004)]
    assert one == Snapshot(MS * 1_000_000, 7, MS * 1_000_000, bids, asks, 5)
    market = Market(connected())
    full = [(f"{100 - n / 2}", "1") for n in range(5)]
    market.handle(market.venue.received(book(MS, full, ASKS), 7), MS * 1_000_000)
    assert market.book.bids.edge == 98.0  # the last of five
    assert market.book.asks.edge == float("-inf")  # fewer than five: there are no others


@pytest.mark.parametrize(
    ("fast", "before", "levels", "limit"),
    [
        (True, [], 5, 5),
        (True, [acknowledged(fast=True, nSigFigs=None)], 5, 5),
        (False, [], 20, 20),
        (False, [acknowledged(fast=False)], 3, 20),
        # A recording does not say which book was asked for.
        (True, [acknowledged(nSigFigs=None)], 4, 20),
        (True, [], 6, 20),
        (True, [acknowledged(coin="ETH", fast=False)], 5, 5),
    ],
)
def test_how_far_a_book_reaches_is_known(fast, before, levels, limit):
    venue = connected(fast=fast)
    for frame in before:
        assert venue.received(frame, 0) == []
    bids, asks = ([(str(100 + sign * n), "1") for n in range(1, levels + 1)] for sign in (-1, 1))
    (one,) = venue.received(book(MS, bids, asks), 7)
    assert one.limit == limit
    assert len(one.bids) == len(one.asks) == levels


def test_a_book_of_rounded_prices_is_refused():
    venue = connected()
    venue.received(acknowledged(nSigFigs=3), 0)
    assert names(venue.received(book(MS), 0)) == ["grouped book"]


def test_an_older_book_is_refused_and_a_newer_or_equal_one_is_used():
    venue = connected()
    assert names(venue.received(book(MS + 500), 1)) == ["Snapshot"]
    (refusal,) = venue.received(book(MS), 2)
    assert refusal.name == OLDER
    assert names(venue.received(book(MS + 500), 3)) == ["Snapshot"]


@pytest.mark.parametrize("asks", [True, False])
def test_after_three_older_books_in_a_row_the_newer_time_was_wrong(asks):
    venue = connected()
    venue.can_ask = asks
    venue.received(book(MS + 10**9), 1)
    venue.resync("its time is impossible", 2)
    seen = [names(venue.received(book(MS + n), 2)) for n in range(3)]
    waits = [OLDER, "Status"]
    assert seen == [waits, waits, [*waits, "Reconnect"]]
    if asks:
        venue.disconnected(BOOK, "it was closed", 3)
        venue.connected(BOOK, 4)
    assert names(venue.received(book(MS + 3), 5)) == ["Snapshot"]


def test_a_crossed_book_is_thrown_away_and_the_next_one_is_live():
    now = MS * 1_000_000
    market = Market(connected())
    venue = market.venue
    market.handle(venue.received(book(MS, [("101.5", "1")], ASKS), now), now)
    assert (market.state, market.advice) == ("gap", "The next frame brings a whole one.")
    assert market.detail == "The book was thrown away: best bid 101.5 is not below ask 100.5."
    assert levels_of(market.book) == ({}, {})
    market.handle(venue.received(book(MS + 500), now), now)
    assert market.state == "live"


@pytest.mark.parametrize(
    "spoilt",
    [
        book(MS + 500)[:-30],
        book(MS + 500, [("NaN", "1")]),
        book(MS + 500, [("-1", "1")]),
        book(MS + 500, [("100", "1e-30")]),
        said("l2Book", {"coin": "BTC", "time": MS + 500, "levels": [[]]}),
        said("l2Book", {"coin": "BTC", "time": MS + 500, "levels": [[], [], []]}),
        said("l2Book", {"coin": "BTC", "time": -5, "levels": [[], []]}),
        said("l2Book", None),
    ],
)
def test_an_unreadable_frame_costs_only_its_own_time(spoilt):
    venue = connected()
    venue.received(book(MS), 1)
    assert names(venue.received(spoilt, 2)) == ["unreadable"]
    assert names(venue.received(book(MS + 1000), 3)) == ["Snapshot"]


def test_what_the_venue_reports_is_told_and_without_a_book_it_is_the_reason():
    detail = "Invalid subscription {}"
    venue = connected()
    refusal, status = venue.received(said("error", detail), 1)
    assert refusal == Refused(1, "error", detail)
    assert status.detail == f"Hyperliquid reports: {detail}."
    venue.received(book(MS), 2)
    twice = said("error", "Already subscribed: {}")
    assert names(venue.received(twice, 3)) == ["error"]


def test_other_channels_are_refused_by_name():
    venue = connected()
    frame = said("bbo", {"coin": "BTC", "time": MS, "bbo": [None, None]})
    assert names(venue.received(frame, 1)) == ["bbo"]
    assert names(venue.received("{}", 1)) == ["unknown"]


HALF = 500  # ms between two books


def shown(lates, *, began=True):
    """Return what is shown of books that come so many ms late, one each half second."""
    venue = connected()
    market, states = Market(venue, interval=0), []
    market.set_venue_time(MS * 1_000_000, MS * 1_000_000)
    if began:
        market.receive(book(MS), MS * 1_000_000)
    for number, late in enumerate(lates, 1):
        ms = MS + HALF * number
        market.receive(book(ms - late), ms * 1_000_000)
        market.tick(ms * 1_000_000)
        states.append(market.state)
    return market, states


def test_books_whose_time_stands_still_are_stale_until_it_goes_on():
    market, states = shown([0] * 20 + [HALF * frozen for frozen in range(1, 60)] + [0] * 5)
    assert states == ["live"] * 30 + ["stale"] * 49 + ["live"] * 5  # from more than 5 s on
    assert market.history().gaps == 0


def test_books_that_come_late_are_stale_and_say_how_late():
    market, states = shown([*range(0, 8001, 400)])
    assert states == ["live"] * 13 + ["stale"] * 8
    assert market.detail == "Data from Hyperliquid come 8 s late."
    assert market.lag.above_minimum == pytest.approx(8)


def test_books_that_are_late_from_the_first_are_held_against_the_venues_clock():
    _, states = shown([600_000] * 5, began=False)
    assert states == ["live"] + ["stale"] * 4  # the first one may be of a quiet market


# -- trades, context -----------------------------------------------------------------------


@pytest.mark.parametrize(("letter", "side"), [("B", +1), ("A", -1)])
def test_a_trades_side_is_the_takers(letter, side):
    venue = connected()
    venue.received(book(MS), 1)
    frame = said("trades", [trade(MS + 5, "100.5", "0.25", letter)])
    one = Trade((MS + 5) * 1_000_000, 7, 100.5, 0.25, side, 118906512037719)
    assert venue.received(frame, 7) == [one]


def test_trades_of_before_the_first_book_are_past_however_many_frames_they_come_in():
    venue = connected()
    past = said("trades", [trade(MS - 10), trade(MS - 20)])
    assert names(venue.received(past, 1)) == [PAST_TRADE, PAST_TRADE]
    venue.received(book(MS), 2)
    mixed = said("trades", [trade(MS + 9), trade(MS), trade(MS - 5), trade(MS + 3)])
    outputs = venue.received(mixed, 3)
    assert names(outputs) == [PAST_TRADE, PAST_TRADE, "Trade", "Trade"]
    assert [one.time // 1_000_000 - MS for one in outputs[2:]] == [3, 9]
    venue.disconnected(BOOK, "it was closed", 4)
    venue.connected(BOOK, 5)
    assert names(venue.received(said("trades", [trade(MS + 20)]), 6)) == [PAST_TRADE]


def test_an_unknown_side_is_unreadable():
    venue = connected()
    venue.received(book(MS), 1)
    assert names(venue.received(said("trades", [trade(MS + 1, side="C")]), 2)) == ["unreadable"]


def test_a_context_has_the_time_of_the_book_and_waits_for_the_first():
    venue = connected()
    assert venue.received(context(), 1) == []
    due = (MS // 3_600_000 + 1) * 3_600.0  # the next full hour
    mark = Mark(MS * 1_000_000, 2, 84144.5, 84150.0, 0.0000125, 29875.4, next_funding=due)
    assert venue.received(book(MS), 2)[1:] == [mark]
    (later,) = venue.received(context(), 3)
    assert (later.time, later.received) == (MS * 1_000_000, 3)
    assert names(venue.received(context("ETH"), 4)) == ["other symbol"]


# -- whose a frame is ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (book(MS, coin="kPEPE"), "hyperliquid:kPEPE"),
        (said("trades", [trade(MS, coin="ETH")]), "hyperliquid:ETH"),
        (context("SOL"), "hyperliquid:SOL"),
        (said("trades", []), None),
        ('{"channel":"pong"}', None),
        (acknowledged(), None),
    ],
)
def test_frames_name_their_market(frame, market):
    found = market_of(frame)
    assert (found and str(found)) == market


# -- a long market, with a plain book beside it --------------------------------------------


def test_thousands_of_frames_against_a_plain_book():
    """Books, trades and contexts of two coins, mixed: the state after each is the last book's."""
    draw = random.Random(5)
    venue = connected()
    market = Market(venue, interval=0)
    plain, sides = None, []
    for step in range(3000):
        now = (MS + 540 * step) * 1_000_000
        middle = 84_000 + draw.randint(-3, 3)
        coin = "BTC" if draw.random() < 0.8 else "ETH"
        bids, asks = (
            [(f"{middle + sign * n}.0", f"{draw.randint(1, 10**7) / 10**5:.5f}")
             for n in range(1, 6)]
            for sign in (-1, +1)
        )  # fmt: skip
        if coin == "BTC":
            plain = [{float(px): float(sz) for px, sz in side} for side in (bids, asks)]
        market.receive(book(MS + 540 * step, bids, asks, coin), now)
        if plain is None:
            continue
        assert [*levels_of(market.book)] == plain
        letter = draw.choice("AB")
        frame = said("trades", [trade(MS + 540 * step + 1, side=letter)])
        market.receive(frame, now)
        sides.append(+1 if letter == "B" else -1)
    table = market.history().trades
    assert table.side.tolist() == sides[: len(table)]
    assert len(sides) - len(table) < 20  # those after the last state belong to none yet
    assert market.refused["other symbol"] > 500
    assert set(market.refused) <= {"other symbol", PAST_TRADE}
