"""Markets by ccxt: at an exchange faked at ccxt's own classes of books."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("ccxt")

from ccxt.async_support.base.ws.order_book import CountedOrderBook, IndexedOrderBook
from ccxt.base import errors
from ccxt_tools import LEVELS, TICK, change, fake, market, ms_ago, sides_at, steps
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.errors import RecordingError, SettingsError, SourceError, SymbolError, VenueError
from obi_widgets.feeds.by_ccxt.markets import CcxtSource, market_of
from obi_widgets.feeds.by_ccxt.troubles import CorruptBookError, trouble_of
from obi_widgets.feeds.by_ccxt.venue import DEEPEST, MANY_UNTIMED, UNTIMED, UNVERIFIED, CcxtVenue
from obi_widgets.feeds.sources import find
from obi_widgets.market_data.events import Refused, Snapshot, Trade
from obi_widgets.market_data.venues.sizes import SizeUnit
from obi_widgets.market_data.venues.wire import PAST_TRADE

SOURCE = "ccxt:fake:BTC/USDT"
MS = 1_000_000


def followed(source=SOURCE, *, states, **options):
    """Follow until there are so many states; return history, state, detail and instrument."""
    with following(source, interval=0, **options) as session:
        session.start()
        wait_for(lambda: len(session.market.history()) >= states, f"{states} states")
        market = session.market
        return market.history(), market.state, market.detail, market.instrument


def ended(source=SOURCE):
    """Follow until the end; return what is said of it."""
    with following(source) as session:
        session.start()
        wait_for(lambda: session.market.state == "closed", "the end")
        return session.market.detail, session.market.advice


# -- books ---------------------------------------------------------------------------------


def test_the_history_is_what_ccxt_gave_although_it_changes_its_book_in_place(monkeypatch):
    script, times = steps(60)
    fake(monkeypatch, script=script)
    history, state, detail, instrument = followed(states=60, levels=LEVELS)
    assert state == "unverified"
    assert detail == UNVERIFIED
    assert (instrument.venue, instrument.symbol) == ("ccxt:fake", "BTC/USDT")
    assert (instrument.label, instrument.quote) == ("Fake by ccxt", "USDT")
    assert history.instrument.tick_size == TICK
    assert history.time.tolist() == [ms * MS for ms in times]
    assert (history.received > history.time).all()
    for step in range(60):
        for side, levels in zip((+1, -1), sides_at(step), strict=True):
            got = np.c_[history.prices(side)[step], history.sizes(side)[step]]
            np.testing.assert_array_equal(got, levels)
    assert history.gaps == 0
    assert UNVERIFIED in history.notes
    assert history.source == "ccxt, unverified"


@pytest.mark.parametrize(
    ("book_class", "more"),
    [(CountedOrderBook, [3]), (IndexedOrderBook, ["x"])],
    ids=["count", "id"],
)
def test_books_of_orders_are_summed_by_price(monkeypatch, book_class, more):
    def apply(book):
        orders = enumerate([(99.0, 1.0), (99.0, 2.5), (98.0, 4.0)])
        for n, (price, size) in orders:
            book["bids"].storeArray([price, size, *(f"b{n}" if m == "x" else m for m in more)])
        book["asks"].storeArray([101.0, 7.0, *more])
        book["timestamp"] = ms_ago(1)

    fake(monkeypatch, script=[apply], book_class=book_class)
    history, *_ = followed(states=1, levels=2)
    best = 2.5 if book_class is CountedOrderBook else 3.5  # a count replaces what was at a price
    np.testing.assert_array_equal(history.sizes(+1)[0], [best, 4.0])
    np.testing.assert_array_equal(history.sizes(-1)[0], [7.0, np.nan])


def test_nothing_is_known_beyond_what_ccxt_gives(monkeypatch):
    script, _ = steps(3)
    fake(monkeypatch, script=script)
    history, *_ = followed(states=3, levels=2 * LEVELS)
    assert not obi.inferred(history, obi.Settings(depth=LEVELS, decay=0)).any()
    assert obi.inferred(history, obi.Settings(depth=LEVELS + 1, decay=0)).all()


def test_a_deep_book_is_cut_and_not_refused():
    venue = CcxtVenue("fake", "BTC/USDT", "Fake")
    sides = {"bids": [[50_000 - n, 1.0] for n in range(30_000)], "asks": [[50_001, 1.0]]}
    (snapshot,) = venue.whole({"timestamp": ms_ago(1), **sides}, ms_ago(0) * MS)
    assert len(snapshot.bids) == DEEPEST
    assert snapshot.bids[-1, 0] == 50_000 - DEEPEST + 1


@pytest.mark.parametrize(
    ("symbol", "more", "unit", "sizes"),
    [
        ("BTC/USDT:USDT", {"contractSize": 0.01}, SizeUnit(0.01), lambda _, size: size * 0.01),
        ("BTC/USD:BTC", {"contractSize": 100}, SizeUnit(100.0, inverse=True),
         lambda price, size: size * 100 / price),
    ],
    ids=["linear", "inverse"],
)  # fmt: skip
def test_contracts_are_turned_into_base_units(monkeypatch, symbol, more, unit, sizes):
    script, (ms, *_) = steps(1)
    trade = {"id": "7", "timestamp": ms + 5, "price": 1000.5, "amount": 3.0, "side": "buy"}
    fake(monkeypatch, script=script, listed=(market(symbol, **more),))
    with following(f"ccxt:fake:{symbol}", interval=0, levels=LEVELS) as session:
        session.start()
        wait_for(lambda: len(session.market.history()) == 1, "a state")
        venue = session.feed._venue
        assert venue.unit == unit
        (event,) = venue.trades([trade], ms * MS)
        assert event == Trade((ms + 5) * MS, ms * MS, 1000.5, sizes(1000.5, 3.0), +1, 7)
        history = session.market.history()
    assert (history.instrument.contract_size, history.instrument.inverse) == unit
    for side, levels in zip((+1, -1), sides_at(0), strict=True):
        expected = [sizes(*level) for level in levels]
        np.testing.assert_allclose(history.sizes(side)[0], expected, rtol=1e-6)


# -- times ---------------------------------------------------------------------------------


def test_without_event_times_the_time_of_receipt_stands_for_them_and_is_told(monkeypatch):
    fake(monkeypatch, script=[change(step, None) for step in range(20)])
    history, state, detail, _ = followed(states=20, levels=LEVELS)
    np.testing.assert_array_equal(history.time, history.received)
    assert state == "unverified"
    assert detail == f"{UNVERIFIED} {UNTIMED}"
    assert {UNVERIFIED, UNTIMED} <= set(history.notes)


def test_a_book_without_a_time_among_others_is_left_out_and_counted(monkeypatch):
    since = ms_ago(60)
    script = [change(n, None if n == 3 else since + 100 * n) for n in range(8)]
    fake(monkeypatch, script=script)
    history, _, detail, _ = followed(states=7, levels=LEVELS)
    assert history.time.tolist() == [(since + 100 * n) * MS for n in range(8) if n != 3]
    assert "1 left out. The last: A book came without its event time." in detail
    assert "Books and trades that were not used: no event time 1." in history.notes
    assert history.gaps == 0


def test_books_that_mostly_have_no_time_have_that_of_receipt_and_are_followed_on(monkeypatch):
    since = ms_ago(60)
    script = [change(n, since + 100 * n if n % 30 == 0 else None) for n in range(90)]
    exchange = fake(monkeypatch, script=script)
    history, state, detail, _ = followed(states=80, levels=LEVELS)
    assert len(exchange.made) == 2, "one for the list of markets, one for all books"
    assert len(history) == 90 - (MANY_UNTIMED - 1)
    np.testing.assert_array_equal(history.time[1:], history.received[1:])
    assert history.gaps == 0
    assert state == "unverified"
    assert UNTIMED in detail
    assert f"no event time {MANY_UNTIMED - 1}." in " ".join(history.notes)


# -- trades --------------------------------------------------------------------------------


def test_trades_have_the_takers_side_and_come_once():
    venue = CcxtVenue("fake", "BTC/USDT", "Fake")
    ms = ms_ago(10)
    venue.whole({"timestamp": ms, "bids": [[99, 1]], "asks": [[101, 1]]}, (ms + 3) * MS)
    trade = {"id": "5", "timestamp": ms + 1, "price": 101, "amount": 0.5, "side": "buy"}
    given = [
        trade, trade, {**trade, "id": "4", "timestamp": ms - 1}, {**trade, "id": "6", "side": None},
        {**trade, "id": "a-b", "side": "sell"}, {**trade, "id": "8", "amount": None},
    ]  # fmt: skip
    now = (ms + 9) * MS
    first, past, sideless, sold, sizeless = venue.trades(given, now)
    assert first == Trade((ms + 1) * MS, now, 101.0, 0.5, +1, 5)
    assert (past.name, sideless.name) == (PAST_TRADE, "side of a trade")
    assert (sold.side, sold.id) == (-1, 0)
    assert (type(sizeless), sizeless.name) == (Refused, "size of a trade")
    assert venue.trades([trade], now) == []


def test_trades_are_in_the_history_and_their_failure_leaves_the_book_alone(monkeypatch):
    script, times = steps(2)
    taped = [errors.NetworkError("lost")]
    own = fake(monkeypatch, script=script, taped=taped)
    with following(SOURCE, interval=0) as session:
        session.start()
        wait_for(lambda: len(session.market.history()) == 2, "two states")
        wait_for(lambda: session.market.refused, "what is counted")
        assert session.market.refused == {"no trades: NetworkError": 1}
        own.taped.append(
            [{"id": "1", "timestamp": times[1], "price": 1000.5, "amount": 2.0, "side": "sell"}]
        )
        wait_for(lambda: not own.taped, "the trade")
        own.script.append(change(2, times[1] + 100))  # a trade belongs to the next state
        wait_for(lambda: len(session.market.history().trades), "the trade")
        trades = session.market.history().trades
        assert (trades.price[0], trades.size[0], trades.side[0]) == (1000.5, 2.0, -1)
        assert session.market.state == "unverified"


# -- errors --------------------------------------------------------------------------------


def test_a_lost_connection_is_a_gap_and_is_made_again(monkeypatch):
    since = ms_ago(60)
    before, _ = steps(5, since=since)
    after, _ = steps(5, since=since + 1000)
    own = fake(monkeypatch, script=[*before, errors.NetworkError("reset by peer"), *after])
    told = []
    with following(SOURCE, interval=0) as session:
        session.start()

        def came():
            told.append((session.market.state, session.market.detail))
            return len(session.market.history()) == 11

        wait_for(came, "ten states, and a gap")
        assert session.market.history().gaps == 1
        assert session.market.state == "unverified"
    assert ("connecting", "The connection to Fake by ccxt was lost: reset by peer.") in told
    assert len(own.made) >= 2
    assert all(one.closed for one in own.made if one.markets)


def test_a_book_that_stays_impossible_is_built_anew(monkeypatch):
    def cross(book):
        book["bids"].store(2000.0, 1.0)
        book["asks"].store(1999.0, 1.0)
        book["timestamp"] = ms_ago(1)

    own = fake(monkeypatch, script=[cross] * 20 + steps(1)[0])
    with following(SOURCE, interval=0) as session:
        session.start()
        wait_for(lambda: len(session.market.history()) == 1, "a state")
    opened = [one for one in own.made if one.markets]
    assert len(opened) == 2
    assert all(one.closed for one in opened)


E = errors


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (E.NetworkError("x"), "connecting", "The connection to Fake was lost: x."),
        (E.RequestTimeout(""), "connecting", "The connection to Fake was lost: RequestTimeout."),
        (E.ExchangeNotAvailable("x"), "connecting", "The connection to Fake was lost: x."),
        (E.OnMaintenance("till 5."), "connecting", "Fake is under maintenance: till 5."),
        (E.RateLimitExceeded("x"), "connecting", "Fake takes no requests for a while: x."),
        (E.DDoSProtection("x"), "connecting", "Fake takes no requests for a while: x."),
        (E.RestrictedLocation("x"), "connecting", "Fake refuses this location: x."),
        (E.ChecksumError("x"), "gap", "The book differs from the checksum of Fake: x."),
        (CorruptBookError("x"), "gap", "x."),
        (E.BadSymbol("x"), "closed", "Fake does not take the symbol: x."),
        (E.NotSupported("x"), "closed", "Fake gives no stream of this book."),
        (E.AuthenticationError("x"), "closed", "Fake wants more than a symbol for its books: x."),
        (E.ExchangeError("x"), "connecting", "ccxt failed at Fake: ExchangeError: x."),
        (KeyError("bids"), "connecting", "ccxt failed at Fake: KeyError: 'bids'."),
        (SymbolError("No.", "Do."), "closed", "No."),
    ],
)
def test_errors_of_ccxt_are_told_in_words(error, state, said):
    trouble = trouble_of(error, "Fake", was_open=True)
    assert (trouble.state, trouble.detail) == (state, said)
    assert trouble.advice or state != "closed"
    assert trouble.wait >= 1


def test_an_exchange_that_cannot_be_reached_is_told_while_it_is_tried_again(monkeypatch):
    def load(self):
        raise errors.ExchangeNotAvailable("503")

    fake(monkeypatch, load_markets=load)
    with following(SOURCE) as session:
        session.start()
        wait_for(lambda: session.market.advice, "what is told")
        assert session.market.state == "connecting"
        assert session.market.detail == "Fake by ccxt cannot be reached: 503."
        assert session.market.advice == "Trying again in 1 s."
        with pytest.raises(VenueError, match="cannot be reached"):
            session.wait(1, timeout=0.1)


@pytest.mark.parametrize(
    ("symbol", "advice"),
    [
        ("BTCUSDC", "Did you mean 'BTC/USDT'?"),
        ("BTC", "Did you mean 'BTC/USDT'?"),
        ("ETH/USDTT", "Did you mean 'ETH/USDT' or 'BTC/USDT'?"),
        ("NOTHING", "Check how ccxt spells it."),
    ],
)
def test_a_symbol_that_is_not_listed_ends_the_feed_with_near_misses(monkeypatch, symbol, advice):
    own = fake(monkeypatch)
    assert ended(f"ccxt:fake:{symbol}") == (f"Fake by ccxt lists no symbol {symbol!r}.", advice)
    assert all(one.closed for one in own.made if one.markets)


def test_a_contract_of_unknown_size_is_refused(monkeypatch):
    fake(monkeypatch, listed=(market("BTC/USDT:USDT"),))
    detail, advice = ended("ccxt:fake:BTC/USDT:USDT")
    assert detail.startswith("ccxt does not say how many coins a contract of 'BTC/USDT:USDT'")
    assert advice


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("ccxt:", "'ccxt:' names no market of ccxt. Give ccxt:EXCHANGE:SYMBOL, such as "
         "'ccxt:kraken:BTC/USD'."),
        ("ccxt:kraken", "'ccxt:kraken' names no market of ccxt. Give ccxt:EXCHANGE:SYMBOL, such as "
         "'ccxt:kraken:BTC/USD'."),
        ("ccxt:krakn:BTC/USD", "ccxt streams from no exchange 'krakn'. Did you mean "
         "'ccxt:kraken:BTC/USD'?"),
        ("ccxt:zzzz:BTC/USD", "ccxt streams from no exchange 'zzzz'. import ccxt.pro; "
         "ccxt.pro.exchanges lists those that it streams from."),
    ],
)  # fmt: skip
def test_what_names_no_exchange_is_refused(source, text):
    with pytest.raises(SourceError) as error:
        find(source)
    assert str(error.value) == text


def test_exchanges_are_found_in_any_case():
    assert find("CCXT:Binance-USDM:BTC/USDT:USDT").opened == CcxtSource(
        "binanceusdm", "BTC/USDT:USDT"
    )


def test_without_ccxt_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ccxt", None)
    monkeypatch.setitem(sys.modules, "ccxt.pro", None)
    with pytest.raises(SourceError) as error:
        obi.Session(SOURCE)
    assert str(error.value) == (
        "Markets by ccxt need ccxt, which is not installed. "
        "Install it with: pip install 'obi-widgets[ccxt]'."
    )


def test_options_that_have_no_use_are_refused(monkeypatch):
    fake(monkeypatch)
    with pytest.raises(SettingsError, match=r"refresh_at = 0\.2 does not fit a market by ccxt"):
        obi.Session(SOURCE, refresh_at=0.2)


def test_it_cannot_be_recorded_and_the_error_says_what_can(monkeypatch, tmp_path):
    fake(monkeypatch)
    with pytest.raises(RecordingError) as error:
        obi.record(SOURCE, tmp_path / "x.gz", seconds=1)
    assert "gives books and not what the exchange sent" in str(error.value)
    with pytest.raises(RecordingError) as error:
        obi.record(["ccxt:kraken:BTC/USD"], tmp_path, seconds=1)  # not Kraken by ourselves
    assert "gives books and not what the exchange sent" in str(error.value)
    assert list(tmp_path.iterdir()) == []


# -- symbols and units ---------------------------------------------------------------------


async def loaded(**what):
    class Own:
        precisionMode = 4  # noqa: N815

    exchange = Own()
    for name, value in what.items():
        setattr(exchange, name, value)
    exchange.markets = {one["symbol"]: one for one in what["listed"]}
    exchange.markets_by_id = {}
    for one in what["listed"]:
        exchange.markets_by_id.setdefault(one["id"], []).append(one)
    return exchange


LISTED = (
    market("BTC/USDT"), market("BTC/USDT:USDT", contractSize=1.0),
    market("BTC/USD:BTC", contractSize=1.0), market("ETH/USDC:USDC", contractSize=1.0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("spelling", "symbol"),
    [
        ("BTC/USDT", "BTC/USDT"),
        ("BTCUSDT", "BTC/USDT"),  # as the exchange spells both: the spot market
        ("btc-usdt", "BTC/USDT"),
        ("BTC-PERP", "BTC/USDT:USDT"),
        ("BTC-USDT-SWAP", "BTC/USDT:USDT"),
        ("btc/usdt:usdt", "BTC/USDT:USDT"),
        ("btcusd_perp", "BTC/USD:BTC"),
        ("ETH-PERP", "ETH/USDC:USDC"),
    ],
)
def test_other_spellings_find_ccxts_own(spelling, symbol):
    import asyncio

    exchange = asyncio.run(loaded(listed=LISTED))
    assert market_of(exchange, spelling, "Fake").symbol == symbol


@pytest.mark.parametrize(
    ("mode", "precision", "tick_size"),
    [
        (4, 0.25, 0.25), (4, "0.25", 0.25), (2, 3, 0.001), (2, 0, 1.0), (3, 5, 0.0),
        (4, None, 0.0), (4, 0, 0.0), (4, float("nan"), 0.0), (4, True, 0.0),
    ],
)  # fmt: skip
def test_the_tick_size_is_read_in_each_of_ccxts_modes(mode, precision, tick_size):
    import asyncio

    listed = (market("BTC/USDT", precision={"price": precision}),)
    exchange = asyncio.run(loaded(listed=listed, precisionMode=mode))
    assert market_of(exchange, "BTC/USDT", "Fake").tick_size == pytest.approx(tick_size)


# -- in a lab ------------------------------------------------------------------------------


def test_the_lab_shows_it_unverified_and_entries_and_export_work(monkeypatch, tmp_path, wire):
    fake(monkeypatch, script=steps(120)[0])
    lab = obi.Lab("ccxt:fake:btcusdt", interval=0, levels=LEVELS)
    view = View()
    try:
        lab.session.attach(view)
        wait_for(lambda: len(lab.history) == 120, "the books")
        frame = wait_for(lambda: view.frames and view.frames[-1], "a frame")
        wait_for(lambda: view.frames[-1].state == "unverified", "the state on the screen")
        frame = view.frames[-1]
        assert frame.detail.startswith(UNVERIFIED)
        assert frame.instrument.symbol == "BTC/USDT"
        history = lab.history
        lab.settings.depth, lab.settings.decay = 3, 0.0
        entries = obi.entries(history, obi.Settings(depth=3, decay=0, threshold=0.2,
                                                    hold_seconds=0.5))  # fmt: skip
        assert len(entries)
        path = lab.export(tmp_path / "ccxt.toml")
        assert 'source = "ccxt, unverified"' in path.read_text()
        saved = history.save(tmp_path / "books.parquet")
        assert obi.load(saved).sha256() == history.sha256()
        assert "source=ccxt%3Afake%3ABTC%2FUSDT" in lab.link() or SOURCE in lab.link()
    finally:
        lab.close()


def test_snapshots_are_whole_books():
    venue = CcxtVenue("fake", "BTC/USDT", "Fake")
    book = {"timestamp": ms_ago(1), "bids": [[99, 1], [98, 2]], "asks": [[101, 1]]}
    (snapshot,) = venue.whole(book, ms_ago(0) * MS)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.limit == 1  # both sides go on beyond what came
