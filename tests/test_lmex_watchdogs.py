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

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues.lmex import TRADES
from obi_widgets.market_data.venues.replies import BOOK, Reconnect, Send


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
    assert Reconnect(BOOK, "nothing was received for 35 s") not in market.tick(35 * SECOND)
    assert market.tick(35 * SECOND + 1) == [Reconnect(BOOK, "nothing was received for 35 s")]
    assert (market.state, market.detail) == ("stale", "LMEX: nothing was received for 35 s.")
    assert levels_of(market.book) == ({}, {})
    assert market.tick(36 * SECOND) != [Reconnect(BOOK, "nothing was received for 35 s")]


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
    ("was_open", "said", "advice"),
    [
        (True, "The connection to LMEX was lost: it was closed.", "Connecting again."),
        (
            False,
            "LMEX cannot be reached: it was closed.",
            "Reading the book by REST meanwhile, and connecting again.",
        ),
    ],
)
def test_a_lost_book_connection_loses_the_book(was_open, said, advice):
    market = Market(connected())
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    if not was_open:
        market.handle(market.venue.disconnected(BOOK, "before", 1), 1)
    market.handle(market.venue.disconnected(BOOK, "it was closed", 2), 2)
    assert (market.state, market.detail, market.advice) == ("connecting", said, advice)
    assert levels_of(market.book) == ({}, {})
    market.handle(market.venue.connected(BOOK, 3), 3)
    read(market, lmex_book("delta", 11, [(99.0, 1)]), 4)
    assert market.refused["delta before a snapshot"] == 1
    assert market.state == ("syncing" if was_open else "connecting")


def test_a_lost_trades_connection_leaves_the_book_alone():
    assert in_sync().disconnected(TRADES, "it was closed", 1) == []


# -- asking again --------------------------------------------------------------------------


def test_a_venue_that_keeps_breaking_its_book_is_asked_later_and_later():
    market, asked, subscribed = Market(connected()), [], True
    for step in range(1, 2001):  # every snapshot is followed by a break, for 40 s
        now = SECOND + step * SECOND // 50
        replies = market.tick(now)
        if subscribed:
            replies += read(market, lmex_book("snapshot", 10 * step, BIDS, ASKS), now)
        replies += read(market, lmex_book("delta", 10 * step + 7), now)
        assert market.state == "gap"
        subscribed = SUBSCRIBE in replies
        asked += [now] if subscribed else []
    waits = [(later - earlier) / SECOND for earlier, later in pairwise(asked)]
    assert waits == [2, 4, 8, 16]
    assert market.advice.startswith("Asking for a new one in ")


def test_after_a_book_that_stood_the_wait_is_short_again():
    market = Market(connected())
    for number in (10, 20, 30):
        read(market, lmex_book("snapshot", number, BIDS, ASKS), number * SECOND)
        read(market, lmex_book("delta", number + 2), number * SECOND)
        market.tick((number + 5) * SECOND)
    read(market, lmex_book("snapshot", 40, BIDS, ASKS), 40 * SECOND)
    now = 55 * SECOND
    assert read(market, lmex_book("delta", 42), now) == [UNSUBSCRIBE, SUBSCRIBE]
    read(market, lmex_book("snapshot", 50, BIDS, ASKS), now + SECOND // 2)
    assert read(market, lmex_book("delta", 52), now + SECOND // 2) == []
    assert market.tick(now + 2 * SECOND)[-2:] == [UNSUBSCRIBE, SUBSCRIBE]


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


# -- never older ---------------------------------------------------------------------------


def test_a_snapshot_older_than_a_book_in_sync_is_refused_and_the_book_goes_on():
    market = Market(in_sync())
    read(market, lmex_book("snapshot", 11, BIDS, ASKS), 1)
    assert read(market, lmex_book("snapshot", 5, [(1.0, 1)], [(2.0, 1)]), 2) == []
    assert market.refused["snapshot older than what was seen"] == 1
    read(market, lmex_book("delta", 12, [(100.0, 9)]), 3)
    assert (market.state, levels_of(market.book)[0][100.0]) == ("live", 9.0)


def test_a_snapshot_older_than_the_delta_that_broke_the_chain_is_refused_and_asked_for_again():
    market = Market(in_sync())
    read(market, lmex_book("delta", 13), 5 * SECOND)
    read(market, lmex_book("snapshot", 12, BIDS, ASKS), 6 * SECOND)
    assert market.state == "syncing"
    assert market.detail == (
        "LMEX sent a snapshot older than what was seen: it ends at 12, and 13 had come before."
    )
    assert market.advice == "Asking again in 2 s."
    assert market.tick(8 * SECOND - 1) == []
    assert market.tick(8 * SECOND) == [UNSUBSCRIBE, SUBSCRIBE]
    read(market, lmex_book("snapshot", 13, BIDS, ASKS), 9 * SECOND)
    assert market.state == "live"


def test_older_snapshots_again_and_again_mean_a_new_numbering_and_a_new_connection():
    market = Market(in_sync())
    read(market, lmex_book("delta", 13), 5 * SECOND)
    replies = []
    for now in (6, 7, 8):
        assert replies == []
        replies = read(market, lmex_book("snapshot", 3, BIDS, ASKS), now * SECOND)
    assert replies == [Reconnect(BOOK, "snapshot older than what was seen")]
    venue = market.venue
    market.handle(venue.disconnected(BOOK, "it was closed", 9 * SECOND), 9 * SECOND)
    market.handle(venue.connected(BOOK, 10 * SECOND), 10 * SECOND)
    read(market, lmex_book("snapshot", 3, BIDS, ASKS), 11 * SECOND)
    assert market.state == "live"


def test_a_later_snapshot_of_a_lower_number_is_a_new_numbering_at_once():
    market = Market(in_sync())
    read(market, lmex_book("delta", 13), 5 * SECOND)
    lower = lmex_book("snapshot", 3, BIDS, ASKS).replace("1700000000150", "1700000000700")
    assert read(market, lower, 6 * SECOND) == [Reconnect(BOOK, "snapshot older than what was seen")]


def test_older_snapshots_are_asked_for_again_within_10_s():
    market, now = Market(in_sync()), 5 * SECOND
    market.venue.most_refused = 100
    read(market, lmex_book("delta", 13), now)
    for _ in range(10):
        read(market, lmex_book("snapshot", 3, BIDS, ASKS), now)
        asked = [step for step in range(1, 12) if market.tick(now + step * SECOND)]
        now += asked[0] * SECOND
        assert asked[0] <= 10


def test_an_unreadable_frame_may_have_been_the_delta_after_the_newest():
    market = Market(in_sync())
    read(market, "<html>", 5 * SECOND)
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 6 * SECOND)
    assert market.refused["snapshot older than what was seen"] == 1
    read(market, lmex_book("snapshot", 11, BIDS, ASKS), 8 * SECOND)
    assert market.state == "live"


# -- silence by the venue's own cadence ----------------------------------------------------


def chattering(market, frames=120, every=SECOND // 20):
    """Play so many deltas; return the time of the last."""
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 0)
    for number in range(frames):
        read(market, lmex_book("delta", 11 + number, [(99.0, 1 + number)]), number * every)
        assert market.tick(number * every) == []
    return (frames - 1) * every


@pytest.mark.parametrize(
    ("every", "patience"), [(SECOND // 20, 5 * SECOND), (SECOND // 2, 9 * SECOND)]
)
def test_total_silence_is_stale_after_18_intervals_or_5_s(every, patience):
    market = Market(connected())
    market.venue.ping_every = 1000 * SECOND  # else it would be asked anyway
    last = chattering(market, every=every)
    asked = [step for step in range(0, 20 * SECOND, SECOND // 50) if market.tick(last + step)]
    assert asked[0] == patience // 2 + SECOND // 50
    assert market.state == "stale"
    assert asked[1] <= patience + 2 * SECOND // 50
    assert market.detail == f"LMEX: nothing was received for {patience // SECOND} s."


def test_a_quiet_book_whose_connection_answers_is_live():
    market = Market(connected())
    last = chattering(market)
    for step in range(1, 55 * 50):
        now = last + step * SECOND // 50
        for reply in market.tick(now):
            assert reply.text == "ping"
            if reply.socket == BOOK:
                read(market, "pong", now)
        assert market.state == "live"


def test_in_a_recording_a_short_silence_proves_nothing():
    venue = connected()
    venue.can_ask = False
    venue.disconnected(BOOK, "", 0)
    venue.connected(BOOK, 0)
    market = Market(venue)
    last = chattering(market)
    market.tick(last + 34 * SECOND)
    assert market.state == "live"
    assert names(market.tick(last + 36 * SECOND)) == ["Reconnect"]


# -- the websockets are apart --------------------------------------------------------------


def test_trades_that_go_on_do_not_hide_a_book_that_does_not():
    market = Market(in_sync())
    for second in range(1, 24):  # at 18 it is asked for a sign of life, and has 5 s
        market.handle(market.venue.received("pong", second * SECOND, TRADES), second * SECOND)
        assert not only(Reconnect, market.tick(second * SECOND))
    assert only(Reconnect, market.tick(23 * SECOND + 1)) == [
        Reconnect(BOOK, "nothing was received for 23 s")
    ]


def test_what_goes_wrong_on_the_trades_websocket_leaves_the_book_alone():
    venue = in_sync()
    assert names(venue.received("<html>", SECOND, TRADES)) == ["unreadable"]
    error = '{"severity":"ERROR","errors":[{"error":{"code":1007,"message":"Slow."}}]}'
    outputs = venue.received(error, SECOND, TRADES)
    assert only(Reconnect, outputs) == [Reconnect(TRADES, "Slow. (code 1007)")]
    assert not only(Status, outputs)
