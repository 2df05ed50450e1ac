"""What a silence on a connection to Binance USD-M comes to, and a new connection."""

from exchange_tools import ASKS, BIDS, SECOND, names, usdm_depth, usdm_snapshot
from usdm_tools import connected, in_sync, read, trade_frame

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.binance import SNAPSHOT
from obi_widgets.market_data.venues.binance_futures import INTEREST
from obi_widgets.market_data.venues.binance_plain import MARKET
from obi_widgets.market_data.venues.replies import BOOK, Ping, Reconnect


def test_silence_is_stale_and_connects_again_whatever_the_trades_do():
    market = in_sync()
    for second in range(3, 62):
        if second == 50:
            read(market, None, trade_frame(), 50 * SECOND)
        market.tick(second * SECOND)
        market.handle(market.venue.ponged(BOOK, second * SECOND), second * SECOND)
    reason = "nothing was received for 60 s"
    assert market.state == "live"
    assert market.tick(62 * SECOND + 1) == [Reconnect(BOOK, reason)]
    assert (market.state, market.detail) == ("stale", f"Binance USD-M: {reason}.")


def test_a_ping_without_an_answer_is_stale():
    market = in_sync()
    for number in range(13, 40):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, 2 * SECOND + number * SECOND // 10)
    last = 2 * SECOND + 39 * SECOND // 10
    assert market.tick(last + 5 * SECOND // 2) == []
    assert market.tick(last + 5 * SECOND // 2 + 1) == [Ping(BOOK)]
    market.handle(market.venue.ponged(MARKET, last + 3 * SECOND), last + 3 * SECOND)
    assert market.tick(last + 5 * SECOND) == []
    assert names(market.tick(last + 5 * SECOND + 2)) == ["Reconnect"]
    assert market.detail == "Binance USD-M: nothing was received for 5 s."


def test_before_the_cadence_is_known_a_silence_of_5_s_calls_for_a_sign_of_life():
    market = in_sync()
    for number in (14, 16, 18):  # each other event is lost: twice the cadence would be seen
        last, time = 10 * number, 1_700_000_000_000 + 1000 * number
        read(market, None, usdm_depth(last - 9, last, last - 10, ms=time), number * SECOND)
        read(market, SNAPSHOT, usdm_snapshot(last, BIDS, ASKS, ms=time), number * SECOND)
    assert market.state == "live"
    replies = [market.tick(18 * SECOND + ms * 1_000_000) for ms in range(100, 5_300, 100)]
    assert names(one for several in replies for one in several) == ["Ping", "Reconnect"]
    assert market.detail == "Binance USD-M: nothing was received for 5 s."


def test_a_connection_that_is_asked_has_5_s_to_answer_by_the_cadence_of_those_before_it_too():
    market = in_sync()
    for number in range(13, 40):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, (2 * number - 24) * SECOND)
    market.handle(market.venue.disconnected(BOOK, "it was closed", 54 * SECOND), 54 * SECOND)
    market.handle(market.venue.connected(BOOK, 55 * SECOND), 55 * SECOND)
    for now, last in ((56, 410), (65, 420)):  # a slow moment is not the cadence
        read(market, None, usdm_depth(last - 9, last, last - 10), now * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(415, BIDS, ASKS), 65 * SECOND)
    half = 65 * SECOND + 18 * SECOND  # 18 intervals of 2 s are patience
    assert market.tick(half) == []
    assert market.tick(half + 1) == [Ping(BOOK)]
    assert [one.name for one in market.tick(half + 5 * SECOND + 1)] == [RATIO, INTEREST]
    assert names(market.tick(half + 5 * SECOND + 2)) == ["Reconnect"]


def test_a_connection_that_breaks_after_its_first_events_is_asked_too():
    market = Market(connected())
    market.tick(SECOND)
    for now, last in ((10, 110), (13, 120), (16, 130)):
        read(market, None, usdm_depth(last - 9, last, last - 10), now * SECOND // 10)
        market.tick(now * SECOND // 10)
    read(market, SNAPSHOT, usdm_snapshot(125, BIDS, ASKS), 2 * SECOND)
    assert market.state == "live"
    asked = [market.tick(16 * SECOND // 10 + half * SECOND // 2 + 9) for half in range(1, 14)]
    assert names(one for replies in asked for one in replies) == ["Ping", "Reconnect"]


def test_a_new_connection_begins_anew():
    market = in_sync()
    market.handle(market.venue.disconnected(BOOK, "it was closed", 3), 3)
    assert market.detail == "The connection to Binance USD-M was lost: it was closed."
    market.handle(market.venue.connected(BOOK, 4), 4)
    assert market.state != "live"
    assert names(market.venue.received(usdm_depth(121, 130, 120), 5)) == ["Fetch"]
