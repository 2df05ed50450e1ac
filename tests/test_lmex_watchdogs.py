"""What LMEX's decoder does about silence: pings, watchdogs, polling and new subscriptions."""

import json
from itertools import pairwise

import pytest
from exchange_tools import (
    ASKS,
    BIDS,
    SECOND,
    SUBSCRIBE,
    UNSUBSCRIBE,
    connected,
    in_sync,
    levels_of,
    lmex_book,
    names,
    only,
)

from obi_widgets.events import Snapshot, Status
from obi_widgets.market import Market
from obi_widgets.venues.base import BOOK, Fetch, Reconnect, Send
from obi_widgets.venues.lmex import PICTURE, TRADES

PICTURE_URL = "https://api.lmex.io/futures/api/v2.3/orderbook/L2?depth=50&symbol=BTC-PERP"


def picture(bid=90.0, ask=91.0):
    """Return an answer of the REST book, of one level a side."""
    sides = {"buyQuote": [{"price": str(bid), "size": "2"}]}
    sides |= {"sellQuote": [{"price": str(ask), "size": "3"}]}
    return json.dumps({**sides, "timestamp": 1_700_000_100_000, "symbol": "BTC-PERP"})


def polling():
    """Return a market whose venue was acknowledged, and then sent nothing for 11 s."""
    market = Market(connected())
    market.handle(market.venue.received('{"event":"subscribe","channel":[]}', SECOND), SECOND)
    return market, market.tick(11 * SECOND)


def read(market, frame, now):
    return market.handle(market.venue.received(frame, now), now)


# -- silence -------------------------------------------------------------------------------


def test_every_open_websocket_is_pinged_every_15_s():
    venue = in_sync()
    assert venue.tick(15 * SECOND) == []
    assert venue.tick(15 * SECOND + 1) == [Send(BOOK, "ping"), Send(TRADES, "ping")]
    assert venue.tick(16 * SECOND) == []
    venue.disconnected(TRADES, "it was closed", 16 * SECOND)
    venue.received("pong", 30 * SECOND)
    assert venue.tick(31 * SECOND) == [Send(BOOK, "ping")]


def test_silence_is_stale_and_connects_again():
    market = Market(in_sync())
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    assert Reconnect(BOOK, "nothing was heard for 35 s") not in market.tick(35 * SECOND)
    assert market.tick(35 * SECOND + 1) == [Reconnect(BOOK, "nothing was heard for 35 s")]
    assert (market.state, market.detail) == ("stale", "LMEX: nothing was heard for 35 s.")
    assert levels_of(market.book) == ({}, {})
    assert market.tick(36 * SECOND) != [Reconnect(BOOK, "nothing was heard for 35 s")]


def test_what_was_under_way_when_a_book_went_stale_does_not_make_it_live():
    market = Market(connected())
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    market.tick(36 * SECOND)
    read(market, lmex_book("delta", 11, [(99.0, 1)]), 36 * SECOND)
    assert market.state == "stale"
    assert levels_of(market.book) == ({}, {})


def test_pongs_keep_a_quiet_book_live_for_a_minute_and_then_it_is_asked_for_again():
    market = Market(connected())
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    for second in (20, 40, 60):
        read(market, "pong", second * SECOND)
        market.tick(second * SECOND)
    assert market.state == "live"
    assert market.tick(60 * SECOND + 1) == [UNSUBSCRIBE, SUBSCRIBE]
    assert (market.state, market.detail) == ("stale", "No change for 60 s.")
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 61 * SECOND)
    assert market.state == "live"
    assert market.tick(62 * SECOND) == []


@pytest.mark.parametrize(
    ("was_open", "said"),
    [
        (True, "LMEX lost its connection: it was closed."),
        (False, "LMEX cannot be reached: it was closed."),
    ],
)
def test_a_lost_book_connection_loses_the_book(was_open, said):
    market = Market(connected())
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    if not was_open:
        market.handle(market.venue.disconnected(BOOK, "before", 1), 1)
    market.handle(market.venue.disconnected(BOOK, "it was closed", 2), 2)
    assert (market.state, market.detail, market.advice) == ("connecting", said, "Connecting again.")
    assert levels_of(market.book) == ({}, {})
    market.handle(market.venue.connected(BOOK, 3), 3)
    read(market, lmex_book("delta", 11, [(99.0, 1)]), 4)
    assert (market.state, market.refused["delta before a snapshot"]) == ("syncing", 1)


def test_a_lost_trades_connection_leaves_the_book_alone():
    assert in_sync().disconnected(TRADES, "it was closed", 1) == []


# -- polling -------------------------------------------------------------------------------


def test_an_acknowledged_and_silent_subscription_is_repeated_and_the_book_polled():
    market, replies = polling()
    assert replies == [UNSUBSCRIBE, SUBSCRIBE, Fetch(PICTURE, PICTURE_URL)]
    assert market.state == "stale"
    assert market.detail == "LMEX sends no snapshot of update:BTC-PERP_0."
    assert market.advice == "Reading the book by REST meanwhile."
    assert market.handle(market.venue.fetched(PICTURE, 200, picture(), 12 * SECOND), 1) == [
        Fetch(PICTURE, PICTURE_URL, 2 * SECOND)
    ]
    assert (market.state, levels_of(market.book)) == ("live", ({90.0: 2.0}, {91.0: 3.0}))


def test_the_subscription_is_repeated_every_10_s_and_polling_begins_once():
    market, _ = polling()
    market.venue.received("pong", 20 * SECOND)
    assert only(Fetch, market.tick(21 * SECOND)) == []
    market.venue.received("pong", 22 * SECOND)
    assert only(Send, market.tick(22 * SECOND)) == [UNSUBSCRIBE, SUBSCRIBE]


def test_a_polled_book_is_never_spliced_with_deltas():
    market, _ = polling()
    market.handle(market.venue.fetched(PICTURE, 200, picture(), 12 * SECOND), 12 * SECOND)
    for sequence in (0, 1):
        read(market, lmex_book("delta", sequence, [(90.5, 1)]), 12 * SECOND)
    assert levels_of(market.book) == ({90.0: 2.0}, {91.0: 3.0})
    assert market.refused["delta before a snapshot"] == 2


def test_polling_ends_with_the_first_websocket_snapshot():
    market, _ = polling()
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 12 * SECOND)
    assert market.venue.fetched(PICTURE, 200, picture(), 13 * SECOND) == []
    read(market, lmex_book("delta", 11, [(100.0, 9)]), 13 * SECOND)
    assert market.state == "live"
    assert market.book.bids.best == 100.0


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (429, "", "LMEX limits the rate of requests (HTTP 429)."),
        (0, "timed out", "LMEX cannot be reached: timed out."),
    ],
)
def test_a_polled_book_that_is_not_answered_is_not_live(status, body, detail):
    market, _ = polling()
    market.handle(market.venue.fetched(PICTURE, 200, picture(), 12 * SECOND), 12 * SECOND)
    replies = market.handle(market.venue.fetched(PICTURE, status, body, 14 * SECOND), 14 * SECOND)
    assert replies == [Fetch(PICTURE, PICTURE_URL, 2 * SECOND)]
    assert (market.state, market.detail) == ("connecting", detail)
    assert levels_of(market.book) == ({}, {})


def test_an_answer_that_comes_after_the_connection_was_lost_is_not_a_book():
    market, _ = polling()
    market.handle(market.venue.disconnected(BOOK, "it was closed", 12 * SECOND), 12 * SECOND)
    assert market.venue.fetched(PICTURE, 200, picture(), 13 * SECOND) == []


# -- asking again --------------------------------------------------------------------------


def test_a_venue_that_keeps_breaking_its_book_is_asked_once_a_second():
    market = Market(connected())
    asked = []
    for step in range(200):  # every snapshot is followed by a break, for 4 s
        now = SECOND + step * SECOND // 50
        replies = market.tick(now)
        if market.state != "live":
            replies += read(market, lmex_book("snapshot", step, BIDS, ASKS), now)
        replies += read(market, lmex_book("delta", step + 7), now)
        assert market.state == "gap"
        asked += [now for reply in replies if reply == SUBSCRIBE]
    assert asked
    assert all(later - earlier >= SECOND for earlier, later in pairwise(asked))


def test_a_resync_that_had_to_wait_is_asked_for_when_its_time_has_come():
    market = Market(connected(now=SECOND))
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), SECOND)
    assert read(market, lmex_book("delta", 12), SECOND) == []
    assert market.tick(2 * SECOND - 1) == []
    assert market.tick(2 * SECOND) == [UNSUBSCRIBE, SUBSCRIBE]
    assert market.state == "gap"
    assert market.detail == "The book was thrown away: delta 12 does not follow 10."


def test_a_snapshot_that_comes_while_a_resync_waits_makes_it_needless():
    # Else the venue would drop the deltas that follow, and the book stay as it was, and live.
    market = Market(connected())
    read(market, "<html>", SECOND // 2)
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), SECOND // 2)
    assert market.tick(2 * SECOND) == []
    read(market, lmex_book("delta", 11, [(100.0, 9)]), 2 * SECOND)
    assert market.state == "live"
    assert levels_of(market.book)[0][100.0] == 9.0


@pytest.mark.parametrize("code", [1001, 1002, 1007, 1008])
def test_an_error_of_the_connection_is_said_and_reconnects(code):
    frame = {"errors": [{"error": {"code": code, "message": "User buffer\n<b>is full"}}]}
    said = f"User buffer <b>is full (code {code})"
    assert in_sync().received(json.dumps(frame), 5) == [
        Status(5, "gap", f"LMEX reports: {said}.", "Connecting again."),
        Reconnect(BOOK, said),
    ]


def test_an_error_about_another_topic_leaves_the_book_alone():
    item = {"arg": "tradeHistoryApiV2:BTC-PERP", "error": {"code": 1005, "message": "None such."}}
    outputs = in_sync().received(json.dumps({"errors": [item]}), 5)
    assert names(outputs) == ["topic not accepted"]


def test_an_older_snapshot_takes_the_sequence_back_with_the_book():
    venue = in_sync()
    venue.received(lmex_book("delta", 11), 1)
    (snapshot,) = venue.received(lmex_book("snapshot", 5, BIDS, ASKS), 2)
    assert isinstance(snapshot, Snapshot)
    assert names(venue.received(lmex_book("delta", 12), 5 * SECOND)) == ["Status", "Send", "Send"]


# -- the websockets are apart --------------------------------------------------------------


def test_trades_that_go_on_do_not_hide_a_book_that_does_not():
    market = Market(in_sync())
    for second in range(1, 36):
        market.handle(market.venue.received("pong", second * SECOND, TRADES), second * SECOND)
        assert not only(Reconnect, market.tick(second * SECOND))
    assert only(Reconnect, market.tick(35 * SECOND + 1)) == [
        Reconnect(BOOK, "nothing was heard for 35 s")
    ]


def test_what_goes_wrong_on_the_trades_websocket_leaves_the_book_alone():
    venue = in_sync()
    assert names(venue.received("<html>", SECOND, TRADES)) == ["unreadable"]
    error = '{"severity":"ERROR","errors":[{"error":{"code":1007,"message":"Slow."}}]}'
    outputs = venue.received(error, SECOND, TRADES)
    assert only(Reconnect, outputs) == [Reconnect(TRADES, "Slow. (code 1007)")]
    assert not only(Status, outputs)
