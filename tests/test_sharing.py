"""What venues say of a websocket that their markets share: requests, and whose an answer is."""

from __future__ import annotations

import json

import pytest
from exchange_tools import names
from make_captures import spoken

from obi_widgets.feeds.connections.routing import Routing, Seat
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import NotSent, Refused
from obi_widgets.market_data.venues import VENUES
from obi_widgets.market_data.venues.replies import BOOK, Connect, Send
from obi_widgets.market_data.venues.sharing import (
    FIRST_NUMBER,
    KEPT_REQUESTS,
    Requests,
    Subscription,
)
from obi_widgets.market_data.venues.wire import DECODE_ERRORS

each_venue = pytest.mark.parametrize("name", VENUES)


def asked_by(name):
    """Return what a decoder of a venue sends, and the websockets that it asks for."""
    symbol, records, _ = spoken(name)
    market = Market(VENUES[name](symbol))
    replies = market.start(records[0].time)
    for record in records:
        replies += record.apply(market)
    venue = market.venue
    if hasattr(venue, "_unsubscription"):
        replies += venue._unsubscription()
    texts = [reply.text for reply in replies if isinstance(reply, Send)]
    return texts, [reply for reply in replies if isinstance(reply, Connect)]


def alike(text):
    """Return a request without the number that it gets if the decoder gives it none."""
    fields = json.loads(text)
    numbers = ("id", "req_id") if "op" in fields else ("id",)
    return {key: value for key, value in fields.items() if key not in numbers}


@each_venue
def test_a_request_is_read_and_written_as_the_decoder_sends_it(name):
    sharing = VENUES[name].sharing
    texts, connects = asked_by(name)
    if name.startswith("binance"):
        assert not texts
        for connect in connects:
            url, first = sharing.address(connect.url)
            assert f"{url}?streams={'/'.join(first.topics)}" == connect.url
            assert json.loads(sharing.write(first, 7)) == {
                "method": "SUBSCRIBE",
                "params": list(first.topics),
                "id": 7,
            }
        return
    assert all(sharing.address(one.url) == (one.url, None) for one in connects)
    asked = [sharing.read(text) for text in texts]
    assert {one.on for one in asked} == {True, False}
    for one, text in zip(asked, texts, strict=True):
        assert alike(sharing.write(one, 7)) == alike(text)


@each_venue
def test_what_was_subscribed_to_can_be_ended(name):
    """By what is known from the subscription alone; for a book, as the decoder ends it."""
    sharing = VENUES[name].sharing
    texts, _ = asked_by(name)
    asked = [sharing.read(text) for text in texts]
    ends = {one.topics: text for one, text in zip(asked, texts, strict=True) if not one.on}
    checked = 0
    for one in asked:
        if one.on and one.topics in ends:
            text = sharing.write(one._replace(on=False), 7)
            assert alike(text) == alike(ends[one.topics])
            checked += 1
    assert checked or name.startswith("binance")


@each_venue
def test_a_keep_alive_is_no_request(name):
    sharing, symbol = VENUES[name].sharing, spoken(name)[0]
    keep_alive = getattr(VENUES[name](symbol), "_keep_alive", None)
    sent = keep_alive(BOOK) if keep_alive else None
    texts = [sent.text] if isinstance(sent, Send) else []
    for text in [*texts, "", "ping", "{", "[]", '{"op":1}', '{"op":"login"}', '{"method":"x"}']:
        assert sharing.read(text) is None


@each_venue
def test_limits_are_within_what_is_possible(name):
    sharing = VENUES[name].sharing
    assert sharing.markets >= 25
    assert 1 <= sharing.together <= 100


@each_venue
def test_bytes_that_are_no_frame_raise_what_is_caught(name):
    sharing, read = VENUES[name].sharing, 0
    for frame in (b"", b"\xff", b"{", b"[]", b"[" * 5000, b'{"a":1}', b"pong", b"null", b"1"):
        for ask in (
            sharing.number_of,
            sharing.topics_of,
            lambda one: sharing.answer(one, Requests()),
        ):
            try:
                ask(frame)
            except DECODE_ERRORS:
                continue
            read += 1
    assert read


# -- whose an answer is --------------------------------------------------------------------


class Hearing:
    """Two markets by one websocket, which have asked for some topics."""

    def __init__(self, name, *asked):
        self.sharing = VENUES[name].sharing
        self.routing, self.requests = Routing(self.sharing), Requests()
        self.seats = [Seat(frozenset({symbol})) for symbol in "AB"]
        self.routing.seats += self.seats
        for which, subscription in asked:
            self.routing.subscribe(self.seats[which], subscription)
            self.requests.add(subscription)

    def hear(self, frame):
        """Return who gets an answer: its own frame, or what stands for it."""
        text = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        given, self.answer = self.routing.route(text, self.requests)
        return "".join("AB"[self.seats.index(seat)] for seat, _ in given)


def on(*topics, group=""):
    return Subscription(True, topics, group)


def test_answers_of_bybit():
    both = Hearing("bybit", (0, on("orderbook.200.A")), (1, on("tickers.B")))
    ack = {"success": True, "ret_msg": "", "conn_id": "c", "op": "subscribe"}
    assert both.hear({**ack, "req_id": "orderbook.200.A"}) == "A"
    assert both.hear({**ack, "req_id": "tickers.B"}) == "B"
    assert both.hear(ack) == "AB"  # whose, is not known
    wrong = {"success": False, "op": "subscribe", "req_id": "tickers.B"}
    message = "Invalid symbol :[tickers.B]"
    assert both.hear({**wrong, "ret_msg": message}) == "B"
    assert both.answer.failed
    message = "error:handler not found,topic:orderbook.200.A"
    assert both.hear({**wrong, "req_id": "", "ret_msg": message}) == "A"
    assert both.hear({"success": True, "ret_msg": "pong", "op": "ping"}) == "AB"


def test_answers_of_okx():
    both = Hearing("okx", (0, on("books:A", "trades:A")), (1, on("books:B")))
    for event in ("subscribe", "unsubscribe"):
        arg = {"channel": "books", "instId": "B"}
        assert both.hear({"event": event, "arg": arg, "connId": "c"}) == "B"
    wrong = {"event": "error", "code": "60018", "connId": "c"}
    message = "Wrong URL or channel:books,instId:A doesn't exist. Please use the correct URL."
    assert both.hear({**wrong, "msg": message}) == "A"
    assert both.hear({**wrong, "id": "1002", "msg": "Invalid request"}) == "B"
    assert both.answer.failed
    assert both.hear({**wrong, "msg": "Invalid request"}) == "AB"
    assert both.hear({"event": "notice", "code": "64008", "msg": "closing"}) == "AB"
    assert both.answer.ends
    assert both.hear(b"pong") == "AB"


def test_answers_of_kraken():
    both = Hearing("kraken", (0, on("book:A/USD", "trade:A/USD")), (1, on("book:B/USD")))
    result = {"channel": "book", "symbol": "B/USD", "depth": 100, "snapshot": True}
    assert both.hear({"method": "subscribe", "success": True, "result": result}) == "B"
    wrong = {"method": "subscribe", "success": False, "error": "Currency pair not supported A/USD"}
    assert both.hear({**wrong, "symbol": "A/USD"}) == both.hear(wrong) == "A"
    assert both.hear({**wrong, "error": "Subscription depth not supported"}) == "AB"
    assert both.hear({"channel": "heartbeat"}) == "AB"
    assert both.hear({"channel": "status", "type": "update", "data": [{"system": "x"}]}) == "AB"
    assert both.answer.lasts
    assert both.hear({"method": "pong", "req_id": 1}) == "AB"


def test_answers_of_hyperliquid():
    both = Hearing("hyperliquid", (0, on("l2Book:A")), (1, on("l2Book:B")))
    subscription = {"type": "l2Book", "coin": "B", "fast": True}
    data = {"method": "subscribe", "subscription": subscription}
    assert both.hear({"channel": "subscriptionResponse", "data": data}) == "B"
    said = 'Already subscribed: {"type":"l2Book","coin":"A","fast":true}'
    assert both.hear({"channel": "error", "data": said}) == "A"
    assert both.hear({"channel": "error", "data": "Too many requests"}) == "AB"
    assert both.hear({"channel": "pong"}) == "AB"


def test_answers_of_coinbase_go_to_all_since_they_are_numbered():
    both = Hearing("coinbase", (0, on("level2:A", group="level2")))
    assert both.hear({"channel": "subscriptions", "sequence_num": 1, "events": []}) == "AB"
    assert both.hear({"channel": "heartbeats", "sequence_num": 2, "events": []}) == "AB"
    assert both.hear({"type": "error", "message": "no"}) == "AB"


def test_answers_of_binance_are_read_by_nobody_but_an_error_closes():
    both = Hearing("binance-usdm", (0, on("a@trade")), (1, on("b@trade")))
    assert both.hear({"result": None, "id": 1001}) == ""
    assert both.hear({"error": {"code": 2, "msg": "Invalid request"}, "id": 1002}) == "B"
    assert both.answer.refused == "Invalid request (code 2)"
    assert both.hear({"code": 3, "msg": "Invalid JSON", "id": 1001}) == "A"
    assert both.answer.failed
    assert both.hear({"error": {"code": 2, "msg": "x"}, "id": 2}) == "AB", "to a question of any"
    assert not both.answer.refused
    assert both.hear({"e": "serverShutdown", "E": 1}) == "AB"
    assert both.answer.ends


def test_an_error_about_a_stream_that_a_market_of_binance_missed_is_read_by_it_alone():
    """It goes on without the stream; its part of the websocket is not closed."""
    sharing = VENUES["binance-usdm"].sharing
    asked = sharing.read('{"method":"SUBSCRIBE","params":["b@forceOrder"],"id":1}')
    assert sharing.read('{"method":"LIST_SUBSCRIPTIONS","id":2}') is None
    both = Hearing("binance-usdm", (0, on("a@trade")), (1, on("b@trade")), (1, asked))
    assert json.loads(sharing.write(asked, 1003)) == {
        "method": "SUBSCRIBE", "params": ["b@forceOrder"], "id": 1003
    }  # fmt: skip
    error = {"error": {"code": 2, "msg": "Invalid request: unknown stream"}, "id": 1003}
    assert both.hear(error) == "B"
    assert (both.answer.refused, both.answer.failed) == ("", True)
    venue = VENUES["binance-usdm"]("B")
    venue._beside.named("market", ["b@aggTrade", "b@forceOrder"])
    venue._beside.opened("market", 0)
    venue._beside.heard("aggTrade")
    assert names(venue.received(json.dumps(error), 0, "market")) == ["error"]
    assert "refuses the liquidations" in venue.note
    assert "trades" not in venue.note
    assert both.hear({"result": None, "id": 1003}) == ""


def test_answers_of_lmex_are_those_of_a_websocket_of_one_topic():
    """An answer has no number, and may list all that is held, or nothing."""
    topics = [f"tradeHistoryApiV2:{symbol}" for symbol in "AB"]
    both = Hearing("lmex", (0, on(topics[0])), (1, on(topics[1])))
    assert both.hear({"event": "subscribe", "channel": [topics[0]]}) == "A"
    given, _ = both.routing.route(
        json.dumps({"event": "subscribe", "channel": topics[:1]}).encode(), both.requests
    )
    ((seat, text),) = given
    assert seat is both.seats[1]
    venue = VENUES["lmex"]("B")
    assert isinstance(venue.received(text, 0, "trades")[0], Send)  # it tries another topic
    both = Hearing("lmex", (0, on(topics[0])), (1, on(topics[1])))
    assert both.hear({"event": "subscribe", "channel": topics}) == "A"
    assert both.hear({"event": "subscribe", "channel": topics}) == "B"
    assert both.hear({"event": "unsubscribe", "channel": topics}) == ""
    error = {"arg": topics[1], "error": {"code": 1000, "message": "no"}}
    assert both.hear({"severity": "ERROR", "errors": [error]}) == "B"
    full = {"error": {"code": 1007, "message": "User buffer is full."}}
    assert both.hear({"severity": "ERROR", "errors": [full]}) == "AB"
    assert both.hear(b"pong") == "AB"


def test_a_request_of_kraken_keeps_the_number_of_its_decoder():
    """And those of all markets are sent together."""
    sharing, asked = VENUES["kraken"].sharing, []
    for symbol in ("A/USD", "B/USD"):
        parameters = {"channel": "trade", "snapshot": False, "symbol": [symbol]}
        request = {"method": "subscribe", "params": parameters, "req_id": 1}
        asked.append(sharing.read(json.dumps(request)))
    assert asked[0].group == asked[1].group
    topics = asked[0].topics + asked[1].topics
    said = json.loads(sharing.write(asked[0]._replace(topics=topics), 7))
    assert said["params"]["symbol"] == ["A/USD", "B/USD"]
    assert said["req_id"] == 1


# -- numbers -------------------------------------------------------------------------------


def test_coinbase_counts_over_the_messages_of_other_markets():
    sharing, venue = VENUES["coinbase"].sharing, VENUES["coinbase"]("BTC-USD")

    def heard(frame):
        events = venue.received(frame, 1)
        return [one for one in events if not isinstance(one, Refused | NotSent)]

    for number, lost in ((0, False), (1, False), (3, True)):
        frame = json.dumps({"channel": "heartbeats", "sequence_num": number, "events": []})
        assert bool(heard(frame)) == lost
        assert sharing.number_of(frame.encode()) == number
    assert heard(sharing.skipped(9)) == []
    frame = json.dumps({"channel": "heartbeats", "sequence_num": 10, "events": []})
    assert heard(frame) == []


def test_old_requests_are_forgotten():
    requests = Requests()
    for number in range(KEPT_REQUESTS + 1):
        requests.add(on(str(number)))
    assert requests.topics(FIRST_NUMBER) is None
    assert requests.topics(FIRST_NUMBER + 1) == ("1",)
    assert requests.topics(None) is None
    assert requests.take(on=False) == ""
