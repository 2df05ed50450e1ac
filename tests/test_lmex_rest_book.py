"""LMEX's book by REST: when it is polled, which answers are shown, and for how long."""

import asyncio
import http
import json
import time

import pytest
from exchange_tools import (
    ASKS,
    BIDS,
    SECOND,
    SUBSCRIBE,
    UNSUBSCRIBE,
    WatchedMarket,
    connected,
    in_sync,
    levels_of,
    lmex_book,
    only,
    running,
)

from obi_widgets.feeds.live import LiveFeed
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.simulation.exchange import SimulatedExchange
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.http_answers import limited
from obi_widgets.market_data.venues.lmex import REST_BOOK, Lmex
from obi_widgets.market_data.venues.replies import BOOK, Fetch, Send

REST_BOOK_URL = "https://api.lmex.io/futures/api/v2.3/orderbook/L2?depth=50&symbol=BTC-PERP"


def rest_answer(bid=90.0, ask=91.0):
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


# -- polling -------------------------------------------------------------------------------


def test_an_acknowledged_and_silent_subscription_is_repeated_and_the_book_polled():
    market, replies = polling()
    assert replies == [UNSUBSCRIBE, SUBSCRIBE, Fetch(REST_BOOK, REST_BOOK_URL)]
    assert market.state == "stale"
    assert market.detail == "LMEX sends no snapshot of update:BTC-PERP_0."
    assert market.advice == "Reading the book by REST meanwhile."
    assert market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 12 * SECOND), 1) == [
        Fetch(REST_BOOK, REST_BOOK_URL, 2 * SECOND)
    ]
    assert (market.state, levels_of(market.book)) == ("live", ({90.0: 2.0}, {91.0: 3.0}))
    assert market.detail.endswith("LMEX sends no snapshot, so the book is read by REST every 2 s.")


def test_the_subscription_is_repeated_every_10_s_and_polling_begins_once():
    market, _ = polling()
    market.venue.received("pong", 20 * SECOND)
    assert only(Fetch, market.tick(21 * SECOND)) == []
    market.venue.received("pong", 22 * SECOND)
    assert only(Send, market.tick(22 * SECOND)) == [UNSUBSCRIBE, SUBSCRIBE]


def test_a_polled_book_is_never_spliced_with_deltas():
    market, _ = polling()
    market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 12 * SECOND), 12 * SECOND)
    for sequence in (1, 2):
        read(market, lmex_book("delta", sequence, [(90.5, 1)]), 12 * SECOND)
    assert levels_of(market.book) == ({90.0: 2.0}, {91.0: 3.0})
    assert market.refused["delta before a snapshot"] == 2


def test_polling_ends_with_the_first_websocket_snapshot():
    market, _ = polling()
    read(market, lmex_book("snapshot", 10, BIDS, ASKS), 12 * SECOND)
    assert market.venue.fetched(REST_BOOK, 200, rest_answer(), 13 * SECOND) == []
    read(market, lmex_book("delta", 11, [(100.0, 9)]), 13 * SECOND)
    assert market.state == "live"
    assert "REST" not in market.detail
    assert market.book.bids.best == 100.0


@pytest.mark.parametrize(
    ("status", "body", "detail"),
    [
        (429, "", limited("LMEX", 429)),
        (0, "timed out", "LMEX cannot be reached: timed out."),
    ],
)
def test_a_polled_book_that_is_not_answered_is_not_live(status, body, detail):
    market, _ = polling()
    market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 12 * SECOND), 12 * SECOND)
    replies = market.handle(market.venue.fetched(REST_BOOK, status, body, 14 * SECOND), 14 * SECOND)
    assert replies == [Fetch(REST_BOOK, REST_BOOK_URL, 2 * SECOND)]
    assert (market.state, market.detail) == ("connecting", detail)
    assert levels_of(market.book) == ({}, {})


def test_an_answer_that_comes_after_the_connection_was_lost_is_not_a_book():
    market, _ = polling()
    market.handle(market.venue.disconnected(BOOK, "it was closed", 12 * SECOND), 12 * SECOND)
    assert market.venue.fetched(REST_BOOK, 200, rest_answer(), 13 * SECOND) == []


# -- in the order of time -------------------------------------------------------------------


def answer_at(ms, bid=90.0):
    return rest_answer(bid).replace("1700000100000", str(ms))


def read_at(market, ms, now, bid=90.0):
    outputs = market.venue.fetched(REST_BOOK, 200, answer_at(ms, bid), now * SECOND)
    market.handle(outputs, now * SECOND)
    return market.state, market.book.bids.best


def test_rest_books_never_go_back_in_time():
    market, _ = polling()
    base = 1_700_000_100_000
    assert read_at(market, base, 12) == ("live", 90.0)
    assert read_at(market, base + 2000, 14, 90.5) == ("live", 90.5)
    assert read_at(market, base, 16) == ("live", 90.5)
    assert market.refused["REST book older than what was seen"] == 1
    assert len(market.history()) == 1  # one is kept, and one waits for its interval


def test_a_rest_book_that_does_not_advance_is_stale_after_5_s_and_says_for_how_long():
    market, _ = polling()
    base = 1_700_000_100_000
    states = [read_at(market, base, now)[0] for now in (12, 14, 16, 17)]
    assert states == ["live"] * 4
    assert read_at(market, base, 18)[0] == "stale"
    assert market.detail == "LMEX's REST book has not advanced for 6 s."
    assert read_at(market, base, 3612)[0] == "stale"
    assert market.detail == "LMEX's REST book has not advanced for 3600 s."
    assert read_at(market, base + 1, 3614)[0] == "stale"  # an hour old when it came
    assert market.refused["REST book out of date"] == 1
    assert read_at(market, base + 3_604_000, 3616)[0] == "live"


def test_a_rest_book_that_changes_overtook_is_no_book():
    market, _ = polling()
    assert read_at(market, 1_700_000_000_300, 12)[0] == "live"
    read(market, lmex_book("delta", 6), 13 * SECOND)  # of the same time
    assert market.state == "live"
    read(market, lmex_book("delta", 46), 14 * SECOND)
    assert (market.state, levels_of(market.book)) == ("stale", ({}, {}))
    assert read_at(market, 1_700_000_002_299, 14)[0] == "stale"
    assert read_at(market, 1_700_000_002_300, 14)[0] == "stale"  # as old as the newest change
    assert read_at(market, 1_700_000_002_301, 14)[0] == "live"


# -- by the venue's clock ------------------------------------------------------------------

BASE = 1_700_000_000_000
"""The venue's clock when the local one says 0, ms."""


def by_the_clock(*, off=0.0):
    """Return a market whose venue told its clock, so many seconds wrong, and that polls at 4 s."""
    market = Market(connected())
    market.set_venue_time(BASE * 1_000_000 + round(off * SECOND), 0)
    market.tick(4 * SECOND)
    assert market.venue._rest_book.polled
    return market


def taken(market, time, now, bid=90.0):
    """Hand in an answer of one time, at another, both in seconds."""
    return read_at(market, BASE + round(1000 * time), now, bid)


def test_a_book_without_a_snapshot_is_polled_after_3_s():
    market = Market(connected())
    assert market.tick(3 * SECOND) == []
    assert market.tick(3 * SECOND + 1) == [Fetch(REST_BOOK, REST_BOOK_URL)]
    assert market.state == "stale"


def test_a_cached_answer_is_not_live_though_it_is_the_first():
    market = by_the_clock()
    assert taken(market, -300.0, 4)[0] == "stale"
    assert market.refused["REST book out of date"] == 1
    assert len(market.history()) == 0
    assert taken(market, 5.9, 6) == ("live", 90.0)


def test_without_a_clock_of_the_venue_the_lag_of_events_says_that_an_answer_is_old():
    market = Market(in_sync())  # at 0, an event of half a second past BASE
    market.handle(market.venue.disconnected(BOOK, "it was closed", SECOND), SECOND)
    market.handle(market.venue.connected(BOOK, SECOND), SECOND)
    market.tick(5 * SECOND)
    assert taken(market, 0.4, 6)[0] == "stale"
    assert taken(market, 1.4, 7)[0] == "stale"
    assert market.refused["REST book out of date"] == 2
    assert taken(market, 6.4, 8)[0] == "live"


def test_a_slow_answer_is_live_until_5_s_after_its_own_time():
    market = by_the_clock()
    assert taken(market, 4.0, 7)[0] == "live"
    market.tick(9 * SECOND)
    assert market.state == "live"
    market.tick(9 * SECOND + 1)
    assert market.state == "stale"
    assert market.detail == "LMEX's REST book has not advanced for 5 s."
    assert levels_of(market.book) == ({}, {})


@pytest.mark.parametrize(
    "body", ["<html>", "", rest_answer().replace("BTC-PERP", "ETH-PERP"), rest_answer("1e-30")]
)
def test_an_answer_that_cannot_be_used_leaves_a_answer_3_s(body):
    market = by_the_clock()
    assert taken(market, 4.0, 4)[0] == "live"
    for now, state in ((6, "live"), (7, "live"), (7 + 1 / SECOND, "stale")):
        now = round(now * SECOND)
        market.handle(market.venue.fetched(REST_BOOK, 200, body, now), now)
        assert market.state == state


def test_a_rest_book_ahead_of_the_venues_clock_is_refused_and_the_right_one_follows():
    market = by_the_clock()
    assert taken(market, 134.0, 4)[0] == "stale"
    assert market.refused["REST book ahead of the venue's clock"] == 1
    assert taken(market, 6.0, 6)[0] == "live"


def test_one_wrong_reading_of_the_venues_clock_is_forgotten():
    market = by_the_clock(off=100.0)
    assert taken(market, 4.0, 4)[0] == "stale"
    for now in range(6, 26, 2):
        market.set_venue_time((BASE + 1000 * now) * 1_000_000, now * SECOND)
        state = taken(market, now, now)[0]
    assert state == "live"


# -- never older ---------------------------------------------------------------------------


def test_a_rest_book_older_than_an_event_of_an_earlier_connection_is_refused():
    market = by_the_clock()
    read(market, lmex_book("delta", 100), 5 * SECOND)  # of 5 s, and of no book
    market.handle(market.venue.disconnected(BOOK, "it was closed", 5 * SECOND), 5 * SECOND)
    market.handle(market.venue.connected(BOOK, 5 * SECOND), 5 * SECOND)
    market.tick(9 * SECOND)
    assert taken(market, 4.9, 9)[0] == "stale"
    assert market.refused["REST book older than what was seen"] == 1
    assert taken(market, 8.0, 9)[0] == "live"


def test_an_event_ahead_of_the_venues_clock_does_not_keep_answers_out():
    market = by_the_clock()
    read(market, lmex_book("delta", 10**6), 5 * SECOND)  # half a day ahead
    assert taken(market, 5.0, 5)[0] == "stale"  # it may be older than that
    assert taken(market, 7.0, 7)[0] == "live"
    market.handle(market.venue.disconnected(BOOK, "it was closed", 8 * SECOND), 8 * SECOND)
    market.handle(market.venue.connected(BOOK, 8 * SECOND), 8 * SECOND)
    market.tick(12 * SECOND)
    assert taken(market, 12.0, 12)[0] == "live"


def test_an_event_ahead_of_the_venues_clock_does_not_hide_those_before_it():
    market = by_the_clock()
    read(market, lmex_book("delta", 100), 5 * SECOND)
    read(market, lmex_book("delta", 10**6), 5 * SECOND)
    assert taken(market, 5.0, 5)[0] == "stale"
    assert taken(market, 7.0, 7)[0] == "live"


def test_an_event_of_a_time_that_cannot_be_ends_a_answer_that_is_shown():
    market = by_the_clock()
    assert taken(market, 5.0, 5)[0] == "live"
    read(market, lmex_book("delta", 10**6), 6 * SECOND)  # half a day ahead: it may be newer
    assert market.state == "stale"


@pytest.mark.parametrize("frame", ["<html>", lmex_book("delta", 60, previous=50)])
def test_a_rest_book_may_be_older_than_an_event_that_could_not_be_read(frame):
    market = by_the_clock()
    assert taken(market, 4.0, 4)[0] == "live"
    read(market, frame, 5 * SECOND)
    assert market.state == "gap"
    assert taken(market, 5.0, 5)[0] == "gap"
    assert taken(market, 7.0, 7)[0] == "live"


def test_a_snapshot_older_than_the_answer_that_was_shown_is_not_live_until_changes_pass_it():
    market = by_the_clock()
    assert taken(market, 4.0, 4)[0] == "live"
    read(market, lmex_book("snapshot", 76, BIDS, ASKS), 5 * SECOND)  # of 3.8 s
    assert market.state == "stale"
    for sequence, state in ((77, "stale"), (78, "stale"), (79, "stale"), (80, "live")):
        read(market, lmex_book("delta", sequence, [(100.0, sequence)]), 5 * SECOND)
        assert market.state == state


def test_a_rest_book_that_crosses_is_given_up_and_its_time_is_not_believed():
    market = by_the_clock()
    crossed = rest_answer(bid=95.0).replace("1700000100000", str(BASE + 9000))
    market.handle(market.venue.fetched(REST_BOOK, 200, crossed, 5 * SECOND), 5 * SECOND)
    assert market.state == "gap"
    assert taken(market, 7.0, 7)[0] == "live"


# -- a websocket that cannot be opened -----------------------------------------------------


def refused(market, now, why="LMEX refuses this location (HTTP 403)"):
    return market.handle(market.venue.disconnected(BOOK, why, now), now)


def test_a_refused_websocket_is_replaced_by_the_rest_book_which_says_so():
    market = Market(connected())
    refused(market, 1, "it was closed")
    assert not market.venue._rest_book.polled, "it was open: the next one may be"
    assert refused(market, SECOND) == [Fetch(REST_BOOK, REST_BOOK_URL)]
    assert market.state == "connecting"
    assert market.detail == "LMEX cannot be reached: LMEX refuses this location (HTTP 403)."
    assert market.advice == "Reading the book by REST meanwhile, and connecting again."
    again = market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 2 * SECOND), 2)
    assert again == [Fetch(REST_BOOK, REST_BOOK_URL, 2 * SECOND)]
    assert market.state == "live"
    assert market.detail.endswith(
        "LMEX cannot be reached by websocket (LMEX refuses this location (HTTP 403)), so the book "
        "is read by REST every 2 s."
    )


def test_the_next_refusals_leave_the_rest_book_and_begin_no_second_polling():
    market = Market(connected())
    refused(market, 1)
    refused(market, 2)
    market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 3), 3)
    assert refused(market, 4) == []
    assert (market.state, market.refused["websocket not opened"]) == ("live", 1)
    assert levels_of(market.book) == ({90.0: 2.0}, {91.0: 3.0})


def test_the_rest_book_stays_until_the_snapshot_of_a_websocket_that_opens_at_last():
    market = Market(connected())
    refused(market, 1)
    refused(market, 2)
    market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 3), 3)
    assert SUBSCRIBE in market.handle(market.venue.connected(BOOK, SECOND), SECOND)
    assert market.state == "live"
    late = lmex_book("snapshot", 2040, BIDS, ASKS)  # of a later time than the REST book
    read(market, late, 2 * SECOND)
    assert levels_of(market.book)[0][100.0] == 5.0
    assert "REST" not in market.detail
    assert market.handle(market.venue.fetched(REST_BOOK, 200, rest_answer(), 3 * SECOND), 3) == []


def test_before_the_instrument_is_known_nothing_is_polled():
    venue = make_venue("lmex", "BTC-PERP")
    venue.start(0)
    assert [type(one) for one in venue.disconnected(BOOK, "no", 1)] == [Status]


class Refusing(SimulatedExchange):
    """An exchange that refuses websockets at the handshake, until it is told to take them."""

    refuses = True

    def _process_request(self, connection, request):
        if self.refuses and "/ws/" in request.path:
            return connection.respond(http.HTTPStatus.FORBIDDEN, "Not from here.")
        return super()._process_request(connection, request)


def test_a_feed_shows_the_rest_book_of_a_venue_that_refuses_websockets(monkeypatch):
    monkeypatch.setattr("obi_widgets.feeds.live.MAX_REOPEN_AFTER", 0.2)

    async def follow():
        async with Refusing(SimulatedMarket(seed=4), warmup=0.0) as exchange:
            served = exchange.served["BTC-PERP"]
            served._subscribed.set()  # the market goes on although nobody subscribes
            served._start_time = round(time.time() * 1e3)
            venue = Lmex("BTC-PERP", endpoints=exchange.endpoints)
            market = WatchedMarket(venue)
            async with running(LiveFeed(market)):
                await market.until(lambda one: one.state == "live")
                said, states = market.detail, len(market.statuses)
                await market.until(lambda one: one.refused["websocket not opened"] >= 2)
                assert len(market.statuses) == states, "refusals that leave the book alone"
                exchange.refuses = False
                await market.until(lambda one: not one.venue._rest_book.polled)
                await market.until(lambda one: one.state == "live")
            return said, market.detail

    by_rest, by_websocket = asyncio.run(follow())
    assert "cannot be reached by websocket" in by_rest
    assert "HTTP 403" in by_rest
    assert by_websocket == ""
