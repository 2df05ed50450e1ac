"""Coinbase Advanced: whole books, and messages that are numbered over all channels."""

from __future__ import annotations

import json
import random

import pytest
from coinbase_tools import (  # noqa: F401 for test_venue_contract and test_faults
    ASKS,
    BIDS,
    EXCHANGES,
    MS,
    SYMBOLS,
    book,
    changes,
    connected,
    heartbeat,
    in_sync,
    listing,
    said,
    speak,
    subscribed,
    traded,
)
from exchange_tools import SECOND, levels_of, names, only

from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import (
    Delta,
    Instrument,
    Refused,
    Status,
    Trade,
)
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Ping
from obi_widgets.market_data.venues.streamed import INSTRUMENT, TIME
from obi_widgets.market_data.venues.wire import PAST_TRADE

# -- the instrument ------------------------------------------------------------------------


def test_the_instrument_is_read_before_anything_is_connected():
    venue = make_venue("coinbase", "BTC-USD")
    _, fetch = venue.start(0)
    rest = "https://api.coinbase.com/api/v3/brokerage"
    assert fetch == Fetch(INSTRUMENT, f"{rest}/market/products")
    assert venue.fetched(INSTRUMENT, 200, listing(), 0) == [
        Instrument("coinbase", "BTC-USD", "Coinbase", "USD", 0.01, 1.0),
        Connect(BOOK, "wss://advanced-trade-ws.coinbase.com"),
    ]
    assert venue.ask_time(60 * SECOND) == [Fetch(TIME, f"{rest}/time")]


@pytest.mark.parametrize(("symbol", "kind"), [("NOPE-USD", "SPOT"), ("BTC-USD", "FUTURE")])
def test_what_is_not_in_the_spot_market_ends_the_feed(symbol, kind):
    (status,) = make_venue("coinbase", symbol).fetched(INSTRUMENT, 200, listing(kind=kind), 0)
    assert (status.state, status.detail) == ("closed", f"Coinbase lists no symbol {symbol!r}.")


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [("btc/usd", "BTC-USD"), ("BTCUSDC", "BTC-USDC"), ("eth", "ETH-USD"),
     ("BIT-29AUG25-CDE", "BIT-29AUG25-CDE")],  # the list tells that it is a future
)  # fmt: skip
def test_symbols_have_a_hyphen(spelling, symbol):
    assert make_venue("coinbase", spelling).symbol == symbol


def test_it_has_no_perpetuals():
    with pytest.raises(SymbolError):
        make_venue("coinbase", "BTC-PERP-INTX")


def test_a_market_with_two_names_is_known_by_both():
    venue = connected("BTC-USDC", alias="BTC-USD")
    assert names(venue.received(book("snapshot", 0, MS, BIDS, ASKS), 1)) == ["Snapshot"]
    assert names(venue.received(book("update", 1, MS, BIDS, symbol="BTC-USDC"), 1)) == ["Delta"]
    assert names(venue.received(book("update", 2, MS, BIDS, symbol="ETH-USD"), 1)) == [
        "other symbol"
    ]


# -- subscriptions -------------------------------------------------------------------------


def test_book_trades_and_heartbeats_are_subscribed_to_at_once_one_channel_a_message():
    """Within 5 s of the opening, or the venue closes the websocket."""
    venue = make_venue("coinbase", "BTC-USD")
    status, *sends = venue.connected(BOOK, 0)
    assert status.state == "syncing"
    assert [json.loads(send.text) for send in sends] == [
        {"type": "subscribe", "channel": "level2", "product_ids": ["BTC-USD"]},
        {"type": "subscribe", "channel": "market_trades", "product_ids": ["BTC-USD"]},
        {"type": "subscribe", "channel": "heartbeats"},
    ]


def test_heartbeats_keep_a_quiet_book_and_without_them_it_is_dead_after_ten_seconds():
    venue = in_sync()
    for second in range(2, 200):
        venue.received(heartbeat(6 + second), second * SECOND)
        assert names(venue.tick(second * SECOND)) in ([], ["Ping"])
    outputs = []
    for now in range(200 * SECOND, 212 * SECOND, SECOND // 4):
        outputs += venue.tick(now)
    assert Ping(BOOK) in outputs
    assert names(outputs)[-2:] == ["Status", "Reconnect"]


def test_what_the_venue_reports_is_told():
    error = '{"type":"error","message":"failure to subscribe","reason":"no such product"}'
    refusal, status = connected().received(error, 1)
    assert refusal == Refused(1, "error", "failure to subscribe no such product")
    assert status.detail == "Coinbase reports: failure to subscribe no such product."
    assert names(in_sync().received(error, SECOND)) == ["error"]


# -- the book ------------------------------------------------------------------------------


def test_a_snapshot_is_the_whole_book_and_a_change_has_the_time_of_the_event():
    market = Market(connected())
    now = MS * 1_000_000
    market.receive(book("snapshot", 3, MS, BIDS, ASKS), now)
    assert market.state == "live"
    assert market.book.bids.edge == market.book.asks.edge == float("-inf")
    (delta,) = market.venue.received(book("update", 4, MS + 20, [("100.0", "0")]), now)
    assert delta == Delta((MS + 20) * 1_000_000, now, 4, [(100.0, 0.0)], [])


def test_a_time_of_1970_is_none_and_that_of_the_message_is_used():
    venue = connected()
    event = changes("snapshot", 0, BIDS, ASKS)
    (snapshot,) = venue.received(said("l2_data", 0, event, ms=MS), 1)
    assert snapshot.time == (MS + 40) * 1_000_000
    (delta,) = venue.received(said("l2_data", 1, changes("update", MS), ms=MS), 1)
    assert (delta.bids, delta.asks, delta.time) == ([], [], (MS + 40) * 1_000_000)


@pytest.mark.parametrize(
    "message",
    [
        heartbeat(9),
        subscribed(9),
        traded("update", 9, (1, MS + 1, 1, 1, "BUY")),
        book("update", 9, MS + 1, BIDS),
        book("update", 9, MS + 1, BIDS, symbol="ETH-USD"),
        said("ticker", 9, {}),
    ],
)
def test_a_missing_number_may_have_been_a_change_whatever_comes_after_it(message):
    venue = in_sync()
    status, *more = venue.received(message, 9 * SECOND)
    assert status.detail == "The book was thrown away: message 9 does not follow 7."
    sent = [json.loads(send.text) for send in more[:2]]
    assert [(one["type"], one["channel"]) for one in sent] == [
        ("unsubscribe", "level2"), ("subscribe", "level2"),
    ]  # fmt: skip
    assert not only(Delta, more)
    assert names(venue.received(book("update", 10, MS + 2, BIDS), 9 * SECOND)) == [
        "delta before a snapshot"
    ]
    assert names(venue.received(book("snapshot", 11, MS + 3, BIDS, ASKS), 9 * SECOND)) == [
        "Snapshot"
    ]


def test_all_channels_are_counted():
    venue = in_sync()
    for number, message in enumerate(
        [heartbeat(8), subscribed(9), traded("update", 10, (1, MS + 1, 1, 1, "BUY")),
         said("ticker", 11, {}), book("update", 12, MS, BIDS, symbol="ETH-USD")]
    ):  # fmt: skip
        assert not only(Status, venue.received(message, SECOND)), number
    assert names(venue.received(book("update", 13, MS + 2, BIDS), SECOND)) == ["Delta"]


def test_a_new_connection_counts_anew():
    venue = in_sync()
    venue.disconnected(BOOK, "it was closed", SECOND)
    venue.connected(BOOK, 2 * SECOND)
    assert venue.received(heartbeat(0), 3 * SECOND) == []
    assert names(venue.received(book("snapshot", 1, MS, BIDS, ASKS), 3 * SECOND)) == ["Snapshot"]


@pytest.mark.parametrize(
    "spoilt",
    [
        book("update", 8, MS, BIDS)[:-9],
        book("update", 8, MS, [("-1", "1")]),
        book("update", 8, MS, [("1", "-1")]),
        book("update", 8, MS, [("1", "1e-30")]),
        book("update", 8, MS, [("NaN", "1")]),
        book("update", 8, MS, BIDS).replace('"bid"', '"buy"'),
        book("other", 8, MS, BIDS),
        book("update", 8, MS, BIDS).replace("2023", "0001", 1).replace("2023", "1023"),
        said("l2_data", 8, 1),
    ],
)
def test_an_unreadable_frame_of_the_book_costs_the_book(spoilt):
    outputs = in_sync().received(spoilt, 9 * SECOND)
    assert names(outputs) == ["unreadable", "Status", "Send", "Send"]
    assert outputs[1].detail == "The book was thrown away: a frame was unreadable."


def test_a_frame_about_other_markets_is_no_message_of_the_venue():
    market = Market(make_venue("coinbase", "BTC-USD"))
    market.receive(make_venue("coinbase", "BTC-USD").sharing.skipped(7), 1)
    assert (market.messages, market.bytes, market.failures) == (0, 0, 0)
    assert not market.refused


def test_an_unreadable_trade_costs_nothing_else():
    venue = in_sync()
    spoilt = traded("update", 8, (1, MS + 1, 1, 1, "NONE"))
    assert names(venue.received(spoilt, SECOND)) == ["unreadable"]
    assert names(venue.received(book("update", 9, MS + 2, BIDS), SECOND)) == ["Delta"]


# -- trades --------------------------------------------------------------------------------


@pytest.mark.parametrize(("maker", "side"), [("BUY", -1), ("SELL", +1)])
def test_a_trades_side_is_that_of_the_taker_where_the_venue_sends_the_makers(maker, side):
    frame = traded("update", 8, (7, MS + 5, "100.5", "0.25", maker))
    one = Trade((MS + 5) * 1_000_000, 9, 100.5, 0.25, side, 7)
    assert in_sync().received(frame, 9) == [one]


def test_trades_come_newest_first_and_those_of_before_are_refused():
    venue = connected()
    assert names(venue.received(traded("update", 0, (1, MS, 1, 1, "BUY")), 1)) == [PAST_TRADE]
    venue = in_sync()
    rows = (9, MS + 5, 1, 1, "BUY"), (8, MS + 4, 1, 1, "BUY"), (7, MS - 4, 1, 1, "BUY")
    outputs = venue.received(traded("snapshot", 8, *rows), 1)
    assert names(outputs) == [PAST_TRADE, "Trade", "Trade"]
    assert [one.id for one in outputs[1:]] == [8, 9]
    rows = (10, MS + 6, 1, 1, "BUY"), (9, MS + 5, 1, 1, "BUY")
    assert [one.id for one in venue.received(traded("update", 9, *rows), 1)] == [10]
    other = traded("update", 10, (11, MS, 1, 1, "BUY"), symbol="ETH-USD")
    assert names(venue.received(other, 1)) == ["other symbol"]


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (book("update", 1, MS, BIDS, symbol="ETH-USD"), "coinbase:ETH-USD"),
        (traded("update", 1, (1, MS, 1, 1, "BUY"), symbol="SOL-USD"), "coinbase:SOL-USD"),
        (traded("update", 1), None),
        (heartbeat(1), None),
        (subscribed(1, level2=["BTC-USD"]), None),
    ],
)
def test_frames_name_their_market(frame, market):
    found = market_of(frame)
    assert (found and str(found)) == market


# -- a long market, with a plain book beside it --------------------------------------------


@pytest.mark.parametrize("lost", [None, 0.01])
def test_thousands_of_messages_against_a_plain_book(lost):
    """Several products and channels; where messages are lost, the book is never wrong."""
    draw = random.Random(7)
    plain = [
        {round(100 - 0.01 * n, 2): 1.0 for n in range(1, 200)},
        {round(100 + 0.01 * n, 2): 1.0 for n in range(200)},
    ]
    venue = connected()
    market = Market(venue, interval=0)
    asked, live, states = True, 0, 0
    for number in range(4000):
        ms = MS + 500 * number
        now = ms * 1_000_000
        kind = draw.random()
        if asked:
            frame = book("snapshot", number, ms, *(side.items() for side in plain))
            asked = False
        elif kind < 0.7:
            new = [
                [(draw.choice(sorted(side)[:50] if sign else sorted(side)[-50:]),
                  round(draw.random(), 8)) for _ in range(draw.randint(0, 4))]
                for sign, side in enumerate(plain)
            ]  # fmt: skip
            for side, levels in zip(plain, new, strict=True):
                side.update(levels)
                if draw.random() < 0.2 and len(side) > 100:
                    touch = max(side) if side is plain[0] else min(side)
                    del side[touch]
                    levels.append((touch, 0))
            frame = book("update", number, ms, *new)
        elif kind < 0.8:
            frame = book("update", number, ms, [(5.0, 1)], symbol="ETH-USD")
        elif kind < 0.9:
            frame = traded("update", number, (number, ms, 100.0, 1, "BUY"))
        else:
            frame = heartbeat(number)
        if lost and draw.random() < lost and market.state == "live":
            continue
        replies = market.receive(frame, now) + market.tick(now)
        asked = asked or any('"subscribe"' in getattr(one, "text", "") for one in replies)
        states += 1
        live += market.state == "live"
        if market.state == "live":
            assert [*levels_of(market.book)] == plain
    assert states == live == 4000 if lost is None else 0.9 * states < live < states
