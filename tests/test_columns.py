"""Columns that are remembered are those that would be found by looking at everything again."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import NAN, SECOND, books, writer
from history_tools import write as write_state
from hypothesis import given, settings
from hypothesis import strategies as st

from obi_widgets.presentation.charts import downsampling, downsampling_numpy, pixel_columns
from obi_widgets.presentation.charts.downsampling import extent, lowest, means, spaced_marks, steps
from obi_widgets.presentation.charts.pixel_columns import Columns, Mid
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.charts.window import PIXELS, Window
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters

SUMMARIES = (steps, lowest, extent, means)
GAPS = st.one_of(st.integers(0, 3), st.integers(0, 3), st.integers(0, 400))
VALUES = st.one_of(st.floats(-1, 1), st.floats(-1, 1), st.just(NAN))
# States that come, states that are dropped, how far back the window ends, how wide a column is.
MOVES = st.tuples(
    st.lists(st.tuples(GAPS, VALUES), max_size=40),
    st.integers(0, 15),
    st.one_of(st.just(0), st.integers(0, 3000)),
    st.sampled_from([1, 7, 10, 10, 10, 64]),
)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(MOVES, min_size=2, max_size=12), st.sampled_from([7, pixel_columns.PIECE]))
def test_what_is_remembered_is_what_would_be_found_anew(moves, piece):
    times, values, start = [100_000], [0.5], 0
    remembered = [Columns() for _ in SUMMARIES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downsampling, "MEAN", 25)
        patch.setattr(pixel_columns, "PIECE", piece)
        for states, dropped, back, column in moves:
            for gap, value in states:
                times.append(times[-1] + gap)
                values.append(value)
            start = min(start + dropped, len(times) - 1)
            time, kept = np.array(times[start:]), np.array(values[start:])
            window = Window.ending(max(times[-1] - back, 1), PIXELS * column / SECOND)
            for summary, columns in zip(SUMMARIES, remembered, strict=True):
                found = summary(time, kept, window, columns, start)
                for one, other in zip(found, summary(time, kept, window), strict=True):
                    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("summary", SUMMARIES)
def test_what_is_remembered_of_a_later_history_is_not_taken_for_an_older_one(summary):
    time, columns = np.arange(100_000, 109_000, 7), Columns()
    values = np.sin(time)
    window = Window.ending(int(time[-1]), PIXELS * 10 / SECOND)
    for start, end in ((0, 1286), (0, 900), (0, 5), (500, 1200), (600, 1286), (500, 1200)):
        kept = time[start:end], values[start:end], window
        for one, other in zip(summary(*kept, columns, start), summary(*kept), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("back", [0, 900, 40_000])
@pytest.mark.parametrize("summary", SUMMARIES)
def test_states_that_come_one_by_one_into_the_same_columns(summary, back):
    dice = np.random.default_rng(2)
    gaps = np.where(dice.random(400) < 0.1, 700, dice.integers(0, 60, 400))
    time, columns, seen = 100_000 + np.cumsum(gaps), Columns(), set()
    values = np.where(dice.random(400) < 0.05, NAN, dice.random(400))
    for end in range(1, 401):
        window = Window.ending(int(time[end - 1]) - back, PIXELS * 200 / SECOND)
        kept = time[:end], values[:end], window
        for one, other in zip(summary(*kept, columns), summary(*kept), strict=True):
            np.testing.assert_array_equal(one, other)
        seen.add(window)
    assert len(seen) < 150


class Counted:
    """Values that count how many of them are looked at."""

    def __init__(self, values):
        self.values, self.seen = values, 0

    def __getitem__(self, rows):
        found = self.values[rows]
        self.seen += len(found)
        return found


@pytest.mark.parametrize("summary", [extent, means])
def test_a_day_that_goes_on_is_not_looked_at_again(summary):
    time = np.arange(0, 86_400 * SECOND, SECOND // 2)
    values = Counted(np.sin(np.arange(len(time))))
    columns, column = Columns(), 288  # states in a column
    for newest in range(len(time) - 1000, len(time), 5):
        window = Window.ending(int(time[newest]), 86_400.0)
        values.seen = 0
        summary(time[: newest + 1], values, window, columns)
        if newest > len(time) - 1000:
            assert values.seen <= column + 5
    # A tenth of the window back: that tenth is looked at, and what the edge cut.
    values.seen = 0
    summary(time, values, Window.ending(int(time[-1]) - 8_640 * SECOND, 86_400.0), columns)
    assert values.seen <= 3 * column
    values.seen = 0
    summary(time, values, Window.ending(int(time[-1]), 86_400.0), columns)
    assert values.seen <= 62 * column


def test_what_is_forgotten_is_looked_at_again():
    time, columns = np.arange(100_000, 100_900, 7), Columns()
    window = Window.ending(int(time[-1]), PIXELS * 10 / SECOND)
    extent(time, np.zeros(len(time)), window, columns)
    columns.forget()
    _, low, high = extent(time, np.ones(len(time)), window, columns)
    assert (low == 1).all()
    assert (high == 1).all()


# -- frames ------------------------------------------------------------------------------------


def lines(frame):
    return frame.price, frame.window, *(
        series for shown in frame.signals for series in (shown.line, shown.extent, shown.bounds)
    )  # fmt: skip


def frame(maker, analysis, time_range):
    return maker.make(
        analysis, instrument=analysis.history.instrument, state="live", has_book=True, detail="",
        advice="", note="", paused=False, age=0.1, rate=10.0, time_range=time_range,
    )  # fmt: skip


SETTINGS = [Parameters(), Parameters(decay=2.0), Parameters(depth=2), Parameters(threshold=0.9)]
LOOKS = st.tuples(
    books(most=25),
    st.integers(1, 4000),  # milliseconds between these states
    st.sampled_from(SETTINGS),
    st.sampled_from([5.0, 20.0, 3600.0]),
    st.one_of(st.none(), st.integers(0, 60)),  # seconds before the newest
    st.booleans(),  # paused: what was seen before is seen again
)


@settings(max_examples=40)
@given(st.lists(LOOKS, min_size=2, max_size=8))
def test_a_frame_does_not_depend_on_those_before_it(looks):
    market, maker, analysis = writer(tick_size=0.1, levels=6), FrameMaker(), Analysis(SETTINGS[0])
    now, history = 1_000 * SECOND, None
    for states, every, parameters, seconds, back, paused in looks:
        for state in states:
            now += every * 1_000_000
            write_state(market, state, now)
        if history is None or not paused:
            history = market.history()
        if not len(history):
            continue
        end = None if back is None else int(history.time[-1]) - back * SECOND
        analysis.update(history, parameters)
        fresh = Analysis(parameters)
        fresh.update(history, parameters)
        found = frame(maker, analysis, TimeRange(seconds, end))
        anew = frame(FrameMaker(), fresh, TimeRange(seconds, end))
        for drawn, wanted in zip(lines(found), lines(anew), strict=True):
            for one, other in zip(drawn, wanted, strict=True):
                np.testing.assert_array_equal(one, other)
        assert [shown.raw for shown in found.signals] == [shown.raw for shown in anew.signals]


def test_mid_is_that_of_the_history():
    market = writer(tick_size=0.1)
    for n, state in enumerate([(([1000], [1.0]), ([1003], [1.0])), None, (([7], [1.0]), ([], []))]):
        write_state(market, state, SECOND + n)
    history = market.history()
    np.testing.assert_array_equal(Mid(history)[0:3], history.mid)
    np.testing.assert_array_equal(Mid(history)[np.array([2, 0])], history.mid[[2, 0]])


# -- marks -------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500), max_size=80))
def test_of_marks_that_would_hide_each_other_the_first_is_drawn(gaps):
    time = 100_000 + np.cumsum(np.array(gaps, np.int64))
    window = Window.ending(int(time[-1]) if len(time) else 1, PIXELS * 10 / SECOND)
    drawn = spaced_marks(time, window)
    places = (time // (downsampling.MARK * window.column)).tolist()
    assert drawn.tolist() == [place not in places[:n] for n, place in enumerate(places)]


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 120), VALUES), min_size=1, max_size=150),
    st.sampled_from([30, 100]),
)
def test_states_that_come_one_by_one_are_drawn_as_all_at_once(states, column):
    times, values = [100_000], [0.5]
    remembered = [Columns() for _ in SUMMARIES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(downsampling, "MEAN", 250)
        for gap, value in states:
            times.append(times[-1] + gap)
            values.append(value)
            time, kept = np.array(times), np.array(values)
            window = Window.ending(times[-1], PIXELS * column / SECOND)
            for summary, columns in zip(SUMMARIES, remembered, strict=True):
                found = summary(time, kept, window, columns)
                for one, other in zip(found, summary(time, kept, window), strict=True):
                    np.testing.assert_array_equal(one, other)


@settings(max_examples=200)
@given(st.lists(st.tuples(GAPS, VALUES), min_size=1, max_size=60), st.sampled_from([1, 7, 64]))
def test_compiled_code_draws_the_same_lines(states, column):
    assert pixel_columns.KERNELS.wait()
    gaps, values = zip(*states, strict=True)
    time, values = 100_000 + np.cumsum(gaps), np.array(values, float)
    window = Window.ending(int(time[-1]), PIXELS * column / SECOND)
    for summary in SUMMARIES:
        found = summary(time, values, window)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pixel_columns.KERNELS, "code", downsampling_numpy)
            for one, other in zip(found, summary(time, values, window), strict=True):
                np.testing.assert_array_equal(one, other)
    compiled = pixel_columns.KERNELS.code
    for frozen in (False, True):
        values.flags.writeable = not frozen
        placed = compiled.placed(time, values, 100_000)
        np.testing.assert_array_equal(placed, downsampling_numpy.placed(time, values, 100_000))
        assert compiled.extremes(values) == downsampling_numpy.extremes(values)
