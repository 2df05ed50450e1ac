"""What is subscribed to beside the book: it is confirmed, sends data, or is asked for again."""

from __future__ import annotations

import itertools
import json

import bybit_tools
import coinbase_tools
import exchange_tools
import hyperliquid_tools
import kraken_tools
import okx_tools
import pytest
from exchange_tools import SECOND, confirm, confirmations, only

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Status
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.channels import Channels
from obi_widgets.market_data.venues.lmex import REST_BOOK
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Send

VENUES = {
    "okx": okx_tools,
    "bybit": bybit_tools,
    "kraken": kraken_tools,
    "coinbase": coinbase_tools,
    "hyperliquid": hyperliquid_tools,
    "lmex": exchange_tools,
}


def unconfirmed(name):
    """Return a venue whose websockets have just been opened, at 0 s."""
    venue = VENUES[name].connected()
    for websocket in sorted(venue._open):
        venue.disconnected(websocket, "it was closed", 0)
    for websocket in sorted(venue.endpoints.keys() - {"rest"}):
        venue.connected(websocket, 0)
    return venue


def asked_again(venue, now):
    """Return the subscriptions that a tick sends, but for that to the book."""
    book = {one.text for one in venue._subscription()}
    venue._cadence.heard(now)
    sent = [one.text for one in only(Send, venue.tick(now)) if '"subscribe"' in one.text]
    return [text for text in sent if text not in book]


@pytest.mark.parametrize("name", VENUES)
def test_what_is_not_confirmed_is_asked_for_again_with_longer_and_longer_waits(name):
    venue = unconfirmed(name)
    count = len(venue.beside) or 1
    asked = []
    for second in range(1, 200):
        now = second * SECOND
        asked += [second] * len(asked_again(venue, now))
    assert asked == [second for second in (11, 32, 73, 154) for _ in range(count)]


@pytest.mark.parametrize("name", VENUES)
def test_what_is_confirmed_is_not_asked_for_again(name):
    venue = confirm(unconfirmed(name))
    for second in range(1, 40):
        assert not asked_again(venue, second * SECOND)
    assert "confirmed" not in venue.note


@pytest.mark.parametrize("name", VENUES)
def test_what_was_not_sent_yet_is_not_late(name):
    """By a websocket that many markets share: the wait begins when it was sent."""
    venue = unconfirmed(name)
    venue.unsent = frozenset({"others"})
    for second in range(1, 100):
        assert not asked_again(venue, second * SECOND)
    assert "confirmed" not in venue.note
    venue.unsent = frozenset()
    assert not asked_again(venue, 108 * SECOND)
    assert asked_again(venue, 110 * SECOND)
    assert "has not confirmed" in venue.note


@pytest.mark.parametrize("name", VENUES)
def test_a_book_that_was_not_asked_for_yet_is_not_late(name):
    """Of LMEX, it is not read by REST either."""
    venue, asked = confirm(unconfirmed(name)), []
    venue.unsent = frozenset({"book"})

    def tick(second):
        venue._cadence.heard(second * SECOND)
        outputs, book = venue.tick(second * SECOND), venue._subscription()
        asked.extend(only(Status, outputs))
        asked.extend(one for one in only(Fetch, outputs) if one.name == REST_BOOK)
        asked.extend(one for one in only(Send, outputs) if one in book)

    for second in range(1, 100):
        tick(second)
    assert asked == []
    venue.unsent = frozenset()
    for second in range(100, 150):
        tick(second)
    assert asked


@pytest.mark.parametrize("name", ["okx", "bybit", "kraken", "hyperliquid"])
def test_of_several_only_the_missing_one_is_asked_for_again_and_named(name):
    venue = unconfirmed(name)
    missing = next(iter(venue.beside))
    for frame, websocket in confirmations(venue)[1:]:
        venue.received(frame, 0, websocket)
    (text,) = asked_again(venue, 11 * SECOND)
    assert venue.beside[missing] in text
    said = f"{venue.label} has not confirmed the {missing}. Asking again, later and later."
    assert venue.note == said


REFUSALS = {
    "okx": (
        '{"event":"error","code":"60018","msg":"Wrong URL or channel:mark-price,'
        'instId:BTC-USDT-SWAP doesn\'t exist.","connId":"c"}',
        "OKX refuses the mark price: Wrong URL or channel:mark-price,instId:BTC-USDT-SWAP doesn't "
        "exist. (code 60018).",
    ),
    "bybit": (
        '{"success":false,"ret_msg":"error:handler not found,topic:tickers.BTCUSDT",'
        '"op":"subscribe"}',
        "Bybit refuses the mark price: handler not found.",
    ),
    "kraken": (
        '{"method":"subscribe","success":false,"error":"Already at the limit","req_id":1}',
        "Kraken refuses the trades: Already at the limit.",
    ),
    "hyperliquid": (
        json.dumps({"channel": "error", "data": 'Invalid subscription {"type":"trades"}'}),
        'Hyperliquid refuses the trades: Invalid subscription {"type":"trades"}.',
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_told_while_the_book_is_live_and_until_it_is_confirmed(name):
    frame, said = REFUSALS[name]
    market = Market(VENUES[name].in_sync() if name != "hyperliquid" else unconfirmed(name))
    venue = market.venue
    venue._channels.begin(venue.beside, 0)
    market._state = "live"  # as after the next book
    market.handle(venue.received(frame, SECOND), SECOND)
    market.tick(SECOND)
    assert market.detail.startswith(said)
    assert market.detail.endswith("Asking again, later and later.")
    confirm(venue, 2 * SECOND)
    market.tick(2 * SECOND)
    assert market.detail == ""


def test_a_topic_that_is_held_already_is_there():
    for name, frame in (
        ("bybit", '{"success":false,"ret_msg":"error:already subscribed,topic:tickers.BTCUSDT",'
                  '"op":"subscribe"}'),
        ("hyperliquid", json.dumps({
            "channel": "error", "data": 'Already subscribed: {"type":"activeAssetCtx"}'})),
    ):  # fmt: skip
        venue = unconfirmed(name)
        assert venue.received(frame, SECOND) == []
        there = "tickers" if name == "bybit" else "activeAssetCtx"
        again = asked_again(venue, 11 * SECOND)
        assert len(again) == len(venue.beside) - 1
        assert not any(there in text for text in again)


def test_a_recording_is_asked_for_nothing():
    venue = unconfirmed("okx")
    venue.can_ask = False
    assert not asked_again(venue, 11 * SECOND)
    assert venue.note == ""


def test_data_confirm_a_channel_too_and_a_later_refusal_does_not_count():
    channels = Channels("A venue")
    channels.begin(["trades", "index", "mark price"], 0)
    channels.there("trades")
    channels.there("something else")
    channels.refused("trades", "no")
    channels.refused("nothing of ours", "no")
    assert channels.due(10 * SECOND) == []
    assert channels.note == ""
    assert channels.due(10 * SECOND + 1) == ["index", "mark price"]
    channels.refused("index", "it is closed")
    assert channels.note == (
        "A venue refuses the index: it is closed. A venue has not confirmed the mark price. "
        "Asking again, later and later."
    )
    channels.there("index")
    assert "index" not in channels.note
    channels.forget(["trades", "index", "mark price"])
    assert channels.note == ""


def test_the_longest_wait_is_five_minutes():
    channels, asked = Channels("A venue"), []
    channels.begin(["trades"], 0)
    for second in range(2000):
        asked += [second] * len(channels.due(second * SECOND))
    waits = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert waits == [21, 41, 81, 161, *[301] * 5]


def test_trades_of_lmex_are_watched_on_their_own_websocket():
    venue = unconfirmed("lmex")
    venue.disconnected("trades", "it was closed", SECOND)
    assert not asked_again(venue, 20 * SECOND)
    venue.connected("trades", 21 * SECOND)
    empty = '{"event":"subscribe","channel":[]}'
    (other,) = venue.received(empty, 22 * SECOND, "trades")
    assert "tradeHistoryApiV3" in other.text
    venue.received(empty, 22 * SECOND, "trades")
    assert "LMEX refuses the trades: it accepts no topic of them. Asking again" in venue.note
    assert [one.socket for one in only(Send, venue.tick(32 * SECOND)) if "trade" in one.text] == [
        "trades"
    ]
    assert BOOK in venue._open


# -- Binance, whose streams are named by the URL -----------------------------------------------

FUTURES = (
    '{"serverTime":0,"symbols":[{"symbol":"BTCUSDT","quoteAsset":"USDT","filters":'
    '[{"filterType":"PRICE_FILTER","tickSize":"0.1"}]}]}'
)


def binance():
    """Return a venue of Binance USD-M, both of whose websockets were opened at 0 s."""
    venue = make_venue("binance-usdm", "BTCUSDT")
    assert [one.socket for one in only(Connect, venue.fetched("instrument", 200, FUTURES, 0))] == [
        BOOK, "market",
    ]  # fmt: skip
    for websocket in (BOOK, "market"):
        venue.connected(websocket, 0)
    return venue


def asked_of(venue, now):
    venue._cadence.frame(now)
    return [(one.socket, json.loads(one.text)) for one in only(Send, venue.tick(now))]


LIST = ("market", {"method": "LIST_SUBSCRIPTIONS", "id": 2})
STREAMS = ["btcusdt@aggTrade", "btcusdt@markPrice@1s", "btcusdt@forceOrder"]


def answer(*streams):
    return json.dumps({"result": streams, "id": 2})


def test_binance_is_asked_which_streams_a_websocket_has_and_all_being_there_is_the_end_of_it():
    venue = binance()
    assert asked_of(venue, 4 * SECOND) == []
    assert asked_of(venue, 5 * SECOND) == [LIST]
    assert venue.received(answer(*STREAMS), 6 * SECOND, "market") == []
    for second in range(7, 100):
        assert asked_of(venue, second * SECOND) == []
    assert venue.note == ""


def test_a_stream_that_binance_does_not_have_is_subscribed_to_and_named():
    venue = binance()
    asked_of(venue, 5 * SECOND)
    venue.received(answer(STREAMS[0], STREAMS[2]), 6 * SECOND, "market")
    subscribe = {"method": "SUBSCRIBE", "id": 1, "params": [STREAMS[1]]}
    assert asked_of(venue, 10 * SECOND + 1) == [("market", subscribe), LIST]
    assert venue.note == (
        "Binance USD-M has not confirmed the mark price. Asking again, later and later."
    )
    assert venue.received('{"result":null,"id":1}', 11 * SECOND, "market") == []
    assert venue.note, "that it was heard is no proof"
    venue.received(answer(*STREAMS), 11 * SECOND, "market")
    assert venue.note == ""


def test_an_error_of_binance_is_told_and_data_say_that_a_stream_is_there_after_all():
    venue = binance()
    error = '{"error":{"code":2,"msg":"Invalid request"},"id":1}'
    venue.received(error, SECOND, "market")
    assert venue.note.startswith("Binance USD-M refuses the trades: {")
    mark = {"e": "markPriceUpdate", "E": 1, "s": "BTCUSDT", "p": "1", "i": "1", "r": "0", "T": 1}
    frame = {"stream": STREAMS[1], "data": mark}
    venue.received(json.dumps(frame), 2 * SECOND, "market")
    assert "mark price" not in venue.note
    venue.disconnected("market", "it was closed", 3 * SECOND)
    assert venue.note == ""


def test_a_recording_of_binance_is_asked_for_nothing():
    venue = binance()
    venue.can_ask = False
    assert asked_of(venue, 30 * SECOND) == []
