"""OKX's protocol: frames and times in, events and replies out."""

import json
from math import isnan

import pytest
from exchange_tools import SECOND, levels_of, names, only
from fault_tools import BEGIN
from okx_tools import (
    ASKS,
    BIDS,
    SWAP,
    SYMBOLS,  # noqa: F401 for test_venue_contract
    OkxExchange,
    OldOkxExchange,
    book_frame,
    checksum,
    connected,
    frame,
    in_sync,
    liquidation_frame,
    listing,
    speak,  # noqa: F401 for test_venue_contract
)

from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Instrument, Liquidation, Mark, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.okx import Okx
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect, Renew, Send
from obi_widgets.market_data.venues.streamed import INSTRUMENT
from obi_widgets.market_data.venues.wire import PAST_TRADE

EXCHANGES = [OkxExchange, OldOkxExchange]

MS = 1_000_000


def sends(operation, *channels, symbol=SWAP):
    """Return a request a channel."""
    return [
        Send(BOOK, f'{{"op":"{operation}","args":[{{"channel":"{one}","instId":"{symbol}"}}]}}')
        for one in channels
    ]


AGAIN = [*sends("unsubscribe", "books"), *sends("subscribe", "books")]


# -- symbols, the instrument, subscriptions and keep-alives ------------------------------------


@pytest.mark.parametrize(
    ("symbol", "kind", "quote", "unit"),
    [
        ("BTC-USDT", "SPOT", "USDT", (1.0, False)),
        ("BTC-USDT-SWAP", "SWAP", "USDT", (0.01, False)),
        ("BTC-USD-SWAP", "SWAP", "USD", (100.0, True)),
        ("BTC-USD-261225", "FUTURES", "USD", (100.0, True)),
    ],
)
def test_a_symbol_tells_what_it_is_a_name_of(symbol, kind, quote, unit):
    venue = make_venue("okx", symbol)
    path = f"instruments?instType={kind}&instId={symbol}"
    assert venue.start(0)[-1] == Fetch(INSTRUMENT, f"https://www.okx.com/api/v5/public/{path}")
    size, inverse = unit
    how = {"ctType": "inverse" if inverse else "linear", "ctVal": str(size / 10), "ctMult": "10"}
    answer = listing(symbol, **(how if kind != "SPOT" else {}))
    assert venue.fetched(INSTRUMENT, 200, answer, 0) == [
        Instrument("okx", symbol, "OKX", quote, 0.5, size, inverse),
        Connect(BOOK, "wss://ws.okx.com:8443/ws/v5/public"),
    ]


@pytest.mark.parametrize("symbol", ["BTC-USD-261225-60000-C", "BTC-USDT-26"])
def test_an_option_and_other_names_are_refused_with_advice(symbol):
    with pytest.raises(SymbolError, match="is no symbol of OKX that is read here") as error:
        Okx.check(symbol)
    assert "'BTC-USDT-SWAP'" in error.value.advice
    with pytest.raises(SymbolError):
        make_venue("okx", symbol)


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC/USDT", "BTC-USDT"),
        ("btc-perp", "BTC-USDT-SWAP"),
        ("BTC/USDC:USDC", "BTC-USDC-SWAP"),
        ("BTC/USD:BTC", "BTC-USD-SWAP"),
        ("btc-usd-261225", "BTC-USD-261225"),
    ],
)
def test_other_spellings_find_its_own(spelling, symbol):
    assert make_venue("okx", spelling).symbol == symbol


@pytest.mark.parametrize("answer", [listing("ETH-USDT-SWAP"), listing(code="51001")])
def test_a_symbol_that_is_not_listed_ends_the_feed(answer):
    (status,) = make_venue("okx", SWAP).fetched(INSTRUMENT, 200, answer, 7)
    assert (status.state, status.detail) == ("closed", f"OKX lists no symbol '{SWAP}'.")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"code":"50011","msg":"Rate limit reached."}', "Rate limit reached. (code 50011)."),
        (listing(ctVal="0"), "Expected `float` >= 1e-12"),
        (listing(ctVal=""), "Expected `float`"),
        (listing(tickSz="nan"), "Expected `float`"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said_and_asked_for_again(answer, said):
    status, again = make_venue("okx", SWAP).fetched(INSTRUMENT, 200, answer, 7)
    assert status.detail.startswith(f"OKX's list of symbols cannot be read: {said}")
    assert (again.name, again.delay) == (INSTRUMENT, SECOND)


LIQUIDATIONS_OF = '{"op":"subscribe","args":[{"channel":"liquidation-orders","instType":"KIND"}]}'


def test_a_swap_has_more_channels_than_a_future_and_a_spot_market_fewest():
    swap, future, spot = (
        make_venue("okx", symbol).connected(BOOK, 3)[1:]
        for symbol in (SWAP, "BTC-USD-261225", "BTC-USDT")
    )
    index = sends("subscribe", "index-tickers", symbol="BTC-USDT")
    assert swap == [
        *sends("subscribe", "books", "trades", "mark-price"),
        *index,
        *sends("subscribe", "open-interest"),
        Send(BOOK, LIQUIDATIONS_OF.replace("KIND", "SWAP")),
        *sends("subscribe", "funding-rate"),
    ]
    assert spot == sends("subscribe", "books", "trades", symbol="BTC-USDT")
    assert [json.loads(one.text)["args"][0] for one in future][2:] == [
        {"channel": "mark-price", "instId": "BTC-USD-261225"},
        {"channel": "index-tickers", "instId": "BTC-USD"},
        {"channel": "open-interest", "instId": "BTC-USD-261225"},
        {"channel": "liquidation-orders", "instType": "FUTURES"},
    ]


def test_it_is_pinged_every_20_s_by_a_text_of_its_own():
    market = Market(in_sync())
    pinged = []
    for second in range(1, 60):
        for reply in market.tick(second * SECOND):
            assert reply == Send(BOOK, "ping")
            pinged.append(second)
            market.receive("pong", second * SECOND)
    assert {21, 42} <= set(pinged)
    assert not market.refused


# -- the chain ---------------------------------------------------------------------------------


def test_a_snapshot_and_its_changes_make_the_book_in_coins():
    market = Market(connected(ctVal="0.01"))
    for text in (
        book_frame("snapshot", 10, BIDS, ASKS),
        book_frame("update", 17, [(100.0, 0), (99.0, 2)], [], previous=10),
        book_frame("update", 30, [(99.5, 8)], [(100.0, 1)], previous=17),
    ):
        assert market.receive(text, SECOND) == []
    assert market.state == "live"
    bids, asks = levels_of(market.book)
    assert bids == pytest.approx({99.5: 0.08, 99.0: 0.02})
    assert asks == pytest.approx({100.0: 0.01, 100.5: 0.04, 101.0: 0.03})


def test_sizes_of_an_inverse_contract_are_divided_by_the_price_of_their_level():
    venue = connected("BTC-USD-SWAP", ctVal="100", ctType="inverse")
    text = book_frame("snapshot", 10, [(50_000, 30)], [(60_000, 30)], symbol="BTC-USD-SWAP")
    (snapshot,) = venue.received(text, 1)
    assert (snapshot.bids, snapshot.asks) == ([(50_000.0, 0.06)], [(60_000.0, 0.05)])


@pytest.mark.parametrize(("number", "previous"), [(12, 11), (10, 9), (30, 20)])
def test_a_change_that_does_not_follow_throws_the_book_away(number, previous):
    text = book_frame("update", number, [(100.0, 1)], previous=previous)
    detail = f"The book was thrown away: delta {number} does not follow 10."
    assert in_sync().received(text, 5 * SECOND) == [
        Status(5 * SECOND, "gap", detail, "Asking for a new one."),
        *AGAIN,
    ]


def live():
    """Return a market whose book stands at number 10."""
    market = Market(connected())
    market.receive(book_frame("snapshot", 10, BIDS, ASKS), 0)
    return market


def test_that_nothing_has_changed_is_no_gap_but_a_sign_of_life():
    market = live()
    for minute in range(1, 5):
        now = 60 * minute * SECOND
        market.receive("pong", now - 1)
        same = book_frame("update", 10, previous=10, ms=BEGIN + 60_000 * minute)
        assert market.receive(same, now) == []
        assert market.state == "live"
        sent = only(Send, market.tick(now))
        assert [one for one in sent if one != Send(BOOK, "ping")] == []
    market.receive(book_frame("update", 14, [(100.0, 9)], previous=10, ms=BEGIN + 300_000), now)
    assert (market.state, levels_of(market.book)[0][100.0]) == ("live", 9.0)


def test_without_even_that_the_book_is_asked_for_again():
    market = live()
    for second in range(1, 75):
        market.receive("pong", second * SECOND)
        assert market.tick(second * SECOND) in ([], [Send(BOOK, "ping")])
    assert market.tick(75 * SECOND + 1)[-2:] == AGAIN
    assert (market.state, market.detail) == ("stale", "No change for 75 s.")


def test_a_number_below_the_one_before_is_a_new_count_and_the_book_is_built_anew():
    market = live()
    text = book_frame("update", 3, [(100.0, 1)], previous=10, ms=BEGIN + 600)
    assert market.receive(text, 5 * SECOND) == AGAIN
    assert market.detail == "The book was thrown away: the venue counts anew, from 3."
    older = book_frame("snapshot", 2, BIDS, ASKS, ms=BEGIN + 550)
    assert market.receive(older, 6 * SECOND) == []
    assert market.refused["snapshot older than what was seen"] == 1
    market.receive(book_frame("snapshot", 4, BIDS, ASKS, ms=BEGIN + 650), 7 * SECOND)
    assert market.state == "live"


def test_after_400_subscriptions_by_one_connection_a_new_one_is_made():
    """The venue allows 480 an hour."""
    venue, now, reconnects = connected(), 0, []
    sent = len(only(Send, make_venue("okx", SWAP).connected(BOOK, 0)))
    while not reconnects:
        assert sent < 480
        now += 200 * SECOND
        outputs = venue.resync("a test", now)
        sent += len(only(Send, outputs))
        reconnects = only(Reconnect, outputs)
    assert sent > 400
    assert reconnects == [Reconnect(BOOK, "many subscriptions")]
    venue.disconnected(BOOK, "it was closed", now)
    assert len(only(Send, venue.connected(BOOK, now))) == 7
    assert names(venue.resync("a test", now + 200 * SECOND)) == ["Status", "Send", "Send"]


def test_without_the_instrument_contracts_are_of_no_known_size_and_coins_are_coins():
    swap, spot = make_venue("okx", SWAP), make_venue("okx", "BTC-USDT")
    assert names(swap.received(book_frame("snapshot", 10, BIDS, ASKS), 1)) == [
        "book before the instrument"
    ]
    assert names(swap.received(trade(7, "buy", BEGIN), 1)) == ["trade before the instrument"]
    (book,) = spot.received(book_frame("snapshot", 10, BIDS, ASKS, symbol="BTC-USDT"), 1)
    assert book.bids == BIDS


# -- checksums ---------------------------------------------------------------------------------


def test_a_checksum_of_0_is_not_checked_and_any_other_is():
    crc = checksum(BIDS, ASKS)
    for value, becomes in (
        (0, ["Snapshot"]),
        (crc, ["Snapshot"]),
        (crc + 1, ["Status", *2 * ["Send"]]),
    ):
        text = book_frame("snapshot", 10, BIDS, ASKS, checksum=value)
        assert names(connected().received(text, 5 * SECOND)) == becomes


def test_a_change_is_checked_with_the_whole_book():
    new = [(100.0, 5), (99.5, 7), (99.0, 1)]
    for value, becomes in ((checksum(new, ASKS), ["Delta"]), (7, ["Status", "Send", "Send"])):
        venue = connected()
        text = book_frame("snapshot", 10, BIDS, ASKS, checksum=checksum(BIDS, ASKS))
        venue.received(text, SECOND)
        text = book_frame("update", 14, [(99.0, 1)], previous=10, checksum=value)
        outputs = venue.received(text, 5 * SECOND)
        assert names(outputs) == becomes
    assert outputs[0].detail == "The book was thrown away: the checksum of change 14 is wrong."


def test_without_numbers_the_checksum_alone_holds_the_book():
    crc = checksum(BIDS, ASKS)
    more = [*ASKS, (102.0, 1)]
    market = Market(connected())
    market.receive(book_frame("snapshot", None, BIDS, ASKS, checksum=crc), SECOND)
    right = book_frame(
        "update", None, [], [(102.0, 1)], ms=BEGIN + 50, checksum=checksum(BIDS, more)
    )
    assert market.receive(right, 2 * SECOND) == []
    assert market.state == "live"
    assert (
        market.receive(book_frame("update", None, ms=BEGIN + 100, checksum=1), 9 * SECOND) == AGAIN
    )


def test_a_change_with_neither_a_number_nor_a_checksum_continues_nothing():
    market = Market(in_sync())
    assert market.receive(book_frame("update", None, ms=BEGIN + 550), 5 * SECOND) == AGAIN
    assert market.detail.endswith("a change has neither a number nor a checksum.")


# -- events, and other frames ------------------------------------------------------------------


def test_a_notice_of_maintenance_asks_for_a_new_connection_and_keeps_the_book():
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    notice = {"event": "notice", "code": "64008", "msg": said, "connId": "c"}
    outputs = in_sync().received(json.dumps(notice), SECOND)
    assert outputs == [Renew("book", f"{said} (code 64008)", 60 * SECOND)]


def test_an_error_about_the_book_ends_the_feed_and_others_leave_it_alone():
    def error(code, said):
        return json.dumps({"event": "error", "code": code, "msg": said, "connId": "c"})

    wrong = (
        "Wrong URL or channel:{},instId:BTC-USDT-SWAP doesn't exist. Please use the correct URL."
    )
    (status,) = connected().received(error("60018", wrong.format("books")), SECOND)
    assert status.state == "closed"
    for code, said, name in (
        ("60018", wrong.format("funding-rate"), "topic not accepted"),
        ("60014", "Requests too frequent", "error"),
    ):
        venue = in_sync()
        assert names(venue.received(error(code, said), SECOND)) == [name]
        assert names(venue.received(book_frame("update", 14, previous=10), 2)) == ["Delta"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (book_frame("update", 14, symbol="ETH-USDT-SWAP", previous=10), "other symbol"),
        (frame("tickers", {"instId": SWAP}), "tickers"),
        (frame("trades", {"instId": SWAP}), "unreadable"),
        (liquidation_frame((SWAP, "long", "1", "1", 1)), "liquidation without a side"),
        (liquidation_frame((SWAP, "buy", "1", "many", 1)), "unreadable liquidation"),
        (liquidation_frame((SWAP, "buy", "0", "1", 1)), "unreadable liquidation"),
        (liquidation_frame().replace("[]", "{}"), "unreadable liquidation"),
        (
            frame("mark-price", {"instId": "ETH-USDT-SWAP", "markPx": "1", "ts": "1"}),
            "other symbol",
        ),
        (frame("index-tickers", {"instId": "BTC-USD", "idxPx": "1", "ts": "1"}), "other symbol"),
        ('{"event":"channel-conn-count","channel":"x","connCount":"1"}', "channel-conn-count"),
        ('{"arg":{}}', "unknown"),
    ],
)
def test_another_frame_is_refused_and_leaves_the_book_alone(text, name):
    venue = in_sync()
    assert names(venue.received(text, SECOND)) == [name]
    assert names(venue.received(book_frame("update", 14, previous=10), SECOND)) == ["Delta"]


@pytest.mark.parametrize(
    "text",
    [
        book_frame("update", 14, [(100.0, 1)], previous=10)[:-20],
        book_frame("update", 14, [("nan", 1)], previous=10),
        book_frame("update", 14, [(100.0, -1)], previous=10),
        book_frame("update", 14, [(100.0, "1e-19")], previous=10),
        book_frame("delta", 14, previous=10),
        json.dumps({"arg": {"channel": "books", "instId": SWAP}, "action": "update", "data": []}),
        "<html>502 Bad Gateway</html>",
    ],
)
def test_a_frame_that_may_have_been_a_change_is_a_reason_for_a_new_book(text):
    refused, status, *sent = in_sync().received(text, 5 * SECOND)
    assert (refused.name, status.state) == ("unreadable", "gap")
    assert sent == AGAIN


def test_a_frame_of_an_index_is_of_no_market():
    """Its name is that of a spot market, which it is not of."""
    assert market_of(frame("index-tickers", {"instId": "BTC-USDT"}, "BTC-USDT")) is None
    assert str(market_of(frame("trades", {"instId": SWAP}))) == f"okx:{SWAP}"


# -- liquidations, long-short ratio ------------------------------------------------------------


def test_liquidations_are_those_of_the_own_contract_in_coins():
    others = ("IOST-USDT-SWAP", "buy", "odd", "13", 1_692_266_434_010)
    own = (SWAP, "sell", "100.5", "20", BEGIN), (SWAP, "buy", "101.5", "3", BEGIN + 1)
    told = in_sync(ctVal="0.01").received(liquidation_frame(others, *own), 7)
    assert told == [
        Liquidation(BEGIN * MS, 7, 100.5, pytest.approx(0.2), -1),
        Liquidation((BEGIN + 1) * MS, 7, 101.5, pytest.approx(0.03), +1),
    ]
    inverse = connected("BTC-USD-SWAP", ctVal="100", ctType="inverse")
    frame_ = liquidation_frame(("BTC-USD-SWAP", "sell", "50000", "10", BEGIN))
    (one,) = inverse.received(frame_, 7)
    assert one.size == pytest.approx(0.02)  # 10 contracts of 100 USD
    assert market_of(frame_) is None
    early = make_venue("okx", SWAP).received(liquidation_frame(own[0]), 7)
    assert names(early) == ["liquidation before the instrument"]


def test_the_ratio_of_accounts_is_that_of_the_contract():
    venue = in_sync()
    (asked,) = [
        reply for second in range(100) for reply in only(Fetch, venue.tick(second * SECOND))
    ]
    path = "rubik/stat/contracts/long-short-account-ratio-contract"
    where = f"instId={SWAP}&period=5m&limit=1"
    assert asked == Fetch(RATIO, f"https://www.okx.com/api/v5/{path}?{where}")
    answer = '{"code":"0","msg":"","data":[["1701417600000","1.1739"]]}'
    (told,) = venue.fetched(RATIO, 200, answer, 9)
    assert (told.time, told.long_short_ratio) == (1_701_417_600_000 * MS, 1.1739)
    for body, name in (
        ('{"code":"50011","msg":"Too Many Requests","data":[]}', "unreadable long-short ratio"),
        ('{"code":"0","msg":"","data":[["1701417600000","0"]]}', "unreadable long-short ratio"),
        ('{"code":"0","msg":"","data":[]}', "no long-short ratio"),
    ):
        assert names(venue.fetched(RATIO, 200, body, 9)) == [name]


def test_a_liquidation_of_any_contract_shows_that_the_channel_is_there():
    venue = connected(now=5)
    venue._channels.begin(["liquidations"], 5)
    assert venue._channels.missing(["liquidations"])
    assert venue.received(liquidation_frame(("IOST-USDT-SWAP", "buy", "1", "1", 1)), 7) == []
    assert not venue._channels.missing(["liquidations"])


# -- trades, mark, index, funding, open interest -----------------------------------------------


def trade(number, side, ms, size="20"):
    data = {"instId": SWAP, "tradeId": str(number), "px": "100.5", "sz": size, "side": side,
            "ts": str(ms), "count": "1"}  # fmt: skip
    return frame("trades", data)


def test_the_trade_that_a_subscription_begins_with_is_of_before_it():
    venue = connected(ctVal="0.01")
    assert names(venue.received(trade(7, "buy", BEGIN - 9000), 5)) == [PAST_TRADE]
    assert venue.received(trade(8, "sell", BEGIN + 500), 6) == [
        Trade((BEGIN + 500) * MS, 6, 100.5, 0.2, -1, 8)
    ]
    assert venue.received(trade(8, "sell", BEGIN + 500), 7) == []  # counted once
    assert names(venue.received(trade(9, "", BEGIN + 500), 8)) == ["trade without a side"]


def test_what_comes_beside_the_book_comes_one_by_one():
    def values(channel, symbol=SWAP, **data):
        text = frame(channel, {"instId": symbol, "ts": str(BEGIN), **data}, symbol)
        (mark,) = only(Mark, in_sync().received(text, 5))
        told = (mark.price, mark.index, mark.funding_rate, mark.open_interest)
        assert mark.time == BEGIN * MS
        return [None if isnan(value) else value for value in told]

    assert values("mark-price", markPx="65117.4") == [65117.4, None, None, None]
    assert values("index-tickers", "BTC-USDT", idxPx="65117") == [None, 65117.0, None, None]
    assert values("funding-rate", fundingRate="-0.0001") == [None, None, -0.0001, None]
    assert values("open-interest", oi="100", oiCcy="1.5") == [None, None, None, 1.5]


@pytest.mark.parametrize(("sent", "due"), [("1700006400000", 1_700_006_400.0), ("0", None)])
def test_when_funding_is_paid_next_comes_with_its_rate(sent, due):
    data = {"instId": SWAP, "ts": str(BEGIN), "fundingRate": "0.0001", "fundingTime": sent}
    (mark,) = only(Mark, in_sync().received(frame("funding-rate", data, SWAP), 5))
    assert (None if isnan(mark.next_funding) else mark.next_funding) == due
