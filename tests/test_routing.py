"""Whose a frame is: markets by one websocket are to the bit what each is by its own.

Every venue that lets markets share a websocket, by random interleavings of three captures.
"""

from __future__ import annotations

import itertools
import json
import random
import re

import pytest
from shared_tools import Shared, captures, identical, interleaved, separately, shared, symbols_in

from obi_widgets.feeds.connections.routing import Routing, Seat
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.replies import BOOK, SECOND
from obi_widgets.market_data.venues.sharing import Requests, Subscription

each_venue = pytest.mark.parametrize("name", VENUES)


@each_venue
def test_every_venue_shares_its_websockets(name):
    assert VENUES[name].sharing is not None


@each_venue
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_markets_by_one_websocket_are_those_by_their_own(name, seed):
    captured = captures(name)
    mixed = interleaved(captured, seed)
    together = shared(name, captured, mixed)
    for one, own in zip(together.markets, separately(name, captured, mixed), strict=True):
        assert own.has_book or own.warming
        assert len(own.history()) > 50
        identical(one.history(), own.history())
        assert (one.state, one.detail) == (own.state, own.detail)
        assert one.refused == own.refused
    assert not together.left


@each_venue
def test_a_market_that_leaves_and_comes_back_does_not_touch_the_others(name):
    """At random moments, while its frames are still under way."""
    captured, draw = captures(name), random.Random(5)
    mixed = interleaved(captured, 5)
    together, started, away = Shared(name, [symbol for symbol, _ in captured]), set(), False
    for which, record in mixed:
        if which not in started:
            started.add(which)
            together.start(which, record.time)
        together.hear(which, record)
        if len(started) == 3 and draw.random() < 0.05:
            if away:
                together.come_back(1, record.time)
            else:
                together.leave(1, "a test", record.time)
            away = not away
    own = separately(name, captured, mixed)
    for which in (0, 2):
        identical(together.markets[which].history(), own[which].history())
        assert together.markets[which].refused == own[which].refused
    assert len(together.markets[1].history()) < len(own[1].history())
    assert sum(routing.unclaimed for routing in together.routing.values()) > 0


@each_venue
def test_a_frame_goes_to_its_own_market_only(name):
    """The answers aside, which all may have."""
    captured = captures(name)
    mixed = interleaved(captured, 1)
    together = shared(name, captured, mixed)
    data = 0
    for which, record in mixed:
        if record.kind != "frame":
            continue
        frame = together.numbered(record.name, record.text).encode()
        given, answer = together.routing[record.name].route(frame, Requests())
        if answer is None:
            everybody = "liquidation-orders" in record.text  # of all swaps, which all read
            assert {seat.which for seat, _ in given} == ({0, 1, 2} if everybody else {which})
            data += 1
    assert data > len(mixed) * 0.8


@each_venue
def test_a_gap_of_one_market_is_made_good_by_that_market_alone(name):
    """One frame of its book is lost; the others have no gap, and nothing of theirs is sent."""
    captured = captures(name)
    mixed = interleaved(captured, 4)
    symbols = [symbol for symbol, _ in captured]
    lost = [
        at
        for at, (which, one) in enumerate(mixed)
        if which == 1 and one.kind == "frame" and one.name == BOOK and is_change(name, one.text)
    ]
    gone = lost[len(lost) // 2]
    all_of_it, started, before = Shared(name, symbols), set(), 0
    for at, (which, record) in enumerate(mixed):
        if which not in started:
            started.add(which)
            all_of_it.start(which, record.time)
        if at == gone:
            before = len(all_of_it.sent)
            if name == "coinbase":
                all_of_it.numbered(record.name, record.text)  # its number is used up
        else:
            all_of_it.hear(which, record)
    all_of_it.tick(mixed[-1][1].time + 2 * SECOND)  # a new book is asked for after a second
    gaps = [market.history().gaps for market in all_of_it.markets]
    asked = [symbols_in(text, symbols) for text in all_of_it.sent[before:]]
    if name == "coinbase":  # any market may have missed it
        assert min(gaps) >= 1
        assert set().union(*asked) == set(symbols)
        return
    assert gaps[0] == gaps[2] == 0
    assert all(one <= {symbols[1]} for one in asked)
    if name != "hyperliquid":  # whose next frame is a whole book
        assert gaps[1] >= 1
        assert asked or name.startswith("binance")  # which asks by REST


def is_change(name, text):
    """Return whether a frame changes a book."""
    words = {
        "okx": '"update"', "kraken": '"update"', "coinbase": "l2_data", "hyperliquid": "l2Book",
        "binance": "depthUpdate",
    }  # fmt: skip
    word = words.get(name.partition("-")[0], '"delta"')
    return word in text and '"channel":"trade"' not in text.replace(" ", "")


@each_venue
def test_a_market_that_leaves_ends_what_it_alone_had(name):
    captured = captures(name)
    mixed = interleaved(captured, 1)
    together = shared(name, captured, mixed)
    symbols = [symbol for symbol, _ in captured]
    for routing in together.routing.values():
        seat = next(seat for seat in routing.seats if seat.which == 0)
        held = {topic for one in routing.seats if one is not seat for topic in one.held}
        ended = routing.leave(seat)
        topics = {topic for one in ended for topic in one.topics}
        assert topics
        assert not topics & held
        assert not any(one.on for one in ended)
        for one in ended:
            text = together.sharing.write(one, 1)
            assert symbols_in(text, symbols) <= {symbols[0]}
            assert re.search("unsub", text, re.IGNORECASE)
        assert not [key for key, seats in routing._keys.items() if seat in seats]


def test_a_frame_that_cannot_be_read_goes_to_all():
    """It may have been a change of any book."""
    routing = Routing(VENUES["bybit"].sharing)
    routing.seats += [Seat(frozenset({"A"})), Seat(frozenset({"B"}))]
    for frame in (b"\xff\xfe", b"", b"{", b"[" * 5000, b'{"topic":1}'):
        given, answer = routing.route(frame, Requests())
        assert [text for _, text in given] == [frame, frame]
        assert answer is not None


def test_frames_of_a_topic_that_nobody_holds_are_counted():
    routing = Routing(VENUES["bybit"].sharing)
    seat = Seat(frozenset({"A"}))
    routing.seats.append(seat)
    routing.subscribe(seat, Subscription(True, ("orderbook.200.A",)))
    for symbol in "AB":
        routing.route(f'{{"topic":"orderbook.200.{symbol}"}}'.encode(), Requests())
    assert routing.unclaimed == 1
    assert seat.had_data


def test_a_topic_of_two_markets_is_subscribed_to_once_and_ended_by_the_last():
    """As the index of two contracts of OKX."""
    routing = Routing(VENUES["okx"].sharing)
    one, two = Seat(frozenset({"A-SWAP"})), Seat(frozenset({"A-261225"}))
    routing.seats += [one, two]
    index = Subscription(True, ("index-tickers:A",))
    assert routing.subscribe(one, index) == index
    assert routing.subscribe(two, index) is None
    frame = b'{"arg":{"channel":"index-tickers","instId":"A"},"data":[]}'
    assert [seat for seat, _ in routing.route(frame, Requests())[0]] == [one, two]
    assert routing.leave(one) == []
    assert routing.leave(two) == [index._replace(on=False)]


def test_who_asks_again_for_a_topic_of_two_markets_is_answered():
    """As for liquidations of OKX, which may be rare: the first answer came before it had joined."""
    routing = Routing(VENUES["okx"].sharing)
    one, two = Seat(frozenset({"A-261225"})), Seat(frozenset({"B-261225"}))
    routing.seats += [one, two]
    text = '{"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"FUTURES"}]}'
    asked = routing.sharing.read(text)
    assert json.loads(routing.sharing.write(asked, 1)) == {"id": "1", **json.loads(text)}
    assert [routing.subscribe(seat, asked) for seat in (one, two, two)] == [asked, None, asked]
    arg = b'"arg":{"channel":"liquidation-orders","instType":"FUTURES"}'
    for frame in (b'{"event":"subscribe",%s}' % arg, b'{%s,"data":[]}' % arg):
        assert [seat for seat, _ in routing.route(frame, Requests())[0]] == [one, two]
    wrong = b'{"event":"error","code":"60018","msg":"Wrong URL or channel:liquidation-orders,' \
            b'instType:FUTURES doesn\'t exist."}'  # fmt: skip
    assert [seat for seat, _ in routing.route(wrong, Requests())[0]] == [one, two]


def test_the_list_of_streams_of_binance_goes_to_every_market():
    routing = Routing(VENUES["binance-usdm"].sharing)
    seats = [Seat(frozenset({name})) for name in "AB"]
    routing.seats += seats
    listed, done = b'{"result":["a@aggTrade","b@aggTrade"],"id":2}', b'{"result":null,"id":2}'
    assert [seat for seat, _ in routing.route(listed, Requests())[0]] == seats
    assert list(routing.route(done, Requests())[0]) == []


def numbered(number, symbol):
    fields = {"channel": "l2_data", "sequence_num": number,
              "events": [{"type": "update", "product_id": symbol, "updates": []}]}  # fmt: skip
    return json.dumps(fields).encode()


def test_a_market_is_told_which_numbers_were_of_others_and_not_of_missing_ones():
    routing = Routing(VENUES["coinbase"].sharing)
    seats = {name: Seat(frozenset({name})) for name in "AB"}
    routing.seats += seats.values()
    for name, seat in seats.items():
        routing.subscribe(seat, Subscription(True, (f"level2:{name}",), "level2"))
    heard = {"A": [], "B": []}
    for number, name in zip((0, 1, 2, 3, 5, 6, 7, 8), "ABBABABA", strict=True):  # 4 is missing
        for seat, text in routing.route(numbered(number, name), Requests())[0]:
            told = json.loads(text)
            heard[min(seat.names)].append((told["channel"], told["sequence_num"]))
    assert heard == {
        "A": [("l2_data", 0), ("others", 2), ("l2_data", 3), ("l2_data", 6), ("others", 7),
              ("l2_data", 8)],
        "B": [("l2_data", 1), ("l2_data", 2), ("l2_data", 5), ("others", 6), ("l2_data", 7)],
    }  # fmt: skip


def test_a_market_with_two_names_gets_the_frames_of_both():
    routing = Routing(VENUES["coinbase"].sharing)
    seat = Seat(frozenset({"BTC-USDC", "BTC-USD"}))
    routing.seats.append(seat)
    routing.subscribe(seat, Subscription(True, ("level2:BTC-USDC",), "level2"))
    for number, name in enumerate(("BTC-USD", "BTC-USDC")):
        assert len(list(routing.route(numbered(number, name), Requests())[0])) == 1
    routing.leave(seat)
    assert list(routing.route(numbered(2, "BTC-USD"), Requests())[0]) == []


def test_orders_of_fields_and_spaces_do_not_matter():
    frames = {
        "bybit": (b'{ "data": {}, "topic" : "tickers.A" }', "tickers.A"),
        "okx": (b'{"data":[],"arg":{"instId":"A","channel":"books"}}', "books:A"),
        "kraken": (b'{"type":"update","data":[{"symbol":"A\\/B"}],"channel":"book"}', "book:A/B"),
        "coinbase": (b'{"events":[{"product_id":"A"}],"channel":"l2_data"}', "level2:A"),
        "hyperliquid": (b'{"data":{"coin":"A"},"channel":"l2Book"}', "l2Book:A"),
        "lmex": (b'{"data":{},"topic":"update:A_0"}', "update:A_0"),
        "binance-spot": (b'{"data":{},"stream":"a@trade"}', "a@trade"),
    }
    for name, (frame, topic) in frames.items():
        assert list(VENUES[name].sharing.topics_of(frame)) == [topic], name
    assert set(frames) <= set(VENUES)
    assert len(list(itertools.chain(frames))) == 7
