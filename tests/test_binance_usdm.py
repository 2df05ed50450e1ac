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

from obi_widgets.errors import SymbolError
from obi_widgets.events import (
    Clock,
    Delta,
    Instrument,
    Mark,
    Refused,
    Snapshot,
    Splice,
    Status,
    Trade,
)
from obi_widgets.market import Market
from obi_widgets.venues import make_venue
from obi_widgets.venues.base import BOOK, Connect, Fetch, Ping, Reconnect
from obi_widgets.venues.binance_usdm import INSTRUMENT, MARKET, SNAPSHOT, TIME, BinanceUsdm

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
        limit=1000,
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
    older = ["snapshot older than what was seen", "Status", "Fetch"]  # another is asked for
    assert names(outputs) == (older if "Fetch" in follows else ["Snapshot", *follows])


@pytest.mark.parametrize("buffered", [False, True])
def test_an_event_that_ends_in_the_snapshots_update_changes_none_of_its_levels(buffered):
    # The snapshot holds it: where both differ, the event told something false.
    event = usdm_depth(90, 100, 80, [(100.0, 77), (99.7, 1)], ms=1_700_000_000_150)
    market = Market(waiting(event if buffered else usdm_depth(40, 50, 30)))
    read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    if not buffered:
        read(market, None, event, 2 * SECOND)
    assert (market.state, levels_of(market.book)) == ("live", (dict(BIDS), dict(ASKS[::-1])))
    read(market, None, usdm_depth(101, 110, 100, [(99.7, 2)]), 3 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.7]) == ("live", 2.0)


def test_a_snapshot_older_than_what_was_buffered_is_asked_for_again_and_the_events_kept():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 110))
    assert venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), 2 * SECOND) == [
        Refused(2 * SECOND, "snapshot older than what was seen", "of update 70, and 120 was seen"),
        Status(
            2 * SECOND,
            "syncing",
            "Binance USD-M sent a snapshot older than what was seen: "
            "of update 70, and 120 was seen.",
            "Asking again in 1 s.",
        ),
        Fetch(SNAPSHOT, DEPTH_URL, SECOND),
    ]
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(110, BIDS, ASKS), 3 * SECOND)
    assert names(outputs) == ["Snapshot", "Delta", "Delta"]


def test_a_break_among_what_was_buffered_keeps_the_rest_for_the_next_snapshot():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 112), usdm_depth(125, 130, 120))
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    assert names(outputs) == ["snapshot older than what was seen", "Status", "Fetch"]
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


def test_older_snapshots_are_asked_for_again_later_and_later_and_then_the_connection_is_new():
    venue, waits = waiting(usdm_depth(90, 110, 80)), []
    for now in (2, 4, 8, 16):
        *_, again = venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), now * SECOND)
        waits.append(again.delay // SECOND)
    assert waits == [1, 2, 4, 8]
    *_, last = venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), 32 * SECOND)
    assert last == Reconnect(BOOK, "snapshot older than what was seen")


def test_what_was_seen_counts_after_a_gap():
    market = in_sync()
    read(market, None, usdm_depth(131, 140, 130), 3 * SECOND)
    assert market.state == "gap"
    for update in (120, 129):  # between, an event is missing
        read(market, SNAPSHOT, usdm_snapshot(update, BIDS, ASKS), 5 * SECOND)
        assert (market.state, levels_of(market.book)) == ("syncing", ({}, {}))
    assert market.refused["snapshot older than what was seen"] == 2
    read(market, SNAPSHOT, usdm_snapshot(135, BIDS, ASKS), 6 * SECOND)
    assert (market.state, market.venue._chain.last) == ("live", 140)


def test_after_an_unreadable_frame_a_snapshot_waits_for_an_event_that_continues_it():
    market = in_sync()
    assert names(read(market, None, "garbage", 3 * SECOND)) == ["Fetch"]
    assert read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND) == []
    assert market.state == "gap"  # the frame may have been an event after 120
    read(market, None, usdm_depth(121, 130, 120, [(99.0, 5)]), 6 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.0]) == ("live", 5.0)


def test_after_an_unreadable_event_a_snapshot_before_it_is_no_book():
    market = in_sync()
    read(market, None, usdm_depth(121, 130, 120)[:-5], 3 * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND)
    replies = read(market, None, usdm_depth(131, 140, 130), 6 * SECOND)
    assert market.refused["snapshot older than what was seen"] == 1
    assert names(replies) == ["Fetch"]
    read(market, SNAPSHOT, usdm_snapshot(138, BIDS, ASKS), 6 * SECOND)
    assert market.state == "live"


@pytest.mark.parametrize("told", [10**12, 9_000])
def test_three_events_in_a_row_count_for_more_than_a_greater_update_that_one_told_of(told):
    market = in_sync()
    damaged = usdm_depth(121, told, 120, ms=1_700_000_000_121)
    read(market, None, damaged, 3 * SECOND)
    read(market, None, usdm_depth(131, 140, 130), 4 * SECOND)
    assert market.state == "gap"
    assert read(market, SNAPSHOT, usdm_snapshot(138, BIDS, ASKS), 5 * SECOND) == []
    read(market, None, usdm_depth(141, 150, 140), 5 * SECOND)
    assert market.state == "gap"
    read(market, None, usdm_depth(151, 160, 150, [(99.0, 5)]), 5 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.0]) == ("live", 5.0)


def test_ids_that_begin_anew_on_a_connection_make_a_new_book_and_no_snapshot_of_before_does():
    market = in_sync()
    read(market, None, usdm_depth(121, 6, 120), 3 * SECOND)  # half of it was numbered anew
    for last in (16, 26, 36):
        read(market, None, usdm_depth(last - 9, last, last - 10), 4 * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND)  # of before
    read(market, None, usdm_depth(37, 46, 36), 5 * SECOND)
    assert market.state == "gap"
    read(market, SNAPSHOT, usdm_snapshot(40, BIDS, ASKS, ms=1_700_000_000_200), 6 * SECOND)
    read(market, None, usdm_depth(47, 56, 46, ms=1_700_000_000_300), 6 * SECOND)
    assert (market.state, market.venue._chain.last) == ("live", 56)


def test_a_snapshot_of_before_the_ids_began_anew_is_no_book_though_its_update_is_greater():
    begun = 1_700_000_050_000
    market = Market(waiting(usdm_depth(1, 10, 0, ms=begun)))
    before = usdm_snapshot(900, BIDS, ASKS, ms=begun - 1)
    assert read(market, SNAPSHOT, before, SECOND) == []
    for last in (20, 30):
        read(market, None, usdm_depth(last - 9, last, last - 10, ms=begun + last), SECOND)
    assert market.state != "live"
    right = usdm_snapshot(25, [(99.0, 1)], ASKS, ms=begun + 25)
    read(market, SNAPSHOT, right, 2 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 99.0)


def test_a_book_that_events_of_a_later_time_and_lesser_ids_follow_is_of_ids_before_theirs():
    market = Market(waiting(usdm_depth(90, 110, 80)))
    read(market, SNAPSHOT, usdm_snapshot(900, BIDS, ASKS), 2 * SECOND)
    read(market, None, usdm_depth(111, 120, 110, ms=1_700_000_001_900), 2 * SECOND)
    assert market.state == "live"  # it may be in the snapshot
    read(market, None, usdm_depth(121, 130, 120, ms=1_700_000_001_901), 2 * SECOND)
    assert market.detail == "The book was thrown away: event 130 does not follow 900."
    right = usdm_snapshot(125, [(99.0, 1)], ASKS, ms=1_700_000_001_901)
    read(market, SNAPSHOT, right, 3 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 99.0)


def test_a_slow_answer_of_before_a_second_bad_frame_is_used_with_all_events_since():
    market = in_sync()
    read(market, None, "garbage", 3 * SECOND)
    for last in (130, 140, 150):
        read(market, None, usdm_depth(last - 9, last, last - 10, [(last, 1)]), 3 * SECOND)
    assert read(market, None, "garbage", 4 * SECOND) == []  # that answer is still awaited
    read(market, SNAPSHOT, usdm_snapshot(130, [(90, 1)], [(200, 1)]), 5 * SECOND)
    assert market.state == "gap"
    read(market, None, usdm_depth(151, 160, 150), 6 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 150.0)


# -- a snapshot for a book in sync ---------------------------------------------------------


def refreshed(now=20 * SECOND):
    market = in_sync()
    assert market.venue.refresh(now) == [Fetch(SNAPSHOT, DEPTH_URL)]
    return market


def test_a_refresh_is_asked_for_once_and_every_5_s_at_most():
    market = refreshed()
    assert market.venue.refresh(21 * SECOND) == []
    assert names(market.venue.fetched(SNAPSHOT, 200, usdm_snapshot(105), 21 * SECOND)) == ["Splice"]
    assert market.venue.refresh(25 * SECOND - 1) == []
    assert market.venue.refresh(25 * SECOND) == [Fetch(SNAPSHOT, DEPTH_URL)]
    market.venue.resync("so", 31 * SECOND)
    assert market.venue.refresh(50 * SECOND) == []  # without a book there is nothing to widen


def test_a_splice_is_the_snapshot_and_every_event_since():
    venue = refreshed().venue
    venue.received(usdm_depth(121, 130, 120, [(99.0, 5)]), 21 * SECOND)
    (splice,) = venue.fetched(SNAPSHOT, 200, usdm_snapshot(115, BIDS, ASKS), 22 * SECOND)
    assert isinstance(splice, Splice)
    assert (splice.snapshot.sequence, splice.snapshot.limit) == (115, 1000)
    assert [delta.sequence for delta in splice.deltas] == [120, 130]
    assert splice.deltas[1].bids == [(99.0, 5.0)]
    assert names(venue.received(usdm_depth(131, 140, 130), 23 * SECOND)) == ["Delta"]


def test_a_snapshot_newer_than_the_newest_event_waits_for_those_that_reach_it():
    venue = refreshed().venue
    assert venue.fetched(SNAPSHOT, 200, usdm_snapshot(135, BIDS, ASKS), 21 * SECOND) == []
    assert names(venue.received(usdm_depth(121, 130, 120), 22 * SECOND)) == ["Delta"]
    delta, splice = venue.received(usdm_depth(131, 140, 130), 22 * SECOND)
    assert isinstance(delta, Delta)
    assert [one.sequence for one in splice.deltas] == [140]
    assert names(venue.received(usdm_depth(141, 150, 140), 22 * SECOND)) == ["Delta"]


@pytest.mark.parametrize(("ms", "best"), [(2_000, 100.0), (4_000, 98.0), (90_000, 100.0)])
def test_a_snapshot_seconds_newer_than_the_newest_event_is_the_book(ms, best):
    market = refreshed()
    for number in range(13, 43):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, 20 * SECOND + number * SECOND // 10)
        market.tick(20 * SECOND + number * SECOND // 10)
    newer = usdm_snapshot(900, [(98.0, 1)], ASKS, ms=1_700_000_000_420 + ms)
    read(market, SNAPSHOT, newer, 25 * SECOND)
    assert market.book.bids.best == best
    read(market, None, usdm_depth(421, 430, 420), 25 * SECOND)  # one that was stuck
    assert market.book.bids.best == best


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (200, usdm_snapshot(70), "snapshot older than what was seen"),
        (429, "", "snapshot not answered"),
        (0, "timed out", "snapshot not answered"),
        (200, "<html>", "unreadable snapshot"),
        (200, '{"a":' + "[" * 100_000, "unreadable snapshot"),
    ],
)
def test_a_refresh_that_comes_to_nothing_leaves_the_book_live_and_is_tried_again(
    status, body, name
):
    market = refreshed()
    waits = []
    for now in (21, 24, 30):
        outputs = market.venue.fetched(SNAPSHOT, status, body, now * SECOND)
        (again,) = market.handle(outputs, now * SECOND)
        waits.append(again.delay // SECOND)
        assert (market.state, market.refused[name]) == ("live", len(waits))
    assert waits == [1, 2, 4]
    assert market.book.bids.best == 100.0


def test_a_snapshot_that_nobody_asked_for_counts_when_events_confirm_it():
    market = in_sync()
    agreeing = usdm_snapshot(110, BIDS, ASKS)
    assert names(market.venue.fetched(SNAPSHOT, 200, agreeing, 3 * SECOND)) == ["Splice"]
    assert names(market.venue.received(agreeing, 3 * SECOND)) == ["Splice"]
    assert market.venue.fetched(SNAPSHOT, 500, "", 3 * SECOND) == []
    old = market.venue.received(usdm_snapshot(70), 3 * SECOND)
    assert names(old) == ["snapshot older than what was seen"]


def test_a_bare_snapshot_waits_until_an_event_confirms_it():
    market = Market(connected())
    read(market, None, usdm_snapshot(100, BIDS, ASKS), SECOND)
    assert market.state != "live"
    read(market, None, usdm_depth(70, 80, 60, [(99.5, 7)]), 2 * SECOND)
    assert market.state != "live"
    read(market, None, usdm_depth(81, 105, 80, [(100.0, 9)]), 2 * SECOND)
    assert (market.state, levels_of(market.book)[0][100.0]) == ("live", 9.0)


def test_a_snapshot_of_another_symbol_is_not_taken_though_its_number_fits():
    # Update ids are counted over all symbols, and a snapshot does not say whose it is.
    market = Market(connected())
    for first, size in ((70, 3), (80, 5)):
        read(market, None, usdm_depth(first, first + 9, first - 1, [(100.0, size)]), SECOND)
    read(market, None, usdm_snapshot(89, [(60_000, 1)], [(60_001, 1)]), SECOND)
    assert market.state != "live"
    read(market, None, usdm_snapshot(89, [(100.0, 4)], ASKS), SECOND)
    assert market.refused["snapshot of another book"] == 1
    read(market, None, usdm_snapshot(89, [(100.0, 5)], ASKS), SECOND)
    read(market, None, usdm_depth(90, 99, 89, [(100.0, 6)]), SECOND)
    assert (market.state, levels_of(market.book)[0]) == ("live", {100.0: 6.0})


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


def test_unreadable_frames_ask_for_one_snapshot_until_it_comes():
    market = in_sync()
    asked = []
    for step in range(40):
        now = 3 * SECOND + step * SECOND // 10
        asked += [now for reply in read(market, None, "<html>", now) if reply.name == SNAPSHOT]
        assert market.state == "gap"
    assert asked == [3 * SECOND]
    assert market.refused["unreadable"] == 40


def test_a_book_that_each_snapshot_breaks_is_asked_for_later_and_later():
    market, waits, now = in_sync(), [], 3 * SECOND
    crossed = usdm_snapshot(200, [(200.0, 1)], ASKS)
    replies = read(market, None, usdm_depth(131, 140, 130), now)
    for _ in range(9):
        (again,) = replies
        waits.append(again.delay // SECOND)
        now += again.delay
        replies = read(market, SNAPSHOT, crossed, now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert market.advice == "Asking for a new one in 60 s, since the last ones were no good."


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


def test_no_new_book_is_made_with_the_event_that_crossed_the_last_one():
    # Over a snapshot of its midst it need not cross, and would leave its false level there.
    market = in_sync()
    read(market, None, usdm_depth(121, 130, 120, [(100.7, 5)]), 3 * SECOND)
    assert market.state == "gap"
    midst = usdm_snapshot(125, BIDS, [(101.0, 3)])
    assert read(market, SNAPSHOT, midst, 4 * SECOND) == []
    read(market, None, usdm_depth(131, 140, 130), 4 * SECOND)
    assert market.state == "syncing"
    assert market.refused["snapshot older than what was seen"] == 1
    read(market, SNAPSHOT, usdm_snapshot(130, BIDS, [(101.0, 3)]), 5 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 100.0)


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
    for second in range(3, 62):
        market.tick(second * SECOND)
        market.handle(market.venue.ponged(BOOK, second * SECOND), second * SECOND)
    reason = "nothing was heard for 60 s"
    assert market.state == "live"
    assert market.tick(62 * SECOND + 1) == [Reconnect(BOOK, reason)]
    assert (market.state, market.detail) == ("stale", f"Binance USD-M: {reason}.")


def test_a_ping_without_an_answer_is_stale():
    market = in_sync()
    for number in range(13, 40):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, 2 * SECOND + number * SECOND // 10)
    last = 2 * SECOND + 39 * SECOND // 10
    assert market.tick(last + 5 * SECOND // 2) == []
    assert market.tick(last + 5 * SECOND // 2 + 1) == [Ping(BOOK)]
    market.handle(market.venue.ponged(MARKET, last + 3 * SECOND), last + 3 * SECOND)
    assert market.tick(last + 5 * SECOND) == []
    assert names(market.tick(last + 5 * SECOND + 2)) == ["Reconnect"]
    assert market.detail == "Binance USD-M: nothing was heard for 5 s."


def test_before_the_cadence_is_known_a_silence_of_5_s_calls_for_a_sign_of_life():
    market = in_sync()
    for number in (14, 16, 18):  # each other event is lost: twice the cadence would be seen
        last, time = 10 * number, 1_700_000_000_000 + 1000 * number
        read(market, None, usdm_depth(last - 9, last, last - 10, ms=time), number * SECOND)
        read(market, SNAPSHOT, usdm_snapshot(last, BIDS, ASKS, ms=time), number * SECOND)
    assert market.state == "live"
    replies = [market.tick(18 * SECOND + ms * 1_000_000) for ms in range(100, 5_300, 100)]
    assert names(one for several in replies for one in several) == ["Ping", "Reconnect"]
    assert market.detail == "Binance USD-M: nothing was heard for 5 s."


def test_a_connection_that_is_asked_has_5_s_to_answer_by_the_cadence_of_those_before_it_too():
    market = in_sync()
    for number in range(13, 40):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, (2 * number - 24) * SECOND)
    market.handle(market.venue.disconnected(BOOK, "it was closed", 54 * SECOND), 54 * SECOND)
    market.handle(market.venue.connected(BOOK, 55 * SECOND), 55 * SECOND)
    for now, last in ((56, 410), (65, 420)):  # a slow moment is not the cadence
        read(market, None, usdm_depth(last - 9, last, last - 10), now * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(415, BIDS, ASKS), 65 * SECOND)
    half = 65 * SECOND + 18 * SECOND  # 18 intervals of 2 s are patience
    assert market.tick(half) == []
    assert market.tick(half + 1) == [Ping(BOOK)]
    assert market.tick(half + 5 * SECOND + 1) == []
    assert names(market.tick(half + 5 * SECOND + 2)) == ["Reconnect"]


def test_a_connection_that_breaks_after_its_first_events_is_asked_too():
    market = Market(connected())
    market.tick(SECOND)
    for now, last in ((10, 110), (13, 120), (16, 130)):
        read(market, None, usdm_depth(last - 9, last, last - 10), now * SECOND // 10)
        market.tick(now * SECOND // 10)
    read(market, SNAPSHOT, usdm_snapshot(125, BIDS, ASKS), 2 * SECOND)
    assert market.state == "live"
    asked = [market.tick(16 * SECOND // 10 + half * SECOND // 2 + 9) for half in range(1, 14)]
    assert names(one for replies in asked for one in replies) == ["Ping", "Reconnect"]


def test_a_new_connection_begins_anew():
    market = in_sync()
    market.handle(market.venue.disconnected(BOOK, "it was closed", 3), 3)
    assert market.detail == "Binance USD-M lost its connection: it was closed."
    market.handle(market.venue.connected(BOOK, 4), 4)
    assert market.state != "live"
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
        ("btcusdt", "Give 'binance-usdm:BTCUSDT'."),
        ("ETHUSD_PERP", "'ETHUSD_PERP' is a symbol of Binance COIN-M"),
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
        (usdm_depth(1, 2, 0).replace('"pu"', '"x"'), "binance:BTCUSDT"),
        (usdm_snapshot(1), "binance-usdm:"),  # of which, it does not say
        (usdm_snapshot(1)[:-1] + ',"symbol":"A","pair":"B"}', "binance-coinm:A"),
        ("pong", None),
        ("[" * 100_000, None),
    ],
)
def test_a_frame_tells_its_market(frame, market):
    found = BinanceUsdm.market_of(frame)
    assert (str(found) if found else None) == market


def test_the_venues_clock_is_read():
    listing = json.loads(exchange_info()) | {"serverTime": 1_700_000_000_123}
    clock, *_ = make_venue("binance-usdm", "BTCUSDT").fetched(
        INSTRUMENT, 200, json.dumps(listing), 7
    )
    assert clock == Clock(1_700_000_000_123_000_000, 7)
    venue = connected()
    assert venue.ask_time(20 * SECOND) == [Fetch(TIME, "https://fapi.binance.com/fapi/v1/time")]
    assert venue.ask_time(29 * SECOND) == []
    body = '{"serverTime":1700000000123}'
    assert venue.fetched(TIME, 200, body, 8) == [Clock(1_700_000_000_123_000_000, 8)]
    assert names(venue.fetched(TIME, 429, "", 8)) == ["time not answered"]
    assert names(venue.fetched(TIME, 200, "{}", 8)) == ["unreadable time"]


@pytest.mark.parametrize("tick_size", ["NaN", "-1", "1e-300", "Infinity"])
def test_a_tick_size_that_cannot_be_is_not_used(tick_size):
    listing = exchange_info().replace('"0.10"', f'"{tick_size}"')
    said, again = make_venue("binance-usdm", "BTCUSDT").fetched(INSTRUMENT, 200, listing, 7)
    assert said.detail.startswith("Binance USD-M's list of symbols cannot be read: a tick size of ")
    assert again.name == INSTRUMENT
