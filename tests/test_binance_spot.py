"""Binance spot's protocol: which events continue its book, times, and trades on the same socket."""

from __future__ import annotations

import json

import numpy as np
import pytest
from binance_tools import (
    SECOND,
    T0,
    BinanceExchange,
    Rebuilt,
    Speaker,
    decided,
    framed,
    lines_of,
    listing,
    play_capture,
    quotes_of,
    texts,
)
from exchange_tools import ASKS, BIDS, captured, levels_of, names, only

import obi_widgets as obi
from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Instrument, Refused, Snapshot, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.binance import INSTRUMENT, SNAPSHOT, TIME
from obi_widgets.market_data.venues.binance_spot import BinanceSpot
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect

MS = 1_000_000
DEPTH_URL = "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000"


# -- a made-up market, see `make_captures` -------------------------------------------------

SYMBOLS = "BTCUSDT", "ETHUSDT"


class SpotSpeaker(Speaker):
    def numbers(self, first, last):
        return {"U": first, "u": last}

    def snapshot(self):
        return {}

    def trade(self, number, step):
        return self.frame(
            "trade", "trade", s=self.symbol, t=number, p=step.price, T=self.market.ms,
            q=self.size(step.price, step.traded), m=not step.buys, M=True,
        )  # fmt: skip


def speak(symbol, market):
    """Return all that is heard of a market."""
    yield from SpotSpeaker(symbol, market).speak(listing(symbol, quoteAsset="USDT"))


# -- frames, and a market at each stage ----------------------------------------------------


def depth(first, last, bids=(), asks=(), *, symbol="BTCUSDT", ms=None, **more):
    """Return a depthUpdate of the updates ``first`` to ``last``."""
    data = {
        "e": "depthUpdate", "E": T0 + last if ms is None else ms, "s": symbol, "U": first,
        "u": last, "b": texts(bids), "a": texts(asks), **more,
    }  # fmt: skip
    return framed(symbol, "depth@100ms", data)


def snapshot(last, bids=BIDS, asks=ASKS, **more):
    """Return the answer of the REST book."""
    body = {"lastUpdateId": last, **more, "bids": texts(bids), "asks": texts(asks)}
    return json.dumps(body)


def connected():
    venue = make_venue("binance-spot", "BTCUSDT")
    venue.start(0)
    venue.connected(BOOK, 0)
    return venue


def waiting(*events):
    """Return a venue that has buffered events, and asked for the snapshot."""
    venue = connected()
    for event in events:
        venue.received(event, SECOND)
    return venue


def read(market, text, now, answer=None):
    venue = market.venue
    outputs = venue.fetched(answer, 200, text, now) if answer else venue.received(text, now)
    return market.handle(outputs, now)


def in_sync():
    """Return a market whose book was continued to update 120."""
    market = Market(waiting(depth(91, 110)))
    read(market, snapshot(100), 2 * SECOND, SNAPSHOT)
    read(market, depth(111, 120), 2 * SECOND)
    assert market.state == "live"
    return market


class SpotExchange(BinanceExchange):
    source = "binance-spot:BTCUSDT"
    garbage = (
        '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate"}}',
        depth(5, 6, [(1, 1)], symbol="ETHUSDT"),
        depth(5, 6, [(1, 1)], pu=4, T=T0),
        framed("BTCUSDT", "depth20@100ms", json.loads(snapshot(6))),
    )

    def event(self, last, bids, asks):
        return depth(last - 19, last, bids, asks, ms=self.ms)

    def snapshot(self, last, bids, asks):
        return snapshot(last, bids, asks)


EXCHANGES = [SpotExchange]


# -- the instrument, and where it asks -----------------------------------------------------


def test_one_websocket_has_all_streams_and_the_list_is_of_one_symbol():
    venue = make_venue("binance-spot", "BTCUSDT")
    root = "https://api.binance.com/api/v3"
    url = f"{root}/exchangeInfo?symbol=BTCUSDT"
    assert only(Fetch, venue.start(0)) == [Fetch(INSTRUMENT, url, weight=20)]
    assert venue.fetched(
        INSTRUMENT, 200, listing("BTCUSDT", tick="0.01", quoteAsset="USDT"), 0
    ) == [
        Instrument("binance-spot", "BTCUSDT", "Binance spot", "USDT", 0.01, 1.0),
        Connect(
            BOOK,
            "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/btcusdt@trade",
        ),
    ]
    assert waiting().received(depth(91, 110), 1) == [Fetch(SNAPSHOT, DEPTH_URL, weight=250)]
    assert venue.ask_time(20 * SECOND) == [Fetch(TIME, f"{root}/time")]


def test_the_hosts_of_market_data_only_are_endpoints():
    venue = make_venue("binance-spot", "BTCUSDT", BinanceSpot.market_data_only)
    (fetch,) = only(Fetch, venue.start(0))
    (connect,) = only(Connect, venue.fetched(INSTRUMENT, 200, listing("BTCUSDT"), 0))
    assert fetch.url.startswith("https://data-api.binance.vision/api/v3/exchangeInfo?")
    assert connect.url.startswith("wss://data-stream.binance.vision/stream?streams=")


def test_an_invalid_symbol_ends_the_feed_and_another_error_does_not():
    venue = make_venue("binance-spot", "NOPE")
    (status,) = venue.fetched(INSTRUMENT, 400, '{"code":-1121,"msg":"Invalid symbol."}', 7)
    assert (status.state, status.detail) == ("closed", "Binance spot lists no symbol 'NOPE'.")
    status, again = venue.fetched(INSTRUMENT, 400, '{"code":-1100,"msg":"Illegal."}', 7)
    assert (status.state, again.name) == ("connecting", INSTRUMENT)


def test_a_symbol_of_futures_is_refused():
    with pytest.raises(SymbolError, match=r"Did you mean .*binance-coinm:BTCUSD_PERP"):
        make_venue("binance-spot", "BTCUSD_PERP")


# -- the snapshot, and what continues it ---------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "follows"),
    [
        (90, 99, []),  # older than the snapshot
        (90, 100, ["Delta"]),  # ends in its update: nothing new but the time
        (100, 105, ["Delta"]),
        (101, 105, ["Delta"]),  # U is lastUpdateId + 1
        (102, 105, ["Status", "Fetch"]),
    ],
)
def test_the_first_event_begins_no_later_than_one_update_after_the_snapshot(first, last, follows):
    venue = waiting(depth(first, last))
    outputs = venue.fetched(SNAPSHOT, 200, snapshot(100), 2 * SECOND)
    if "Fetch" in follows:  # an event is missing: another snapshot is requested
        assert names(outputs) == ["snapshot older than what was seen", "Status", "Fetch"]
    elif follows:
        assert names(outputs) == ["Snapshot", "Delta"]
        assert outputs[0].limit == 5000
    else:
        assert outputs == []  # it waits for an event that confirms it
        assert names(venue.received(depth(100, 103), 2 * SECOND)) == ["Snapshot", "Delta"]


@pytest.mark.parametrize(("first", "state"), [(121, "live"), (120, "gap"), (122, "gap")])
def test_an_event_begins_one_update_after_the_last(first, state):
    market = in_sync()
    read(market, depth(first, 130, [(99.0, 1)]), 3 * SECOND)
    assert market.state == state
    if state == "gap":
        assert market.detail == "The book was thrown away: event 130 does not follow 120."


def test_a_snapshot_newer_than_all_events_waits_and_is_of_the_time_of_the_next():
    # It has no time of its own; that of the event before would tell what was not known then.
    market = Market(waiting(depth(91, 110, ms=T0 + 1000)))
    assert read(market, snapshot(150), 2 * SECOND, SNAPSHOT) == []
    assert market.state != "live"
    outputs = market.venue.received(depth(111, 160, [(99.0, 1)], ms=T0 + 1100), 2 * SECOND)
    taken, change = outputs
    assert (type(taken), taken.time, taken.sequence) == (Snapshot, (T0 + 1100) * MS, 150)
    assert (change.time, change.bids) == ((T0 + 1100) * MS, [(99.0, 1.0)])


def test_what_is_not_confirmed_in_time_is_asked_for_again():
    venue = waiting(depth(91, 110))
    venue.fetched(SNAPSHOT, 200, snapshot(150), 2 * SECOND)
    venue.ponged(BOOK, 12 * SECOND)
    assert Fetch(SNAPSHOT, DEPTH_URL, weight=250) not in venue.tick(12 * SECOND)
    assert Fetch(SNAPSHOT, DEPTH_URL, weight=250) in venue.tick(12 * SECOND + 1)


def test_an_event_that_ends_in_the_snapshots_update_changes_none_of_its_levels():
    market = Market(waiting(depth(91, 100, [(100.0, 77), (99.7, 1)])))
    read(market, snapshot(100), 2 * SECOND, SNAPSHOT)
    assert (market.state, levels_of(market.book)) == ("live", (dict(BIDS), dict(ASKS[::-1])))
    read(market, depth(101, 110, [(99.7, 2)]), 3 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.7]) == ("live", 2.0)


@pytest.mark.parametrize(
    ("levels", "limit"), [(3, 5000), (100, 100), (999, 5000), (1000, 1000), (5000, 5000)]
)
def test_a_snapshot_of_a_recording_may_have_been_requested_with_another_limit(levels, limit):
    # Beyond its last level nothing is known, however few levels that are.
    venue = make_venue("binance-spot", "BTCUSDT")
    venue.can_ask = False
    venue.start(0)
    venue.received(depth(91, 110, [(9000 - levels, 1)]), SECOND)
    bids = [(9000 - n, 1) for n in range(1, levels + 1)]
    (taken,) = only(Snapshot, venue.received(snapshot(110, bids, [(9001, 1)]), SECOND))
    assert taken.limit == limit


def test_a_snapshot_that_was_asked_for_has_the_limit_that_it_was_asked_with():
    bids = [(1000 - n, 1) for n in range(1, 101)]
    outputs = waiting(depth(91, 110)).fetched(SNAPSHOT, 200, snapshot(110, bids, ()), 2 * SECOND)
    assert only(Snapshot, outputs)[0].limit == 5000  # so 100 levels are the whole side


def test_older_snapshots_are_asked_for_again_later_and_later_and_then_the_connection_is_new():
    venue, waits = waiting(depth(91, 110)), []
    for now in (2, 4, 8, 16):
        *_, again = venue.fetched(SNAPSHOT, 200, snapshot(70), now * SECOND)
        waits.append(again.delay // SECOND)
    assert waits == [1, 2, 4, 8]
    *_, last = venue.fetched(SNAPSHOT, 200, snapshot(70), 32 * SECOND)
    assert last == Reconnect(BOOK, "snapshot older than what was seen")


def test_a_refresh_widens_the_book_when_an_event_confirms_it():
    bids = [(100 - n / 100, 1) for n in range(5010)]
    market = Market(waiting(depth(91, 110)))
    read(market, snapshot(110, bids[:5000]), 2 * SECOND, SNAPSHOT)
    assert market.venue.refresh(20 * SECOND) == [Fetch(SNAPSHOT, DEPTH_URL, weight=250)]
    assert market.venue.refresh(34 * SECOND) == []
    assert read(market, snapshot(120, bids[10:]), 21 * SECOND, SNAPSHOT) == []
    assert market.book.bids.edge == bids[4999][0]
    taken = [(price, 0) for price, _ in bids[:10]]
    read(market, depth(111, 120, taken, ms=T0 + 19_110), 21 * SECOND)
    assert market.state == "live"
    assert market.refused == {}
    assert market.book.bids.edge == bids[5009][0]


def test_a_quiet_pair_stays_live_while_its_connection_answers():
    market = in_sync()
    for second in range(3, 240):
        replies = market.tick(second * SECOND)
        assert Reconnect not in map(type, replies)
        market.handle(market.venue.ponged(BOOK, second * SECOND), second * SECOND)
    assert market.state == "live"


# -- trades, and what is not the book's ----------------------------------------------------


@pytest.mark.parametrize(("kind", "number"), [("trade", "t"), ("aggTrade", "a")])
@pytest.mark.parametrize(("maker_bought", "side"), [(True, -1), (False, +1)])
def test_a_trades_side_is_the_takers(kind, number, maker_bought, side):
    data = {"e": kind, "E": 9, "s": "BTCUSDT", number: 5, "p": "100.5", "q": "0.25", "T": 8}
    frame = framed("BTCUSDT", kind, data | {"m": maker_bought, "M": True})
    assert connected().received(frame, 7) == [Trade(8 * MS, 7, 100.5, 0.25, side, 5)]


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (depth(1, 2, symbol="ETHUSDT"), "other symbol"),
        (depth(121, 130).replace("btcusdt@", "ethusdt@"), "other symbol"),
        (depth(121, 130, pu=120, T=1), "futures"),
        (depth(121, 130, st=1), "USD-M"),
        (depth(121, 130, st=2), "COIN-M"),
        (snapshot(120, E=T0, T=T0), "USD-M"),
        (snapshot(120, E=T0, T=T0, symbol="BTCUSD_PERP", pair="BTCUSD"), "COIN-M"),
        ('{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1"}}', "bookTicker"),
        ('{"stream":"btcusdt@trade","data":{"e":"trade","p":"x"}}', "unreadable trade"),
        ('{"stream":"btcusdt@markPrice","data":{"e":"markPriceUpdate"}}', "markPriceUpdate"),
        (framed("BTCUSDT", "depth20@100ms", json.loads(snapshot(120))), "partial book"),
        ('{"result":null}', "unknown"),
        ('{"error":{"code":2,"msg":"Invalid request"},"id":1}', "error"),
        ('{"e":"serverShutdown","E":1}', "Renew"),
        ('{"stream":"!notice","data":{"e":"serverShutdown","E":1}}', "Renew"),
    ],
)
def test_other_frames_are_refused_by_name_and_leave_the_book_alone(frame, name):
    market = in_sync()
    assert names(market.venue.received(frame, 3 * SECOND)) == [name]
    read(market, depth(121, 130, [(99.0, 3)]), 3 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.0]) == ("live", 3.0)


@pytest.mark.parametrize("frame", ["<html>", '{"e":"depthUpdate","U":3}', '{"stream":"btcusdt@x"'])
def test_a_frame_that_may_have_been_an_event_costs_the_book(frame):
    market = in_sync()
    (again,) = read(market, frame, 3 * SECOND)
    assert (market.state, again.name) == ("gap", SNAPSHOT)


def test_a_snapshot_of_futures_is_no_book_and_another_is_asked_for():
    refusal, status, again = waiting(depth(91, 110)).fetched(
        SNAPSHOT, 200, snapshot(110, E=T0, T=T0), 2 * SECOND
    )
    assert refusal == Refused(2 * SECOND, "USD-M", "a snapshot of another market")
    assert (status.state, again.name) == ("syncing", SNAPSHOT)


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (depth(1, 2), "binance-spot:BTCUSDT"),
        (depth(1, 2, pu=0, T=1), "binance-usdm:BTCUSDT"),
        (snapshot(1), "binance-spot:"),  # of which, it does not say
        (snapshot(1, E=1, T=1), "binance-usdm:"),
    ],
)
def test_a_frame_tells_its_market(frame, market):
    assert str(market_of(frame)) == market


def test_a_lost_connection_is_said():
    market = in_sync()
    (status,) = only(Status, market.venue.disconnected(BOOK, "it was closed", 4))
    assert status.detail == "The connection to Binance spot was lost: it was closed."


# -- against a capture ---------------------------------------------------------------------


def days():
    return [captured(f"binance_spot/ethusdt_2024080{day}.gz") for day in (8, 9)]


@pytest.mark.slow
def test_a_capture_against_a_plain_book_and_the_exchanges_own_best_quotes():
    paths = days()
    rebuilt = Rebuilt(lines_of(paths), lambda event, last: event["U"] == last + 1)
    assert (len(rebuilt.states), rebuilt.gaps, rebuilt.crossed) == (6468, 0, 0)
    market, states = play_capture(paths)
    assert str(market.venue.name) == "binance-spot"
    assert states == rebuilt.states
    assert dict(market.refused) == {"bookTicker": 58_758}
    assert market.failures == 0
    # The newest quote up to an event's last update is the best of the book after it.
    _, quotes = quotes_of(paths)
    newest = np.searchsorted(quotes[:, 0], [state[0] for state in states], side="right") - 1
    assert newest.min() >= 0
    assert np.array_equal(quotes[newest, 1:], np.array(states)[:, 1:])
    assert len(np.unique(newest)) > 0.8 * len(states)


@pytest.mark.slow
def test_a_captures_trades_have_the_side_that_the_price_decides():
    paths = days()
    history = obi.load(paths, interval=0)
    assert (len(history), history.gaps, len(history.trades)) == (6470, 0, 14_515)
    assert history.tick_size == pytest.approx(0.01)
    assert np.all(history.spread > 0)
    sides = decided(history.trades, *quotes_of(paths))
    assert np.count_nonzero(sides) == 3_989
    assert np.array_equal(history.trades.side[sides != 0], sides[sides != 0])
