"""What is sent by a shared websocket: together where it may be, in order, and within the limits."""

from __future__ import annotations

import json
import random

import pytest

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
    draw = random.Random(1)
    for _ in range(200):
        outbox, wanted = Outbox(VENUES["okx"].sharing, Rate()), {}
        for _ in range(30):
            topic, on = f"books:{draw.randrange(4)}", draw.random() < 0.5
            wanted.setdefault(topic, []).append(on)
            outbox.ask(Subscription(on, (topic,)))
        found = {}
        for _, text in sent(outbox, 100.0):
            said = json.loads(text)
            named = [f"{arg['channel']}:{arg['instId']}" for arg in said["args"]]
            assert len(set(named)) == len(named)
            for topic in named:
                found.setdefault(topic, []).append(said["op"] == "subscribe")
        assert found == wanted


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
