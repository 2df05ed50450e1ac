"""Sums over trailing windows: both kernels against a plain loop, and what uses them by hand."""

from __future__ import annotations

from dataclasses import replace
from math import fsum

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from kernel_tools import BOTH, use

from obi_widgets.history.columns import History
from obi_widgets.history.trades import Trades
from obi_widgets.signals import windows

tapes = st.lists(
    st.tuples(st.integers(0, 3), st.lists(st.integers(-3, 3).filter(bool), max_size=3)),
    min_size=1, max_size=30,
)  # fmt: skip


def history_of(tape, factor=1):
    """Return a history of states, each so many seconds after the one before, with its trades."""
    steps, trades = zip(*tape, strict=True)
    time = 1_700_000_000 * 10**9 + np.cumsum(steps) * 10**9
    sizes = np.array([size for of_state in trades for size in of_state], np.int64) * factor
    amounts = np.stack([100 + np.arange(len(sizes)) % 7, sizes])
    table = Trades(np.zeros((3, len(sizes)), np.int64), amounts)
    ones = np.ones(len(time))
    made = History.from_arrays(time, ones, ones, 2 * ones, ones, tick_size=1.0)
    ends = np.cumsum([len(of_state) for of_state in trades], dtype=np.int64)
    return replace(made, trades=table, trade_ends=ends)


def within(history, seconds, row):
    """Return the trades of a state's window, by a plain loop: (price, size)."""
    found, before = [], 0
    for state, end in enumerate(history.trade_ends.tolist()):
        if history.time[row] - seconds * 10**9 < history.time[state] and state <= row:
            found += history.trades.amounts[:, before:end].T.tolist()
        before = end
    return found


@BOTH
@settings(max_examples=30)
@given(tapes, st.sampled_from([1.0, 2.0, 5.0]), st.sampled_from([1, 10**12]))
def test_sums_of_trades_are_those_of_a_plain_loop(code, tape, seconds, factor):
    history = history_of(tape, factor)  # beyond 64 bits with the second factor
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        bought, sold = windows.sides_of(history, seconds)
        lots, steps = windows.worth_of(history, seconds)
        first = windows.begins(history.time, seconds)
    for row in range(len(history)):
        trades = within(history, seconds, row)
        assert bought[row] == sum(size for _, size in trades if size > 0)
        assert sold[row] == -sum(size for _, size in trades if size < 0)
        assert lots[row] == sum(abs(size) for _, size in trades)
        assert steps[row] == sum(price * abs(size) for price, size in trades)
        since = history.time[row] - seconds * 10**9
        assert first[row] == np.count_nonzero(history.time <= since)


@BOTH
@settings(max_examples=30)
@given(tapes, st.sampled_from([1.0, 5.0]), st.sampled_from([np.int32, np.int64]))
def test_sums_of_columns_are_those_of_a_plain_loop(code, tape, seconds, dtype):
    time = history_of(tape).time
    values = np.arange(3 * len(time)).reshape(-1, 3).astype(dtype) % 5 - 2
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        found = windows.sum_of(values, time, seconds, 2)
        alone = windows.sum_of(values[:, 0].copy(), time, seconds)
    for row, now in enumerate(time):
        inside = (time > now - seconds * 10**9) & (np.arange(len(time)) <= row)
        assert found[row] == values[inside, :2].sum()
        assert alone[row] == values[inside, 0].sum()


def test_a_kernel_is_given_what_nobody_writes_to():
    column = np.arange(3)
    assert not windows.frozen(column).flags.writeable
    assert column.flags.writeable


def enormous(where, size, count=400):
    """Return values around 3, one of them enormous, every seventh unknown; and their times."""
    values = 3 + np.random.default_rng(1).standard_normal(count)
    values[::7] = np.nan
    values[where] = size
    return values, np.arange(count) * 10**9


@pytest.mark.parametrize("size", [1e3, -1e6, 1e9, 1e15, -1e100])
@pytest.mark.parametrize("where", [0, 100])
def test_an_enormous_value_leaves_no_trace_behind_its_window(where, size):
    values, time = enormous(where, size)
    mean = windows.mean_of(values, time, 30.0)
    scores = windows.standardised(values, time, 30.0)
    for row in range(where + 30, len(values)):
        seen = values[row - 29 : row + 1]
        seen = seen[~np.isnan(seen)]
        # A running sum before it had lost its digits is as good as 1e-6 of it lets it be.
        assert mean[row] == pytest.approx(seen.mean(), rel=1e-7)
        if not np.isnan(values[row]):
            assert scores[row] == pytest.approx((values[row] - seen.mean()) / seen.std(), abs=1e-7)


@pytest.mark.parametrize("size", [3.0, 1e9, 1e15])
def test_what_comes_later_changes_no_bit(size):
    values, time = enormous(100, size)
    for of in (windows.mean_of, windows.standardised):
        whole = of(values, time, 30.0)
        for stop in (1, 99, 101, 131, 250):
            np.testing.assert_array_equal(of(values[:stop], time[:stop], 30.0), whole[:stop])


def test_a_window_of_one_value_has_no_score_whatever_came_before():
    values = np.repeat([1e12, 0.1], [3, 97])
    found = windows.standardised(values, np.arange(100) * 10**9, 10.0)
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3:12]).all()
    assert np.isnan(found[12:]).all()


def test_sums_of_terms_of_both_signs_are_exact_enough():
    terms, _ = enormous(50, 1e15)
    terms = np.nan_to_num(terms) * np.where(np.arange(400) % 2, -1.0, 1.0)
    last = np.arange(60, 400)
    found = windows.total(terms, last - 9, last)
    wanted = [fsum(terms[row - 9 : row]) for row in last]
    np.testing.assert_allclose(found, wanted, atol=1e-9)
