"""An analysis that follows a history is one that sees it all at once."""

from __future__ import annotations

import numpy as np
import pytest
from entries_reference import STATE, tape
from history_tools import MS, write, writer
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.history.levels import BLOCK
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.signal import Signal
from obi_widgets.signals.transforms import smooth, velocity, zscore
from obi_widgets.trading.thresholds import compared
from obi_widgets.trading.trade_list import Results

TRADES = (
    "side",
    "entry_time",
    "entry_price",
    "exit_time",
    "exit_price",
    "lost",
    "missed",
    "fees_bps",
)

SETTINGS = [
    Parameters(depth=1, hold_seconds=0.3),
    Parameters(depth=1, hold_seconds=0.3, threshold=0.1),
    Parameters(depth=1, hold_seconds=2.0, threshold=0.6, price="mid"),
    Parameters(depth=1, hold_seconds=0.3, fee_bps=0.0),
    Parameters(depth=2, decay=10.0, weighting="notional"),
]


def fresh(history, parameters):
    analysis = Analysis(parameters)
    analysis.update(history, parameters)
    return analysis


def check(analysis, wanted):
    assert len(analysis.signal) == len(analysis.history)
    np.testing.assert_allclose(analysis.signal, wanted.signal, rtol=0, atol=1e-12)
    for name in TRADES:
        got = getattr(analysis.trades, name)
        np.testing.assert_array_equal(got, getattr(wanted.trades, name), err_msg=name)
    np.testing.assert_array_equal(analysis.trades.fees_bps, wanted.trades.fees_bps)
    assert repr(analysis.front) == repr(wanted.front)
    assert repr(analysis.results) == repr(wanted.results)
    assert repr(analysis.beyond) == repr(wanted.beyond)


STEPS = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(SETTINGS)), min_size=1, max_size=10)


@settings(max_examples=100)
@given(states=st.lists(STATE, min_size=1, max_size=60), steps=STEPS)
def test_in_pieces_with_settings_that_change_is_as_fresh(states, steps):
    history = tape(states)
    analysis = Analysis(steps[0][1])
    ends = sorted(end for end, _ in steps)
    for end, (_, parameters) in zip(ends, steps, strict=True):
        analysis.update(history[:end], parameters)
        check(analysis, fresh(history[:end], parameters))


@settings(max_examples=100)
@given(states=st.lists(STATE, min_size=1, max_size=60), steps=STEPS)
def test_going_back_to_an_older_history_is_as_fresh(states, steps):
    """As a screen that is paused, and let go on."""
    history = tape(states)
    analysis = Analysis(steps[0][1])
    for end, parameters in steps:
        analysis.update(history[:end], parameters)
        check(analysis, fresh(history[:end], parameters))


@settings(max_examples=60)
@given(
    states=st.lists(STATE, min_size=1, max_size=60),
    spans=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=6),
)
def test_any_other_part_of_a_history_has_its_own_signal(states, spans):
    history = tape(states)
    analysis = Analysis(SETTINGS[0])
    for ends in spans:
        part = history[slice(*sorted(ends))]
        analysis.update(part, SETTINGS[0])
        np.testing.assert_array_equal(analysis.signal, obi.imbalance(part, SETTINGS[0]))


def test_a_part_that_begins_earlier_and_ends_no_sooner_has_its_own_signal():
    history = tape([(100, "both", 1000, 1.0 + n, 50.0) for n in range(30)])
    analysis = Analysis(SETTINGS[0])
    for part in (history[10:20], history[5:20], history[0:25]):
        analysis.update(part, SETTINGS[0])
        np.testing.assert_array_equal(analysis.signal, obi.imbalance(part, SETTINGS[0]))


def test_on_a_capture(history):
    analysis = Analysis(Parameters())
    for number, end in enumerate(range(0, len(history), 311)):
        parameters = Parameters(decay=(0.1, 1.0)[number // 3 % 2], threshold=0.3 + number % 4 / 10)
        analysis.update(history[:end], parameters)
        check(analysis, fresh(history[:end], parameters))
        frame = obi.entries(history[:end], parameters)
        held = frame[frame["ended"] == "held"]
        assert analysis.results.entries == len(held)
        if len(held):
            assert analysis.results.mean_net_bps == pytest.approx(held["net_bps"].mean())


def test_beyond_is_the_fraction_of_states_in_sync():
    states = [
        (100, "both", 1000, 9.0, 1.0), (100, "gap", 1000, 1.0, 1.0),
        (100, "both", 1000, 1.0, 1.0), (100, "bid", 1000, 1.0, 1.0),
        (100, "both", 1000, 1.0, 9.0), (100, "both", 1000, 7.0, 3.0),
    ]  # fmt: skip
    assert fresh(tape(states), Parameters(depth=1, threshold=0.4)).beyond == 2 / 4
    assert np.isnan(fresh(tape(states[1:2]), Parameters()).beyond)


# -- while old states are dropped --------------------------------------------------------------


def a_market(seed):
    """Yield a state a call: lean comes and goes, and now and then the book is lost."""
    random = np.random.default_rng(seed)
    bid = 1000
    while True:
        bid += int(random.integers(-1, 2))
        sizes = random.choice([1.0, 2.0, 9.0], 2).tolist()
        if random.random() < 0.01:
            yield None
        yield (([bid], sizes[:1]), ([bid + 1], sizes[1:]))


@pytest.mark.slow
@pytest.mark.parametrize("hold", [0.5, 20.0, 150.0])
def test_entries_stay_as_they_were_made_while_old_states_are_dropped(hold):
    """Followed with little memory, or all at once with much: of the states kept, the same."""
    parameters = Parameters(depth=1, hold_seconds=hold)
    small, large = writer(levels=1, capacity=BLOCK // 2), writer(levels=1)
    analysis, market = Analysis(parameters), a_market(5)
    random = np.random.default_rng(1)
    for number in range(4 * BLOCK):
        state = next(market)
        for into in (small, large):
            write(into, state, number * 100 * MS)
        if random.random() < 0.02:
            analysis.update(small.history(), parameters)
            whole, kept = fresh(large.history(), parameters), analysis.history
            np.testing.assert_array_equal(analysis.signal, whole.signal[kept.start :])
            still = whole.trades.entry_time >= kept.time[0]
            still[-1:] |= (whole.trades.exit_time[-1:] == 0) & ~whole.trades.lost[-1:]  # open
            for name in TRADES:
                wanted = getattr(whole.trades, name)[still]
                np.testing.assert_array_equal(getattr(analysis.trades, name), wanted)
            assert repr(analysis.results) == repr(Results.of(analysis.trades))
            assert repr(analysis.beyond) == repr(fresh(kept, parameters).beyond)
    assert analysis.history.start >= 2 * BLOCK


@pytest.mark.slow
@pytest.mark.parametrize("every", [1.2, 2.7, 5.1])
def test_states_that_came_and_went_unseen_leave_no_trace(every):
    """As when nobody looks for long: what is seen then is what one who looks first sees."""
    parameters = Parameters(depth=1, hold_seconds=150.0)
    into, analysis, market = writer(levels=1, capacity=300), Analysis(parameters), a_market(9)
    skipped = 0
    for number in range(12 * BLOCK):
        write(into, next(market), number * 100 * MS)
        if number % int(every * BLOCK) == 300:
            known = analysis.history.start + len(analysis.history) if number > 300 else 0
            history = into.history()
            analysis.update(history, parameters)
            np.testing.assert_array_equal(analysis.signal, obi.imbalance(history, parameters))
            if history.start > known:
                skipped += 1
                check(analysis, fresh(history, parameters))
    assert skipped or every < 2


def test_settings_that_change_while_states_are_dropped():
    into, market = writer(levels=1, capacity=200), a_market(2)
    analysis = Analysis(SETTINGS[0])
    for number in range(5 * BLOCK):
        write(into, next(market), number * 100 * MS)
        if number % 700 == 0:
            parameters = SETTINGS[number // 700 % 4]
            history = into.history()
            analysis.update(history, parameters)
            check(analysis, fresh(history, parameters))


def test_a_grid_that_is_refined_meanwhile_changes_nothing():
    parameters = Parameters(decay=5.0)
    into, analysis = writer(tick_size=0, levels=2), Analysis(parameters)
    for number, price in enumerate([100.0, 101.0, 100.5, 100.51, 100.1]):
        state = (([price, price - 1], [3.0, 1.0]), ([price + 2, price + 3], [1.0, 7.0]))
        write(into, state, number * MS, price_of=float)
        analysis.update(into.history(), parameters)
        check(analysis, fresh(into.history(), parameters))


# -- signals that look back ---------------------------------------------------------------------


def appended(history, parameters, sizes):
    """Return an analysis that was given a history piece by piece."""
    analysis, end = Analysis(parameters), 0
    for size in sizes:
        end = min(end + size, len(history))
        analysis.update(history[:end], parameters)
    return analysis


@pytest.mark.parametrize("window", [1.0, 7.3, 60.0])
@pytest.mark.parametrize("transform", [zscore, smooth, velocity])
def test_appended_to_the_signal_is_that_of_the_whole_to_the_bit(history, broken, transform, window):
    """Also where a look-back spans chunks, and where gaps break it."""
    signal = transform(obi.imbalance, window=window)
    parameters = Parameters(signal)
    sizes = np.random.default_rng(1).integers(1, 400, 60).tolist()
    for states in (history, broken):
        analysis = appended(states, parameters, [*sizes, len(states)])
        assert analysis.signal.tobytes() == signal(states).tobytes()
        assert analysis.trouble == ""
    assert np.isfinite(signal(history)).any()


@pytest.mark.slow
def test_while_old_states_are_dropped_a_look_back_reads_what_is_kept():
    """Values stay as they were made; each is that of a history that keeps everything."""
    parameters = Parameters(zscore(obi.imbalance), depth=1, window=20.0)
    small, large = writer(levels=1, capacity=2 * BLOCK), writer(levels=1)
    analysis, market = Analysis(parameters), a_market(5)
    for number in range(6 * BLOCK):
        state = next(market)
        for into in (small, large):
            write(into, state, number * 100 * MS)
        if number % 97 == 0:
            analysis.update(small.history(), parameters)
    kept = analysis.history
    assert kept.start >= 2 * BLOCK
    whole = fresh(large.history(), parameters).signal[kept.start :][: len(kept)]
    assert analysis.signal.tobytes() == whole.tobytes()
    assert analysis.trouble == ""


def states_of(count):
    return tape([(100, "both", 1000 + n % 7, 1.0 + n % 5, 3.0) for n in range(count)])


def ahead(history):
    return np.append(np.diff(history.mid), 0.0)


def of_all(history):
    return history.mid - np.nanmean(history.mid)


def forgets_its_window(history):
    return np.cumsum(history.mid - 100.0)


def of_its_own_state(history):
    return history.mid - 100.0


@pytest.mark.parametrize(
    ("function", "lookback", "differs"),
    [(ahead, 0.0, True), (of_all, 0.0, True), (of_all, 1.0, True),
     (forgets_its_window, 0.0, True), (of_its_own_state, 0.0, False),
     (of_its_own_state, 1.0, False)],
)  # fmt: skip
def test_a_users_signal_that_differs_from_the_whole_is_told(function, lookback, differs):
    signal = Signal(function, name="mine", parameters={}, needs="touch", lookback=lookback)
    analysis = appended(states_of(400), Parameters(signal), [50, *[7] * 60])
    assert analysis.trouble.startswith("The signal mine gives other values when") == differs
    told = analysis.trouble
    analysis.update(states_of(400), Parameters(signal, hold_seconds=3))
    assert analysis.trouble == told, "it stays while the signal is the same"
    analysis.update(states_of(400), Parameters())
    assert analysis.trouble == ""


def test_of_a_quantile_it_says_how_often_the_place_is_beyond():
    history = obi.simulate(seconds=120, seed=5)
    p = Parameters(threshold_is="quantile", threshold=0.8, quantile_window=10.0)
    analysis = Analysis(p)
    for rows in (300, 301, 700, len(history)):
        part = history[:rows]
        analysis.update(part, p)
        places = compared(part, analysis.signal, p)
        known = places[~np.isnan(places)]
        assert analysis.beyond == np.mean(np.abs(known) > 0.8)
    assert 0.05 < analysis.beyond < 0.6
    later = history[500:]
    analysis.update(later, p)  # the oldest states have been dropped
    kept = places[500:]
    assert analysis.beyond == np.mean(np.abs(kept[~np.isnan(kept)]) > 0.8)


# -- state by state ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        Parameters(depth=1, hold_seconds=1.5),
        Parameters(depth=1, hold_seconds=0.3, threshold=0.1, price="mid"),
        Parameters(depth=None, hold_seconds=40.0, threshold=0.7),
        Parameters(depth=3, threshold=0.5),  # beyond the levels that are kept
        Parameters(depth=1, hold_seconds=1.5, threshold_is="quantile", threshold=0.8,
                   quantile_window=10.0),
        Parameters(obi.queue_imbalance, hold_seconds=1.5),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("capacity", [None, BLOCK // 2])
def test_a_history_that_is_followed_state_by_state_is_as_fresh(parameters, capacity, monkeypatch):
    """Also where a look comes to no new state, or to several."""
    into, analysis = writer(levels=2, capacity=capacity), Analysis(parameters)
    market, random = a_market(11), np.random.default_rng(2)
    whole, updates = [], Analysis._update
    monkeypatch.setattr(Analysis, "_update", lambda *given: (whole.append(given), updates(*given)))
    for number in range(2 * BLOCK + 300 if capacity else 800):
        write(into, next(market), (number + 1) * 100 * MS)
        for _ in range(int(random.choice([0, 1, 2], p=[0.1, 0.8, 0.1]))):
            analysis.update(into.history(), parameters)
    made, history = len(whole), into.history()
    analysis.update(history, parameters)
    if capacity is None:
        check(analysis, fresh(history, parameters))
    np.testing.assert_array_equal(analysis.signal, obi.compute(history, parameters))
    if parameters.threshold_is == "value":  # the places of the oldest rest on what is dropped
        assert repr(analysis.beyond) == repr(fresh(history, parameters).beyond)
    if parameters == Parameters(depth=None, hold_seconds=40.0, threshold=0.7):
        assert made < number / 5  # the others took the short way
