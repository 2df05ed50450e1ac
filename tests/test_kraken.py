"""Kraken's protocol: a book whose messages have no number, but a checksum."""

from __future__ import annotations

import json

import pytest
from exchange_tools import SECOND, levels_of, names, only
from kraken_tools import (  # noqa: F401 for test_venue_contract and test_faults
    ASKS,
    BIDS,
    EXCHANGES,
    HEARTBEAT,
    MS,
    SYMBOLS,
    SYSTEM,
    WRONG,
    acknowledged,
    book,
    checksum,
    connected,
    in_sync,
    listing,
    speak,
    trades,
)

from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Delta, Instrument, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME
from obi_widgets.market_data.venues.wire import PAST_TRADE

# -- the instrument ------------------------------------------------------------------------


def test_the_instrument_is_read_before_anything_is_connected():
    venue = make_venue("kraken", "BTC/USD")
    _, fetch = venue.start(0)
    assert fetch == Fetch(INSTRUMENT, "https://api.kraken.com/0/public/AssetPairs")
    assert venue.fetched(INSTRUMENT, 200, listing(), 0) == [
        Instrument("kraken", "BTC/USD", "Kraken", "USD", 0.1, 1.0),
        Connect(BOOK, "wss://ws.kraken.com/v2"),
    ]
    assert venue.ask_time(60 * SECOND) == [Fetch(TIME, "https://api.kraken.com/0/public/Time")]


def test_a_market_without_a_tick_size_has_that_of_its_decimals():
    (instrument, _) = make_venue("kraken", "GAS/USD").fetched(INSTRUMENT, 200, listing(), 0)
    assert instrument.tick_size == 0.0001


def test_an_error_in_the_answer_is_told_and_asked_again():
    venue = make_venue("kraken", "BTC/USD")
    body = '{"error":["EAPI:Rate limit exceeded"]}'
    status, fetch = venue.fetched(INSTRUMENT, 200, body, 0)
    assert status.detail == ("Kraken's list of symbols cannot be read: EAPI:Rate limit exceeded.")
    assert fetch.delay == SECOND


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [("XBT/USD", "BTC/USD"), ("xdgusd", "DOGE/USD"), ("btc-eur", "BTC/EUR"), ("ETH", "ETH/USD")],
)
def test_symbols_have_a_slash_and_new_names(spelling, symbol):
    assert make_venue("kraken", spelling).symbol == symbol


def test_it_has_no_perpetuals():
    with pytest.raises(SymbolError):
        make_venue("kraken", "BTC-PERP")


def test_a_near_miss_is_suggested_from_the_list():
    (status,) = make_venue("kraken", "BTC/USDT").fetched(INSTRUMENT, 200, listing(), 0)
    assert status.detail == "Kraken lists no symbol 'BTC/USDT'."
    assert status.advice == "Did you mean 'BTC/USD'?"


# -- subscriptions -------------------------------------------------------------------------


def test_book_and_trades_are_subscribed_to():
    venue = make_venue("kraken", "BTC/USD")
    status, *sends = venue.connected(BOOK, 0)
    assert status.state == "syncing"
    assert [json.loads(send.text) for send in sends] == [
        {"method": "subscribe",
         "params": {"symbol": ["BTC/USD"], "channel": "book", "depth": 100, "snapshot": True}},
        {"method": "subscribe",
         "params": {"symbol": ["BTC/USD"], "channel": "trade", "snapshot": False}, "req_id": 1},
    ]  # fmt: skip


def test_after_half_of_a_usual_silence_it_is_pinged_and_after_ten_seconds_it_is_dead():
    venue = in_sync()
    outputs = []
    for now in range(SECOND, 13 * SECOND, SECOND // 4):
        outputs += venue.tick(now)
    assert outputs[0] == Send(BOOK, '{"method":"ping"}')
    assert names(outputs)[-2:] == ["Status", "Reconnect"]
    venue = in_sync()
    for now in range(SECOND, 200 * SECOND, SECOND):  # heartbeats show that it is alive
        venue.received(HEARTBEAT, now)
        assert not only(Status, venue.tick(now))


@pytest.mark.parametrize("frame", [HEARTBEAT, SYSTEM, acknowledged(), '{"method":"pong"}'])
def test_what_needs_nothing_is_no_refusal(frame):
    assert in_sync().received(frame, 2 * SECOND) == []


def test_a_refused_subscription_is_told():
    error = '{"method":"subscribe","success":false,"error":"Currency pair not supported"}'
    refusal, status = connected().received(error, 1)
    assert refusal == Refused(1, "error", "Currency pair not supported")
    assert status.detail == "Kraken reports: Currency pair not supported."
    assert names(in_sync().received(error, SECOND)) == ["error"]  # of the trades, or twice


def mode(system):
    return SYSTEM.replace("online", system)


@pytest.mark.parametrize("system", ["maintenance", "cancel_only", "post_only", "limit_only", "new"])
def test_a_venue_that_is_not_online_has_no_book_until_it_is_again(system):
    venue = in_sync()
    (status,) = venue.received(mode(system), SECOND)
    assert (status.state, status.advice) == ("stale", "Waiting until it is online.")
    assert status.detail == f"Kraken is not online, but in the mode {system!r}."
    assert venue.received(mode(system), SECOND) == []
    whole = book("snapshot", MS + 30, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    why = "book of a venue that is not online"
    for frame in (whole, book("update", MS + 20, crc=checksum(BIDS, ASKS))):
        assert names(venue.received(frame, 2 * SECOND)) == [why]
    for second in range(2, 60):  # a book is not asked for meanwhile
        venue.received(HEARTBEAT, second * SECOND)
        sent = only(Send, venue.tick(second * SECOND))
        assert not [one for one in sent if "subscribe" in one.text]
    status, *sends = venue.received(SYSTEM, 60 * SECOND)
    assert (status.state, status.detail) == ("syncing", "Kraken is online again.")
    assert ["subscribe" in one.text for one in sends] == [True, True]  # and not before that
    assert names(venue.received(whole, 61 * SECOND)) == ["Snapshot"]


def test_a_connection_begins_as_online_until_the_venue_says_its_mode():
    venue = in_sync()
    venue.received(mode("maintenance"), SECOND)
    venue.disconnected(BOOK, "it was closed", 2 * SECOND)
    venue.connected(BOOK, 3 * SECOND)
    whole = book("snapshot", MS + 30, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    assert names(venue.received(whole, 4 * SECOND)) == ["Snapshot"]


@pytest.mark.parametrize(("frames", "seconds"), [(200, 30), (50, 300)])
def test_a_lively_book_that_stops_is_asked_for_again_sooner_than_a_rare_one(frames, seconds):
    venue = in_sync()
    for number in range(1, frames + 1):
        now = number * SECOND // 10
        venue.received(book("update", MS + 100 * number, crc=checksum(BIDS, ASKS)), now)
    assert only(Status, venue.tick(now)) == []
    told = []
    for second in range(1, 310):
        venue.received(HEARTBEAT, now + second * SECOND)
        told += [(second, one.state, one.detail)
                 for one in only(Status, venue.tick(now + second * SECOND))]  # fmt: skip
    assert told[0] == (seconds + 1, "stale", f"No change for {seconds} s.")


# -- the book ------------------------------------------------------------------------------


def test_a_snapshot_and_a_change():
    venue = in_sync()
    bids = {99.5: 7.25, 99.9: 1.0}
    frame = book("update", MS + 20, [(100.0, 0), (99.9, 1.0)], [], checksum(bids, ASKS))
    (delta,) = venue.received(frame, 2 * SECOND)
    time = (MS + 20) * 1_000_000
    assert delta == Delta(time, 2 * SECOND, time, [(100.0, 0.0), (99.9, 1.0)], [])


def test_a_wrong_checksum_throws_the_book_away_and_subscribes_again():
    venue = in_sync()
    frame = book("update", MS + 20, [(99.9, 1.0)], [], 1)
    status, *sends = venue.received(frame, 9 * SECOND)
    assert (status.state, status.detail) == ("gap", WRONG)
    methods = [json.loads(send.text)["method"] for send in sends]
    assert methods == ["unsubscribe", "subscribe"]
    later = book("update", MS + 40, [(99.9, 1.0)], [], 1)
    assert names(venue.received(later, 10 * SECOND)) == ["delta before a snapshot"]
    old = book("snapshot", MS + 30, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    outputs = venue.received(old, 10 * SECOND)
    assert names(outputs) == ["snapshot older than what was seen", "Status"]
    new = book("snapshot", MS + 40, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    assert names(venue.received(new, 10 * SECOND)) == ["Snapshot"]


def test_a_snapshot_with_a_wrong_checksum_is_no_book_and_is_asked_for_later_and_later():
    venue = connected()
    waits, asked = [], 0
    for now in range(0, 60 * SECOND, SECOND // 4):
        outputs = venue.tick(now)
        if any('"book"' in send.text for send in only(Send, outputs)) or not now:
            waits.append((now - asked) // SECOND)
            asked = now
            outputs = venue.received(book("snapshot", MS, BIDS.items(), ASKS.items(), 1), now)
            assert names(outputs)[0] == "Status"
            assert not only(Snapshot, outputs)
    assert waits[1:5] == [1, 2, 4, 8]


@pytest.mark.parametrize("kind", ["snapshot", "update"])
def test_a_message_without_a_checksum_is_used(kind):
    venue = in_sync()
    assert names(venue.received(book(kind, MS + 20, [(99.9, 1.0)], []), SECOND)) == [
        {"snapshot": "Snapshot", "update": "Delta"}[kind]
    ]


def test_a_snapshot_without_a_time_has_the_newest_that_the_venue_told():
    venue = connected()
    whole = book("snapshot", None, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    assert names(venue.received(whole, 1))[:2] == ["book without a time", "Status"]
    venue.received(acknowledged(ms=MS + 7), 2)
    (snapshot,) = venue.received(whole, 3)
    assert snapshot.time == (MS + 7) * 1_000_000


def test_several_changes_of_one_price_in_one_message_are_applied_in_order():
    market = Market(connected())
    now = MS * 1_000_000
    whole = book("snapshot", MS, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    market.receive(whole, now)
    changes = [(99.9, 1.0), (99.9, 0), (99.9, 2.5), (99.5, 0), (99.5, 3.0), (99.5, 0)]
    bids = {100.0: 5.0, 99.9: 2.5}
    market.receive(book("update", MS, changes, [], checksum(bids, ASKS)), now)
    assert market.state == "live"
    assert levels_of(market.book) == (bids, ASKS)


def test_more_decimals_than_before_are_a_wrong_checksum():
    venue = connected(decimals=(1, 2))
    asks = {100.5: 3.0, 101.0: 0.25}
    whole = book("snapshot", MS, BIDS.items(), asks.items(), checksum(BIDS, asks, (1, 2)))
    assert names(venue.received(whole, SECOND)) == ["Snapshot"]
    finer = book("update", MS + 20, [(99.9, 0.001)], [], 1)
    assert venue.received(finer, 9 * SECOND)[0].detail == WRONG
    bids = BIDS | {99.9: 0.001}  # the next snapshot is read with them
    whole = book("snapshot", MS + 30, bids.items(), asks.items(), checksum(bids, asks, (1, 3)))
    assert names(venue.received(whole, 9 * SECOND)) == ["Snapshot"]


@pytest.mark.parametrize(
    "spoilt",
    [
        book("update", MS + 20, [(-1, 1)]),
        book("update", MS + 20, [(0, 1)]),
        book("update", MS + 20, [(1, -1)]),
        book("update", MS + 20, [("NaN", 1)]),
        book("update", MS + 20, [("Infinity", 1)]),
        book("update", MS + 20, [("1e-999999", 1)]),
        book("update", MS + 20, [(1, "1e-999999")]),
        book("update", MS + 20, [("1e999999", 1)]),
        book("update", MS + 20, [(1, 1)], crc=-1),
        book("update", MS + 20, [(1, 1)], crc=2**32),
        book("update", MS + 20).replace("2023", "1023"),
        book("update", MS + 20).replace("Z", ""),
        '{"channel":"book","type":"update","data":[]}',
        '{"channel":"book","type":"update"}',
        book("snapshot", MS + 20)[:-9],
    ],
)
def test_an_unreadable_frame_of_the_book_costs_the_book(spoilt):
    outputs = in_sync().received(spoilt, 9 * SECOND)
    assert names(outputs) == ["unreadable", "Status", "Send", "Send"]
    assert outputs[1].detail == "The book was thrown away: a frame was unreadable."


def test_a_snapshot_of_the_same_time_is_used_after_an_unreadable_frame():
    """Nothing has changed since in a quiet market."""
    venue = in_sync()
    venue.received("{", 9 * SECOND)
    whole = book("snapshot", MS, BIDS.items(), ASKS.items(), checksum(BIDS, ASKS))
    assert names(venue.received(whole, 9 * SECOND)) == ["Snapshot"]


def test_other_kinds_are_refused_by_name():
    for frame, name in [
        ('{"channel":"instrument","type":"snapshot","data":{}}', "instrument"),
        ('{"channel":"book","type":"other","data":[]}', "book"),
        ('{"channel":"status","data":[]}', "status"),
        ('{"channel":"status","data":{}}', "unreadable"),
        ('{"channel":"trade","type":"update","data":[{}]}', "unreadable"),
    ]:
        assert names(in_sync().received(frame, SECOND)) == [name], frame


# -- trades --------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "side"), [("buy", +1), ("sell", -1)])
def test_a_trades_side_is_the_takers(word, side):
    frame = trades("update", (7, MS + 5, 100.5, 0.25, word))
    one = Trade((MS + 5) * 1_000_000, 9, 100.5, 0.25, side, 7)
    assert in_sync().received(frame, 9) == [one]


def test_trades_of_before_are_refused_and_of_later_are_used_once_each():
    venue = connected()
    early = trades("update", (5, MS - 5, 100.5, 1, "buy"))
    assert names(venue.received(early, 1)) == [PAST_TRADE]  # there is no book yet
    venue = in_sync()
    past = trades("snapshot", (9, MS + 5, 100.5, 1, "buy"), (8, MS - 5, 100.5, 1, "buy"))
    assert names(venue.received(past, 1)) == [PAST_TRADE, "Trade"]
    again = trades("update", (9, MS + 5, 100.5, 1, "buy"), (10, MS - 1, 100.5, 1, "sell"))
    assert [one.id for one in venue.received(again, 1)] == [10]
    assert names(venue.received(trades("update", symbol="ETH/USD"), 1)) == []
    other = trades("update", (11, MS, 1, 1, "buy"), symbol="ETH/USD")
    assert names(venue.received(other, 1)) == ["other symbol"]


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (book("update", MS, symbol="ETH/EUR"), "kraken:ETH/EUR"),
        (trades("update", (1, MS, 1, 1, "buy"), symbol="SOL/USD"), "kraken:SOL/USD"),
        (HEARTBEAT, None),
        (SYSTEM, None),
        (acknowledged(), None),
    ],
)
def test_frames_name_their_market(frame, market):
    found = market_of(frame)
    assert (found and str(found)) == market
