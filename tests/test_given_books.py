"""Books that a user's code gives: what is taken, what is left out, and what is told of it."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from given_tools import SECOND, START, STEP, book, books, frame_of
from history_tools import same
from hypothesis import given
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.feeds.given.checks import BadBookError, TimeCheck, both_sides, taker_side
from obi_widgets.feeds.given.feed import instrument_of
from obi_widgets.feeds.given.venue import Given
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Refused, Snapshot, Status, Trade

NAN, INF = math.nan, math.inf


def made(**options):
    """Return a venue of given books, and a market that keeps them."""
    venue = Given(instrument_of("TOY:X"), "books of a test")
    market = Market(venue, **{"interval": 0, **options})
    market.start(0)
    return venue, market


def give(venue, market, *given, **options):
    outputs = venue.book(*given, **options)
    market.handle(outputs, venue.newest)
    return outputs


# -- a book ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bids",
    [
        [(99.0, 1.0), (98.0, 2.0)],
        [[98, 2], [99, 1]],
        np.array([[98.0, 2.0], [99.0, 1.0]]),
        np.array([[98, 2], [99, 1]], np.float32),
        (("98.0", "2"), ("99.0", "1")),
        pd.DataFrame({"price": [98.0, 99.0], "size": [2.0, 1.0]}),
    ],
)
def test_a_side_is_taken_in_any_order_and_form(bids):
    sides = both_sides(bids, [(100.0, 1.0), (101.0, 1.0)])
    assert set(map(tuple, sides.bids.tolist())) == {(99.0, 1.0), (98.0, 2.0)}
    assert sides.limit == 2  # nothing is known beyond the last level


def test_one_side_may_be_empty():
    for none in ([], (), np.empty((0, 2))):
        sides = both_sides(none, [(100.0, 1.0)])
        assert (len(sides.bids), sides.asks.tolist(), sides.limit) == (0, [[100.0, 1.0]], 1)


ASKS = [(100.0, 1.0), (101.0, 1.0)]

BAD = [
    ("crossed", [(100.0, 1.0)], ASKS, "The best bid 100 is not below the best ask 100."),
    ("crossed", [(99.0, 1.0), (102.5, 1.0)], ASKS, "The best bid 102.5 is not below the best ask"),
    ("empty", [], [], "The book is empty."),
    ("price that is no number", [(99.0, 1.0), (NAN, 1.0)], ASKS, "Level 1 of bids has price nan."),
    ("size that is no number", [(99.0, NAN)], ASKS, "Level 0 of bids has size nan."),
    ("price out of range", [(-99.0, 1.0)], ASKS, "Level 0 of bids has price -99."),
    ("price out of range", [(0.0, 1.0)], ASKS, "Level 0 of bids has price 0."),
    ("price out of range", [(99.0, 1.0)], [(INF, 1.0)], "Level 0 of asks has price inf."),
    ("size out of range", [(99.0, -1.0)], ASKS, "Level 0 of bids has size -1."),
    ("size out of range", [(99.0, 1.0), (98.0, 0.0)], ASKS, "Level 1 of bids has size 0."),
    ("size out of range", [(99.0, 1e18)], ASKS, "Level 0 of bids has size 1e+18."),
    ("size out of range", [(99.0, 1e-30)], ASKS, "Level 0 of bids has size 1e-30."),
    ("price twice", [(99.0, 1.0), (99.0, 2.0)], ASKS, "bids has the price 99 twice."),
    ("no pairs", [(99.0, 1.0, 3.0)], ASKS, "bids has shape (1, 3)."),
    ("no pairs", [99.0, 98.0], ASKS, "bids has shape (2,)."),
    ("no numbers", [(99.0, 1.0), (98.0,)], ASKS, "bids = [(99.0, 1.0), (98.0,)]."),
    ("no numbers", [("a", "b")], ASKS, "bids = [('a', 'b')]."),
    ("no numbers", {99.0: 1.0}, ASKS, "bids = {99.0: 1.0}."),
    ("no pairs", None, ASKS, "bids has shape ()."),
    ("too many levels", np.ones((20_001, 2)), ASKS, "bids has 20,001 levels."),
]


@pytest.mark.parametrize(("kind", "bids", "asks", "what"), BAD)
def test_a_book_that_cannot_be_right_is_refused(kind, bids, asks, what):
    with pytest.raises(BadBookError) as error:
        both_sides(bids, asks)
    assert error.value.kind == kind
    assert error.value.what.startswith(what)
    assert error.value.advice


@pytest.mark.parametrize(("kind", "bids", "asks", "what"), BAD)
def test_a_refused_book_is_a_gap_that_is_counted_and_told(kind, bids, asks, what):
    venue, market = made()
    for step in range(3):
        give(venue, market, *book(step))
    outputs = give(venue, market, START + 3 * STEP, bids, asks)
    assert [type(one) for one in outputs] == [Refused, Status]
    assert (market.state, market.has_book) == ("gap", False)
    assert market.detail.startswith(f"A book after 22:13:20.200 was left out: {what}")
    assert market.advice
    assert market.refused == {kind: 1} == venue.left_out
    for step in range(4, 6):
        give(venue, market, *book(step))
    history = market.history()
    assert market.state == "live"
    assert market.detail.startswith(f"1 left out. The last: {what}")
    assert venue.unused == (f"Books and trades that were not used: {kind} 1.",)
    assert (history.gaps, len(history)) == (1, 6)
    assert history.lost.tolist() == [False] * 3 + [True] + [False] * 2


# -- times -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "time",
    [
        START,
        np.int64(START),
        dt.datetime.fromtimestamp(START // SECOND, dt.UTC),
        pd.Timestamp(START),
        np.datetime64(START, "ns"),
        "2023-11-14 22:13:20",
    ],
)
def test_a_time_is_taken_in_any_form(time):
    assert TimeCheck()(time) == START


@pytest.mark.parametrize(
    ("time", "advice"),
    [
        (START / 1e9, "It fits s: give int(s * 1,000,000,000)."),
        (START // 10**6, "It fits ms: give int(ms * 1,000,000)."),
        (START // 10**3, "It fits us: give int(us * 1,000)."),
        (float(START), "Give it as an int."),
        (START * 10, "Give nanoseconds UTC, or a time as pandas takes it."),
        (True, "Give nanoseconds UTC, or a time as pandas takes it."),
        (None, "Give nanoseconds UTC, or a time as pandas takes it."),
        ("yesterday", "Give nanoseconds UTC, or a time as pandas takes it."),
        (NAN, "Give nanoseconds UTC, or a time as pandas takes it."),
    ],
)
def test_what_is_no_time_is_refused_with_the_unit_that_fits(time, advice):
    check = TimeCheck()
    check(START)
    with pytest.raises(BadBookError) as error:
        check(time)
    assert (error.value.kind, error.value.advice) == ("no time", advice)


def test_a_book_that_is_a_little_older_is_left_out_alone():
    venue, market = made()
    give(venue, market, *book(0))
    give(venue, market, *book(9))
    give(venue, market, *book(5))
    assert market.state == "live"
    assert venue.left_out == {"older than the newest": 1}
    assert give(venue, market, *book(10))[-1].time == START + 10 * STEP
    assert market.history().time.tolist() == [START, START + 9 * STEP, START + 10 * STEP]
    assert market.history().gaps == 0


def test_times_that_go_back_are_a_gap_and_nothing_is_lost_by_it():
    venue, market = made()
    for step in range(20):
        give(venue, market, *book(step))
    before = market.history().sha256()
    for step in range(3):
        give(venue, market, *book(step))
        assert market.state == "gap"
        assert "s older than the one before it." in market.detail
    assert market.history()[:20].sha256() == before
    give(venue, market, *book(20))
    assert market.state == "live"
    assert (np.diff(market.history().time) > 0).all()


def test_a_silence_that_is_not_usual_is_a_gap():
    venue, market = made()
    for step in range(20):
        give(venue, market, *book(step))
    _, bids, asks = book(20)
    give(venue, market, START + 3600 * SECOND, bids, asks)
    assert market.state == "live"
    assert market.history().lost.tolist() == [False] * 20 + [True, False]


def test_a_slow_market_has_no_gaps():
    venue, market = made()
    for step in range(40):
        _, bids, asks = book(step)
        give(venue, market, START + step * 300 * SECOND, bids, asks)
    assert market.history().gaps == 0
    assert venue.quiet == pytest.approx(3000 * SECOND)


def test_a_book_counts_as_received_at_its_time_unless_told():
    venue, market = made()
    give(venue, market, *book(0))
    give(venue, market, *book(1), received=START + STEP + 7)
    assert market.history().received.tolist() == [START, START + STEP + 7]
    assert market.lag.absolute == pytest.approx(7e-9)


# -- trades ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "sign"), [(1, 1), (-1, -1), ("buy", 1), ("Sell", -1), (np.int8(-1), -1), (1.0, 1)]
)
def test_a_trade_has_a_side(side, sign):
    venue, market = made()
    give(venue, market, *book(0))
    market.handle(venue.trade(START + 1, 1000.5, 0.25, side), venue.newest)
    give(venue, market, *book(1))
    history = market.history()
    assert history.trades.side.tolist() == [sign]
    assert history.trade_ends.tolist() == [0, 1]


@pytest.mark.parametrize("side", [0, True, "up", None, 2, NAN])
def test_what_is_no_side_is_refused(side):
    with pytest.raises(BadBookError, match=r"taker's side: \+1 or 'buy'"):
        taker_side(side)


@pytest.mark.parametrize(
    ("price", "size"), [(NAN, 1.0), (-1.0, 1.0), (1.0, 0.0), ("x", 1.0), (None, 1.0), (1.0, INF)]
)
def test_a_wrong_trade_is_counted_and_the_book_stays(price, size):
    venue, market = made()
    give(venue, market, *book(0))
    [output] = venue.trade(START + 1, price, size, 1)
    market.handle([output], venue.newest)
    assert type(output) is Refused
    assert market.state == "live"
    assert venue.left_out.total() == 1


def test_a_trade_at_the_time_of_a_book_belongs_to_the_next():
    venue, market = made()
    give(venue, market, *book(0))
    [trade] = venue.trade(START + STEP, 1000.5, 1.0, "buy")
    assert type(trade) is Trade
    market.handle([trade], venue.newest)
    give(venue, market, *book(1))
    give(venue, market, *book(2))
    assert market.history().trade_ends.tolist() == [0, 0, 1]


# -- the history -------------------------------------------------------------------------------


@pytest.mark.parametrize("interval", [0.0, 0.5])
def test_books_one_by_one_are_the_history_of_the_same_books_in_a_frame(interval):
    venue, market = made(interval=interval, levels=5)
    for one in books(200):
        give(venue, market, *one)
    market.settle()
    history = market.history()
    frame = frame_of(200)
    if interval:  # the last state of each interval
        frame = frame.groupby(frame.index.floor("500ms")).tail(1)
    same(history, obi.History.from_frame(frame, tick_size=history.tick_size))
    assert history.tick_size == 0.5  # found from the prices
    assert history.source == "books of a test"
    assert (history.instrument.venue, history.instrument.symbol) == ("TOY", "X")


def test_prices_off_every_grid_are_left_out_with_advice():
    venue, market = made()
    give(venue, market, START, [(99.123456789, 1.0)], [(100.98765432101, 1.0)])
    assert (market.state, len(market.history())) == ("gap", 0)
    assert "lies on no price grid" in market.detail
    assert market.advice == "Round the prices to the tick size of the market, and give tick_size."
    give(venue, market, START + STEP, [(99.1, 1.0)], [(100.9, 1.0)])
    assert (market.state, market.history().tick_size) == ("live", 0.1)
    give(venue, market, START + 2 * STEP, [(99.12, 1.0)], [(100.9, 1.0)])
    assert market.history().tick_size == 0.02


ODD = st.one_of(
    st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1e-320, 1e300, -1.0, None, "x", True, "1.5"]),
    st.floats(90, 110),
)
SIDE = st.one_of(
    st.lists(st.tuples(ODD, ODD), max_size=4),
    st.lists(st.tuples(st.floats(90, 110), st.floats(0.1, 9)), max_size=4),
    st.none(), st.integers(), st.text(max_size=3), st.lists(ODD, max_size=3),
)  # fmt: skip
TIME = st.one_of(
    st.integers(0, 50).map(lambda n: START + n * STEP), st.none(), st.floats(), st.integers(),
    st.text(max_size=4),
)  # fmt: skip


@given(st.lists(st.tuples(TIME, SIDE, SIDE), max_size=12))
def test_no_book_raises_and_every_one_is_kept_or_counted(odd):
    venue, market = made()
    used = 0
    for number, one in enumerate(odd):
        before = venue.left_out.total()
        outputs = give(venue, market, *one)
        used += venue.left_out.total() == before
        assert used + venue.left_out.total() == number + 1
        assert type(outputs[-1]) in (Snapshot, Status, Refused)
        assert (market.state == "live") == bool(market.book.bids.count or market.book.asks.count)
        assert not market.failures
    history = market.history()
    assert np.count_nonzero(~history.lost) == used
    both = ~np.isnan(history.mid)
    assert (history.bid[both] < history.ask[both]).all()
