"""The picture of a signal agrees with the rule of entries, at every zoom."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import NAN, SECOND, early
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.presentation.charts.signal_line import SignalLines
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters

ZOOMS = (5.0, 13.0, 60.0, 100.0, 300.0, 900.0, 3600.0, 86_400.0)

QUANTILE = {"threshold_is": "quantile", "threshold": 0.9, "quantile_window": 10.0}

RULES = [
    Parameters(depth=1, threshold=0.4, hold_seconds=0.5),
    Parameters(depth=1, threshold=0.7, hold_seconds=3.0, latency_ms=150.0),
    Parameters(depth=1, hold_seconds=0.5, **QUANTILE),
    Parameters("zscore(imbalance)", depth=1, window=5.0, threshold=1.5, hold_seconds=1.0),
    Parameters("zscore(imbalance)", depth=1, window=5.0, hold_seconds=1.0, **QUANTILE),
]


def tape(states, *, seed, rate=10.0, burst=0.0, lost=0.0):
    """Return books of sizes that wander: bursts come between quiet times; some books are lost."""
    dice = np.random.default_rng(seed)
    gaps = dice.exponential(1 / rate, states)
    gaps[dice.random(states) < burst] *= 200
    time = np.cumsum((gaps * SECOND).astype(np.int64))
    sizes = dice.integers(1, 12, (2, states, 1)).astype(float)
    prices = np.full((2, states, 1), 100.0) + np.array([0.0, 0.5]).reshape(2, 1, 1)
    gone = dice.random(states) < lost
    sizes[:, gone], prices[:, gone] = NAN, NAN
    return early(time, prices[0], sizes[0], prices[1], sizes[1], tick_size=0.5)


def drawn_at(line, time, column):
    """Return the values that a step line shows at a time, or within its column of pixels."""
    x, y = line
    first = np.searchsorted(x, time // column * column, "right") - 1
    end = np.searchsorted(x, (time // column + 1) * column, "left")
    return y[max(first, 0) : end]


def check(history, parameters, window, analysis=None, lines=None):
    """Assert that each entry stands where the picture is beyond the threshold; return how many."""
    if analysis is None:
        analysis = Analysis(parameters)
        analysis.update(history, parameters)
    shown = (lines or SignalLines()).make(
        analysis, history, analysis.signal, parameters, window, shown=True
    )
    trades, column, seen = analysis.trades, window.column, 0
    for side, decided in zip(trades.side.tolist(), trades.decision_time.tolist(), strict=True):
        if not window.start <= decided < window.end:
            continue
        seen += 1
        if shown.raw:
            drawn = drawn_at(shown.line, decided, column)
        else:
            at, low, high = shown.extent
            here = at == decided // column * column + column // 2
            drawn = np.concatenate([low[here], high[here]])
        if parameters.threshold_is == "value":
            bound = parameters.threshold
        else:
            bound = np.fmin.reduce(drawn_at(shown.bounds, decided, column))
        assert np.fmax.reduce(side * drawn) > bound, (side, decided)
        low, high = shown.scale
        assert low <= np.fmin.reduce(drawn) <= np.fmax.reduce(drawn) <= high
    return seen


@pytest.mark.parametrize(
    ("name", "begins_at_zero"),
    [("trade_frequency", True), ("zscore(trade_frequency)", False), ("zscore(imbalance)", False)],
)
def test_the_scale_of_a_gauge_begins_at_zero(name, begins_at_zero):
    history = obi.simulate(seconds=60, seed=1)
    own = {"zscore_window": 10.0} if name == "zscore(trade_frequency)" else {}
    parameters = Parameters(name, window=5, **own)
    values = parameters.signal(history, parameters)
    window = Window.ending(int(history.time[-1]), 60.0)
    low, high = SignalLines().make("", history, values, parameters, window).scale
    assert (low == 0) == begins_at_zero
    assert np.isfinite(values).any()
    assert low <= np.nanmin(values)
    assert np.nanmax(values) <= high


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    rate=st.sampled_from([0.1, 2.0, 10.0, 60.0]),
    burst=st.sampled_from([0.0, 0.05]),
    lost=st.sampled_from([0.0, 0.0, 0.02, 0.3]),
    parameters=st.sampled_from(RULES),
    zoom=st.sampled_from(ZOOMS),
    back=st.floats(0, 1),
)
def test_each_entry_stands_where_what_is_drawn_is_beyond_the_threshold(
    seed, rate, burst, lost, parameters, zoom, back
):
    history = tape(700, seed=seed, rate=rate, burst=burst, lost=lost)
    end = int(history.time[0] + back * (history.time[-1] - history.time[0]))
    check(history, parameters, Window.ending(end, zoom))


@pytest.mark.parametrize("zoom", ZOOMS)
@pytest.mark.parametrize("parameters", RULES, ids=range(len(RULES)))
def test_on_a_capture(history, parameters, zoom):
    window = Window.ending(int(history.time[-1]), zoom)
    seen = check(history, parameters, window)
    assert seen or zoom < 100


@pytest.mark.parametrize("zoom", [60.0, 3600.0])
def test_while_states_come_and_the_window_moves(zoom):
    """With the columns that are kept between frames, and with entries by appended states."""
    history, parameters = tape(1500, seed=3, lost=0.01), RULES[0]
    analysis, lines, seen = Analysis(parameters), SignalLines(), 0
    for end in range(900, 1500, 7):
        analysis.update(history[:end], parameters)
        window = Window.ending(int(history.time[end - 1]), zoom)
        seen += check(history[:end], parameters, window, analysis, lines)
    assert seen > 500


def test_an_entry_in_a_column_in_which_the_book_is_lost_still_has_its_range():
    """A day: a column is 144 s. One lost book once took the picture of all of them away."""
    history, parameters = tape(3000, seed=8, lost=0.05), RULES[0]
    window = Window.ending(int(history.time[-1]), 86_400.0)
    assert check(history, parameters, window) > 20


def test_few_states_are_drawn_as_they_are_and_many_as_ranges():
    history, parameters = tape(8000, seed=1), RULES[0]
    values, newest = obi.imbalance(history, parameters), int(history.time[-1])
    found = {
        zoom: SignalLines().make(
            object(), history, values, parameters, Window.ending(newest, zoom)
        )
        for zoom in ZOOMS
    }  # fmt: skip
    assert [zoom for zoom, shown in found.items() if shown.raw] == [5.0, 13.0, 60.0, 100.0]
    for shown in found.values():
        assert (len(shown.extent[0]) == 0) == shown.raw
        assert shown.value == values[-1]
    # At 5 s, each state has its own time and value.
    x, y = found[5.0].line
    first = np.searchsorted(history.time, newest - 5 * SECOND)
    for time, value in zip(history.time[first:], values[first:], strict=True):
        assert y[np.searchsorted(x, time, "right") - 1] == value


def test_a_function_that_begins_to_fail_leaves_nothing_of_its_line():
    history, lines = tape(300, seed=1), SignalLines()
    window, owner = Window.ending(int(history.time[-1]), 60.0), object()
    values = obi.imbalance(history, RULES[0])
    lines.make(owner, history, values, RULES[0], window)
    shown = lines.make(owner, history, values * NAN, RULES[0], window, "It failed.")
    assert np.isnan(shown.line[1]).all()
    assert shown.trouble == "It failed."


def test_a_book_that_is_out_of_date_has_no_newest_value():
    history = tape(300, seed=1)
    shown = SignalLines().make(
        object(), history, obi.imbalance(history, RULES[0]), RULES[0],
        Window.ending(int(history.time[-1]), 60.0), shown=False,
    )  # fmt: skip
    assert np.isnan(shown.value)
