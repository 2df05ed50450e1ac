"""What a book knows, and what a history tells of it: against a dict that keeps account."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from history_tools import SECOND, early, writer
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import BOTH, EITHER, TWINS, use

import obi_widgets as obi
from obi_widgets.market_data import book as book_module
from obi_widgets.market_data.book import Book, Side
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.coverage import inferred

NAN, INF = float("nan"), float("inf")


class Account:
    """One side of a book as a dict of keys, with the key from which on it is known."""

    def __init__(self, sign, window=0):
        self.sign, self.window = sign, window
        self.sizes, self.edge = {}, -INF

    def replace(self, levels, limit):
        self.sizes = {}
        self.edge = min(self.sign * p for p, _ in levels) if 0 < limit <= len(levels) else -INF
        self.apply(levels)

    def apply(self, levels):
        for price, size in levels:
            self.sizes[self.sign * price] = size
            if not size:
                del self.sizes[self.sign * price]
        best = sorted(self.sizes, reverse=True)
        if levels and self.window and len(best) >= self.window:
            self.edge = best[self.window - 1]
            self.sizes = {key: self.sizes[key] for key in best[: self.window]}

    def levels(self):
        return [(self.sign * key, self.sizes[key]) for key in sorted(self.sizes, reverse=True)]


LEVEL = st.tuples(
    st.integers(1, 40).map(lambda ticks: ticks / 2), st.sampled_from([0.0, 0.0, 0.5, 1.0, 7.25])
)
LEVELS = st.lists(LEVEL, max_size=12)
PICTURE = st.lists(LEVEL.filter(lambda level: level[1]), max_size=9, unique_by=lambda one: one[0])
MESSAGE = st.one_of(
    st.tuples(st.just("snapshot"), PICTURE, PICTURE, st.integers(0, 8)),
    *[st.tuples(st.just("delta"), LEVELS, LEVELS, st.just(0))] * 4,
)


@BOTH
@settings(max_examples=150)
@given(messages=st.lists(MESSAGE, max_size=20), window=st.sampled_from([0, 1, 3, 5]))
def test_a_book_knows_what_an_account_says(code, messages, window):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        book, wanted = Book(window=window), (Account(+1, window), Account(-1, window))
        for kind, bids, asks, limit in messages:
            if kind == "snapshot":
                book.replace(bids, asks, limit)
                wanted[0].replace(bids, limit)
                wanted[1].replace(asks, limit)
            else:
                book.apply(bids, asks)
                wanted[0].apply(bids)
                wanted[1].apply(asks)
            for side, account in zip((book.bids, book.asks), wanted, strict=True):
                assert list(zip(*map(list, side.top(99)), strict=True)) == account.levels()
                assert side.edge == account.edge
                best = side.top(1)[0]
                assert side.best_key == (side.sign * best[0] if len(best) else -INF)
            assert book.unknown == any(not one.sizes and one.edge > -INF for one in wanted)


def test_a_level_told_beyond_the_snapshot_does_not_widen_what_is_known():
    book = Book()
    book.replace([(10.0, 1), (9.0, 1)], [(11.0, 1), (12.0, 1)], 2)
    book.apply([(8.0, 3)], [(20.0, 3)])
    assert (book.bids.edge, book.asks.edge) == (9.0, -12.0)
    assert book.asks.top(9)[0].tolist() == [11.0, 12.0, 20.0]
    book.replace([(10.0, 1)], [(11.0, 1), (20.0, 1)], 2)
    assert (book.bids.edge, book.asks.edge) == (-INF, -20.0)


def test_what_lies_too_far_behind_is_forgotten_when_a_side_has_to_grow(monkeypatch):
    monkeypatch.setattr(book_module, "MAX_LEVELS", 5000)
    side = Side(+1)
    side.replace([(100_000.0, 1)])
    for first in range(1, 30_001, 500):
        side.apply([(100_000.0 - n, 1.0) for n in range(first, first + 500)])
        assert side.count <= side.levels.shape[1] <= 2 * (5000 + 4096 + 1000) + 4096
    prices = side.top(10**6)[0]
    assert prices[0] == 100_000
    assert np.all(np.diff(prices[prices >= side.edge]) == -1)  # known, so without a hole
    assert 5000 <= np.count_nonzero(prices >= side.edge) < len(prices) + 1
    assert side.edge > -INF


def test_a_price_near_the_edge_wants_a_snapshot():
    book = Book(refresh_at=0.25)
    book.replace([(100.0 - n, 1) for n in range(11)], [(101.0 + n, 1) for n in range(11)], 11)
    wanted = []
    for best in range(101, 111):  # of ten that were known, nine are left, and so on
        book.apply([], [(float(best), 0)])
        wanted.append(book.wants_snapshot)
    assert wanted == [False] * 7 + [True] * 3
    assert not book.unknown
    book.apply([], [(111.0, 0)])
    assert book.unknown
    complete = Book()
    complete.replace([(100.0, 1)], [(101.0, 1), (102.0, 1)], 5)
    complete.apply([], [(101.0, 0), (102.0, 0)])
    assert not complete.wants_snapshot
    assert not complete.unknown  # it is empty, and that is known


# -- splicing ----------------------------------------------------------------------------------


def known(first, count, sign):
    return [(float(first - sign * n), 1.0 + n % 7) for n in range(count)]


def test_a_newer_snapshot_widens_the_side_that_it_knows_further():
    book = Book()
    book.replace(known(100, 20, +1), known(101, 20, -1), 20)
    book.apply([(float(p), 2.0) for p in range(101, 116)], [(float(p), 0) for p in range(101, 116)])
    assert book.wants_snapshot
    newer = Book()
    bids = [(float(p), 2.0) for p in range(115, 100, -1)] + known(100, 5, +1)
    asks = [level for level in known(101, 60, -1) if level[0] > 115][:20]
    newer.replace(bids, asks, 20)
    assert book.splice(newer)
    assert (book.bids.edge, book.asks.edge) == (81.0, -135.0)  # each as far as it is known
    assert len(book.bids.top(99)[0]) == 35
    assert not book.wants_snapshot


def test_a_snapshot_that_contradicts_is_not_taken():
    book, newer = Book(), Book()
    book.replace(known(100, 20, +1), known(101, 20, -1), 20)
    newer.replace(known(100, 30, +1), [(101.0, 9.0), *known(102, 29, -1)], 30)
    assert not book.splice(newer)
    assert (book.bids.edge, book.asks.edge) == (81.0, -120.0)
    newer.replace(known(100, 30, +1), known(101, 30, -1), 30)
    newer.apply([(85.0, 0)], [])  # missing where the book knows it
    assert not book.splice(newer)


# -- what a history tells ----------------------------------------------------------------------


def history_of(rows, *, levels=4, tick_size=0.5, strict=False):
    """A history of (bids, asks, limit), each a snapshot, or of changes after it (limit None)."""
    into, book = writer(levels=levels, tick_size=tick_size, strict=strict), Book()
    for number, (bids, asks, limit) in enumerate(rows):
        if limit is None:
            book.apply(bids, asks)
        else:
            book.replace(bids, asks, limit)
        into.append(SECOND + number, SECOND + number, book)
    return into.history()


DEEP = ([(99.5 - n, 1.0) for n in range(3)], [(100.5 + n, 2.0) for n in range(3)])


@BOTH
def test_reach_is_how_far_each_side_is_known(code, monkeypatch):
    use(monkeypatch, code)
    kept = history_of([(*DEEP, 3), ([(95.0, 1)], [(108.0, 1)], None), (*DEEP, 0), ([], [], None)])
    assert kept.reach.dtype == np.float32
    np.testing.assert_allclose(kept.reach[:, :2], np.full((2, 2), 250), rtol=1e-6)
    assert np.isinf(kept.reach[:, 2:]).all()
    one_sided = history_of([([], DEEP[1], 0)])
    assert np.isnan(one_sided.reach).all()


def by_levels(history, parameters, kept):
    """Return which states are inferred, by looking at each level of each state."""
    out = []
    prices = [history.prices(side) for side in (+1, -1)]
    for row, mid in enumerate(history.mid):
        guessed = False
        for which in (0, 1):
            reach = float(history.reach[which, row])
            if np.isnan(mid) or np.isinf(reach):
                continue
            side = prices[which][row]
            away = [1e4 * abs(p - mid) / mid for p in side[~np.isnan(side)]]
            depth = len(away) if parameters.depth is None else min(parameters.depth, kept)
            inside = [d for d in away if d <= reach + 1e-3]
            enough = len(inside) >= depth
            if parameters.band_bps is not None:
                covered = reach >= parameters.band_bps
                enough = covered if parameters.depth is None else enough or covered
            guessed |= not enough
        out.append(guessed)
    return out


ROWS = st.lists(
    st.tuples(
        st.lists(st.integers(150, 199), min_size=1, max_size=6, unique=True),
        st.lists(st.integers(201, 250), min_size=1, max_size=6, unique=True),
        st.sampled_from([None, None, 0, 2, 4, 6]),
    ),
    min_size=1,
    max_size=10,
)
ASKED = st.builds(
    Parameters,
    depth=st.sampled_from([1, 2, 4, 6, None]),
    band_bps=st.sampled_from([None, None, 120.0, 510.0, 2000.0]),
)


@pytest.mark.slow
@settings(max_examples=200)
@given(rows=ROWS, parameters=ASKED, code=EITHER)
def test_inferred_states_are_those_with_levels_beyond_what_is_known(rows, parameters, code):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        told = [
            ([(n / 2, 1.0) for n in bids], [(n / 2, 2.0) for n in asks], limit)
            for bids, asks, limit in rows
        ]
        kept = history_of(told)
    wanted = by_levels(kept, parameters, kept.levels)
    assert inferred(kept, parameters).tolist() == wanted
    values, strict = (obi.imbalance(one, parameters) for one in (kept, replace(kept, strict=True)))
    np.testing.assert_array_equal(strict, np.where(wanted, np.nan, values))
    guessed = sum(by_levels(kept, Parameters(depth=kept.levels), kept.levels))
    said = {0: (), 1: ("1 state has",)}.get(guessed, (f"{guessed} states have",))
    assert tuple(note[: len(said[0])] for note in kept.notes) == said


@settings(max_examples=100)
@given(rows=ROWS, odd=st.sampled_from([60.25, 60.123456789012, 3e9, 1e-9]))
def test_compiled_code_and_its_twin_write_the_same_rows(rows, odd):
    kept = []
    for code in TWINS:
        with pytest.MonkeyPatch.context() as patch:
            use(patch, code)
            told = [
                ([(n / 2, 1.0) for n in bids], [(n / 2, 2.0) for n in asks], limit)
                for bids, asks, limit in rows
            ]
            told.append(([(odd, 1.0)], [], None) if odd < 100 else ([], [(odd, 1.0)], None))
            kept.append(history_of(told))
    one, other = kept
    assert one.reach.tobytes() == other.reach.tobytes()
    assert one.sha256() == other.sha256()
    assert one.notes == other.notes


def test_the_level_at_the_edge_is_known():
    """At many prices: reach is a float32, and the level at the edge must not seem beyond."""
    chance = np.random.default_rng(2)
    for _ in range(200):
        tick = float(chance.choice([0.1, 0.01, 0.5, 1e-5]))
        best = int(chance.integers(100_000, 10_000_000))
        away = np.sort(chance.choice(np.arange(1, 5000), 3, replace=False))
        into, book = writer(levels=4, tick_size=tick), Book()
        sides = [
            [(round((best + sign * n) * tick, 9), 1.0) for n in (0, *away.tolist())]
            for sign in (-1, +1)
        ]
        book.replace(sides[0], [(round(p + tick, 9), q) for p, q in sides[1]], 4)
        into.append(1, 1, book)
        kept = into.history()
        assert not inferred(kept, Parameters(depth=4)).any()
        assert not kept.notes
        book.apply([(round((best - away[-1] - 1) * tick, 9), 1.0), (sides[0][1][0], 0)], [])
        into.append(2, 2, book)
        assert inferred(into.history(), Parameters(depth=4)).tolist() == [False, True]


def test_slices_copies_and_joins_keep_what_is_known():
    kept = history_of([(*DEEP, 3), ([(95.0, 1)], [], None), (*DEEP, 0)], strict=True)
    assert kept.strict
    for one in (pickle.loads(pickle.dumps(kept)), kept[:], replace(kept)):
        np.testing.assert_array_equal(one.reach, kept.reach)
        assert (one.strict, one.notes) == (True, kept.notes)
        assert not one.reach.flags.writeable
    np.testing.assert_array_equal(kept[1:].reach, kept.reach[:, 1:])
    later = replace(kept, time=kept.time + SECOND)
    joined = obi.History.concat([kept, later])
    assert joined.strict
    assert joined.notes == kept.notes
    assert len(joined.notes) == 1
    np.testing.assert_array_equal(joined.reach[:, :3], kept.reach)
    assert np.isnan(joined.reach[:, 3]).all()
    assert inferred(joined, Parameters(depth=4)).tolist() == [
        *inferred(kept, Parameters(depth=4)), False, *inferred(kept, Parameters(depth=4)),
    ]  # fmt: skip


def test_arrays_are_known_as_a_whole():
    given_in = early([1, 2], [9, 9], [3, 1], [10, NAN], [1, NAN])
    assert np.isinf(given_in.reach).all()
    assert given_in.reach.shape == (2, 2)
    assert not inferred(given_in, Parameters()).any()


@pytest.mark.slow
def test_the_newest_signal_is_the_last_of_the_history():
    """Also where the levels that are kept do not reach, and in a strict history."""
    for strict in (False, True):
        into, book = writer(levels=3, tick_size=0.5, strict=strict), Book()
        chance = np.random.default_rng(4)
        seen = set()
        for number in range(200):
            if number % 20 == 0:
                count = int(chance.integers(1, 5))
                book.replace(DEEP[0][:count], DEEP[1][:count], int(chance.choice([0, 2, 3])))
            bid, ask = 99.5 - int(chance.integers(0, 6)), 100.5 + int(chance.integers(0, 6))
            book.apply([(bid, float(chance.integers(0, 4)))], [(ask, float(chance.integers(0, 4)))])
            if not (book.bids.count and book.asks.count):
                continue
            into.append(number, number, book)
            for parameters in (
                Parameters(depth=2), Parameters(depth=5), Parameters(depth=None),
                Parameters(depth=None, band_bps=150.0), Parameters(depth=5, band_bps=260.0),
            ):  # fmt: skip
                value = obi.imbalance.newest_by(parameters.values_of(obi.imbalance))(
                    into.history().newest
                )
                whole = obi.imbalance(into.history(), parameters)[-1]
                np.testing.assert_equal(value, whole)
                seen.add(bool(np.isnan(value)))
        assert seen == {False, True}
