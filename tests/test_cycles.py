"""Means over cycles, windows of them, and the signal that they make."""

from __future__ import annotations

import numpy as np
import pytest
from card_tools import CYCLE, cycle_means, market, wandering
from card_tools import windows as plain_windows
from history_tools import NAN, SECOND, START
from kernel_tools import BOTH, TWINS, use

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.signals.cycle_windows import (
    agreement,
    combined,
    conflict,
    weighed,
    window_means,
)
from obi_widgets.signals.cycles import CycleSums, cycles_in


def random_states(seed, states=400):
    """Return times, often at ends of cycles or alike, and two values with what is missing."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([0, 1, 7_000_001, SECOND, 5 * SECOND, 10 * SECOND, 37 * SECOND], states)
    steps[rng.random(states) < 0.2] = 0
    time = START + 3 * SECOND + np.cumsum(steps)
    to_end = rng.random(states) < 0.1
    time[to_end] = -(-time[to_end] // CYCLE) * CYCLE
    time = np.maximum.accumulate(time)
    values = rng.uniform(-1, 1, (2, states))
    values[rng.random(values.shape) < 0.2] = np.nan
    return time, values


# -- cycles -------------------------------------------------------------------------------------


def test_a_value_counts_as_long_as_it_held():
    time = START + np.array([0, 4, 10, 25, 31]) * SECOND
    found = CycleSums(1).append(time, np.array([[1.0, 0.5, NAN, -1.0, 0.0]]))
    assert found.first == START // CYCLE
    np.testing.assert_allclose(found.means[0], [0.7, NAN, -1.0])
    np.testing.assert_array_equal(found.live[0], np.array([10, 0, 5]) * SECOND)
    # The state at 10 s is the next cycle's; at 20 s the book is the one that came at 10 s.
    np.testing.assert_array_equal(found.last[0], [0.5, NAN, -1.0])
    np.testing.assert_array_equal(found.age, np.array([6, 10, 5]) * SECOND)
    np.testing.assert_array_equal(found.ends, START + np.array([10, 20, 30]) * SECOND)


def test_a_cycle_that_was_not_seen_from_its_beginning_is_left_out():
    time = START + np.array([3, 12, 25]) * SECOND
    found = CycleSums(1).append(time, np.ones((1, 3)))
    np.testing.assert_array_equal(found.ends, [START + 20 * SECOND])


def test_what_holds_is_lost_when_it_is_said_so():
    sums = CycleSums(1)
    assert len(sums.append(np.array([START]), np.ones((1, 1))).age) == 0
    sums.lose()
    found = sums.append(START + np.array([4, 10]) * SECOND, np.array([[0.5, 0.0]]))
    np.testing.assert_array_equal(found.live, [[6 * SECOND]])
    np.testing.assert_array_equal(found.means, [[0.5]])


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_they_are_what_a_plain_loop_says(monkeypatch, code, seed):
    use(monkeypatch, code)
    time, values = random_states(seed)
    found = CycleSums(2).append(time, values)
    for row in range(2):
        plain = cycle_means(time, values[row])
        np.testing.assert_array_equal(found.ends, sorted(plain))
        np.testing.assert_allclose(found.means[row], [m for m, _ in plain.values()], rtol=1e-12)
        np.testing.assert_array_equal(found.live[row], [ns for _, ns in plain.values()])


def test_compiled_and_in_numpy_they_are_the_same_to_the_bit(monkeypatch):
    time, values = random_states(9)
    found = []
    for code in TWINS:
        use(monkeypatch, code)
        found.append(CycleSums(2).append(time, values))
    assert found[0].first == found[1].first
    for one, other in zip(found[0][1:], found[1][1:], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("seed", range(6))
def test_in_whatever_parts_states_come_the_means_are_the_same_to_the_bit(seed):
    time, values = random_states(seed)
    whole = CycleSums(2).append(time, values)
    rng = np.random.default_rng(seed)
    for size in (1, 5, 60):
        cuts = np.sort(rng.integers(0, len(time), len(time) // size))
        sums = CycleSums(2)
        parts = [
            sums.append(t, v)
            for t, v in zip(np.split(time, cuts), np.split(values, cuts, axis=1), strict=True)
        ]
        parts = [part for part in parts if len(part.age)]
        assert parts[0].first == whole.first
        for name in ("means", "live", "last", "age"):
            joined = np.concatenate([getattr(part, name) for part in parts], axis=-1)
            np.testing.assert_array_equal(joined, getattr(whole, name))


# -- windows ------------------------------------------------------------------------------------


def test_a_window_is_the_mean_over_its_live_time_once_it_was_seen_whole():
    means = np.array([1.0, 0.0, 0.5, -0.5, 1.0])
    live = np.array([10, 10, 10, 10, 5]) * SECOND
    found, shares = window_means(*weighed(means, live), 3, 5)
    np.testing.assert_allclose(found, [NAN, NAN, 0.5, 0.0, NAN], atol=1e-15)
    np.testing.assert_allclose(shares, [1 / 3, 2 / 3, 1, 1, 25 / 30])


def test_a_window_bears_a_tenth_that_is_missing_and_no_more():
    live = np.full(12, 10 * SECOND)
    live[5] = 0
    means = np.where(live, 0.5, NAN)
    found, shares = window_means(*weighed(means, live), 10, 3)
    np.testing.assert_allclose(found, 0.5)
    np.testing.assert_allclose(shares, 0.9)
    live[6] -= 1
    found, _ = window_means(*weighed(means, live), 10, 3)
    assert np.isnan(found).all()


@pytest.mark.parametrize("new", [1, 7, 100])
def test_the_newest_windows_are_the_same_to_the_bit_whatever_comes_before(new):
    rng = np.random.default_rng(new)
    sums, live = weighed(rng.uniform(-1, 1, (2, 100)), rng.integers(0, 10**10, (2, 100)))
    every, _ = window_means(sums, live, 9, 100)
    some, _ = window_means(sums[:, -(new + 9) :], live[:, -(new + 9) :], 9, new)
    np.testing.assert_array_equal(some, every[:, -new:])


def test_direction_and_agreement_by_hand():
    values = np.array([[0.6, 0.6, 0.0, NAN], [0.4, -0.4, 0.0, 1.0], [0.2, -0.2, 0.0, 1.0]])
    np.testing.assert_allclose(combined(values, [1, 1, 1]), [0.4, 0, 0, NAN], atol=1e-15)
    np.testing.assert_allclose(agreement(values, [1, 1, 1]), [1, 0, NAN, NAN], atol=1e-15)
    np.testing.assert_allclose(combined(values, [2, 1, 1])[:2], [0.45, 0.15])


def test_a_conflict_takes_two_signs_and_both_beyond_their_bands():
    bands = np.array([[0.5], [0.3], [0.2]]) * np.ones(6)
    values = np.array(
        [
            [0.6, 0.6, 0.5, 0.6, 0.1, NAN],
            [0.1, 0.1, 0.0, 0.4, 0.4, 0.4],
            [-0.3, -0.2, -0.3, 0.3, -0.3, -0.9],
        ]
    )
    np.testing.assert_array_equal(conflict(values, bands), [1, 0, 0, 0, 1, NAN])
    bands[1] = NAN
    assert np.isnan(conflict(values, bands)).all()


@pytest.mark.parametrize(("seconds", "count"), [(10, 1), (14, 1), (16, 2), (3600, 360)])
def test_a_window_has_whole_cycles(seconds, count):
    assert cycles_in(seconds) == count


# -- the signal ---------------------------------------------------------------------------------

SHORT = {"short": 20, "middle": 60, "long": 200, "depth": 1}


def plain_direction(history, leans):
    means = cycle_means(history.time, np.where(np.isnan(history.bid), np.nan, leans))
    of_cycle = np.mean([plain_windows(means, s) for s in (20, 60, 200)], axis=0)
    ends = np.array(sorted(means))
    at = np.searchsorted(ends, history.time, "right")
    out = np.append(np.nan, of_cycle)[at]
    out[history.lost] = np.nan
    return out


def test_the_signal_is_what_a_plain_loop_says():
    leans = wandering(2_000, seed=3)
    history = market(leans, every=0.7, start=START + 123_456_789, lost=[1_000, 1_001])
    found = obi.card_direction(history, **SHORT)
    expected = plain_direction(history, leans)
    assert 0.8 < np.mean(~np.isnan(expected)) < 0.9
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # A gap of 1.4 s ends no window: there are values right after it.
    assert np.isnan(found[1_000:1_002]).all()
    assert not np.isnan(found[1_002:]).any()


def test_it_is_a_step_function_of_the_grid_and_plus_is_more_bids():
    history = market(np.full(100, 0.5))
    found = obi.card_direction(history, **SHORT)
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(found)), np.arange(40))
    np.testing.assert_allclose(found[40:], 0.5)
    wild = market(np.linspace(-0.9, 0.9, 200), every=1.0)
    found = obi.card_direction(wild, short=10, middle=20, long=30, depth=1)
    steps = np.flatnonzero(np.abs(np.diff(found)) > 0)
    assert len(steps) > 10
    assert {int(t) for t in wild.time[steps + 1] % CYCLE} == {0}


@pytest.mark.parametrize("row", [0, 317, 1_024, 1_999])
def test_appended_and_whole_are_the_same_to_the_bit_and_nothing_later_is_known(row):
    history = market(wandering(2_000, seed=5), every=0.7, lost=[700])
    values = obi.card_direction.check(SHORT)
    whole = obi.card_direction.compute(history, values)
    np.testing.assert_array_equal(obi.card_direction.compute(history, values, row), whole[row:])
    before = obi.card_direction.compute(history[:row], values)
    np.testing.assert_array_equal(before, whole[:row])
    first = obi.card_direction.first_needed(history, values, row)
    np.testing.assert_array_equal(
        obi.card_direction.compute(history[first:], values)[row - first :], whole[row:]
    )


def test_a_signal_that_spans_gaps_says_so():
    assert obi.card_direction.spans_gaps
    assert not obi.imbalance.spans_gaps
    with pytest.raises(SettingsError):
        obi.signal(lambda history: history.mid, name="odd", spans_gaps="yes")  # type: ignore
