"""Histories: what goes in comes out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import GRIDS, MS, NAN, SECOND, arrays, books, early, make, same
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.errors import HistoryError
from obi_widgets.history.levels import BLOCK, TILE
from obi_widgets.settings.parameters import Parameters

LEVELS = 6


def check_round_trip(states, tick_size, *, told):
    time = SECOND + MS * np.arange(len(states))
    given_in = arrays(states, LEVELS, GRIDS[tick_size])
    kept = early(time, *given_in, tick_size=tick_size if told else None)
    for (price, size), side in zip((given_in[:2], given_in[2:]), (+1, -1), strict=True):
        np.testing.assert_array_equal(kept.prices(side), price)
        np.testing.assert_array_equal(kept.sizes(side), size.astype(np.float32))
    np.testing.assert_array_equal(kept.bid, given_in[0][:, 0])
    np.testing.assert_array_equal(kept.ask, given_in[2][:, 0])
    np.testing.assert_array_equal(kept.time, time)
    return kept


@pytest.mark.parametrize("tick_size", GRIDS)
@pytest.mark.parametrize("told", [True, False])
@settings(max_examples=40)
@given(states=books(levels=LEVELS))
def test_what_goes_in_comes_out_exactly(tick_size, told, states):
    kept = check_round_trip(states, tick_size, told=told)
    if told:
        assert kept.tick_size == tick_size


@pytest.mark.parametrize("tick_size", GRIDS)
@settings(max_examples=25)
@given(states=books(levels=LEVELS, widest=40_000))
def test_books_wider_than_16_bits_come_out_exactly(tick_size, states):
    check_round_trip(states, tick_size, told=True)


@pytest.mark.parametrize("away", [65_535, 65_536, 2**32 - 1])
def test_the_widest_books_come_out_exactly(away):
    bid = 2**33
    kept = check_round_trip([(([bid, bid - away], [1.0, 2.0]), ([bid + 1], [1.0]))], 0.1, told=True)
    assert kept.blocks[0].ticks.dtype == (np.uint16 if away < 2**16 else np.uint32)


@pytest.mark.parametrize(
    ("prices", "tick_size"),
    [
        ([100.5, 100.7], 0.1),
        ([100.2, 100.5], 0.3),
        ([4.9e-7, 5e-7], 1e-8),  # smaller than what might pass for rounding
        ([100.05, 100.15], 0.05),  # a tenth apart, and not on tenths
        ([2.5, 7.5], 2.5),
        ([0.00001234, 0.00001235], 1e-8),
        ([64000.0, 64005.0], 5.0),
        ([100.0, 100.0 + 2**-6], 2**-6),
        ([100.25, NAN], 0.01),
        ([NAN, NAN], 1.0),
    ],
)
def test_the_tick_size_is_found_and_prices_stand_on_it(prices, tick_size):
    bid, ask = prices
    kept = early([1], [[bid]], [[1.0]], [[ask]], [[1.0]])
    assert kept.tick_size == tick_size
    np.testing.assert_array_equal([kept.prices(+1)[0, 0], kept.prices(-1)[0, 0]], prices)


def test_a_single_level_may_be_given_in_one_dimension():
    flat = early([1, 2], [9.0, 9.5], [1, 2], [10.0, 10.5], [3, 4])
    assert flat.levels == 1
    np.testing.assert_array_equal(flat.sizes(-1), [[3], [4]])


def test_arrays_that_are_changed_afterwards_change_nothing():
    time, bid, bid_size = np.array([1, 2]), np.array([[9.0], [NAN]]), np.array([[1.0], [5.0]])
    kept = early(time, bid, bid_size, [[10.0], [10.0]], [[1.0], [1.0]])
    assert bid_size.tolist() == [[1.0], [5.0]]  # nor were they changed
    before = kept.sha256()
    time[:], bid[:], bid_size[:] = 7, 3.0, 9.0
    assert kept.sha256() == before


def test_an_empty_history():
    nothing = np.empty((0, 3))
    kept = obi.History.from_arrays(np.empty(0, np.int64), *[nothing] * 4)
    assert len(kept) == kept.gaps == 0
    assert kept.prices(+1).shape == (0, 3)
    assert repr(kept) == "<History empty>"
    assert list(kept.chunks()) == []
    assert obi.imbalance(kept, obi.Settings()).shape == (0,)
    assert len(kept.to_frame()) == 0


@pytest.mark.parametrize(
    "time",
    [
        pd.DatetimeIndex(["2024-07-19T02:00:00.000000001", "2024-07-19T03:00"], tz="+02:00"),
        pd.DatetimeIndex(["2024-07-19T00:00:00.000000001", "2024-07-19T01:00"]),
        np.array(["2024-07-19T00:00:00.000000001", "2024-07-19T01:00"], "datetime64[ns]"),
        [1721347200000000001, 1721350800000000000],
        np.array([1721347200000000001, 1721350800000000000], np.uint64),
    ],
)
def test_times_may_be_of_several_types(time):
    kept = obi.History.from_arrays(time, [9, 9], [1, 1], [10, 10], [1, 1])
    assert kept.time.tolist() == [1721347200000000001, 1721350800000000000]
    assert kept.received.tolist() == kept.time.tolist()


def test_coarser_datetimes_are_nanoseconds_too():
    time = np.array(["2024-07-19T00:00:00"], "datetime64[s]")
    assert obi.History.from_arrays(time, [9], [1], [10], [1]).time.tolist() == [1721347200 * SECOND]


@pytest.mark.parametrize(
    ("pattern", "gaps"), [("", 0), ("..", 0), ("x", 1), ("xx.", 1), (".x.", 1), ("x.xx.x", 3)]
)
def test_gaps_are_counted_once_each(pattern, gaps):
    prices = np.array([NAN if one == "x" else 9.0 for one in pattern])
    time = np.arange(len(pattern))
    kept = early(time, prices, prices, prices + 1, prices)
    assert kept.gaps == gaps


def test_one_side_that_is_empty_is_no_gap():
    kept = early([1, 2], [9.0, NAN], [1, 1], [NAN, 10.0], [1, 1])
    assert kept.gaps == 0
    assert np.isnan(kept.mid).all()
    assert np.isnan(kept.spread).all()


# -- slices ------------------------------------------------------------------------------------

LONG = 2 * BLOCK + 300


@pytest.fixture(scope="module")
def long():
    random = np.random.default_rng(7)
    bid = 1000 + random.integers(0, 50, LONG)[:, None] - np.arange(3)[None]
    ask = bid[:, :1] + 1 + np.arange(3)[None]
    sizes = random.integers(1, 9, (2, LONG, 3)).astype(float)
    bid, ask = bid / 10, ask / 10
    bid[::97], ask[::97] = NAN, NAN
    ask[::89, 1:] = NAN
    time = 100 * MS * np.arange(LONG)
    return (time, bid, sizes[0], ask, sizes[1])


EDGES = st.one_of(
    st.integers(-LONG - 5, LONG + 5), st.sampled_from([0, -1, BLOCK, 2 * BLOCK, LONG]), st.none()
)


def cut(long, *slices):
    """Return a history sliced, and the history of the arrays sliced."""
    kept = early(*long, tick_size=0.1)
    columns = list(long)
    for one in slices:
        kept = kept[one]
        columns = [column[one] for column in columns]
    return kept, early(*columns, tick_size=0.1)


@settings(max_examples=40)
@given(slices=st.lists(st.tuples(EDGES, EDGES).map(lambda ends: slice(*ends)), max_size=3))
def test_slices_are_those_of_the_arrays(long, slices):
    kept, fresh = cut(long, *slices)
    same(kept, fresh)
    assert kept.sha256() == fresh.sha256()
    assert kept.gaps == fresh.gaps
    parameters = Parameters(decay=0.3, depth=2)
    np.testing.assert_array_equal(obi.imbalance(kept, parameters), obi.imbalance(fresh, parameters))


def test_chunks_cover_a_slice_once_in_order(long):
    kept, _ = cut(long, slice(BLOCK - 3, 2 * BLOCK + 2))
    rows = [(rows.start, rows.stop, tile.sizes.shape[2]) for rows, tile in kept.chunks()]
    inner = [(3 + first, 3 + first + TILE, TILE) for first in range(0, BLOCK, TILE)]
    assert rows == [(0, 3, 3), *inner, (BLOCK + 3, BLOCK + 5, 2)]


def test_a_slice_knows_how_many_states_came_before_it(long):
    kept, _ = cut(long, slice(100, None), slice(BLOCK, BLOCK + 7))
    assert kept.start == 100 + BLOCK


def test_a_slice_shares_memory(long):
    kept = early(*long)
    assert np.shares_memory(kept.bid, kept[5:].bid)
    assert np.shares_memory(kept.blocks[1].sizes, kept[BLOCK + 5 :].blocks[0].sizes)


def test_a_slice_with_a_step_is_refused(long):
    with pytest.raises(HistoryError) as error:
        early(*long)[::2]
    assert str(error.value) == "A history is sliced without a step. Leave the step out."


# -- pandas ------------------------------------------------------------------------------------

STATES = [
    (([100, 98], [1.0, 2.0]), ([101, 103], [3.0, 4.0])),
    None,
    (([100], [5.0]), ([], [])),
    (([102], [6.0]), ([104, 105], [2.0, 1.0])),
]


def test_a_frame_has_the_columns_that_are_documented():
    history = make(STATES, levels=2)
    signal = obi.imbalance(history, obi.Settings(decay=0, depth=2))
    frame = history.to_frame({"imbalance": signal})
    assert list(frame) == [
        "bid", "ask", "mid", "spread", "spread_bps",
        "bid_size", "ask_size", "imbalance", "received",
    ]  # fmt: skip
    assert frame.index.name == "time"
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert str(frame["received"].dtype) == "datetime64[ns, UTC]"
    assert {str(frame[name].dtype) for name in frame if name[-4:] != "size"} == {
        "float64", "datetime64[ns, UTC]",
    }  # fmt: skip
    first = frame.iloc[0]
    assert first[["bid", "ask", "mid", "bid_size", "ask_size"]].tolist() == [10, 10.1, 10.05, 1, 3]
    assert first["spread"] == pytest.approx(0.1)
    assert first["spread_bps"] == pytest.approx(0.1 / 10.05 * 1e4)
    assert first["imbalance"] == pytest.approx((3 - 7) / 10)
    assert frame.index[0] == pd.Timestamp("1970-01-01T00:00:01Z")
    for name in ("mid", "received", "time", "ask_price_2"):
        with pytest.raises(HistoryError, match=f"'{name}' is the name of a column of the book"):
            history.to_frame({name: signal}, levels=2)
    assert frame.index[1] == pd.Timestamp("1970-01-01T00:00:01.1Z")


def test_a_frame_is_nan_where_the_book_was_not_in_sync():
    frame = make(STATES, levels=2).to_frame(levels=2)
    numbers = frame.drop(columns="received")
    assert numbers.iloc[1].isna().all()
    one_sided = numbers.iloc[2]
    assert one_sided[["bid", "bid_size"]].tolist() == [10.0, 5.0]
    assert one_sided.drop(["bid", "bid_size"]).isna().all()


def test_a_frame_of_several_levels():
    frame = make(STATES, levels=2).to_frame(levels=2)
    deep = frame[["bid_price_2", "bid_size_2", "ask_price_2", "ask_size_2"]]
    assert deep.iloc[0].tolist() == [9.8, 2.0, 10.3, 4.0]
    assert deep.iloc[3].isna().tolist() == [True, True, False, False]


def test_a_frame_of_a_changed_copy_leaves_the_history_alone():
    history = make(STATES, levels=2)
    before = history.sha256()
    frame = history.to_frame()
    frame["bid"] *= 2
    frame.iloc[0, 1] = 7.0
    assert history.sha256() == before


@pytest.mark.parametrize("levels", [0, 3, -1])
def test_a_frame_of_levels_that_are_not_kept_is_refused(levels):
    with pytest.raises(HistoryError) as error:
        make(STATES, levels=2).to_frame(levels=levels)
    assert str(error.value) == f"levels = {levels} is not possible. Give 1 to 2."


def test_the_repr_tells_what_there_is():
    assert repr(make(STATES, levels=2)) == (
        "<History 4 states × 2 levels, 1970-01-01T00:00:01 to 1970-01-01T00:00:01 UTC, 1 gap>"
    )


def test_a_hash_changes_with_any_number():
    def hashed(**change):
        columns = {"time": [1, 2], "bid": [9.0, 9.1], "bid_size": [1.0, 2.0], "ask": [10.0, 10.1]}
        columns["ask_size"] = [3.0, 4.0]
        columns.update(change)
        return early(*columns.values(), tick_size=0.1).sha256()

    hashes = {
        hashed(), hashed(time=[1, 3]), hashed(bid=[9.0, 9.2]), hashed(bid_size=[1.0, 2.5]),
        hashed(ask=[10.1, 10.1]), hashed(ask_size=[3.5, 4.0]), hashed(bid=[9.0, NAN]),
    }  # fmt: skip
    assert len(hashes) == 7


def test_a_hash_does_not_tell_one_nan_from_another():
    other = -np.array([NAN, 9.0])
    other[1] = 9.0
    hashes = {
        early([1, 2], bid, [1, 1], [10.0, 10.0], [1, 1]).sha256()
        for bid in (np.array([NAN, 9.0]), other)
    }
    assert len(hashes) == 1
