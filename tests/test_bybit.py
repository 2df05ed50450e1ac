"""Bybit's protocol: frames and times in, events and replies out."""

import json
from math import isnan

import pytest
from bybit_tools import (
    ASKS,
    BIDS,
    BybitExchange,
    asked,
    book_frame,
    connected,
    in_sync,
    liquidation,
    listing,
    speak,  # noqa: F401 for test_venue_contract
)
from exchange_tools import SECOND, levels_of, names, only
from fault_tools import BEGIN
from formats_tools import PlainBook, expected, states
from wire_captures import followed, frames, sides_agree

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Instrument, Liquidation, Mark, Refused, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT

SYMBOLS = "BTCUSDT", "ETHUSDT"
EXCHANGES = [BybitExchange]

MS = 1_000_000
SUBSCRIBE = Send(BOOK, '{"op":"subscribe","args":["orderbook.200.BTCUSDT"]}')
UNSUBSCRIBE = Send(BOOK, '{"op":"unsubscribe","args":["orderbook.200.BTCUSDT"]}')


# -- the instrument, subscriptions and keep-alives ---------------------------------------------


def test_the_instrument_is_read_before_anything_is_connected():
    venue = make_venue("bybit", "BTCUSDT")
    fetch = venue.start(0)[-1]
    url = "https://api.bybit.com/v5/market/instruments-info?category=linear&symbol=BTCUSDT"
    assert fetch == Fetch(INSTRUMENT, url)
    assert venue.fetched(INSTRUMENT, 200, listing(tick="0.10"), 0) == [
        Instrument("bybit", "BTCUSDT", "Bybit", "USDT", 0.1),
        Connect(BOOK, "wss://stream.bybit.com/v5/public/linear"),
    ]


def test_an_instrument_is_found_among_odd_ones():
    odd = {"symbol": "ODD", "quoteCoin": "USDT", "priceFilter": {"tickSize": "0"}}
    answer = json.loads(listing())
    answer["result"]["list"].insert(0, odd)
    outputs = make_venue("bybit", "BTCUSDT").fetched(INSTRUMENT, 200, json.dumps(answer), 0)
    assert names(outputs) == ["Instrument", "Connect"]


@pytest.mark.parametrize(
    "answer",
    [listing("ETHUSDT"), listing(code=10001), '{"retCode":0,"result":{"list":[]}}'],
)
def test_a_symbol_that_is_not_listed_ends_the_feed(answer):
    (status,) = make_venue("bybit", "BTCUSDT").fetched(INSTRUMENT, 200, answer, 7)
    assert (status.state, status.detail) == ("closed", "Bybit lists no symbol 'BTCUSDT'.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"retCode":10006,"retMsg":"Too many visits!"}', "Too many visits! (code 10006)."),
        (listing(tick="0"), "Expected `float` >= 1e-12"),
        ("<html>", "JSON is malformed"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_and_asked_for_again(answer, said):
    status, again = make_venue("bybit", "BTCUSDT").fetched(INSTRUMENT, 200, answer, 7)
    assert status.detail.startswith(f"Bybit's list of symbols cannot be read: {said}")
    assert (again.name, again.delay) == (INSTRUMENT, SECOND)


def test_each_topic_is_subscribed_to_by_a_request_of_its_own():
    venue = make_venue("bybit", "BTCUSDT")
    assert venue.connected(BOOK, 3) == [
        Status(3, "syncing", "Waiting for the first snapshot."),
        SUBSCRIBE,
        asked("publicTrade.BTCUSDT"),
        asked("tickers.BTCUSDT"),
        asked("allLiquidation.BTCUSDT"),
    ]


def test_it_is_pinged_every_20_s_and_the_answer_is_a_sign_of_life():
    market = Market(in_sync())
    pings, ping = [], Send(BOOK, '{"op":"ping"}')
    for second in range(1, 60):
        replies = market.tick(second * SECOND)
        assert set(replies) <= {ping}
        pings += [second for _ in replies]
        if replies:
            pong = '{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}'
            assert market.receive(pong, second * SECOND) == []
    assert {21, 42} <= set(pings)
    assert not market.refused


PONG = '{"success":true,"ret_msg":"pong","conn_id":"c","op":"ping"}'


def silent(market, since, seconds):
    """Let a connection answer pings, and nothing else come; return what is shown then."""
    for second in range(1, seconds + 1):
        now = since + second * SECOND
        for _ in market.tick(now):
            market.receive(PONG, now)
    return market.state, market.detail


def test_a_quiet_book_stays_and_its_next_change_is_of_now():
    at = BEGIN * MS
    market = Market(connected(now=at), interval=0)
    market.receive(book_frame("snapshot", 10, BIDS, ASKS, ms=BEGIN - 60_000), at)
    assert silent(market, at, 75) == ("live", "")
    market.receive(book_frame("delta", 11, [(99.0, 2)], ms=BEGIN + 75_000), at + 75 * SECOND)
    market.end("", "")
    assert market.history().gaps == 0
    assert market.history().time[-1] == at + 75 * SECOND


@pytest.mark.parametrize(("pause", "seconds"), [(0.1, 30), (1.0, 30), (10.0, 50)])
def test_a_book_that_is_silent_for_much_longer_than_before_is_asked_for_again(pause, seconds):
    at = BEGIN * MS
    market = Market(connected(now=at), interval=0)
    market.receive(book_frame("snapshot", 10, BIDS, ASKS, ms=BEGIN), at)
    for number in range(1, 121):
        now = at + round(number * pause * SECOND)
        frame = book_frame("delta", 10 + number, [(99.0, number)], ms=now // MS)
        market.receive(frame, now)
    assert silent(market, now, seconds) == ("live", "")
    assert silent(market, now + seconds * SECOND, 1) == ("stale", f"No change for {seconds} s.")


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("bybit:BTC/USDT", "BTCUSDT"),
        ("bybit:btc-perp", "BTCUSDT"),
        ("bybit:BTC/USDC:USDC", "BTCPERP"),
        ("bybit:BTCUSDT-25DEC26", "BTCUSDT-25DEC26"),
        ("bybit-spot:btc/usdt", "BTCUSDT"),
        ("bybit-inverse:BTC/USD:BTC", "BTCUSD"),
    ],
)
def test_other_spellings_find_its_own(market, symbol):
    assert make_venue(*market.split(":", 1)).symbol == symbol


def test_what_may_have_been_meant_is_suggested():
    answer = listing(code=10001)
    (status,) = make_venue("bybit", "BTCUSD").fetched(INSTRUMENT, 200, answer, 7)
    assert status.advice == "Did you mean 'BTCUSDT' or 'BTCPERP'?"


# -- the chain ---------------------------------------------------------------------------------


def test_a_snapshot_and_its_deltas_make_the_book():
    market = Market(connected())
    for frame in (
        book_frame("snapshot", 10, BIDS, ASKS),
        book_frame("delta", 11, [(100.0, 0), (99.0, 2)], []),
        book_frame("delta", 12, [(99.5, 8)], [(100.0, 1)]),
    ):
        assert market.receive(frame, SECOND) == []
    assert market.state == "live"
    assert levels_of(market.book) == ({99.5: 8.0, 99.0: 2.0}, {100.0: 1.0, 100.5: 4.0, 101.0: 3.0})


@pytest.mark.parametrize("name", ["bybit", "bybit-spot"])
def test_a_recording_without_the_instrument_has_a_book(name):
    """Its sizes are coins in any case, and the tick size is found from the prices."""
    (book,) = make_venue(name, "BTCUSDT").received(book_frame("snapshot", 10, BIDS, ASKS), 1)
    assert book.bids == BIDS


def test_the_time_of_a_book_is_that_of_the_matching_engine():
    (delta,) = in_sync().received(book_frame("delta", 11, ms=BEGIN + 7), SECOND)
    assert delta.time == (BEGIN + 7) * MS
    frame = json.loads(book_frame("delta", 11, ms=BEGIN + 7))
    del frame["cts"]  # an old recording has only the time of the frame
    (delta,) = in_sync().received(json.dumps(frame), SECOND)
    assert delta.time == (BEGIN + 8) * MS


@pytest.mark.parametrize("number", [9, 10, 12, 1])
def test_a_delta_that_does_not_follow_throws_the_book_away(number):
    outputs = in_sync().received(book_frame("delta", number, [(100.0, 1)]), 5 * SECOND)
    detail = f"The book was thrown away: delta {number} does not follow 10."
    status = Status(5 * SECOND, "gap", detail, "Asking for a new one.")
    assert outputs == [status, UNSUBSCRIBE, SUBSCRIBE]


def test_update_1_is_a_snapshot_of_a_restarted_service_and_begins_a_new_count():
    market = Market(in_sync())
    market.receive(book_frame("snapshot", 1, [(90.0, 1)], [(91.0, 1)], ms=BEGIN + 600, seq=60), 1)
    assert (market.state, levels_of(market.book)) == ("live", ({90.0: 1.0}, {91.0: 1.0}))
    market.receive(book_frame("delta", 2, [(90.0, 3)], ms=BEGIN + 650, seq=70), 2)
    assert (market.state, levels_of(market.book)[0]) == ("live", {90.0: 3.0})
    assert not market.refused


@pytest.mark.parametrize("older", [{"ms": BEGIN + 100}, {"seq": 3}])
def test_update_1_that_is_older_than_the_book_is_refused(older):
    how = {"ms": BEGIN + 600, "seq": 60, **older}
    venue = in_sync()
    outputs = venue.received(book_frame("snapshot", 1, [(90.0, 1)], [(91.0, 1)], **how), 1)
    assert names(outputs) == ["snapshot older than what was seen"]
    assert names(venue.received(book_frame("delta", 11), 2)) == ["Delta"]  # the book goes on


def test_a_snapshot_that_nobody_asked_for_replaces_the_book():
    market = Market(in_sync())
    market.receive(book_frame("snapshot", 15, [(90.0, 1)], [(91.0, 1)]), 1)
    assert (market.state, levels_of(market.book)) == ("live", ({90.0: 1.0}, {91.0: 1.0}))


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (book_frame("delta", 11, symbol="ETHUSDT"), "other symbol"),
        (book_frame("delta", 11, symbol="ETHUSDT", topic="orderbook.200.BTCUSDT"), "other symbol"),
        (book_frame("delta", 11, topic="orderbook.200.ETHUSDT"), "other symbol"),
        (book_frame("delta", 11, topic="orderbook.50.BTCUSDT"), "book of another depth"),
        ('{"topic":"kline.1.BTCUSDT","type":"snapshot","data":[]}', "kline"),
        ('{"topic":"publicTrade.BTCUSDT","data":[{"p":"1"}]}', "unreadable"),
        ('{"topic":"tickers.BTCUSDT","data":[]}', "unreadable"),
        ('{"topic":"allLiquidation.BTCUSDT","data":{}}', "unreadable liquidation"),
        (liquidation(v="many"), "unreadable liquidation"),
        (liquidation(p="0"), "unreadable liquidation"),
        (liquidation(S="Long"), "liquidation without a side"),
        (liquidation(s="ETHUSDT"), "other symbol"),
        ('{"success":false,"ret_msg":"error:invalid op","op":"subscribe"}', "error"),
    ],
)
def test_another_frame_is_refused_and_leaves_the_book_alone(frame, name):
    venue = in_sync()
    assert names(venue.received(frame, SECOND)) == [name]
    assert names(venue.received(book_frame("delta", 11), SECOND)) == ["Delta"]


@pytest.mark.parametrize(
    "frame",
    [
        book_frame("delta", 11, [(100.0, 1)])[:-30],
        book_frame("delta", 11, [("nan", 1)]),
        book_frame("delta", 11, [(100.0, "1e-19")]),
        book_frame("update", 11),
        '{"topic":"orderbook.200.BTCUSDT"}',
        "<html>502 Bad Gateway</html>",
    ],
)
def test_a_frame_that_may_have_been_a_delta_is_a_reason_for_a_new_book(frame):
    refused, status, *sent = in_sync().received(frame, 5 * SECOND)
    assert (refused.name, status.state) == ("unreadable", "gap")
    assert sent == [UNSUBSCRIBE, SUBSCRIBE]


# -- errors ------------------------------------------------------------------------------------


def error(text):
    said = {"success": False, "ret_msg": text, "conn_id": "c", "req_id": "", "op": "subscribe"}
    return json.dumps(said)


def test_a_book_that_does_not_exist_ends_the_feed():
    said = error("error:handler not found,topic:orderbook.200.BTCUSDT")
    (status,) = connected().received(said, SECOND)
    assert (status.state, status.detail) == ("closed", "Bybit lists no symbol 'BTCUSDT'.")


def test_another_topic_that_does_not_exist_leaves_the_book_alone():
    said = error("error:handler not found,topic:tickers.BTCUSDT")
    assert names(in_sync().received(said, SECOND)) == ["topic not accepted"]


def test_a_subscription_that_was_not_ended_gives_no_snapshot_so_it_connects_again():
    said = error("error:already subscribed,topic:orderbook.200.BTCUSDT")
    status, reconnect = connected().received(said, SECOND)
    assert (status.state, type(reconnect)) == ("gap", Reconnect)


def test_an_error_without_a_topic_is_told_and_the_snapshot_is_asked_for_again():
    venue = connected()
    assert names(venue.received(error("args size >10"), SECOND)) == ["error"]
    assert venue.tick(10 * SECOND) == []
    assert venue.tick(10 * SECOND + 1) == [UNSUBSCRIBE, SUBSCRIBE]


# -- trades ------------------------------------------------------------------------------------

IDS = [f"{n}9188a0a-82bc-50de-be60-03eedbe3cdd7" for n in "abc"]


def trades(*many, ms=BEGIN + 500):
    data = [
        {"T": ms, "s": "BTCUSDT", "S": side, "v": size, "p": "100.5", "i": number, "seq": seq}
        for number, side, size, seq in many
    ]
    fields = {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": ms + 1, "data": data}
    return json.dumps(fields)


def test_trades_are_told_by_the_takers_side_and_by_the_first_60_bits_of_their_uuid():
    outputs = in_sync().received(trades((IDS[0], "Sell", "0.004", 7), (IDS[1], "Buy", "2", 8)), 5)
    time = (BEGIN + 500) * MS
    assert outputs == [
        Trade(time, 5, 100.5, 0.004, -1, 0xA9188A0A82BC50D),
        Trade(time, 5, 100.5, 2.0, +1, 0xB9188A0A82BC50D),
    ]


def test_trades_of_one_taker_may_come_in_two_frames_and_each_counts_once():
    venue = in_sync()
    first = trades((IDS[0], "Buy", "1", 7), (IDS[1], "Buy", "2", 7))
    assert [one.size for one in venue.received(first, 5)] == [1.0, 2.0]
    second = trades((IDS[1], "Buy", "2", 7), (IDS[2], "Buy", "3", 7))
    assert [one.size for one in venue.received(second, 6)] == [3.0]
    later = trades((IDS[0], "Buy", "4", 8), ms=BEGIN + 600)
    assert [one.size for one in venue.received(later, 7)] == [4.0]
    assert venue.received(second, 8) == []  # of before
    anew = trades((IDS[0], "Buy", "5", 2), ms=BEGIN + 700)  # the venue counts anew
    assert [one.size for one in venue.received(anew, 9)] == [5.0]


def test_a_trade_without_a_known_side_is_refused():
    assert names(in_sync().received(trades((IDS[0], "", "1", 7)), 5)) == ["trade without a side"]


def test_a_block_trade_is_none_of_the_book():
    frame = trades((IDS[0], "Buy", "1", 7)).replace('"seq": 7', '"seq": 7, "BT": true')
    assert names(in_sync().received(frame, 5)) == ["block trade"]


# -- liquidations, long-short ratio ------------------------------------------------------------


def test_a_long_that_is_liquidated_is_sold():
    told = in_sync().received(liquidation(S="Buy", v="0.003", p="43511.70"), 5)
    assert told == [Liquidation(1_739_502_302_929 * MS, 5, 43511.7, 0.003, -1)]
    told = in_sync().received(liquidation(S="Sell", v="2", p="100.5"), 5)
    assert told == [Liquidation(1_739_502_302_929 * MS, 5, 100.5, 2.0, +1)]
    assert str(market_of(liquidation())) == "bybit:BTCUSDT"


def ratios(*told, code=0):
    """Return the documented answer: shares that are long and short, and times in ms."""
    listed = [
        {"symbol": "BTCUSDT", "buyRatio": long, "sellRatio": short, "timestamp": str(ms)}
        for long, short, ms in told
    ]
    return json.dumps({"retCode": code, "retMsg": "OK", "result": {"list": listed}})


def test_the_ratio_of_accounts_is_asked_for_every_5_minutes():
    market = Market(in_sync())
    asked_at = [
        second
        for second in range(800)
        for reply in market.tick(second * SECOND)
        if isinstance(reply, Fetch) and reply.name == RATIO
    ]
    first = asked_at[0]
    assert 60 <= first < 90
    assert asked_at == [first, first + 300, first + 600]
    url = "https://api.bybit.com/v5/market/account-ratio"
    where = "category=linear&symbol=BTCUSDT&period=5min&limit=1"
    assert make_venue("bybit", "BTCUSDT")._ratio._url == f"{url}?{where}"


def test_a_ratio_is_the_long_accounts_for_each_short_one_and_is_told_once():
    venue = in_sync()
    answer = ratios(("0.6", "0.4", BEGIN), ("0.5", "0.5", BEGIN - 300_000))
    (told,) = venue.fetched(RATIO, 200, answer, 9)
    assert (told.time, told.received) == (BEGIN * MS, 9)
    assert told.long_short_ratio == pytest.approx(1.5)
    assert isnan(told.price)
    assert venue.fetched(RATIO, 200, answer, 10) == []


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (403, "", "long-short ratio not answered"),
        (0, "no answer", "long-short ratio not answered"),
        (200, "<html>", "unreadable long-short ratio"),
        (200, ratios(("1", "0", 5)), "unreadable long-short ratio"),
        (200, ratios(code=10006), "unreadable long-short ratio"),
        (200, ratios(), "no long-short ratio"),
        (200, ratios(("0.6", "0.4", 5)).replace("BTC", "ETH"), "other symbol"),
    ],
)
def test_a_ratio_that_cannot_be_used_is_refused_by_name(status, body, name):
    venue = in_sync()
    assert names(venue.fetched(RATIO, status, body, 9)) == [name]
    assert names(venue.received(book_frame("delta", 11, [(99.0, 2)]), 10)) == ["Delta"]


# -- mark, index, funding, open interest -------------------------------------------------------


def ticker(**fields):
    data = {"symbol": "BTCUSDT", **fields}
    said = {"topic": "tickers.BTCUSDT", "type": "delta", "ts": BEGIN + 500, "data": data}
    return json.dumps(said)


def values(frame):
    return [(one.price, one.index, one.funding_rate, one.open_interest)
            for one in only(Mark, in_sync().received(frame, 5))]  # fmt: skip


def test_a_ticker_tells_what_has_changed_and_nothing_else():
    whole = ticker(markPrice="65117.44", indexPrice="65137.76", openInterest="59891.732",
                   fundingRate="-0.0001", lastPrice="65114.30", preOpenPrice="")  # fmt: skip
    assert values(whole) == [(65117.44, 65137.76, -0.0001, 59891.732)]
    assert values(ticker(bid1Price="65114.20")) == []
    ((mark, *rest),) = values(ticker(markPrice="65117.5", fundingRate=""))
    assert mark == 65117.5
    assert all(map(isnan, rest))


def test_a_ticker_tells_when_funding_is_paid_next():
    whole = ticker(fundingRate="-0.0001", nextFundingTime="1700006400000")
    alone = ticker(nextFundingTime="1700006400000")
    for sent in (whole, alone):
        (mark,) = only(Mark, in_sync().received(sent, 5))
        assert mark.next_funding == 1_700_006_400


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf"])
def test_a_mark_price_that_makes_no_sense_is_not_taken(price):
    assert values(ticker(markPrice=price)) == []


def test_a_mark_price_that_is_no_number_is_refused():
    assert names(in_sync().received(ticker(markPrice="much"), 5)) == ["unreadable"]
    assert isinstance(in_sync().received(ticker(symbol="ETHUSDT"), 5)[0], Refused)


# -- against the capture -----------------------------------------------------------------------

CAPTURED = {
    ("linear", "BTCUSDT"): (413, 56), ("linear", "ETHUSDT"): (420, 23),
    ("linear", "SOLUSDT"): (382, 165), ("linear", "DOGEUSDT"): (379, 83),
    ("spot", "BTCUSDT"): (299, 11), ("spot", "ETHUSDT"): (249, 9),
}  # fmt: skip
"""Deltas and trades of each market in the capture: 2,142 and 347."""


@pytest.mark.parametrize(("category", "symbol"), CAPTURED)
def test_every_frame_of_a_capture_is_decoded(category, symbol):
    book, want, mids, sold, klines = PlainBook(), [], [], [], 0
    marks = {}
    for at, said in frames("bybit", f"/public/{category}"):
        kind, _, topic = said.get("topic", "").partition(".")
        klines += kind == "kline"
        if topic.rpartition(".")[2] != symbol:
            continue
        if kind == "orderbook":
            data = said["data"]
            if said["type"] == "snapshot":
                book.replace(data["b"], data["a"])
            else:
                book.put(+1, data["b"])
                book.put(-1, data["a"])
            want.append(expected(said["cts"] * MS, book, 20))
            mids.append((at, (max(book.sides[+1]) + min(book.sides[-1])) / 2))
        elif kind == "publicTrade":
            sold += [(at, one["S"], float(one["p"]), float(one["v"])) for one in said["data"]]
        elif kind == "tickers":
            for name in ("markPrice", "indexPrice", "openInterest", "fundingRate"):
                marks.setdefault(name, [])
                marks[name] += [float(said["data"][name])] if name in said["data"] else []
    name = {"linear": "bybit", "spot": "bybit-spot"}[category]
    market = followed("bybit", f"{name}:{symbol}")
    history = market.history()
    deltas, trade_count = CAPTURED[category, symbol]
    assert states(history) == want
    assert (len(want), history.gaps, market.failures) == (deltas + 1, 0, 0)
    assert market.refused == {"kline": klines}  # candles are not used, and all else is
    table = history.trades
    told = [(int(at), "Buy" if side > 0 else "Sell", price, size) for at, side, price, size
            in zip(table.received, table.side, table.price, table.size, strict=True)]  # fmt: skip
    assert told == sold
    taken = [(at, +1 if side == "Buy" else -1, price) for at, side, price, _ in sold]
    assert sides_agree(taken, mids) == (trade_count, 0)
    context = history.context.to_frame()
    for column, field in (
        ("mark", "markPrice"),
        ("index", "indexPrice"),
        ("open_interest", "openInterest"),
        ("funding_rate", "fundingRate"),
    ):
        kept = context.value[context.name == column].tolist() if len(context) else []
        assert kept == (marks.get(field, []) if category == "linear" else [])


def test_the_counts_of_the_capture():
    assert [sum(counts) for counts in zip(*CAPTURED.values(), strict=True)] == [2142, 347]
