"""Binance COIN-M's protocol: contracts of a value in USD, mark, index, and the open interest."""

from __future__ import annotations

import json
from math import isnan

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
from make_captures import received
from usdm_tools import forced, ratio

import obi_widgets as obi
from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.events import Instrument, Liquidation, Mark, Snapshot, Status, Trade
from obi_widgets.market_data.venues import make_venue, market_of
from obi_widgets.market_data.venues.account_ratio import RATIO
from obi_widgets.market_data.venues.binance import INSTRUMENT, SNAPSHOT
from obi_widgets.market_data.venues.binance_futures import INTEREST
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Reconnect

MS = 1_000_000
REST = "https://dapi.binance.com/dapi/v1"
DEPTH_URL = f"{REST}/depth?symbol=ETHUSD_PERP&limit=1000"


# -- a made-up market, see `make_captures` -------------------------------------------------

SYMBOLS = "BTCUSD_PERP", "ETHUSD_PERP"


class CoinmSpeaker(Speaker):
    value = 10

    @property
    def pair(self):
        return self.symbol.partition("_")[0]

    def size(self, price, lots):
        """Return contracts: so many that they are those coins at the price."""
        return repr(lots / 1000 * float(price) / self.value)

    def numbers(self, first, last):
        return {"ps": self.pair, "T": self.market.ms, "U": first, "u": last, "pu": first - 1}

    def snapshot(self):
        return {"E": self.market.ms, "T": self.market.ms, "symbol": self.symbol, "pair": self.pair}

    def trade(self, number, step):
        return self.frame(
            "aggTrade", "aggTrade", s=self.symbol, a=number, p=step.price, T=self.market.ms,
            q=self.size(step.price, step.traded), f=number, l=number, m=not step.buys,
        )  # fmt: skip

    def others(self, step):
        yield self.frame(
            "markPrice@1s", "markPriceUpdate", s=self.symbol, p=step.price, P=step.price,
            r="0.00010000", T=self.market.ms,
        )  # fmt: skip
        yield self.frame(
            "indexPrice@1s", "indexPriceUpdate", symbol=self.pair, i=self.pair, p=step.price
        )
        interest = {"symbol": self.symbol, "pair": self.pair, "openInterest": "9000"}
        text = json.dumps({**interest, "contractType": "PERPETUAL", "time": self.market.ms})
        yield Record(received(self.market.ms), "answer", INTEREST, text, 200)
        order = forced(
            self.symbol, step.price, self.size(step.price, step.traded), self.market.ms,
            buys=step.buys, ps=self.pair,
        )  # fmt: skip
        yield self.frame("forceOrder", "forceOrder", o=order)
        yield ratio(self.market.ms, pair=self.pair)


def speak(symbol, market):
    """Return all that is heard of a market."""
    speaker = CoinmSpeaker(symbol, market)
    facts = {"quoteAsset": "USD", "contractSize": speaker.value, "pair": speaker.pair}
    yield from speaker.speak(listing(symbol, **facts))


# -- frames, and a market at each stage ----------------------------------------------------


def depth(first, last, previous, bids=(), asks=(), *, symbol="ETHUSD_PERP", **more):
    """Return a depthUpdate of the updates ``first`` to ``last``; sizes are contracts."""
    data = {
        "e": "depthUpdate", "E": T0 + last + 2, "T": T0 + last, "s": symbol, "ps": "ETHUSD",
        "U": first, "u": last, "pu": previous, "b": texts(bids), "a": texts(asks), **more,
    }  # fmt: skip
    return framed(symbol, "depth@100ms", data)


def snapshot(last, bids=BIDS, asks=ASKS, *, symbol="ETHUSD_PERP", pair="ETHUSD", ms=None):
    """Return the answer of the REST book."""
    ms = T0 + last if ms is None else ms
    body = {"lastUpdateId": last, "E": ms, "T": ms, "symbol": symbol, "pair": pair}
    return json.dumps({**body, "bids": texts(bids), "asks": texts(asks)})


def mark(price="2000.0", rate="0.0001", **more):
    data = {"e": "markPriceUpdate", "E": T0, "s": "ETHUSD_PERP", "p": price, "P": "1", "r": rate}
    return framed("ETHUSD_PERP", "markPrice@1s", {**data, "T": T0, **more})


def interest(contracts="9000", symbol="ETHUSD_PERP"):
    body = {"symbol": symbol, "pair": "ETHUSD", "openInterest": contracts, "time": T0}
    return json.dumps({**body, "contractType": "PERPETUAL"})


def connected(value=10):
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    venue.start(0)
    venue.fetched(INSTRUMENT, 200, listing("ETHUSD_PERP", contractSize=value), 0)
    venue.connected(BOOK, 0)
    return venue


def waiting(*events, value=10):
    """Return a venue that has buffered events, and asked for the snapshot."""
    venue = connected(value)
    for event in events:
        venue.received(event, SECOND)
    return venue


def read(market, text, now, answer=None):
    venue = market.venue
    outputs = venue.fetched(answer, 200, text, now) if answer else venue.received(text, now)
    return market.handle(outputs, now)


def in_sync(**how):
    """Return a market whose book was continued to update 120."""
    market = Market(waiting(depth(90, 110, 80), **how))
    read(market, snapshot(100), 2 * SECOND, SNAPSHOT)
    read(market, depth(115, 120, 110), 2 * SECOND)
    assert market.state == "live"
    return market


class CoinmExchange(BinanceExchange):
    """The sizes of the true market are contracts of 10 USD."""

    source = "binance-coinm:ETHUSD_PERP"
    garbage = (
        '{"stream":"ethusd_perp@depth@100ms","data":{"e":"depthUpdate"}}',
        depth(5, 6, 4, [(1, 1)], symbol="BTCUSD_PERP", ps="BTCUSD"),
        mark(),
        '{"stream":"ethusd_perp@depth@100ms","data":{"e":"depthUpdate","st":1}}',
    )

    def begin(self):
        answer = listing("ETHUSD_PERP", contractSize=10)
        self.tell(self.venue.fetched(INSTRUMENT, 200, answer, self.now))

    def event(self, last, bids, asks):
        return depth(last - 13, last, last - 20, bids, asks, E=self.ms + 2, T=self.ms)

    def snapshot(self, last, bids, asks):
        return snapshot(last, bids, asks, ms=self.ms)

    def answer(self, name):
        return interest() if name == INTEREST else super().answer(name)

    def sizes(self, side):
        return {price: contracts * 10.0 / price for price, contracts in side.items()}


EXCHANGES = [CoinmExchange]


def coins(levels, value=10):
    """Return contracts as coins."""
    return {price: pytest.approx(contracts * value / price) for price, contracts in levels}


# -- the instrument, and contracts ---------------------------------------------------------


def test_the_instrument_is_inverse_and_one_websocket_has_all_streams():
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    assert only(Fetch, venue.start(0)) == [Fetch(INSTRUMENT, f"{REST}/exchangeInfo")]
    answer = listing("ETHUSD_PERP", tick="0.01", quoteAsset="USD", contractSize=10)
    streams = "ethusd_perp@depth@100ms/ethusd_perp@aggTrade/ethusd_perp@markPrice@1s"
    assert venue.fetched(INSTRUMENT, 200, answer, 0) == [
        Instrument(
            "binance-coinm", "ETHUSD_PERP", "Binance COIN-M", "USD", 0.01, 10.0, inverse=True
        ),
        Connect(
            BOOK,
            f"wss://dstream.binance.com/stream?streams={streams}/ethusd@indexPrice@1s"
            "/ethusd_perp@forceOrder",
        ),
    ]
    venue.connected(BOOK, 0)
    assert venue.received(depth(90, 110, 80), 1) == [Fetch(SNAPSHOT, DEPTH_URL, weight=20)]


@pytest.mark.parametrize("value", [10, 100])
def test_sizes_are_contracts_times_value_by_the_price_of_the_level(value):
    market = in_sync(value=value)
    assert levels_of(market.book) == (coins(BIDS, value), coins(ASKS[::-1], value))
    read(market, depth(121, 130, 120, [(100.0, 0), (99.9, 3)]), 3 * SECOND)
    assert levels_of(market.book)[0] == coins([(99.9, 3), *BIDS[1:]], value)
    data = {"e": "aggTrade", "E": 9, "T": 8, "s": "ETHUSD_PERP", "p": "100.5", "q": "4", "m": True}
    (trade,) = market.venue.received(framed("ETHUSD_PERP", "aggTrade", data | {"a": 5}), 7)
    assert trade == Trade(8 * MS, 7, 100.5, pytest.approx(4 * value / 100.5), -1, 5)


def test_what_was_buffered_and_a_splice_are_in_coins_too():
    venue = waiting(depth(90, 110, 80, [(99.0, 6)]))
    taken, change = venue.fetched(SNAPSHOT, 200, snapshot(100), 2 * SECOND)
    assert dict(taken.bids) == coins(BIDS)
    assert dict(change.bids) == coins([(99.0, 6)])
    (fetch,) = venue.refresh(20 * SECOND)
    assert fetch == Fetch(SNAPSHOT, DEPTH_URL, weight=20)
    (splice,) = venue.fetched(SNAPSHOT, 200, snapshot(105, [*BIDS, (99.0, 6)]), 21 * SECOND)
    assert dict(splice.snapshot.bids) == coins([*BIDS, (99.0, 6)])


def test_no_frame_is_used_before_the_contract_size_is_known():
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    venue.start(0)
    venue.connected(BOOK, 0)
    assert names(venue.received(depth(90, 110, 80), 1)) == ["frame before the contract size"]
    told = venue.fetched(SNAPSHOT, 200, snapshot(110), 1)
    assert names(told) == ["snapshot before the contract size"]


@pytest.mark.parametrize(
    ("symbol", "value"), [("BTCUSD_PERP", 100), ("BTCUSD_261225", 100), ("ETHUSD_PERP", 10)]
)
@pytest.mark.parametrize("answered", [False, True])
def test_a_capture_without_instruments_has_the_contracts_that_the_venue_specifies(
    symbol, value, answered
):
    venue = make_venue("binance-coinm", symbol)
    venue.can_ask = False
    venue.start(0)
    pair = symbol.partition("_")[0]
    event = depth(90, 110, 80, [(99.0, 6)], symbol=symbol, ps=pair)
    body = snapshot(100, [(100.0, 5), (99.0, 6)], symbol=symbol, pair=pair)
    if answered:  # the snapshot comes first: it must be in coins as well
        venue.connected(BOOK, 0)
        outputs = [*venue.fetched(SNAPSHOT, 200, body, 1), *venue.received(event, 1)]
    else:
        outputs = [*venue.received(event, 1), *venue.received(body, 1)]
    (facts,) = only(Instrument, outputs)
    assert (facts.contract_size, facts.inverse, facts.quote) == (value, True, "USD")
    (taken,) = only(Snapshot, outputs)
    assert dict(taken.bids) == coins([(100.0, 5), (99.0, 6)], value)


def test_a_contract_size_that_is_told_later_than_a_book_costs_that_book():
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    venue.can_ask = False
    market = Market(venue)
    for text in (depth(90, 110, 80), snapshot(110)):
        read(market, text, SECOND)
    assert market.state == "live"
    facts = {"quoteAsset": "USD", "contractSize": 10}
    read(market, listing("ETHUSD_PERP", **facts), SECOND, INSTRUMENT)  # as was assumed
    assert market.state == "live"
    read(market, listing("ETHUSD_PERP", **facts | {"contractSize": 20}), SECOND, INSTRUMENT)
    assert market.detail == "The book was thrown away: the contract size changed."
    for text in (depth(111, 120, 110), snapshot(120)):
        read(market, text, SECOND)
    assert (market.state, levels_of(market.book)[0]) == ("live", coins(BIDS, 20))


@pytest.mark.parametrize("size", ["-1", "1e-300", "NaN"])
def test_a_contract_size_that_cannot_be_is_not_used(size):
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    said, again = venue.fetched(INSTRUMENT, 200, listing("ETHUSD_PERP", contractSize=size), 7)
    assert "a contract size of" in said.detail
    assert again.name == INSTRUMENT


def test_a_symbol_without_contracts_is_of_another_market():
    venue = make_venue("binance-coinm", "ETHUSD_PERP")
    (status,) = venue.fetched(INSTRUMENT, 200, listing("ETHUSD_PERP"), 7)
    assert (status.state, "lists no symbol" in status.detail) == ("closed", True)


@pytest.mark.parametrize("symbol", ["ETHUSDT", "ETHUSD_2612", "ETH_USD_PERP_X"])
def test_a_symbol_that_cannot_be_is_refused(symbol):
    with pytest.raises(SymbolError) as error:
        make_venue("binance-coinm", symbol)
    assert "USD_PERP'" in error.value.advice


# -- the chain -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "previous", "follows"),
    [
        (90, 100, 80, ["Delta"]),
        (100, 105, 99, ["Delta"]),
        (103, 105, 100, ["Delta"]),  # pu is lastUpdateId
        (101, 105, 99, ["Status", "Fetch"]),
    ],
)
def test_the_first_event_holds_the_snapshots_update_or_follows_it(first, last, previous, follows):
    venue = waiting(depth(40, 50, 30))
    assert names(venue.fetched(SNAPSHOT, 200, snapshot(100), 2 * SECOND)) == ["Snapshot"]
    assert names(venue.received(depth(first, last, previous), 2 * SECOND)) == follows


@pytest.mark.parametrize("previous", [119, 121])
def test_an_event_that_does_not_follow_throws_the_book_away(previous):
    market = in_sync()
    assert read(market, depth(121, 130, previous), 3 * SECOND) == [
        Fetch(SNAPSHOT, DEPTH_URL, SECOND, weight=20)
    ]
    assert market.detail == "The book was thrown away: event 130 does not follow 120."


def test_a_quiet_contract_stays_live_while_its_connection_answers():
    market = in_sync()
    for second in range(3, 240):
        assert Reconnect not in map(type, market.tick(second * SECOND))
        market.handle(market.venue.ponged(BOOK, second * SECOND), second * SECOND)
    assert market.state == "live"


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (depth(121, 130, 120, symbol="BTCUSD_PERP", ps="BTCUSD"), "other symbol"),
        (depth(121, 130, 120, ps="BTCUSD"), "other symbol"),
        (depth(121, 130, 120, st=1), "USD-M"),
        (depth(121, 130, 120).replace("ethusd_perp@", "ethusdt@"), "other symbol"),
        (snapshot(120, symbol="BTCUSD_PERP", pair="BTCUSD"), "other symbol"),
        (snapshot(120, symbol="", pair=""), "USD-M"),
        ('{"lastUpdateId":120,"bids":[],"asks":[]}', "spot"),
        (framed("ETHUSD_PERP", "bookTicker", {"e": "bookTicker", "u": 1}), "bookTicker"),
        (framed("ETHUSD_PERP", "markPrice@1s", {"e": "markPriceUpdate"}), "unreadable mark"),
        (mark(rate="much"), "unreadable mark"),
        (framed("ETHUSD", "indexPrice@1s", {"e": "indexPriceUpdate"}), "unreadable index"),
        (framed("ETHUSD_PERP", "aggTrade", {"e": "aggTrade", "p": "x"}), "unreadable trade"),
        (
            framed("ETHUSD", "indexPrice@1s",
                   {"e": "indexPriceUpdate", "E": 1, "i": "BTCUSD", "p": "1"}),
            "other symbol",
        ),
        ('{"result":null}', "unknown"),
    ],
)  # fmt: skip
def test_other_frames_are_refused_by_name_and_leave_the_book_alone(frame, name):
    market = in_sync()
    assert names(market.venue.received(frame, 3 * SECOND)) == [name]
    read(market, depth(121, 130, 120, [(99.0, 3)]), 3 * SECOND)
    assert market.state == "live"
    assert levels_of(market.book)[0][99.0] == pytest.approx(30 / 99)


@pytest.mark.parametrize(
    ("frame", "market"),
    [
        (depth(1, 2, 0), "binance-coinm:ETHUSD_PERP"),
        (depth(1, 2, 0, symbol="BTCUSD_261225"), "binance-coinm:BTCUSD_261225"),
        (snapshot(1), "binance-coinm:ETHUSD_PERP"),
        (mark(), "binance-coinm:ETHUSD_PERP"),
    ],
)
def test_a_frame_tells_its_market(frame, market):
    assert str(market_of(frame)) == market


# -- liquidations, long-short ratio --------------------------------------------------------


def test_a_liquidation_is_contracts_at_the_price_of_its_fills():
    """The documented frame, of another market."""
    order = {
        "s": "ETHUSD_PERP",
        "ps": "ETHUSD",
        "S": "SELL",
        "o": "LIMIT",
        "f": "IOC",
        "q": "500",
        "p": "1990.5",
        "ap": "2000.0",
        "X": "FILLED",
        "l": "400",
        "z": "400",
        "T": T0,
    }
    data = {"e": "forceOrder", "E": T0 + 1, "o": order}
    told = connected().received(framed("ETHUSD_PERP", "forceOrder", data), 7)
    assert told == [Liquidation(T0 * MS, 7, 2000.0, 2.0, -1)]  # 400 contracts of 10 USD


def test_the_ratio_of_accounts_is_that_of_the_pair():
    venue = connected()
    url = "https://dapi.binance.com/futures/data/globalLongShortAccountRatio"
    (asked,) = [
        one
        for second in range(0, 100, 5)
        for one in only(Fetch, venue.tick(second * SECOND))
        if one.name == RATIO
    ]
    assert asked == Fetch(RATIO, f"{url}?pair=ETHUSD&period=5m&limit=1")
    (told,) = venue.fetched(RATIO, 200, ratio(T0, pair="ETHUSD").text, 9)
    assert (told.time, told.long_short_ratio) == (T0 * MS, 1.5)
    assert names(venue.fetched(RATIO, 200, ratio(T0, pair="BTCUSD").text, 9)) == ["other symbol"]


# -- mark, index, open interest ------------------------------------------------------------


def values(event):
    """Return what a Mark has, without what it has not."""
    names_ = ("price", "index", "funding_rate", "open_interest")
    return {name: getattr(event, name) for name in names_ if not isnan(getattr(event, name))}


def test_mark_and_index_come_by_frames_of_their_own():
    venue = connected()
    (marked,) = venue.received(mark(), 7)
    assert (marked.time, marked.received) == (T0 * MS, 7)
    assert values(marked) == {"price": 2000.0, "funding_rate": 0.0001}
    data = {"e": "indexPriceUpdate", "E": T0, "i": "ETHUSD", "p": "2001.5"}
    (indexed,) = venue.received(framed("ETHUSD", "indexPrice@1s", data), 7)
    assert values(indexed) == {"index": 2001.5}


def test_a_contract_that_is_delivered_has_no_funding_rate():
    (marked,) = connected().received(mark(rate=""), 7)
    assert values(marked) == {"price": 2000.0}


def test_the_open_interest_is_asked_for_and_is_coins_at_the_mark_price():
    venue = connected()
    url = f"{REST}/openInterest?symbol=ETHUSD_PERP"
    asked = [
        second
        for second in range(70)
        for output in venue.tick(second * SECOND)
        if output == Fetch(INTEREST, url)
    ]
    assert asked == [30, 60]
    told = venue.fetched(INTEREST, 200, interest(), 9)
    assert names(told) == ["open interest before the mark price"]
    venue.received(mark(), 7)
    (event,) = venue.fetched(INTEREST, 200, interest(), 9)
    assert isinstance(event, Mark)
    assert (event.time, values(event)) == (T0 * MS, {"open_interest": 45.0})


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (429, "", "open interest not answered"),
        (200, "<html>", "unreadable open interest"),
        (200, interest(symbol="BTCUSD_PERP"), "other symbol"),
    ],
)
def test_an_open_interest_that_cannot_be_used_is_counted_and_leaves_the_book_alone(
    status, body, name
):
    market = in_sync()
    assert market.handle(market.venue.fetched(INTEREST, status, body, 9), 9) == []
    assert market.refused == {name: 1}
    assert market.state == "live"


def test_after_a_lost_connection_it_is_asked_for_again_once_there_is_another():
    venue = connected()
    assert only(Status, venue.disconnected(BOOK, "it was closed", 4))
    assert venue.tick(60 * SECOND) == []
    venue.connected(BOOK, 61 * SECOND)
    assert INTEREST not in [one.name for one in only(Fetch, venue.tick(90 * SECOND))]
    assert INTEREST in [one.name for one in only(Fetch, venue.tick(91 * SECOND))]


# -- against a capture ---------------------------------------------------------------------


def days():
    return [captured(f"binance_coinm/ethusd_perp_2024080{day}.gz") for day in (8, 9)]


def in_coins(state):
    """Return a state of `Rebuilt`, in contracts of 10 USD, in coins."""
    update, bid, held, ask, offered = state
    return update, bid, held * 10.0 / bid, ask, offered * 10.0 / ask


@pytest.mark.slow
def test_a_capture_against_a_plain_book_and_the_exchanges_own_best_quotes():
    paths = days()
    rebuilt = Rebuilt(lines_of(paths), lambda event, last: event["pu"] == last)
    assert (len(rebuilt.states), rebuilt.gaps, rebuilt.crossed) == (39_133, 0, 0)
    market, states = play_capture(paths)
    # Of two events, one is buffered until the snapshot comes, with the other.
    assert len(states) == 39_131
    plain = {state[0]: in_coins(state) for state in rebuilt.states}
    assert all(plain[state[0]] == state for state in states)
    assert dict(market.refused) == {"bookTicker": 35_563}
    assert market.failures == 0
    assert (market.instrument.contract_size, market.instrument.inverse) == (10.0, True)
    _, quotes = quotes_of(paths)
    newest = np.searchsorted(quotes[:, 0], [state[0] for state in states], side="right") - 1
    assert newest.min() >= 0
    assert [in_coins(quote)[1:] for quote in quotes[newest].tolist()] == [s[1:] for s in states]
    assert len(np.unique(newest)) > 11_000


@pytest.mark.slow
def test_a_captures_trades_have_the_side_that_the_price_decides():
    paths = days()
    history = obi.load(paths, interval=0)
    assert (len(history), history.gaps, len(history.trades)) == (39_134, 0, 3_595)
    assert history.tick_size == pytest.approx(0.01)
    assert np.all(history.spread > 0)
    assert 0.003 < np.min(history.trades.size) < 0.004  # one contract at 2,600 to 2,700 USD
    sides = decided(history.trades, *quotes_of(paths))
    assert np.count_nonzero(sides) == 880
    assert np.array_equal(history.trades.side[sides != 0], sides[sides != 0])
