"""Levels that a history cannot hold end their side; a best one ends the state, by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from history_tools import NAN, book, writer
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import BOTH, EITHER, use

from obi_widgets.errors import HistoryError, LevelError
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues import make_venue
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import inferred

SECOND = 1_000_000_000
NEAR = [(60_000.0, 5.0), (59_999.5, 1.0)], [(60_001.0, 3.0), (60_002.0, 1.0)]


def prices(history, side, row=-1):
    found = history.prices(side)[row]
    return found[~np.isnan(found)].tolist()


@BOTH
@pytest.mark.parametrize(
    ("side", "price", "size"),
    [
        (+1, 0.1234567890123, 1.0),  # thirteen decimals
        (+1, 59_998.123456789, 1.0),  # nine, beside a price of 60,000
        (+1, 1e-8, 1.0),
        (-1, 9e17, 1.0),
        (-1, 3e9, 1.0),  # more ticks of 0.5 than 32 bits count
        (+1, 59_998.0, 1e-50),  # a size that is 0 as a float32
        (-1, 60_003.0, 1e39),
    ],
)
def test_a_level_that_cannot_be_held_ends_its_side(code, side, price, size, monkeypatch):
    use(monkeypatch, code)
    into, levels = writer(tick_size=0.5, levels=5), [list(one) for one in NEAR]
    into.append(1, 1, book(*levels))
    behind = price - 100 if price > 200 else price / 2
    which = levels[0 if side > 0 else 1]
    which += [(price, size), (behind if side > 0 else price + 100, 1.0)]
    into.append(2, 2, book(*levels))
    into.append(3, 3, book(*NEAR))
    history = into.history()
    assert history.tick_size == 0.5
    for row in range(3):
        assert prices(history, +1, row) == [60_000, 59_999.5]
        assert prices(history, -1, row) == [60_001, 60_002]
    mine = 0 if side > 0 else 1
    last = 1e4 * (1.0 if side > 0 else 1.5) / 60_000.5  # known as far as the last that is held
    np.testing.assert_allclose(history.reach[mine], [np.inf, last, np.inf], rtol=1e-6)
    assert np.isinf(history.reach[1 - mine]).all()
    assert inferred(history, Parameters(depth=2)).tolist() == [False, False, False]
    assert inferred(history, Parameters(depth=3)).tolist() == [False, True, False]
    assert history.notes == (
        "1 state has levels that were left out: their price or size cannot be held.",
    )


@BOTH
@pytest.mark.parametrize(
    ("best", "says"),
    [
        ((60_000.1234567890123, 1.0), "The best bid of 60000.12345678901 lies on no price grid"),
        ((60_000.5, 1e-50), "The best bid has a size of 1e-50, which cannot be held."),
    ],
)
@pytest.mark.parametrize("interval", [0, 1.0])
def test_of_a_best_level_that_cannot_be_held_nothing_is_kept(
    code, best, says, interval, monkeypatch
):
    use(monkeypatch, code)
    into = writer(tick_size=0.5, levels=5, interval=interval)
    into.append(1, 1, book(*NEAR))
    with pytest.raises(LevelError) as error:
        into.append(2, 2, book([best, *NEAR[0]], NEAR[1]))
    assert str(error.value).startswith(says)
    assert isinstance(error.value, HistoryError)
    into.gap(3)
    history = into.history()
    assert history.tick_size == 0.5
    assert history.time.tolist() == [1, 2]  # the state that waited, and the gap
    assert prices(history, +1, 0) == [60_000, 59_999.5]
    assert np.isnan(history.bid[1])
    assert not history.notes


@BOTH
def test_a_grid_is_not_refined_so_far_that_what_it_held_no_longer_fits(code, monkeypatch):
    use(monkeypatch, code)
    into = writer(tick_size=0.5, levels=3)
    far = [(60_000.0, 1.0), (30_000.0, 1.0)], [(60_001.0, 1.0), (90_000.0, 1.0)]
    into.append(1, 1, book(*far))
    for number, finer in enumerate((59_999.01, 59_998.7654321, 59_998.000001, 59_997.0000321)):
        into.append(2 + number, 2 + number, book([*far[0][:1], (finer, 1.0)], far[1]))
    into.append(9, 9, book(*far))
    history = into.history()
    assert history.tick_size == 0.01
    for row in (0, 5):
        assert prices(history, +1, row) == [60_000, 30_000]
        assert prices(history, -1, row) == [60_001, 90_000]
    assert prices(history, +1, 1) == [60_000, 59_999.01]
    for row in (2, 4):
        assert prices(history, +1, row) == [60_000]
        assert prices(history, -1, row) == [60_001, 90_000]


def test_older_states_are_looked_at_too_before_a_grid_is_refined():
    into = writer(tick_size=1.0, levels=2)
    into.append(1, 1, book([(1000.0, 1)], [(1001.0, 1), (2_000_001_000.0, 1)]))
    into.append(2, 2, book([(1000.0, 1), (999.1, 1)], [(1001.0, 1)]))
    into.append(3, 3, book([(1000.0, 1), (999.5, 1)], [(1001.0, 1)]))
    history = into.history()
    assert history.tick_size == 0.5  # a tenth would not hold the first
    assert prices(history, -1, 0) == [1001, 2_000_001_000]
    assert [prices(history, +1, row) for row in (1, 2)] == [[1000], [1000, 999.5]]


@pytest.mark.parametrize("told", [1e-300, -1.0, NAN, float("inf"), 0.0, 1e30])
def test_a_tick_size_that_cannot_be_is_found_from_the_prices(told):
    into = writer(tick_size=told, levels=2)
    into.append(1, 1, book(*NEAR))
    assert into.history().tick_size == 0.5
    assert prices(into.history(), +1) == [60_000, 59_999.5]


ODD = st.one_of(
    st.sampled_from([0.1234567890123, 9e17, 3e9, 1e-8, 59_999.00000001, 1e-300, 60_000.3]),
    st.floats(1e-12, 1e18, exclude_max=True),
    st.integers(1, 10**6).map(lambda n: n / 10),
)
SIZE = st.one_of(st.sampled_from([0.0, 1.0, 1e-50, 1e-39, 5e17]), st.floats(0, 1e18))
CHANGES = st.lists(st.tuples(ODD, SIZE), max_size=4)


def frame(kind, sequence, bids, asks):
    data = {
        "bids": [[repr(p), repr(q)] for p, q in bids],
        "asks": [[repr(p), repr(q)] for p, q in asks],
        "seqNum": sequence, "prevSeqNum": sequence - 1, "type": kind, "symbol": "BTC-PERP",
        "timestamp": 1_790_000_000_000 + sequence,
    }  # fmt: skip
    return json.dumps({"topic": "update:BTC-PERP_0", "data": data})


@pytest.mark.slow
@settings(max_examples=150)
@given(
    messages=st.lists(st.tuples(st.integers(0, 4), CHANGES, CHANGES), max_size=12),
    code=EITHER,
)
def test_whatever_prices_come_the_feed_goes_on(messages, code):
    """A live state is one that the history has; what it has of a side is the beginning of it."""
    summary = [
        {"symbol": "BTC-PERP", "quote": "USDT", "contractSize": 1.0, "minPriceIncrement": 0.5}
    ]
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        market = Market(make_venue("lmex", "BTC-PERP"), levels=4, interval=0)
        market.handle(market.venue.start(0), 0)
        market.handle(market.venue.fetched("summary", 200, json.dumps(summary), 0), 0)
        market.handle(market.venue.connected("book", 0), 0)
        market.receive(frame("snapshot", 10, *NEAR), 0)
        for number, (which, bids, asks) in enumerate(messages):
            now = (1 + number) * 10**7
            kind = "snapshot" if which == 0 else "delta"
            if kind == "snapshot":
                bids, asks = [*NEAR[0], *bids], [*NEAR[1], *asks]
            before = len(market.history())
            market.receive(frame(kind, 11 + number, bids, asks), now)
            history = market.history()
            assert market.state in ("live", "gap", "syncing")
            if market.state != "live":
                continue
            assert len(history) > before
            row = history[-1:]
            for side, told in ((+1, market.book.bids), (-1, market.book.asks)):
                kept, there = prices(row, side), told.top(4)[0]
                np.testing.assert_allclose(kept, there[: len(kept)], atol=1e-3 * row.tick_size)
                if len(kept) < len(there):
                    assert np.isfinite(row.reach).any() or np.isnan(row.mid[0])


def test_a_refusal_has_a_name_and_leads_to_a_new_snapshot():
    market = Market(make_venue("lmex", "BTC-PERP"), levels=4, interval=0)
    market.handle(
        market.venue.fetched(
            "summary", 200,
            '[{"symbol":"BTC-PERP","quote":"USDT","contractSize":1,"minPriceIncrement":0.5}]', 0,
        ), 0,
    )  # fmt: skip
    market.handle(market.venue.connected("book", 0), 0)
    market.receive(frame("snapshot", 10, *NEAR), 2 * SECOND)
    replies = market.receive(frame("delta", 11, [(60_000.1234567890123, 1.0)], []), 3 * SECOND)
    assert market.state == "gap"
    assert market.detail.startswith("The book was thrown away: the best bid of 60000.1234567890")
    assert market.refused["level that cannot be held"] == 1
    assert len(replies) > 0
    market.receive(frame("snapshot", 20, *NEAR), 4 * SECOND)
    assert market.state == "live"
    assert np.isnan(market.history().bid).tolist() == [False, True, False]
