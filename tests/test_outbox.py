"""What is sent by a shared websocket: together where it may be, in order, and within the limits."""

from __future__ import annotations

import itertools
import json
import random

import pytest
from make_captures import spoken

from obi_widgets.feeds.connections.outbox import HOUR, Outbox
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.budget import Rate
from obi_widgets.market_data.venues.sharing import Subscription


def sent(outbox, until, now=0.0):
    """Return (time, text) of what is sent until a time; no later than the outbox says."""
    texts = []
    while now <= until:
        text, wait = outbox.next(now)
        if text:
            texts.append((now, text))
        elif wait is None:
            break
        else:
            now += wait + 1e-9
    return texts


def stream(on, *symbols):
    return Subscription(on, tuple(f"{symbol}@trade" for symbol in symbols))


def test_the_first_requests_go_at_once_and_the_rest_together_when_they_may():
    outbox = Outbox(VENUES["binance-spot"].sharing, Rate(4))
    found = []
    for number in range(21):
        outbox.ask(stream(True, f"s{number}"))
        found += sent(outbox, 0.0)
    found += sent(outbox, 10.0)
    assert [now for now, _ in found[:4]] == [0.0] * 4
    assert len(found) == 5
    assert found[4][0] == pytest.approx(0.25)
    requests = [json.loads(text) for _, text in found]
    assert [one["id"] for one in requests] == [1001, 1002, 1003, 1004, 1005]
    streams = [stream for one in requests for stream in one["params"]]
    assert streams == [f"s{number}@trade" for number in range(21)]


@pytest.mark.parametrize("name", VENUES)
def test_no_more_than_the_venue_takes_is_sent_in_any_second(name):
    venue = VENUES[name]
    outbox = Outbox(venue.sharing, venue.budget.messages)
    group = "[{}, null]" if name == "kraken" else "{}"
    for number in range(200):
        outbox.ask(Subscription(True, (f"a:{number}",), group))
        outbox.say(f"ping {number}", 0.0)
    times = [now for now, _ in sent(outbox, 1000.0)]
    most = int(outbox._a_second)
    assert len(times) >= 200
    for first, later in zip(times, times[2 * most :], strict=False):
        assert later - first > 0.99  # a burst is as large as what a second brings


def test_requests_of_one_topic_keep_their_order_however_they_are_put_together():
    """The last one that is sent is the last one that was asked for, and none ends what is not on.

    Some are sent in between.
    """
    draw = random.Random(1)
    for _ in range(200):
        outbox, wanted, found, now = Outbox(VENUES["okx"].sharing, Rate()), {}, {}, 0.0
        for number in range(30):
            topic = f"{draw.choice(['books', 'trades'])}:{draw.randrange(3)}"
            on = not wanted.get(topic) or draw.random() < 0.3
            wanted[topic] = on
            outbox.ask(Subscription(on, (topic,)))
            if number < 29 and draw.random() < 0.7:
                continue
            now += 10.0
            for _, text in sent(outbox, now, now):
                said = json.loads(text)
                named = [f"{arg['channel']}:{arg['instId']}" for arg in said["args"]]
                assert len(set(named)) == len(named)
                for topic in named:
                    found.setdefault(topic, [False]).append(said["op"] == "subscribe")
        for topic, on in wanted.items():
            said = found.get(topic, [False])
            assert said[-1] == on
            assert (False, False) not in itertools.pairwise(said)


def said(outbox, until=100.0, now=0.0):
    """Return what is sent of books of Bybit and others, in order, as "+A" and "-A"."""
    requests = [json.loads(text) for _, text in sent(outbox, until, now)]
    signs = {"subscribe": "+", "unsubscribe": "-"}
    return [signs[one["op"]] + one["args"][0].removeprefix("orderbook.200.") for one in requests]


def asks(outbox, *wanted):
    for text in wanted:
        topic = text[1:] if "." in text else f"orderbook.200.{text[1:]}"
        outbox.ask(Subscription(text[0] == "+", (topic,)))


def test_who_asks_again_for_what_still_waits_puts_nothing_in():
    """As the decoders of a large board, which wait ten seconds for a snapshot."""
    outbox = Outbox(VENUES["bybit"].sharing, Rate())
    asks(outbox, *(f"+{number}" for number in range(10)))
    assert len(said(outbox, 0.0)) == 10  # as many at once as a second brings
    asks(outbox, "+A", "+B")
    for _ in range(5):
        asks(outbox, "-A", "+A", "+B")
    assert sorted(said(outbox)) == ["+A", "+B"]
    for _ in range(5):
        asks(outbox, "-A", "+A")
    assert said(outbox, now=200.0, until=300.0) == ["-A", "+A"], "a book that is there begins anew"


def test_a_market_that_leaves_before_its_request_was_sent_takes_it_back():
    outbox = Outbox(VENUES["bybit"].sharing, Rate())
    asks(outbox, "+A", "+trades.A", "-A", "-trades.A", "+B")
    assert said(outbox) == ["+B"]
    asks(outbox, "-B", "+B", "-B")
    assert said(outbox, now=200.0, until=300.0) == ["-B"]
    asks(outbox, "+B", "+B")
    assert said(outbox, now=400.0, until=500.0) == ["+B"]
    asks(outbox, "+B", "-B")
    assert said(outbox, now=600.0, until=700.0) == ["+B", "-B"], "it was on, and asked for again"


def test_a_request_of_another_kind_is_not_taken_for_a_repeated_one():
    """As the fast and the deep book of Hyperliquid, which are one topic."""
    outbox = Outbox(VENUES["hyperliquid"].sharing, Rate())
    for on, group in ((True, '{"fast":true}'), (False, '{"fast":true}'), (True, "{}")):
        outbox.ask(Subscription(on, ("l2Book:A",), group))
    assert [json.loads(text)["subscription"] for _, text in sent(outbox, 9.0)] == [
        {"type": "l2Book", "coin": "A"}
    ]


def test_books_are_subscribed_to_before_anything_else():
    outbox = Outbox(VENUES["bybit"].sharing, Rate())
    for symbol in "ABC":
        asks(outbox, f"+{symbol}", f"+publicTrade.{symbol}", f"+tickers.{symbol}")
    outbox.say("ping", 0.0)
    texts = [text for _, text in sent(outbox, 100.0)]
    assert texts.pop(0) == "ping"
    topics = [json.loads(text)["args"][0].partition(".")[0] for text in texts]
    assert topics == ["orderbook"] * 3 + ["publicTrade", "tickers"] * 3


@pytest.mark.parametrize("name", VENUES)
def test_every_venue_knows_the_topic_of_its_book(name):
    sharing, venue = VENUES[name].sharing, VENUES[name](spoken(name)[0])
    if not sharing.books:
        return  # one for all, or a websocket of its own
    asked = [sharing.read(one.text) for one in venue._subscription()]
    assert all(sharing.is_book(topic) for one in asked for topic in one.topics)
    beside = [sharing.read(one.text) for name in venue.beside for one in venue._ask_for(name)]
    assert not any(sharing.is_book(topic) for one in beside for topic in one.topics)


def test_markets_that_subscribe_again_take_two_requests_together():
    outbox = Outbox(VENUES["okx"].sharing, Rate())
    for symbol in "ABC":
        for on in (False, True):
            outbox.ask(Subscription(on, (f"books:{symbol}",)))
    said = [json.loads(text) for _, text in sent(outbox, 10.0)]
    assert [(one["op"], [arg["instId"] for arg in one["args"]]) for one in said] == [
        ("unsubscribe", ["A", "B", "C"]),
        ("subscribe", ["A", "B", "C"]),
    ]


def test_after_an_error_each_topic_goes_by_itself():
    outbox = Outbox(VENUES["binance-usdm"].sharing, Rate())
    outbox.apart()
    outbox.ask(stream(True, "a", "b"))
    assert [json.loads(text)["params"] for _, text in sent(outbox, 10.0)] == [
        ["a@trade"],
        ["b@trade"],
    ]


def test_requests_of_different_groups_are_not_put_together():
    outbox = Outbox(VENUES["coinbase"].sharing, Rate())
    for channel, symbol in (("level2", "A"), ("market_trades", "A"), ("level2", "B")):
        outbox.ask(Subscription(True, (f"{channel}:{symbol}",), channel))
    said = [json.loads(text) for _, text in sent(outbox, 10.0)]
    assert [(one["channel"], one["product_ids"]) for one in said] == [
        ("level2", ["A", "B"]),
        ("market_trades", ["A"]),
    ]


def test_a_keep_alive_that_others_have_just_sent_is_not_sent_again():
    outbox = Outbox(VENUES["lmex"].sharing, Rate())
    for now in (0.0, 0.5, 0.99, 1.0, 3.0):
        outbox.say("ping", now)
    assert [text for _, text in sent(outbox, 10.0, 3.0)] == ["ping"] * 3


def test_subscriptions_of_an_hour_are_counted_and_forgotten():
    outbox = Outbox(VENUES["okx"].sharing, Rate())
    most = VENUES["okx"].sharing.an_hour
    for number in range(most):
        assert not outbox.used_up(0.0)
        outbox.ask(Subscription(number % 2 == 0, ("books:A",)))
        sent(outbox, 1.0 * number + 1.0, 1.0 * number)
    assert outbox.used_up(most)
    assert not outbox.used_up(HOUR + 0.5)
    assert not Outbox(VENUES["kraken"].sharing, Rate()).used_up(0.0)
