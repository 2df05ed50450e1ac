"""LMEX's and BTSE's protocol: frames and times in, events and replies out."""

import json

import pytest
from exchange_tools import (
    ASKS,
    BIDS,
    SECOND,
    SUBSCRIBE,
    UNSUBSCRIBE,
    captured,
    connected,
    in_sync,
    levels_of,
    lmex_book,
    lmex_summary,
    names,
    only,
)
from lmex_tools import EXCHANGES, SYMBOLS, speak  # noqa: F401 for the tests of every venue

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Delta, Instrument, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.http_answers import limited
from obi_widgets.market_data.venues.lmex import REST_BOOK, SUMMARY, TRADES
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect, Send
from obi_widgets.market_data.venues.wire import PAST_TRADE


def frames(*kinds):
    """Return the captured frames of these kinds, parsed beside raw."""
    with captured("lmex/frames.jsonl").open() as lines:
        return [one["raw"] for one in map(json.loads, lines) if one["kind"] in kinds]


# -- captured frames -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "count", "becomes"),
    [
        ("ack", 1, []),
        ("unsub_ack", 1, []),
        ("trade_ack", 1, []),
        ("lmex_ack", 1, []),
        ("failed_ack", 1, ["topic not accepted"]),
        ("keepalive_recv", 1, []),
        ("snapshot", 3, ["Snapshot"]),
        ("trade", 2, [PAST_TRADE]),  # the first that comes, before any book
        ("lmex_trade", 1, [PAST_TRADE]),
        ("l1", 2, ["snapshotL1"]),
        ("rest_funding_history", 1, ["unknown"]),
        ("rest_price", 1, ["unreadable", "Status", "Reconnect"]),
        ("rest_trades", 1, ["unreadable", "Status", "Reconnect"]),
    ],
)
def test_a_captured_frame_is_decoded_or_refused_by_name(kind, count, becomes):
    raws = frames(kind)
    assert len(raws) == count
    for raw in raws:
        data = json.loads(raw).get("data", {}) if raw.startswith("{") else {}
        symbol = (data[0] if isinstance(data, list) else data).get("symbol", "BTC-PERP")
        assert names(connected(symbol, name="btse").received(raw, SECOND)) == becomes


def test_every_kind_of_captured_frame_is_looked_at():
    with captured("lmex/frames.jsonl").open() as lines:
        kinds = {json.loads(line)["kind"] for line in lines}
    elsewhere = {"subscribe_sent", "keepalive_sent", "delta", "error"}
    elsewhere |= {"rest_orderbook_L2", "lmex_rest_spot_orderbook"}
    marks = test_a_captured_frame_is_decoded_or_refused_by_name.pytestmark
    assert kinds == elsewhere | {case[0] for case in marks[0].args[1]}


@pytest.mark.parametrize("index", range(4))
def test_a_captured_delta_continues_its_book_and_is_refused_without_one(index):
    raw = frames("delta")[index]
    data = json.loads(raw)["data"]
    symbol = data["symbol"]
    assert names(connected(symbol).received(raw, SECOND)) == ["delta before a snapshot"]
    venue = connected(symbol)
    venue.received(lmex_book("snapshot", data["prevSeqNum"], [(1, 1)], [], symbol=symbol), 0)
    (delta,) = venue.received(raw, SECOND)
    assert isinstance(delta, Delta)
    assert delta.sequence == data["seqNum"]
    assert delta.bids == [(float(price), float(size)) for price, size in data["bids"]]
    assert delta.asks == [(float(price), float(size)) for price, size in data["asks"]]
    assert delta.time == data["timestamp"] * 1_000_000


def test_what_is_sent_is_spelled_as_in_the_capture():
    captured_topics = json.loads(frames("subscribe_sent")[0])
    sent = json.loads(SUBSCRIBE.text)
    assert sent["op"] == captured_topics["op"]
    assert sent["args"] == captured_topics["args"][:1]
    venue = connected()
    assert [one.text for one in only(Send, venue.tick(16 * SECOND))][:2] == 2 * frames(
        "keepalive_sent"
    )


def test_the_captured_error_ends_the_feed_of_the_symbol_it_names_and_reconnects_others():
    named, unnamed = frames("error")
    outputs = connected("NOPE-PERP").received(named, SECOND)
    assert names(outputs) == ["topic not accepted", "Status"]
    assert outputs[1].state == "closed"
    assert outputs[1].detail == "LMEX lists no symbol 'NOPE-PERP'."
    status, reconnect = connected().received(unnamed, SECOND)
    said = "Operation provided is currently not supported (code 1001)"
    assert status == Status(SECOND, "gap", f"LMEX reports: {said}.", "Connecting again.")
    assert reconnect == Reconnect(BOOK, said)


def test_the_documented_book_is_crossed_and_never_live():
    market = Market(connected(name="btse"))
    crossed = frames("snapshot")[2]
    replies = market.handle(market.venue.received(crossed, 2 * SECOND), 2 * SECOND)
    assert replies == [UNSUBSCRIBE, SUBSCRIBE]
    assert market.state == "gap"
    assert market.detail == ("The book was thrown away: best bid 122160 is not below ask 122124.")
    assert levels_of(market.book) == ({}, {})


def test_the_captured_rest_books_are_read_while_polling_and_only_of_the_own_symbol():
    own, spot = frames("rest_orderbook_L2", "lmex_rest_spot_orderbook")
    venue = connected(contract_size=0.01)
    venue.tick(11 * SECOND)
    snapshot, again = venue.fetched(REST_BOOK, 200, own, 12 * SECOND)
    assert snapshot.bids == [(36235.0, 7.0)]
    assert snapshot.asks == [(36241.5, 6.0)]
    assert snapshot.time == 1624989977940 * 1_000_000
    assert again.delay == 2 * SECOND
    assert names(venue.fetched(REST_BOOK, 200, spot, 14 * SECOND)) == ["other symbol", "Fetch"]
    prices = frames("rest_price")[0]
    assert names(venue.fetched(REST_BOOK, 200, prices, 16 * SECOND)) == [
        "unreadable REST book",
        "Status",
        "Fetch",
    ]


# -- the instrument ------------------------------------------------------------------------


def test_the_instrument_is_read_before_anything_is_connected():
    venue = make_venue("lmex", "BTC-PERP")
    status, fetch = venue.start(0)
    assert (status.state, status.detail) == ("connecting", "Reading the instrument.")
    root = "https://api.lmex.io/futures/api/v2.3/"
    assert fetch == Fetch(SUMMARY, f"{root}market_summary?listFullAttributes=true&symbol=BTC-PERP")
    assert venue.fetched(SUMMARY, 200, lmex_summary(contract_size=0.001), 0) == [
        Instrument("lmex", "BTC-PERP", "LMEX", "USDT", 0.5, 0.001),
        Connect(BOOK, "wss://ws.lmex.io/ws/oss/futures"),
        Connect(TRADES, "wss://ws.lmex.io/ws/futures"),
    ]


def test_a_symbol_is_quoted_in_the_address():
    _, fetch = make_venue("lmex", "A+B&C").start(0)
    assert fetch.url.endswith("&symbol=A%2BB%26C")


@pytest.mark.parametrize("answer", [(400, ""), (200, "[]"), (200, lmex_summary("ETH-PERP"))])
def test_a_symbol_that_is_not_listed_ends_the_feed(answer):
    (status,) = make_venue("btse", "NOPE-PERP").fetched(SUMMARY, *answer, 7)
    assert status == Status(
        7,
        "closed",
        "BTSE lists no symbol 'NOPE-PERP'.",
        "Check how the venue spells it.",
    )


@pytest.mark.parametrize(
    ("status", "body", "detail", "advice"),
    [
        (
            451,
            "",
            "LMEX refuses this location (HTTP 451).",
            "Run the kernel elsewhere, choose another venue, or use sim: for the simulator.",
        ),
        (429, "", limited("LMEX", 429), "The next request waits until it is allowed."),
        (
            0,
            "All connection attempts failed",
            "LMEX cannot be reached: All connection attempts failed.",
            "Trying again every few seconds.",
        ),
        (
            502,
            "<html>\n<b>Bad Gateway",
            "LMEX answered HTTP 502: <html> <b>Bad Gateway.",
            "Trying again every few seconds.",
        ),
    ],
)
def test_a_summary_that_is_not_answered_is_said_and_asked_for_again(status, body, detail, advice):
    said, again = make_venue("lmex", "BTC-PERP").fetched(SUMMARY, status, body, 7)
    assert said == Status(7, "connecting", detail, advice)
    assert (again.name, again.delay) == (SUMMARY, 5 * SECOND)


@pytest.mark.parametrize("contract_size", [0, -1, "nan", "much", 1e-300, 1e300, "inf"])
def test_a_summary_without_a_sensible_contract_size_is_unreadable(contract_size):
    body = lmex_summary(contract_size=contract_size)
    said, again = make_venue("lmex", "BTC-PERP").fetched(SUMMARY, 200, body, 7)
    assert said.detail.startswith("LMEX's market summary cannot be read: Expected `float`")
    assert (said.state, again.name) == ("connecting", SUMMARY)


@pytest.mark.parametrize("tick_size", ["NaN", "inf", -1, 0, 1e-300, 1e300])
def test_a_summary_without_a_sensible_tick_size_is_unreadable(tick_size):
    summary = json.loads(lmex_summary())
    summary[0]["minPriceIncrement"] = tick_size
    said, again = make_venue("lmex", "BTC-PERP").fetched(SUMMARY, 200, json.dumps(summary), 7)
    assert said.detail.startswith("LMEX's market summary cannot be read: Expected `float`")
    assert again.name == SUMMARY


def test_sizes_are_contracts_times_contract_size():
    venue = connected(contract_size=0.01)
    (snapshot,) = venue.received(lmex_book("snapshot", 10, BIDS, ASKS), 0)
    (delta,) = venue.received(lmex_book("delta", 11, [(100.0, 200)], [(101.0, 0)]), 0)
    assert snapshot.bids == [(100.0, 0.05), (99.5, 0.07)]
    assert (delta.bids, delta.asks) == ([(100.0, 2.0)], [(101.0, 0.0)])


def test_a_book_before_the_contract_size_is_refused():
    venue = make_venue("lmex", "BTC-PERP")
    outputs = venue.received(lmex_book("snapshot", 10, BIDS, ASKS), 0)
    assert names(outputs) == ["book before the contract size"]


# -- the chain -----------------------------------------------------------------------------


def test_opening_subscribes_and_says_what_is_awaited():
    venue = make_venue("lmex", "BTC-PERP")
    assert venue.connected(BOOK, 3) == [
        Status(3, "syncing", "Waiting for the first snapshot."),
        SUBSCRIBE,
    ]
    assert venue.connected(TRADES, 3) == [
        Send(TRADES, '{"op":"subscribe","args":["tradeHistoryApiV2:BTC-PERP"]}')
    ]


def test_a_snapshot_and_its_deltas_make_the_book():
    market = Market(connected())
    for frame in (
        lmex_book("snapshot", 10, BIDS, ASKS),
        lmex_book("delta", 11, [(100.0, 0), (99.0, 2)], []),
        lmex_book("delta", 12, [(99.5, 8)], [(100.0, 1)]),
    ):
        assert market.handle(market.venue.received(frame, SECOND), SECOND) == []
    assert market.state == "live"
    assert levels_of(market.book) == (
        {99.5: 8.0, 99.0: 2.0},
        {100.0: 1.0, 100.5: 4.0, 101.0: 3.0},
    )


@pytest.mark.parametrize("sequence", [10, 12, 9])
def test_a_delta_that_does_not_follow_throws_the_book_away(sequence):
    outputs = in_sync().received(lmex_book("delta", sequence, [(100.0, 1)]), 5 * SECOND)
    assert outputs == [
        Status(
            5 * SECOND,
            "gap",
            f"The book was thrown away: delta {sequence} does not follow 10.",
            "Asking for a new one.",
        ),
        UNSUBSCRIBE,
        SUBSCRIBE,
    ]


def test_deltas_are_refused_until_the_new_snapshot_has_come():
    venue = in_sync()
    venue.received(lmex_book("delta", 13), 5 * SECOND)
    assert names(venue.received(lmex_book("delta", 14), 5 * SECOND)) == ["delta before a snapshot"]
    assert names(venue.received(lmex_book("snapshot", 20, BIDS, ASKS), 6 * SECOND)) == ["Snapshot"]
    assert names(venue.received(lmex_book("delta", 21), 6 * SECOND)) == ["Delta"]


def test_another_symbol_is_refused_whatever_its_topic():
    venue = in_sync()
    frame = lmex_book("delta", 11, symbol="ETH-PERP", topic="update:BTC-PERP_0")
    (refused,) = venue.received(frame, SECOND)
    assert refused == Refused(SECOND, "other symbol", "update:BTC-PERP_0: ETH-PERP")


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("update:BTC-PERP_1", "grouped book"),  # its chain has the same numbers
        ("update:BTC-PERP_8", "grouped book"),
        ("update:ETH-PERP_0", "topic of another symbol"),
        ("update:BTC-PERPETUAL_0", "topic of another symbol"),
    ],
)
def test_another_topic_is_refused_whatever_its_symbol(topic, name):
    for kind in ("snapshot", "delta"):
        frame = lmex_book(kind, 11, [(1.0, 1)], topic=topic)
        assert names(in_sync().received(frame, SECOND)) == [name]


def test_the_topic_without_a_grouping_is_of_the_same_chain():
    venue = in_sync()
    assert names(venue.received(lmex_book("delta", 11, topic="update:BTC-PERP"), 1)) == ["Delta"]


@pytest.mark.parametrize(("kind", "previous"), [("delta", 9), ("delta", 11), ("snapshot", 7)])
def test_a_number_is_one_more_than_the_one_before(kind, previous):
    venue = in_sync()
    outputs = venue.received(lmex_book(kind, 11, BIDS, ASKS, previous=previous), 5 * SECOND)
    assert names(outputs) == ["Status", "Send", "Send"]
    assert outputs[0].detail == (
        f"The book was thrown away: {kind} 11 claims to follow {previous}."
    )


@pytest.mark.parametrize("size", ["1e-19", "4e-324"])
def test_a_size_that_cannot_be_held_is_unreadable(size):
    outputs = in_sync().received(lmex_book("delta", 11, [(100.0, size)]), 5 * SECOND)
    assert names(outputs) == ["unreadable", "Status", "Send", "Send"]


def test_a_kind_of_book_frame_that_is_not_known_may_have_been_a_change():
    outputs = in_sync().received(lmex_book("reset", 11), 5 * SECOND)
    assert names(outputs) == ["unreadable", "Status", "Send", "Send"]


def test_an_alias_topic_is_routed_by_the_symbol_inside():
    venue = connected()
    alias = lmex_book("snapshot", 10, BIDS, ASKS, topic="update:BTC-PERP-USDT_0")
    assert names(venue.received(alias, SECOND)) == ["Snapshot"]
    assert names(venue.received(lmex_book("delta", 11), SECOND)) == ["Delta"]


@pytest.mark.parametrize(
    "frame",
    [
        lmex_book("delta", 11, [(100.0, 1)])[:-9],
        lmex_book("delta", 11, [("nan", 1)]),
        lmex_book("delta", 11, [(100.0, "inf")]),
        lmex_book("delta", 11, [(100.0, -1)]),
        '{"topic":"update:BTC-PERP_0"}',
        "<html>502 Bad Gateway</html>",
        b"\xff\xfe",
        "[]",
        "",
    ],
)
def test_an_unreadable_frame_may_have_been_a_delta(frame):
    refused, status, *sent = in_sync().received(frame, 5 * SECOND)
    assert refused.name == "unreadable"
    assert status.state == "gap"
    assert status.detail == "The book was thrown away: a frame was unreadable."
    assert sent == [UNSUBSCRIBE, SUBSCRIBE]


@pytest.mark.parametrize("frame", ["{}", '{"topic":"notice"}', '{"event":"pong"}', "pong", b"pong"])
def test_other_frames_leave_the_book_alone(frame):
    venue = in_sync()
    assert only(Status, venue.received(frame, SECOND)) == []
    assert names(venue.received(lmex_book("delta", 11), SECOND)) == ["Delta"]


def test_a_market_lets_nothing_follow_the_end():
    market = Market(in_sync())
    market.handle([market.venue.unlisted(1)], 1)
    market.handle(market.venue.disconnected(BOOK, "it was closed", 2), 2)
    market.handle([Snapshot(3, 3, 20, [(1.0, 1.0)], [(2.0, 1.0)])], 3)
    assert market.state == "closed"
    assert market.detail == "LMEX lists no symbol 'BTC-PERP'."


# -- trades --------------------------------------------------------------------------------


MS = 1_700_000_000_000


def trade_frame(*trades, version="V2", ms=MS):
    data = [
        {
            "price": price,
            "size": size,
            "side": side,
            "symbol": symbol,
            "tradeId": number,
            "timestamp": ms,
        }
        for number, price, size, side, symbol in trades
    ]
    return json.dumps({"topic": f"tradeHistoryApi{version}:BTC-PERP", "data": data})


def test_trades_are_sorted_counted_once_and_told_by_the_takers_side():
    venue = connected(contract_size=0.01)
    assert venue.received(trade_frame(), 4, TRADES) == []  # nothing was traded before
    first = trade_frame(
        (8, 101.0, 30, "BUY", "BTC-PERP"),
        (7, 100.5, 20, "sell", "BTC-PERP"),
        (9, 50.0, 10, "BUY", "ETH-PERP"),
    )
    assert venue.received(first, 5) == [
        Trade(1_700_000_000 * SECOND, 5, 100.5, 0.2, -1, 7),
        Trade(1_700_000_000 * SECOND, 5, 101.0, 0.3, +1, 8),
        Refused(5, "other symbol", "ETH-PERP"),
    ]
    again = trade_frame((8, 101.0, 30, "BUY", "BTC-PERP"), (10, 101.5, 1, "BUY", "BTC-PERP"))
    assert [trade.id for trade in venue.received(again, 6)] == [10]


def sold(*numbers, ms=MS):
    return trade_frame(*[(n, 100.5, 20, "SELL", "BTC-PERP") for n in numbers], ms=ms)


def again(venue, now):
    """Lose the websocket of trades, and open it again."""
    venue.disconnected(TRADES, "it was closed", now)
    venue.connected(TRADES, now)


@pytest.mark.parametrize(
    ("ms", "becomes"), [(MS + 499, PAST_TRADE), (MS + 500, PAST_TRADE), (MS + 501, "Trade")]
)
def test_the_first_trades_after_a_subscription_are_of_before_it_unless_the_book_is_older(
    ms, becomes
):
    venue = connected()
    assert names(venue.received(sold(2, 1), 1, TRADES)) == [PAST_TRADE, PAST_TRADE]
    assert names(venue.received(sold(3), 2, TRADES)) == ["Trade"]  # before the snapshot
    venue.received(lmex_book("snapshot", 10, BIDS, ASKS), 3)  # it is of MS + 500
    again(venue, 4)
    assert names(venue.received(sold(3, 4, ms=ms), 6, TRADES)) == [becomes]
    assert venue.received(sold(4, ms=MS + 600), 7, TRADES) == []  # counted once


def test_trades_that_were_missed_while_the_book_was_in_sync_are_told():
    venue = in_sync()
    venue.received(sold(1, 2), 1, TRADES)
    assert names(venue.received(sold(3), 2, TRADES)) == ["Trade"]
    again(venue, 4)
    outputs = venue.received(sold(1, 2, 3, 4, 5), 6, TRADES)
    assert [trade.id for trade in only(Trade, outputs)] == [4, 5]


@pytest.mark.parametrize("begun_again", [True, False])
def test_trades_that_were_missed_while_the_book_was_lost_are_of_no_state(begun_again):
    venue = in_sync()
    venue.received(sold(1, 2), 1, TRADES)
    venue.received(sold(3), 2, TRADES)
    again(venue, 4)
    venue.resync("it was wrong", 5 * SECOND)
    if begun_again:
        venue.received(lmex_book("snapshot", 11, BIDS, ASKS), 5 * SECOND)
    assert names(venue.received(sold(3, 4), 6 * SECOND, TRADES)) == [PAST_TRADE]


def test_trades_whose_numbers_do_not_grow_are_told_and_each_counts_once():
    venue = in_sync()
    venue.received(sold(1), 1, TRADES)
    frames = [sold(7), sold(2**61), sold(8), sold(6), sold(7), sold(9)]
    told = [one.id for at, frame in enumerate(frames, 2)
            for one in only(Trade, venue.received(frame, at, TRADES))]  # fmt: skip
    assert told == [7, 2**61, 8, 6, 9]
    again(venue, 9)
    venue.received(sold(9), 9, TRADES)
    counted_anew = venue.received(sold(1000), 10, TRADES) + venue.received(sold(2), 11, TRADES)
    assert [one.id for one in counted_anew] == [1000, 2]


def test_few_numbers_of_trades_are_kept():
    venue = in_sync()
    venue.received(sold(1), 1, TRADES)
    for at in range(30):
        venue.received(sold(*range(100 * at + 2, 100 * at + 102)), at + 2, TRADES)
    assert 1000 <= len(venue._trades_seen) < 2000
    assert venue.received(sold(*range(2002, 3002)), 40, TRADES) == []


def test_past_trades_are_in_no_state_and_no_flow_and_are_told():
    market = Market(connected(), levels=2, interval=0)
    market.receive(lmex_book("snapshot", 10, BIDS, ASKS), SECOND)
    past = [(n, 100.5, 20, "SELL", "BTC-PERP") for n in range(1, 21)]
    market.receive(trade_frame(*past), SECOND + 1, TRADES)
    new = trade_frame((21, 100.5, 3, "BUY", "BTC-PERP"), ms=MS + 540)
    market.receive(new, SECOND + 2, TRADES)
    market.receive(lmex_book("delta", 11, [(100.0, 6)]), SECOND + 3)
    history = market.history()
    assert history.trades.id.tolist() == [21]
    assert (history.taken.bought.tolist(), history.taken.sold.tolist()) == ([0, 3], [0, 0])
    assert market.refused == {PAST_TRADE: 20}


def test_while_the_websocket_of_trades_is_lost_trades_are_unknown():
    market = Market(in_sync(), levels=2, interval=0)
    market.receive(lmex_book("snapshot", 10, BIDS, ASKS), SECOND)
    market.receive(sold(1), SECOND, TRADES)
    for number in range(11, 40):
        now = number * SECOND
        if number == 15:
            market.disconnected(TRADES, "it was closed", now)
        if number == 25:
            market.connected(TRADES, now)
            market.receive(sold(1), now, TRADES)  # nobody has traded since
        if number == 30:
            market.receive(sold(2), now - 1, TRADES)
        market.receive(lmex_book("delta", number, [(100.0, number)]), now)
    history = market.history()
    unknown = (history.received[~history.trades_known] // SECOND).tolist()
    assert unknown == [*range(16, 30)]  # the first one may have trades of before
    assert history.gaps == 0
    assert history.notes[0].startswith("No trades came during 14 states")


def test_an_empty_acknowledgement_tries_the_next_name_of_the_trades_topic_once():
    venue = connected()
    empty = '{"event":"subscribe","channel":[]}'
    assert venue.received(empty, 1, TRADES) == [
        Send(TRADES, '{"op":"subscribe","args":["tradeHistoryApiV3:BTC-PERP"]}')
    ]
    assert names(venue.received(empty, 2, TRADES)) == ["topic not accepted"]
    venue.received(trade_frame(version="V3"), 3)
    frame = trade_frame((7, 100.5, 20, "SELL", "BTC-PERP"), version="V3")
    assert names(venue.received(frame, 3)) == ["Trade"]
    venue.disconnected(TRADES, "it was closed", 4)
    assert "tradeHistoryApiV3" in venue.connected(TRADES, 5)[0].text  # what worked is kept
