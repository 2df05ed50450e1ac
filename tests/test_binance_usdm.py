"""Binance USD-M's protocol: frames and times in, events and replies out."""

import json

import pytest
from exchange_tools import (
    ASKS,
    BIDS,
    SECOND,
    levels_of,
    names,
    only,
    usdm_depth,
    usdm_snapshot,
)

from obi_widgets.events import Delta, Instrument, Mark, Snapshot, Status, Trade
from obi_widgets.market import Market
from obi_widgets.venues import make_venue
from obi_widgets.venues.base import BOOK, Connect, Fetch, Reconnect
from obi_widgets.venues.binance_usdm import INSTRUMENT, MARKET, SNAPSHOT

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
        Connect(MARKET, f"{root}/market/stream?streams=btcusdt@aggTrade/btcusdt@markPrice@1s"),
    ]


def test_a_symbol_that_is_not_listed_ends_the_feed():
    venue = make_venue("binance-usdm", "NOPE")
    (status,) = venue.fetched(INSTRUMENT, 200, exchange_info(), 7)
    assert (status.state, status.detail) == ("closed", "Binance USD-M lists no symbol 'NOPE'.")


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (451, "", "Binance USD-M refuses this location (HTTP 451)."),
        (403, "", "Binance USD-M refuses this location (HTTP 403)."),
        (418, "", "Binance USD-M limits the rate of requests (HTTP 418)."),
        (429, "", "Binance USD-M limits the rate of requests (HTTP 429)."),
        (0, "timed out", "Binance USD-M cannot be reached: timed out."),
    ],
)
@pytest.mark.parametrize("name", [INSTRUMENT, SNAPSHOT])
def test_what_is_not_answered_is_said_and_asked_for_again(name, status, body, detail):
    said, again = waiting(usdm_depth(90, 110, 80)).fetched(name, status, body, 7)
    assert (said.state, said.detail) == ("connecting", detail)
    assert (again.name, again.delay) == (name, 5 * SECOND)


def test_a_list_of_symbols_that_cannot_be_read_is_asked_for_again():
    said, again = make_venue("binance-usdm", "BTCUSDT").fetched(INSTRUMENT, 200, "<html>", 7)
    assert said.detail.startswith("Binance USD-M's list of symbols cannot be read: ")
    assert again.name == INSTRUMENT


# -- the snapshot, and what continues it ---------------------------------------------------


def test_the_snapshot_is_asked_for_when_the_first_event_has_come_and_once():
    venue = connected()
    assert venue.received(usdm_depth(90, 110, 80), SECOND) == [Fetch(SNAPSHOT, DEPTH_URL)]
    assert venue.received(usdm_depth(115, 120, 110), SECOND) == []


def test_events_before_the_snapshot_are_played_over_it():
    events = [
        usdm_depth(80, 99, 70, [(99.0, 1)]),  # the snapshot has it already
        usdm_depth(100, 110, 99, [(98.0, 2)]),
        usdm_depth(115, 120, 110, [], [(100.5, 0)]),
    ]
    venue = waiting(*events)
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(105, BIDS, ASKS), 2 * SECOND)
    assert [output.sequence for output in outputs] == [105, 110, 120]
    assert outputs[0] == Snapshot(
        1_700_000_000_105 * 1_000_000,
        2 * SECOND,
        105,
        [(price, float(size)) for price, size in BIDS],
        [(price, float(size)) for price, size in ASKS],
    )
    assert outputs[1].bids == [(98.0, 2.0)]
    assert outputs[2].asks == [(100.5, 0.0)]
    assert outputs[2].time == 1_700_000_000_120 * 1_000_000


@pytest.mark.parametrize(
    ("first", "last", "previous", "follows"),
    [
        (90, 99, 80, []),  # older than the snapshot
        (90, 100, 80, ["Delta"]),
        (100, 105, 99, ["Delta"]),
        (103, 105, 100, ["Delta"]),  # directly continues it: pu is lastUpdateId
        (101, 105, 99, ["Status", "Fetch"]),
        (103, 105, 102, ["Status", "Fetch"]),
    ],
)
@pytest.mark.parametrize("buffered", [False, True])
def test_the_first_event_holds_the_snapshots_update_or_follows_it(
    first, last, previous, follows, buffered
):
    event = usdm_depth(first, last, previous)
    if not buffered:
        venue = waiting(usdm_depth(40, 50, 30))
        venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
        assert names(venue.received(event, 2 * SECOND)) == follows
        return
    venue = waiting(event)
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    older = ["Fetch"]  # the snapshot is too old for what was buffered: another is asked for
    assert names(outputs) == (older if "Fetch" in follows else ["Snapshot", *follows])


def test_a_snapshot_older_than_what_was_buffered_is_asked_for_again_and_the_events_kept():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 110))
    assert venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), 2 * SECOND) == [
        Fetch(SNAPSHOT, DEPTH_URL, SECOND)
    ]
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(110, BIDS, ASKS), 3 * SECOND)
    assert names(outputs) == ["Snapshot", "Delta", "Delta"]


def test_a_break_among_what_was_buffered_keeps_the_rest_for_the_next_snapshot():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 112), usdm_depth(125, 130, 120))
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    assert names(outputs) == ["Snapshot", "Delta", "Status", "Fetch"]
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(127, BIDS, ASKS), 4 * SECOND)
    assert [output.sequence for output in outputs] == [127, 130]


def test_an_event_continues_the_one_before_by_its_pu_alone():
    market = in_sync()
    read(market, None, usdm_depth(500, 510, 120, [(99.0, 1)]), 3 * SECOND)
    assert levels_of(market.book)[0][99.0] == 1.0


@pytest.mark.parametrize("previous", [119, 121, 110])
def test_an_event_that_does_not_follow_throws_the_book_away(previous):
    market = in_sync()
    replies = read(market, None, usdm_depth(121, 130, previous), 3 * SECOND)
    assert replies == [Fetch(SNAPSHOT, DEPTH_URL, SECOND)]
    assert market.state == "gap"
    assert market.detail == "The book was thrown away: event 130 does not follow 120."
    assert market.advice == "Asking for a new one."
    assert levels_of(market.book) == ({}, {})


def test_a_snapshot_that_nobody_waits_for_is_not_a_book():
    market = in_sync()
    assert market.venue.fetched(SNAPSHOT, 200, usdm_snapshot(90), 3 * SECOND) == []
    assert market.venue.fetched(SNAPSHOT, 500, "", 3 * SECOND) == []
    bare = market.venue.received(usdm_snapshot(90), 3 * SECOND)
    assert names(bare) == ["snapshot of a book that is in sync"]


def test_a_snapshot_that_comes_after_the_connection_was_lost_is_not_a_book():
    # Nothing would continue it, and it would stand there as live until the next connection.
    market = Market(waiting(usdm_depth(90, 110, 80)))
    market.handle(market.venue.disconnected(BOOK, "it was closed", 2), 2)
    assert read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 3) == []
    assert market.state == "connecting"
    assert market.detail == "Binance USD-M lost its connection: it was closed."


def test_a_snapshot_that_does_not_come_is_asked_for_again():
    venue = waiting(usdm_depth(90, 110, 80))
    venue.received(usdm_depth(115, 120, 110), 11 * SECOND)
    assert venue.tick(11 * SECOND) == []
    assert venue.tick(11 * SECOND + 1) == [Fetch(SNAPSHOT, DEPTH_URL)]


def test_unreadable_frames_ask_for_one_snapshot_a_second():
    market = in_sync()
    asked = []
    for step in range(40):
        now = 3 * SECOND + step * SECOND // 10
        asked += [now for reply in read(market, None, "<html>", now) if reply.name == SNAPSHOT]
        assert market.state == "gap"
    assert len(asked) == 4
    assert market.refused["unreadable"] == 40


@pytest.mark.parametrize("price", ["nan", "-1", "inf", "1O0"])
def test_a_price_that_cannot_be_is_unreadable(price):
    market = in_sync()
    read(market, None, usdm_depth(500, 510, 120, [(price, 1)]), 3 * SECOND)
    assert (market.state, market.refused["unreadable"]) == ("gap", 1)


def test_a_crossed_book_is_thrown_away_with_what_was_buffered_after_it():
    market = Market(waiting(usdm_depth(90, 110, 80, [(200.0, 1)]), usdm_depth(115, 120, 110)))
    replies = read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    assert names(replies) == ["Fetch"]
    assert (market.state, levels_of(market.book)) == ("gap", ({}, {}))
    assert market.detail == "The book was thrown away: best bid 200 is not below ask 100.5."


@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": ")], ids=["compiled", "in Python"])
def test_an_event_time_far_ahead_is_not_believed(spaces):
    # Event time never goes back in a history: one such state would hold it there.
    market = in_sync()
    day = 86_400_000
    frame = json.loads(usdm_depth(121, 130, 120, [(99.0, 5)]))
    frame["data"]["T"] += day
    read(market, None, json.dumps(frame, separators=spaces), 3 * SECOND)
    assert market.state == "gap"
    assert market.detail == (
        "The book was thrown away: its event time went 86,399 s ahead of the clock here."
    )
    # After a night of silence it is: both clocks have gone on.
    market = in_sync()
    read(market, None, json.dumps(frame, separators=spaces), 3 * SECOND + day * 1_000_000)
    assert market.state == "live"


def test_silence_is_stale_and_connects_again_whatever_the_trades_do():
    market = in_sync()
    read(market, None, trade_frame(), 50 * SECOND)
    reason = "nothing was heard for 60 s"
    assert market.tick(62 * SECOND) == []
    assert market.tick(62 * SECOND + 1) == [Reconnect(BOOK, reason)]
    assert (market.state, market.detail) == ("stale", f"Binance USD-M: {reason}.")


def test_a_new_connection_begins_anew():
    market = in_sync()
    market.handle(market.venue.disconnected(BOOK, "it was closed", 3), 3)
    assert market.detail == "Binance USD-M lost its connection: it was closed."
    market.handle(market.venue.connected(BOOK, 4), 4)
    assert market.state == "syncing"
    assert names(market.venue.received(usdm_depth(121, 130, 120), 5)) == ["Fetch"]


# -- trades, mark, refusals ----------------------------------------------------------------


def trade_frame(kind="aggTrade", *, symbol="BTCUSDT", maker_bought=True):
    number = {"aggTrade": {"a": 5, "f": 1, "l": 2}, "trade": {"t": 5}}[kind]
    data = {"e": kind, "E": 9, "T": 8, "s": symbol, "p": "100.5", "q": "0.25", "m": maker_bought}
    return json.dumps({"stream": f"btcusdt@{kind}", "data": data | number})


@pytest.mark.parametrize("kind", ["trade", "aggTrade"])
@pytest.mark.parametrize(("maker_bought", "side"), [(True, -1), (False, +1)])
def test_a_trades_side_is_the_takers(kind, maker_bought, side):
    frame = trade_frame(kind, maker_bought=maker_bought)
    assert connected().received(frame, 7) == [Trade(8_000_000, 7, 100.5, 0.25, side, 5)]


def test_mark_index_and_funding_are_read():
    data = {"e": "markPriceUpdate", "E": 9, "s": "BTCUSDT", "p": "100.5", "ap": "100.4"}
    data |= {"P": "100.6", "i": "100.25", "r": "0.00010000", "T": 1_700_000_000_000, "st": 1}
    frame = json.dumps({"stream": "btcusdt@markPrice@1s", "data": data})
    assert connected().received(frame, 7) == [Mark(9_000_000, 7, 100.5, 100.25, 0.0001)]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (usdm_depth(1, 2, 0, symbol="ETHUSDT"), "other symbol"),
        (trade_frame(symbol="ETHUSDT"), "other symbol"),
        ('{"stream":"x","data":{"e":"bookTicker","u":1}}', "bookTicker"),
        ('{"result":null,"id":1}', "unknown"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "unknown"),
    ],
)
def test_other_frames_are_refused_by_name_and_leave_the_book_alone(frame, name):
    market = in_sync()
    assert names(market.venue.received(frame, 3 * SECOND)) == [name]
    (delta,) = only(Delta, market.venue.received(usdm_depth(121, 130, 120), 3 * SECOND))
    assert delta.sequence == 130


def test_a_lost_market_connection_leaves_the_book_alone():
    venue = in_sync().venue
    assert venue.connected(MARKET, 3) == []
    assert only(Status, venue.disconnected(MARKET, "it was closed", 4)) == []
