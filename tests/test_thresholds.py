"""Thresholds by trailing quantile: against plain pandas, appended and whole, across gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import SECOND, early
from hypothesis import given
from hypothesis import strategies as st
from kernel_tools import BOTH, use

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading import thresholds_numba, thresholds_numpy
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.thresholds import compared

QUANTILE = {"threshold_is": "quantile", "quantile_window": 10.0}


def tape(states=3000, seed=1, gaps=(), step=SECOND // 10):
    """Return books whose sizes wander, lost in the rows of ``gaps``."""
    dice = np.random.default_rng(seed)
    time = np.cumsum(dice.integers(0, 2 * step, states))
    sizes = dice.integers(1, 9, (2, states, 1)).astype(float)  # few values, so that many are alike
    prices = np.full((2, states, 1), 100.0) + np.array([0.0, 0.5]).reshape(2, 1, 1)
    prices[:, list(gaps)] = np.nan
    return early(time, prices[0], sizes[0], prices[1], sizes[1], tick_size=0.5)


@BOTH
@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.9, 0.97, 1.0])
def test_it_is_exceeded_where_a_rolling_quantile_of_pandas_is(monkeypatch, code, q):
    use(monkeypatch, code)
    history = tape()
    p = Parameters(depth=1, threshold=q, **QUANTILE)
    signal = obi.imbalance(history, p)
    # Rows are told apart by their number, so that of those at one time the earlier ones count.
    size = np.abs(signal)
    wanted = np.zeros(len(size), bool)
    for row in range(len(size)):
        began = history.time[row] - 10 * SECOND
        if began < history.time[0]:
            continue
        window = pd.Series(size[:row][history.time[:row] > began])
        wanted[row] = size[row] > window.quantile(q, interpolation="lower")
    found = compared(history, signal, p)
    np.testing.assert_array_equal(np.abs(found) > q, wanted)
    assert wanted.any()
    np.testing.assert_array_equal(np.sign(found[wanted]), np.sign(signal[wanted]))


def test_of_distinct_times_it_is_one_call_of_pandas(history):
    once = np.append(True, np.diff(history.time) > 0)
    p = Parameters(threshold=0.9, **QUANTILE)
    signal = obi.imbalance(history, p)
    if not once.all():
        pytest.skip("states at one time")
    series = pd.Series(np.abs(signal), pd.to_datetime(history.time))
    bound = series.rolling("10s", closed="neither").quantile(0.9, interpolation="lower")
    full = history.time - history.run_began >= 10 * SECOND
    wanted = (series > bound).to_numpy() & full
    np.testing.assert_array_equal(np.abs(compared(history, signal, p)) > 0.9, wanted)
    assert wanted.sum() > 20


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]) | st.floats(0, 1), max_size=120),
    st.lists(st.integers(0, 3), min_size=120, max_size=120),
    st.integers(1, 40),
    st.integers(0, 120),
)
def test_twins_count_what_a_plain_count_gives(values, steps, window, first):
    sizes, time = np.array(values, float), np.cumsum(steps[: len(values)]).astype(np.int64)
    first = min(first, len(sizes))
    less, count = [], []
    for row in range(first, len(sizes)):
        part = sizes[:row][time[:row] > time[row] - window]
        less.append(np.count_nonzero(part < sizes[row]))
        count.append(np.count_nonzero(~np.isnan(part)))
    for module in (thresholds_numba, thresholds_numpy):
        got = module.below(sizes, time, window, first)
        np.testing.assert_array_equal(got[0], less)
        np.testing.assert_array_equal(got[1], count)
    # Of few states another way of counting is taken.
    for way in (thresholds_numba._one_by_one, thresholds_numba._sorted):
        np.testing.assert_array_equal(way(sizes, time, window, first)[0], less)


@BOTH
def test_nothing_reaches_across_a_gap_and_nothing_is_known_before_the_window_is_full(
    monkeypatch, code
):
    use(monkeypatch, code)
    history = tape(gaps=[1200, 1201])
    p = Parameters(depth=1, threshold=0.5, **QUANTILE)
    found = compared(history, obi.imbalance(history, p), p)
    full = history.time - history.run_began >= 10 * SECOND
    np.testing.assert_array_equal(~np.isnan(found), full & ~history.lost)
    after = history[1202:]
    np.testing.assert_array_equal(compared(after, obi.imbalance(after, p), p), found[1202:])
    # A signal that looks back has no values at first: they are waited for.
    p = Parameters("smooth(imbalance)", depth=1, window=5, threshold=0.5, **QUANTILE)
    found = compared(history, p.signal(history, p), p)
    full = history.time - history.run_began >= 15 * SECOND
    np.testing.assert_array_equal(~np.isnan(found), full & ~history.lost)


def test_no_state_knows_a_later_one():
    history = tape()
    p = Parameters(depth=1, threshold=0.5, **QUANTILE)
    signal = obi.imbalance(history, p)
    whole = compared(history, signal, p)
    changed = signal.copy()
    changed[2000:] = -signal[2000:] / 2
    np.testing.assert_array_equal(compared(history, changed, p)[:2000], whole[:2000])


@BOTH
@pytest.mark.parametrize("name", ["imbalance", "zscore(imbalance)"])
def test_appended_it_is_the_whole_to_the_bit(monkeypatch, code, name, history):
    use(monkeypatch, code)
    own = {"window": 5.0} if "zscore" in name else {}
    p = Parameters(name, threshold=0.8, hold_seconds=1, **QUANTILE, **own)
    values = p.signal(history, p)
    whole = Scanner(p)
    whole.extend(history, values)
    wanted = whole.trades(history)
    pieces, dice, end = Scanner(p), np.random.default_rng(2), 0
    while end < len(history):
        end = min(end + int(dice.choice([1, 2, 7, 300])), len(history))
        # Of what was before, only as much as is needed is still there.
        begin = p.first_needed(history, max(end - 310, 0))
        pieces.extend(history[begin:end], values[begin:end])
    got = pieces.trades(history)
    assert len(wanted.side) > 10
    for column in ("side", "entry_time", "entry_price", "exit_time", "exit_price"):
        np.testing.assert_array_equal(getattr(got, column), getattr(wanted, column))


def test_entries_sweep_and_verdict_are_of_the_same_states(history):
    settings = obi.Settings(threshold=0.8, hold_seconds=2, **QUANTILE)
    p = settings.parameters
    signal = obi.imbalance(history, p)
    trades = obi.entries(history, settings)
    place = compared(history, signal, p)
    found = scan(history, decisions(history, signal, p), p, 0, None)
    assert trades.entry_time.astype("int64").tolist() == found.entry_time.tolist()
    surface = obi.sweep(
        history, settings=settings, threshold=[0.5, 0.8], quantile_window=[10, 20],
        hold_seconds=[2.0],
    )  # fmt: skip
    assert list(surface.axes) == ["decay", "depth", "quantile_window", "threshold", "hold_seconds"]
    assert surface.titles["threshold"] == "Threshold, quantile"
    done = (trades.ended == "held").sum()
    assert surface.entries[0, 0, 0, 1, 0] == done > 10
    assert surface.entries[0, 0, 1, 1, 0] != done
    report = obi.calibrate(history, settings, horizons=[2.0])
    assert report.means.n[0, 0] <= np.count_nonzero(np.abs(place) > 0.8)
    assert report.means.n[0, 0] > 20
    same = obi.calibrate(history, obi.Settings(threshold=0.8), horizons=[2.0], signal=place)
    np.testing.assert_array_equal(report.means.n, same.means.n)
    np.testing.assert_array_equal(report.traded.net_bps, same.traded.net_bps)


def test_the_window_is_a_setting_that_is_checked_kept_and_told(tmp_path):
    settings = obi.Settings(threshold_is="quantile", threshold=0.9, quantile_window=120)
    loaded = obi.Settings.load(settings.save(tmp_path / "a.toml"))
    assert loaded == settings
    assert loaded.quantile_window == 120
    with pytest.raises(SettingsError) as error:
        settings.quantile_window = 5
    assert str(error.value) == (
        "quantile_window = 5 is not possible. Give a number from 10 to 86400 seconds."
    )
    # With a threshold that is a value nothing depends on it, and nothing tells of it.
    plain = obi.Settings(quantile_window=120)
    assert plain == obi.Settings()
    assert "quantile_window" not in plain.save(tmp_path / "b.toml").read_text()
    with pytest.raises(SettingsError, match="only with threshold_is='quantile'"):
        obi.sweep(tape(), quantile_window=[10, 20])
