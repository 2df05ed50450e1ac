"""What a chart shows against brute force; axes that do not jump."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from history_tools import NAN, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st

from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.charts.downsampling import extent, is_raw, lowest, means, steps
from obi_widgets.presentation.charts.window import PIXELS, Window

# A chart of 600 columns of 10 ns, and series that are dense, sparse, or both by turns.
COLUMN = 10
SECONDS = PIXELS * COLUMN / SECOND
GAPS = st.one_of(st.integers(0, 3), st.integers(0, 3), st.integers(0, 200))
VALUES = st.sampled_from([1.0, 2.0, 3.0, 4.0, 7.0, NAN])
SERIES = st.lists(st.tuples(GAPS, VALUES), min_size=1, max_size=120)


def series(items, start=100_000):
    time = start + np.cumsum([gap for gap, _ in items])
    return time, np.array([value for _, value in items])


def grouped(time, values, width):
    """Return {column's number: its values in order}."""
    found = {}
    for t, v in zip(time.tolist(), values.tolist(), strict=True):
        found.setdefault(t // width, []).append(v)
    return found


def held(x, y, at):
    """Return what a step line shows at a time."""
    before = [v for t, v in zip(x.tolist(), y.tolist(), strict=True) if t <= at]
    return before[-1] if before else None


# -- windows -----------------------------------------------------------------------------------


@given(st.integers(1, 2 * 10**18), st.floats(1, 7 * 86_400))
def test_a_window_is_of_whole_columns_and_ends_with_that_of_the_newest(newest, seconds):
    window = Window.ending(newest, seconds)
    assert window.start % window.column == window.end % window.column == 0
    assert window.end - window.start == PIXELS * window.column
    assert window.end - window.column <= newest < window.end
    assert window.column * PIXELS == pytest.approx(seconds * 1e9, abs=PIXELS)


# -- step lines --------------------------------------------------------------------------------


@settings(max_examples=200)
@given(SERIES)
def test_a_step_line_shows_the_extremes_of_each_column_and_what_stands_after_it(items):
    time, values = series(items)
    window = Window.ending(int(time[-1]), SECONDS)
    x, y = steps(time, values, window)
    assert (np.diff(x) >= 0).all()
    columns = grouped(time, values, COLUMN)
    numbers = sorted(columns)
    for number, following in pairwise([*numbers, numbers[-1] + 1]):
        here = columns[number]
        if len(here) > 2:
            known = [value for value in here if not math.isnan(value)]
            shown = {held(x, y, number * COLUMN), held(x, y, number * COLUMN + COLUMN // 2)}
            if known:
                assert shown == {min(known), max(known)}
            else:
                assert all(map(math.isnan, shown))
        if following > number + 1:  # nothing came for a while: the last value stands
            for quiet in ((number + 1) * COLUMN, following * COLUMN - 1):
                assert held(x, y, quiet) == pytest.approx(here[-1], nan_ok=True)
    assert y[-1] == pytest.approx(values[-1], nan_ok=True)
    assert x[-1] == window.end


@settings(max_examples=200)
@given(SERIES)
@pytest.mark.parametrize("drawn", [steps, lowest])
def test_where_a_column_has_two_states_or_fewer_they_stand_at_their_own_times(drawn, items):
    time, values = series(items)
    x, y = drawn(time, values, Window.ending(int(time[-1]), SECONDS))
    _, first, counts = np.unique(time // COLUMN, return_index=True, return_counts=True)
    for begin, count in zip(first.tolist(), counts.tolist(), strict=True):
        rows = range(begin, begin + count) if count <= 2 else ()
        for row in rows:
            if row + 1 == len(time) or time[row + 1] > time[row]:  # of several at a time, the last
                assert held(x, y, time[row]) == pytest.approx(values[row], nan_ok=True)
            if row and time[row - 1] < time[row] and row - 1 in rows:
                stood = held(x, y, time[row] - 1)
                assert stood == pytest.approx(values[row - 1], nan_ok=True)


@settings(max_examples=100)
@given(SERIES)
def test_the_lowest_value_of_each_column_is_drawn(items):
    time, values = series(items)
    window = Window.ending(int(time[-1]), SECONDS)
    x, y = lowest(time, values, window)
    for number, here in grouped(time, values, COLUMN).items():
        known = [value for value in here if not math.isnan(value)]
        if len(here) > 2 and known:
            assert held(x, y, number * COLUMN) == held(x, y, number * COLUMN + 5) == min(known)
    assert y[-1] == pytest.approx(values[-1], nan_ok=True)


@settings(max_examples=100)
@given(SERIES)
def test_a_step_line_has_two_points_a_column_and_one_where_it_ends(items):
    time, values = series(items)
    x, _ = steps(time, values, Window.ending(int(time[-1]), SECONDS))
    _, counts = np.unique(x[:-1] // COLUMN, return_counts=True)
    assert (counts <= 3).all()
    assert len(x) <= 3 * len(np.unique(time // COLUMN))


def shifted(time, values, by):
    """Return the windows after some states, and after some more."""
    windows = [Window.ending(int(time[-1 - by]), SECONDS), Window.ending(int(time[-1]), SECONDS)]
    return (time[: len(time) - by], values[: len(time) - by], windows[0]), (
        time,
        values,
        windows[1],
    )


LONG = st.lists(st.tuples(st.integers(0, 200), VALUES), min_size=40, max_size=150)


@settings(max_examples=100)
@given(LONG, st.integers(1, 30))
def test_what_a_step_line_has_drawn_stays_while_the_window_moves(items, by):
    time, values = series(items)
    before, after = shifted(time, values, by)
    old, new = steps(*before), steps(*after)
    at = np.arange(after[2].start, before[2].end - COLUMN, COLUMN // 2)
    drawn = [y[np.searchsorted(x, at, side="right") - 1] for x, y in (old, new)]
    begun = (at >= old[0][0]) & (at >= new[0][0])
    np.testing.assert_array_equal(drawn[0][begun], drawn[1][begun])
    assert begun[at >= time[0]].all()


@settings(max_examples=100)
@given(LONG, st.integers(1, 30))
def test_what_extents_have_drawn_stays_while_the_window_moves(items, by):
    time, values = series(items)
    before, after = shifted(time, values, by)
    old, new = (
        dict(zip(at.tolist(), zip(low, high, strict=True), strict=True))
        for at, low, high in (extent(*before), extent(*after))
    )
    for at in old:
        if after[2].start <= at < before[2].end - COLUMN:
            assert new[at] == pytest.approx(old[at], nan_ok=True)


def test_one_second_means_stay_while_a_shorter_column_moves():
    time = np.arange(0, 120 * SECOND, SECOND // 10)
    values = np.sin(np.arange(len(time)))
    drawn = {}
    for newest in range(900, len(time)):
        window = Window.ending(int(time[newest]), 60.0)
        at, mean = means(time[: newest + 1], values[: newest + 1], window)
        for second, value in zip(at[:-1].tolist(), mean[:-1].tolist(), strict=True):
            assert drawn.setdefault(second, value) == value
    assert len(drawn) > 80
    for second, value in drawn.items():
        inside = values[time // SECOND == second // SECOND]
        assert value == pytest.approx(inside.mean())


def test_a_row_before_the_window_tells_its_left_edge():
    time = np.array([10, 50_000, 100_000])
    window = Window.ending(100_000, SECONDS)
    x, y = steps(time, np.array([3.0, 4.0, 5.0]), window)
    assert x[0] < window.start
    assert held(x, y, window.start) == 4.0
    assert held(x, y, 100_000) == 5.0


def test_a_gap_breaks_a_step_line_and_it_goes_on_after():
    time = np.array([100_000, 100_100, 100_101, 100_300])
    x, y = steps(time, np.array([3.0, 4.0, NAN, 5.0]), Window.ending(100_300, SECONDS))
    assert held(x, y, 100_050) == 3.0
    assert math.isnan(held(x, y, 100_200))
    assert held(x, y, 100_300) == 5.0


def test_a_line_goes_on_after_a_gap_and_a_recovery_in_one_column():
    time = np.array([100_000, 100_001, 100_002, 100_300])
    x, y = steps(time, np.array([3.0, NAN, 4.0, 5.0]), Window.ending(100_300, SECONDS))
    assert held(x, y, 100_200) == 4.0


def test_a_quiet_market_is_shown_where_it_stands_and_not_at_an_extreme():
    time = np.array([100_000, 100_001, 100_002, 100_300])
    x, y = steps(time, np.array([1.0, 4.0, 2.0, 2.0]), Window.ending(100_300, SECONDS))
    assert set(y[:2].tolist()) == {1.0, 4.0}
    assert held(x, y, 100_200) == 2.0


@pytest.mark.parametrize("summary", [steps, extent, means])
def test_of_nothing_nothing_is_drawn(summary):
    empty = np.empty(0, np.int64)
    for part in summary(empty, np.empty(0), Window.ending(0, 60.0)):
        assert len(part) == 0


@pytest.mark.parametrize("summary", [steps, extent, means])
def test_of_states_without_a_number_nothing_is_drawn_either(summary):
    time = np.arange(100_000, 100_900, 7)
    for part in summary(time, np.full(len(time), NAN), Window.ending(100_900, SECONDS))[1:]:
        assert np.isnan(part).all()


# -- extents and means -------------------------------------------------------------------------


@settings(max_examples=150)
@given(SERIES)
def test_extents_are_the_least_and_greatest_of_each_column(items):
    time, values = series(items)
    at, low, high = extent(time, values, Window.ending(int(time[-1]), SECONDS))
    columns = grouped(time, values, COLUMN)
    seen = {number: here for number, here in columns.items() if number * COLUMN >= at[0] - COLUMN}
    drawn = dict(zip(at.tolist(), zip(low.tolist(), high.tolist(), strict=True), strict=True))
    wanted = {}
    for number, following in pairwise([*sorted(seen), None]):
        known = [value for value in seen[number] if not math.isnan(value)]
        middle, last = number * COLUMN + COLUMN // 2, seen[number][-1]
        wanted[middle] = (min(known), max(known)) if known else (NAN, NAN)
        quiet = following is not None and following > number + 1
        if quiet or math.isnan(last):  # what stands until the next state, or the break
            wanted[(number + 1) * COLUMN] = (last, last)
        if quiet and not math.isnan(last):
            wanted[following * COLUMN] = (last, last)
    assert sorted(drawn) == sorted(wanted)
    for time_, pair in wanted.items():
        assert drawn[time_] == pytest.approx(pair, nan_ok=True)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 1500), VALUES), min_size=1, max_size=100))
@pytest.mark.parametrize("seconds", [60.0, 900.0])
def test_means_are_of_a_second_or_of_a_longer_column(seconds, items):
    time, values = series([(gap * 1_000_000, value) for gap, value in items], start=SECOND)
    window = Window.ending(int(time[-1]), seconds)
    width = max(window.column, SECOND)
    at, mean = means(time, values, window)
    columns = grouped(time, values, width)
    middle = at % width == width // 2
    assert set((at[middle] // width).tolist()) == {n for n in columns if n >= at[0] // width}
    for when, value in zip(at[middle].tolist(), mean[middle].tolist(), strict=True):
        known = [one for one in columns[when // width] if not math.isnan(one)]
        assert value == pytest.approx(np.mean(known) if known else NAN, nan_ok=True)
    # Between, what stands in empty columns, or a break.
    for when, value in zip(at[~middle].tolist(), mean[~middle].tolist(), strict=True):
        last = values[np.searchsorted(time, when) - 1]
        assert value == pytest.approx(last, nan_ok=True)


def test_everything_in_view_is_summed_up():
    time = np.arange(0, 200 * SECOND, SECOND // 30)
    for newest in range(5000, len(time), 19):
        window = Window.ending(int(time[newest]), 60.0)
        for summary, width in ((extent, window.column), (means, SECOND)):
            at = summary(time[: newest + 1], np.ones(newest + 1), window)[0]
            assert at[0] <= window.start  # a line from it comes in at the left edge
            assert at[-1] >= window.end - width
            assert (np.diff(at) == width).all()


# -- state by state ------------------------------------------------------------------------------


def regular(states_a_column, columns=2000, seed=1):
    """Return times: so many states a column on average, at random."""
    random = np.random.default_rng(seed)
    return 10_000 + np.sort(
        random.integers(0, columns * 1000, round(states_a_column * columns))
    )  # columns of 1,000 ns


@pytest.mark.parametrize(("density", "raw"), [(0.01, True), (1.0, True), (1.7, True), (2.3, False),
                                              (30.0, False)])  # fmt: skip
@pytest.mark.parametrize("share", [1.0, 0.1])  # of the window that has states yet
def test_a_signal_is_drawn_state_by_state_where_columns_have_few(density, raw, share):
    time = regular(density, columns=round(share * PIXELS))
    assert is_raw(time, Window.ending(int(time[-1]), PIXELS * 1000 / SECOND)) == raw


def test_states_that_come_and_go_do_not_change_the_way_to_and_fro():
    time = regular(2.0, columns=6000)
    found = [
        is_raw(time[: newest + 1], Window.ending(int(time[newest]), PIXELS * 1000 / SECOND))
        for newest in range(3000, len(time))
    ]
    assert 0 < sum(found) < len(found), "close to the limit"
    assert sum(one != other for one, other in pairwise(found)) <= 6000 / PIXELS * 9


@pytest.mark.parametrize("states", [0, 1, 2])
def test_of_one_or_two_states_both_are_drawn(states):
    time = np.array([100_000, 100_001], np.int64)[:states]
    assert is_raw(time, Window.ending(100_001, SECONDS))


# -- axes --------------------------------------------------------------------------------------

SIZES = st.floats(-1e5, 1e5).map(lambda x: round(x, 3))


@settings(max_examples=200)
@given(st.lists(st.lists(SIZES, min_size=1, max_size=4), min_size=1, max_size=12))
def test_an_axis_never_excludes_data_and_moves_only_when_it_must(batches):
    axis = Axis(least=1.0)
    for batch in batches:
        before = (axis.low, axis.high)
        low, high = axis.follow(np.array(batch))
        assert low <= min(batch) <= max(batch) <= high
        need = max(max(batch) - min(batch), 1.0)
        assert high - low >= need
        fits = before[0] <= min(batch) and max(batch) <= before[1]
        if fits and 0.45 * (before[1] - before[0]) <= need <= before[1] - before[0]:
            assert (low, high) == before
        if (low, high) != before:
            assert high - low < 1.5 * need
            assert axis.follow(np.array(batch)) == (low, high)


def test_an_axis_shrinks_only_when_less_than_half_of_it_is_needed():
    axis = Axis(least=0.001)
    wide = axis.follow(np.array([0.0, 100.0]))
    span = wide[1] - wide[0]
    assert axis.follow(np.array([50 - 0.226 * span, 50 + 0.226 * span])) == wide
    low, high = axis.follow(np.array([50 - 0.22 * span, 50 + 0.22 * span]))
    assert high - low < 0.7 * span


@pytest.mark.parametrize("value", [0.0, 100.0, -3.3, 64123.45])
def test_an_axis_of_a_constant_is_as_wide_as_the_least(value):
    low, high = Axis(least=2.0).follow(np.array([value, value]))
    assert low <= value - 0.9 < value + 0.9 <= high
    assert 2.0 <= high - low < 3.0


def test_an_axis_of_no_data_stays():
    axis = Axis(least=1.0)
    assert axis.follow(np.array([NAN])) == (0.0, 0.0)
    stood = axis.follow(np.array([3.0, 5.0]))
    assert axis.follow(np.array([])) == axis.follow(np.array([NAN, np.inf])) == stood


def test_the_axis_of_a_price_that_wanders_seldom_moves():
    random = np.random.default_rng(4)
    price = 60_000 + np.cumsum(random.normal(0, 1, 3000))
    axis = Axis(least=1.0)
    ranges = [axis.follow(price[newest - 600 : newest]) for newest in range(600, 3000)]
    assert sum(a != b for a, b in pairwise(ranges)) < 60
