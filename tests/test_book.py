"""The book against a plain dict."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_tools import BOTH, use

from obi_widgets.market_data.book import LOGGED, Book, Side

# Few prices and many zero sizes: levels are repeated, changed, removed and removed again.
LEVEL = st.tuples(
    st.integers(1, 30).map(lambda ticks: ticks / 10), st.sampled_from([0.0, 0.0, 0.5, 1.0, 7.25])
)
MESSAGE = st.tuples(st.booleans(), st.lists(LEVEL, max_size=12), st.lists(LEVEL, max_size=12))


def put(model: dict[float, float], levels: list[tuple[float, float]]) -> None:
    for price, size in levels:
        if size:
            model[price] = size
        else:
            model.pop(price, None)


def check_side(side: Side, model: dict[float, float], *, best_is_highest: bool) -> None:
    wanted = sorted(model.items(), reverse=best_is_highest)
    for count in (0, 1, 2, 5, 100):
        prices, sizes = side.top(count)
        assert list(zip(prices.tolist(), sizes.tolist(), strict=True)) == wanted[:count]
        assert prices.dtype == sizes.dtype == np.float64
    if wanted:
        assert side.best == wanted[0][0]
    else:
        assert np.isnan(side.best)


@given(st.lists(MESSAGE, max_size=25))
def test_a_book_is_what_a_dict_says(messages):
    book, bids, asks = Book(), {}, {}
    for is_snapshot, bid_levels, ask_levels in messages:
        if is_snapshot:
            book.replace(bid_levels, ask_levels)
            bids.clear()
            asks.clear()
        else:
            book.apply(bid_levels, ask_levels)
        put(bids, bid_levels)
        put(asks, ask_levels)
        check_side(book.bids, bids, best_is_highest=True)
        check_side(book.asks, asks, best_is_highest=False)
        crossed = bool(bids and asks) and max(bids) >= min(asks)
        assert book.crossed == crossed


@given(st.lists(LEVEL, max_size=20))
def test_a_snapshot_is_an_empty_book_with_its_levels_applied(levels):
    replaced, applied = Side(-1), Side(-1)
    replaced.replace(levels)
    applied.apply(levels)
    for one, other in zip(replaced.top(99), applied.top(99), strict=True):
        assert one.tolist() == other.tolist()


def test_removing_a_level_that_is_not_there_changes_nothing():
    book = Book()
    book.replace([(10.0, 1.0)], [(11.0, 2.0)])
    book.apply([(9.0, 0.0), (10.5, 0.0)], [(12.0, 0.0)])
    assert book.bids.top(9)[0].tolist() == [10.0]
    assert book.asks.top(9)[0].tolist() == [11.0]


@pytest.mark.parametrize("take", ["replace", "apply"])
def test_of_a_price_told_twice_in_one_message_the_later_size_stands(take):
    book = Book()
    getattr(book, take)([(10.0, 1.0), (10.0, 3.0)], [(11.0, 5.0), (11.0, 0.0)])
    assert book.bids.top(9)[1].tolist() == [3.0]
    assert book.asks.top(9)[1].tolist() == []


@pytest.mark.parametrize(
    ("bids", "asks", "crossed"),
    [
        ([], [], False),
        ([(10.0, 1.0)], [], False),
        ([], [(10.0, 1.0)], False),
        ([(10.0, 1.0)], [(10.1, 1.0)], False),
        ([(10.0, 1.0)], [(10.0, 1.0)], True),  # locked counts as crossed
        ([(10.1, 1.0)], [(10.0, 1.0)], True),
    ],
)
def test_crossed(bids, asks, crossed):
    book = Book()
    book.replace(bids, asks)
    assert book.crossed is crossed


def test_a_cleared_book_is_empty():
    book = Book()
    book.replace([(10.0, 1.0)], [(11.0, 2.0)])
    book.clear()
    assert np.isnan(book.bids.best)
    assert np.isnan(book.asks.best)
    assert book.bids.top(5)[0].size == 0


def test_what_top_returned_does_not_change_with_the_book():
    side = Side(+1)
    side.replace([(10.0, 1.0), (9.0, 2.0)])
    prices, sizes = side.top(2)
    side.apply([(11.0, 5.0), (10.0, 0.0)])
    assert prices.tolist() == [10.0, 9.0]
    assert sizes.tolist() == [1.0, 2.0]


@BOTH
def test_a_deep_book_is_what_a_dict_says(code, monkeypatch):
    """Deep enough to grow, to drop what was removed, and to merge a message of very many levels."""
    use(monkeypatch, code)
    chance, book, bids, asks = np.random.default_rng(5), Book(), {}, {}
    for message in range(300):
        count = 3000 if message % 60 == 0 else 80
        prices = chance.integers(1, 20_000, (2, count)) / 10
        sizes = chance.choice([0.0, 0.5, 3.0], (2, count))
        for model, levels, side in zip((bids, asks), (0, 1), (book.bids, book.asks), strict=True):
            changes = list(zip(prices[levels].tolist(), sizes[levels].tolist(), strict=True))
            side.apply(changes)
            put(model, changes)
    check_side(book.bids, bids, best_is_highest=True)
    check_side(book.asks, asks, best_is_highest=False)
    for side, model in ((book.bids, bids), (book.asks, asks)):
        assert len(side.top(10**6)[0]) == len(model) > 5000
        assert np.all(np.diff(side.levels[0, : side.count]) > 0)


@BOTH
@given(messages=st.lists(MESSAGE, max_size=10))
def test_compiled_code_and_its_twin_make_the_same_book(code, messages):
    one, other = Book(), Book()
    for _, bids, asks in messages:
        with pytest.MonkeyPatch.context() as patch:
            use(patch, code)
            one.apply(bids, asks)
        other.replace(
            [*zip(*map(list, other.bids.top(99)), strict=True), *bids],
            [*zip(*map(list, other.asks.top(99)), strict=True), *asks],
        )
    for sides in ((one.bids, other.bids), (one.asks, other.asks)):
        for mine, theirs in zip(*(side.top(99) for side in sides), strict=True):
            assert mine.tolist() == theirs.tolist()


@BOTH
def test_a_book_of_many_levels_is_what_a_dict_says(monkeypatch, code):
    use(monkeypatch, code)
    dice = np.random.default_rng(5)
    book, models = Book(), ({}, {})
    book.replace([], [])
    for message in range(300):
        changes = []
        for model, sign in zip(models, (-1, +1), strict=True):
            away = np.unique(dice.integers(1, 1500, dice.integers(0, 30)))  # sorted, as they come
            if message % 5 == 0:
                dice.shuffle(away)
            sizes = np.where(dice.random(len(away)) < 0.3, 0.0, dice.integers(1, 9, len(away)))
            prices = (10_000 + sign * away).astype(float)
            changes.append(list(zip(prices.tolist(), sizes.tolist(), strict=True)))
            put(model, changes[-1])
        book.apply(*changes)
        for side, model in zip((book.bids, book.asks), models, strict=True):
            prices, sizes = side.top(2000)
            wanted = sorted(model.items(), key=lambda level: -side.sign * level[0])
            assert list(zip(prices.tolist(), sizes.tolist(), strict=True)) == wanted
    assert min(map(len, models)) > 500


def test_a_book_tells_what_the_newest_event_changed():
    made = Book()
    assert made.replaced
    made.replaced = False
    made.apply([(99.0, 1.0), (98.0, 0.0)], [(101.0, 2.0)])
    made.apply([], [(102.0, 3.0)])
    assert (made.middle, made.end, made.replaced) == (3, 4, False)
    assert made.changes[:4].tolist() == [[99.0, 1.0], [98.0, 0.0], [101.0, 2.0], [102.0, 3.0]]
    made.replace([], [])
    assert made.replaced


@pytest.mark.parametrize("size", [100, 3 * LOGGED])
def test_changes_that_nobody_reads_are_forgotten_and_that_is_told(size):
    made = Book()
    made.replaced = False
    for _ in range(2 + 2 * LOGGED // size):
        made.apply([(1.0 + n, 1.0) for n in range(size)], [])
    assert made.replaced
    assert made.end <= 2 * LOGGED
