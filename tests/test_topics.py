"""Topics without a socket: numbers, snapshots, queues with a bound, and requests."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from obi_widgets.errors import SourceError
from obi_widgets.session.serving.subscriptions import answer, greet
from obi_widgets.session.serving.topics import MOST_WAITING, Subscriber, Topics

DEPTH, SIGNAL = "depth:BTC-PERP", "signal:BTC-PERP"


def subscriber(most=MOST_WAITING):
    woken = []
    made = Subscriber(lambda: woken.append(1), most)
    made.woken = woken
    return made


def taken(one) -> list[dict]:
    """Empty a queue."""
    return [json.loads(message) for message in iter(one.take, None)]


def test_the_snapshot_is_the_newest_message_and_the_next_one_follows_it():
    topics, one = Topics([DEPTH, SIGNAL]), subscriber()
    for size in (1, 2, 3):
        topics.publish(DEPTH, {"type": "depth", "size": size})
    topics.subscribe(one, [DEPTH])
    topics.publish(SIGNAL, {"type": "signal"})
    topics.publish(DEPTH, {"type": "depth", "size": 4})
    assert taken(one) == [
        {"topic": DEPTH, "sequence": 3, "snapshot": True, "type": "depth", "size": 3},
        {"topic": DEPTH, "sequence": 4, "snapshot": False, "type": "depth", "size": 4},
    ]
    assert (topics.sequence(DEPTH), topics.sequence(SIGNAL)) == (4, 1)


def test_before_the_first_message_there_is_no_snapshot():
    topics, one = Topics([DEPTH]), subscriber()
    topics.subscribe(one, [DEPTH])
    assert taken(one) == []
    topics.publish(DEPTH, {"a": 1})
    assert [found["sequence"] for found in taken(one)] == [1]


def test_each_message_is_encoded_once_for_all():
    topics, ones = Topics([DEPTH]), [subscriber() for _ in range(5)]
    for one in ones:
        topics.subscribe(one, [DEPTH])
    topics.publish(DEPTH, {"value": math.nan})
    messages = [one.take() for one in ones]
    assert all(message is messages[0] for message in messages)
    assert json.loads(messages[0])["value"] is None


def test_a_full_queue_sheds_its_subscriber_and_nobody_else():
    topics = Topics([DEPTH])
    slow, quick = subscriber(most=1000), subscriber(most=1000)
    for one in (slow, quick):
        topics.subscribe(one, [DEPTH])
    got = []
    for number in range(50):
        topics.publish(DEPTH, {"number": number})
        got += taken(quick)
    assert slow.shed
    assert (taken(slow), slow.bytes) == ([], 0)
    assert len(slow.woken) < 50  # no more after it was told
    assert not quick.shed
    assert [found["number"] for found in got] == [*range(50)]
    assert quick.bytes == 0


def test_the_bound_is_of_bytes_and_exact():
    one = subscriber(most=10)
    one.put(b"12345")
    one.put(b"12345")
    assert (one.shed, one.bytes) == (False, 10)
    assert one.take() == b"12345"
    one.put(b"12345")
    assert not one.shed
    one.put(b"1")
    assert one.shed


def test_who_leaves_or_unsubscribes_gets_no_more():
    topics, one, other = Topics([DEPTH, SIGNAL]), subscriber(), subscriber()
    for who in (one, other):
        topics.subscribe(who, [DEPTH, SIGNAL])
    topics.unsubscribe(one, [DEPTH])
    topics.leave(other)
    topics.publish(DEPTH, {"a": 1})
    topics.publish(SIGNAL, {"a": 1})
    assert [found["topic"] for found in taken(one)] == [SIGNAL]
    assert taken(other) == []


def test_a_second_subscription_gives_the_snapshot_again_and_nothing_twice():
    topics, one = Topics([DEPTH]), subscriber()
    topics.publish(DEPTH, {"a": 1})
    topics.subscribe(one, [DEPTH, DEPTH])
    topics.subscribe(one, [DEPTH])
    topics.publish(DEPTH, {"a": 2})
    found = taken(one)
    assert [(each["sequence"], each["snapshot"]) for each in found] == [
        (1, True), (1, True), (2, False)
    ]  # fmt: skip


def test_an_unknown_topic_is_named_and_nothing_is_subscribed_to():
    topics, one = Topics([DEPTH, SIGNAL]), subscriber()
    with pytest.raises(SourceError, match=r"There is no topic 'depth:BTC'\. Did you mean 'depth:"):
        topics.subscribe(one, [SIGNAL, "depth:BTC"])
    topics.publish(SIGNAL, {"a": 1})
    assert taken(one) == []


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=60))
def test_whatever_is_done_in_any_order_each_sees_numbers_without_a_gap(steps):
    """From each snapshot on, the numbers of a topic follow one another."""
    topics, ones = Topics(["a", "b"]), [subscriber(most=2_000) for _ in range(3)]
    heard = {one: {} for one in ones}
    for who, what in steps:
        one = ones[who]
        if what == 0:
            topics.publish("ab"[who % 2], {"x": "y" * 100})
        elif what == 1:
            topics.subscribe(one, ["ab"[who % 2]])
        elif what == 2:
            topics.unsubscribe(one, ["ab"[who % 2]])
        else:
            for found in taken(one):
                last = heard[one].get(found["topic"], 0)
                if found["snapshot"] or not last:
                    assert found["sequence"] >= last
                else:
                    assert found["sequence"] == last + 1
                heard[one][found["topic"]] = found["sequence"]


def test_requests_are_answered():
    topics, one = Topics([DEPTH, SIGNAL]), subscriber()
    topics.publish(DEPTH, {"a": 1})
    greet(topics, one)
    answer(topics, one, json.dumps({"op": "subscribe", "topics": [DEPTH]}))
    answer(topics, one, json.dumps({"op": "unsubscribe", "topics": [DEPTH]}).encode())
    topics.publish(DEPTH, {"a": 2})
    assert taken(one) == [
        {"type": "hello", "topics": [DEPTH, SIGNAL]},
        {"topic": DEPTH, "sequence": 1, "snapshot": True, "a": 1},
        {"type": "unsubscribed", "topics": [DEPTH]},
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        "", "x", "[]", "null", "{}", b"\xff\xfe", "[" * 4000, '{"op": "publish", "topics": []}',
        '{"op": "subscribe"}', '{"op": "subscribe", "topics": "depth:BTC-PERP"}',
        '{"op": "subscribe", "topics": [5]}', '{"op": "subscribe", "topics": [], "more": 1}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_by_what_was_wrong(wrong):
    topics, one = Topics([DEPTH]), subscriber()
    answer(topics, one, wrong)
    (found,) = taken(one)
    assert found["type"] == "error"
    assert found["error"].startswith("This is no request: ")
    assert found["advice"].startswith('Send {"op": "subscribe"')


def test_a_wrong_topic_is_answered_by_the_right_one():
    topics, one = Topics([DEPTH]), subscriber()
    answer(topics, one, '{"op": "subscribe", "topics": ["dept:BTC-PERP"]}')
    (found,) = taken(one)
    assert found["error"] == "There is no topic 'dept:BTC-PERP'."
    assert DEPTH in found["advice"]
