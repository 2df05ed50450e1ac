"""The value of a quantile threshold: against pandas, the places that decide, and what is drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import SECOND, early
from hypothesis import given
from hypothesis import strategies as st
from shown_tools import values_of

import obi_widgets as obi
from obi_widgets.presentation.charts.signal_line import QuantileBounds
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.quantile_bounds import _kth_smallest, quantile_bounds
from obi_widgets.trading.thresholds import compared

QUANTILE = {"threshold_is": "quantile", "quantile_window": 10.0, "depth": 1}


def tape(states=3000, gaps=(), seed=1, choices=9):
    """Return books whose sizes wander, lost in the rows of ``gaps``."""
    dice = np.random.default_rng(seed)
    time = np.cumsum(dice.integers(0, SECOND // 5, states))
    sizes = dice.integers(1, choices, (2, states, 1)).astype(float)
    prices = np.full((2, states, 1), 100.0) + np.array([0.0, 0.5]).reshape(2, 1, 1)
    prices[:, list(gaps)] = np.nan
    return early(time, prices[0], sizes[0], prices[1], sizes[1], tick_size=0.5)


@pytest.mark.parametrize("q", [0.0, 0.25, 0.29, 0.5, 0.9, 0.97, 1.0])
def test_a_signal_exceeds_it_exactly_where_its_place_exceeds_the_quantile(q):
    history = tape(gaps=[1200, 1201])
    p = Parameters(threshold=q, **QUANTILE)
    signal = obi.imbalance(history, p)
    bound = quantile_bounds(history, signal, p, 0, len(history))
    place = compared(history, signal, p)
    np.testing.assert_array_equal(np.isnan(bound), np.isnan(place))
    np.testing.assert_array_equal(np.abs(signal) > bound, np.abs(place) > q)
    assert np.isfinite(bound).sum() > 2000


def test_it_is_the_lower_quantile_of_pandas():
    history = tape(choices=10_000)
    p = Parameters(threshold=0.9, **QUANTILE)
    size = np.abs(obi.imbalance(history, p))
    bound = quantile_bounds(history, size, p, 0, len(history))
    for row in np.flatnonzero(np.isfinite(bound))[::97]:
        began = history.time[row] - 10 * SECOND
        window = pd.Series(size[:row][history.time[:row] > began])
        assert bound[row] == window.quantile(0.9, interpolation="lower")


@given(st.integers(0, 2900), st.integers(0, 40))
def test_of_some_states_it_gives_what_it_gives_of_all(first, count):
    history = tape(gaps=[1200, 1201])
    p = Parameters(threshold=0.8, **QUANTILE)
    signal = obi.imbalance(history, p)
    whole = quantile_bounds(history, signal, p, 0, len(history))
    part = quantile_bounds(history, signal, p, first, first + count)
    np.testing.assert_array_equal(part, whole[first : first + count])


@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0]) | st.floats(-5, 5), min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59), st.integers(0, 59)), min_size=1),
)
def test_the_kth_smallest_of_ranges_is_that_of_sorting_them(values, ranges):
    values = np.array(values)
    asked = []
    for a, b, k in ranges:
        start, stop = sorted((a % len(values), b % len(values)))
        asked.append((start, stop + 1, k % (stop + 1 - start)))
    start, stop, k = np.array(asked).T
    wanted = [np.sort(values[a:b])[n] for a, b, n in asked]
    np.testing.assert_array_equal(_kth_smallest(values, start, stop, k), wanted)


# -- what is drawn -----------------------------------------------------------------------------


def frame_of(maker, analysis, history, seconds=60.0):
    return maker.make(
        analysis, instrument=history.instrument, state="live", has_book=True, detail="",
        advice="", note="", paused=False, age=0.0, rate=1.0, time_range=TimeRange(seconds),
    )  # fmt: skip


def test_a_frame_has_the_lowest_of_each_column_and_the_same_when_states_are_appended():
    history = tape()
    p = Parameters(threshold=0.9, **QUANTILE)
    signal = obi.imbalance(history, p)
    whole = quantile_bounds(history, signal, p, 0, len(history))
    analysis, maker = Analysis(p), FrameMaker()
    for end in (1500, 1501, 1520, 2400, len(history)):
        analysis.update(history[:end], p)
        for seconds in (60.0, 300.0):
            frame = frame_of(maker, analysis, history, seconds)
            time, bounds = frame.signals[0].bounds
            first = np.searchsorted(history.time, max(frame.window.start, time[0]))
            seen = history.time[first:end] // frame.window.column
            for column in np.unique(seen):
                rows = first + np.flatnonzero(seen == column)
                drawn = bounds[np.searchsorted(time, history.time[rows], "right") - 1]
                wanted = whole[rows] if len(rows) <= 2 else np.fmin.reduce(whole[rows])
                np.testing.assert_array_equal(drawn, wanted)
            assert frame.threshold == bounds[-1] == whole[end - 1]
    # Another quantile has other bounds; a value has none.
    other = p.replace(threshold=0.5)
    analysis.update(history, other)
    assert frame_of(maker, analysis, history).threshold < frame.threshold
    value = p.replace(threshold_is="value", threshold=0.4)
    analysis.update(history, value)
    frame = frame_of(maker, analysis, history)
    assert (len(frame.signals[0].bounds[0]), frame.threshold) == (0, 0.4)


def test_only_the_rows_that_are_asked_for_are_computed():
    history = tape()
    p = Parameters(threshold=0.9, **QUANTILE)
    values = QuantileBounds(history, obi.imbalance(history, p), p)
    assert values[100:160].shape == (60,)
    assert values[5:5].shape == (0,)
    np.testing.assert_array_equal(values[2000:2060], values[1990:2100][10:70])


def test_the_chart_draws_zones_that_follow_a_quantile():
    settings = obi.Settings(threshold_is="quantile", threshold=0.9, quantile_window=10.0, depth=1)
    session = obi.Session("sim:BTC-PERP", settings=settings)
    chart = obi.SignalWidget(session, alone=False)
    try:
        history = tape()
        analysis, maker = Analysis(settings.parameters), FrameMaker()
        analysis.update(history, settings.parameters)
        frame = frame_of(maker, analysis, history)
        values = values_of(chart, frame)

        def drawn_of(mark, name="y"):
            return values[mark.model_id, name]

        time, bounds = frame.signals[0].bounds
        assert isinstance(frame.window, Window)
        drawn = np.isfinite(bounds)
        wanted = bounds[drawn].astype(np.float32)
        np.testing.assert_array_equal(drawn_of(chart.above_quantile)[0], wanted)
        np.testing.assert_array_equal(drawn_of(chart.below_quantile)[0], -wanted)
        times = chart.time.values(time[drawn])
        np.testing.assert_array_equal(drawn_of(chart.above_quantile, "x"), times)
        assert set(drawn_of(chart.above_quantile)[1]) == {1.0}
        assert set(drawn_of(chart.below_quantile)[1]) == {-1.0}
        # No zone of a fixed threshold beside them, and the labels are of the newest bound.
        assert [line.tolist() for line in drawn_of(chart.above)] == [[1.0, 1.0], [1.0, 1.0]]
        label = f"+{bounds[-1]:.2f}"
        assert label in [text for _, text in drawn_of(chart._overlay, "state")["ticks"]]

        settings.threshold_is = "value"
        analysis.update(history, settings.parameters)
        values = values_of(chart, frame_of(maker, analysis, history))
        for mark in (chart.above_quantile, chart.below_quantile):
            assert drawn_of(mark, "x").tolist() == [0]  # one point, out of sight
            assert [line.tolist() for line in drawn_of(mark)] == [[0.0], [0.0]]
        assert [line[0] for line in drawn_of(chart.above)] == pytest.approx(
            [settings.threshold, 1.0]
        )
    finally:
        chart.close()
        session.close()


def test_a_signal_without_bounds_has_a_scale_that_holds_its_quantile():
    history = tape()
    p = Parameters(
        "zscore(imbalance)", threshold=1.0, window=5, **QUANTILE | {"quantile_window": 20.0}
    )
    analysis = Analysis(p)
    analysis.update(history, p)
    frame = frame_of(FrameMaker(), analysis, history)
    assert frame.signal_range[1] >= np.nanmax(frame.signals[0].bounds[1])
