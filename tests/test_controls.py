"""Controls: each does to a signal what it says, and fools what it is said to fool."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import NAN, SECOND, early

import obi_widgets as obi
from obi_widgets.calibration.placebo import clock_skew, look_ahead, shuffled, skewed
from obi_widgets.settings.parameters import Parameters


def line(mid, *, every=SECOND, received=None):
    """A book whose mid is as told, NaN where it is lost, with a spread of two."""
    mid = np.array(mid, float)
    return early(
        np.arange(1, len(mid) + 1) * every, mid - 1, np.ones(len(mid)), mid + 1,
        np.ones(len(mid)), tick_size=1.0, received_ns=received,
    )  # fmt: skip


def correlation(one, other):
    there = ~np.isnan(one) & ~np.isnan(other)
    return np.corrcoef(one[there], other[there])[0, 1]


def ahead(history, seconds):
    """The return of mid over the next seconds."""
    then = history.time + int(seconds * SECOND)
    at = np.searchsorted(history.time, then, "right") - 1
    out = history.mid[at] / history.mid - 1
    out[then >= history.time[-1]] = NAN
    return out


def lag_one(signal):
    return correlation(signal[1:], signal[:-1])


# -- shuffled ----------------------------------------------------------------------------------


def test_shuffled_moves_whole_blocks():
    history = line([100.0] * 12)
    signal = np.arange(12.0)
    got = shuffled(history, signal, block_seconds=3, seed=1)
    blocks = got.reshape(4, 3).tolist()
    assert sorted(blocks) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    np.testing.assert_array_equal(got, shuffled(history, signal, block_seconds=3, seed=1))
    others = [shuffled(history, signal, block_seconds=3, seed=seed) for seed in range(40)]
    assert not any((one.reshape(4, 3) == signal.reshape(4, 3)).any() for one in others)
    assert len({tuple(one) for one in others}) == 6  # as many as there are cycles of four


def test_shuffled_leaves_what_is_not_there_where_it_is():
    signal = np.array([1.0, 2.0, NAN, 4.0, 5.0, NAN])
    got = shuffled(line([100.0] * 6), signal, block_seconds=2, seed=0)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(signal))
    assert sorted(got[~np.isnan(got)]) == [1, 2, 4, 5]


def test_shuffled_keeps_the_signals_memory_and_loses_the_price(broken):
    signal = obi.imbalance(broken, Parameters())
    coming = ahead(broken, 1.0)
    edge = correlation(signal, coming)
    assert edge > 0.15  # there is one
    edges, memories = [], []
    for seed in range(40):
        control = shuffled(broken, signal, block_seconds=5.0, seed=seed)
        np.testing.assert_array_equal(np.isnan(control), np.isnan(signal))
        np.testing.assert_array_equal(np.sort(control), np.sort(signal))
        edges.append(correlation(control, coming))
        memories.append(lag_one(control))
    assert abs(np.mean(edges)) < 0.02
    assert np.max(np.abs(edges)) < edge
    assert np.mean(memories) > 0.9 * lag_one(signal) > 0.5


# -- look-ahead --------------------------------------------------------------------------------


def test_look_ahead_knows_the_next_seconds():
    # Returns over two seconds: + 2 %, 0, −2 / 102, and then not known: the book is lost at the
    # sixth state, and the last two have no two seconds after them, nor has the state before.
    history = line([100, 102, 102, 102, 100, NAN, 100, 101, 102, 103])
    got = look_ahead(history, np.zeros(10), seconds=2, share=1.0)
    known = [2 / 100, 0, -2 / 102, 2 / 100]
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(got)), [0, 1, 2, 6])
    np.testing.assert_allclose(got[[0, 1, 2, 6]], np.tanh(known / np.std(known)), rtol=1e-12)


def test_look_ahead_is_a_mixture_within_its_range(history):
    signal = obi.imbalance(history, Parameters())
    coming = ahead(history, 3.0)
    np.testing.assert_array_equal(
        look_ahead(history, signal, seconds=3, share=0.0)[~np.isnan(coming)],
        signal[~np.isnan(coming)],
    )
    edges = []
    for share in (0.0, 0.25, 0.5, 1.0):
        got = look_ahead(history, signal, seconds=3, share=share)
        there = ~np.isnan(got)
        assert np.abs(got[there]).max() <= 1
        np.testing.assert_array_equal(there, ~np.isnan(coming))
        edges.append(correlation(got, coming))
    assert edges == sorted(edges)
    assert edges[-1] > 0.85


def test_look_ahead_makes_entries_win_as_nobodys_do(history):
    parameters = Parameters(threshold=0.4, hold_seconds=3.0)
    signal = obi.imbalance(history, parameters)
    won = []
    for one in (signal, look_ahead(history, signal, seconds=3, share=1.0)):
        side = np.where(one > 0.4, 1, np.where(one < -0.4, -1, 0))
        won.append(np.nanmean((side * ahead(history, 3.0))[side != 0] > 0))
    assert won[0] < 0.7
    assert won[1] == 1


def test_look_ahead_of_a_price_that_stands_still():
    got = look_ahead(line([100.0] * 6), np.ones(6), seconds=2, share=0.5)
    np.testing.assert_array_equal(got, [0.5, 0.5, 0.5, NAN, NAN, NAN])


# -- other clocks ------------------------------------------------------------------------------


def test_skewed_shows_each_signal_at_another_time():
    history, signal = line([100.0] * 5), np.arange(5.0)
    for skew, wanted in [
        (0, [0, 1, 2, 3, 4]),
        (-2, [2, 3, 4, NAN, NAN]),  # a clock that is behind: before its time
        (2, [NAN, NAN, 0, 1, 2]),
        (-0.5, [0, 1, 2, 3, NAN]),  # what stands half a second later is the same still
        (0.5, [NAN, 0, 1, 2, 3]),
        (-60, [NAN] * 5),
        (60, [NAN] * 5),
    ]:
        np.testing.assert_array_equal(skewed(history, signal, skew=skew), wanted)
    signal[3] = NAN
    np.testing.assert_array_equal(skewed(history, signal, skew=-1), [1, 2, NAN, NAN, NAN])


def test_the_skew_is_that_of_the_clocks():
    received = np.arange(1, 6) * SECOND - 2 * SECOND
    received[4] += 40 * SECOND  # one that came late
    history = line([100.0] * 5, received=received)
    assert clock_skew(history) == -2
    np.testing.assert_array_equal(
        skewed(history, np.arange(5.0)), skewed(history, np.arange(5.0), skew=-2)
    )
    assert clock_skew(history[:0]) == 0
    assert len(skewed(history[:0], [])) == 0


def test_a_clock_that_is_behind_makes_an_edge_of_nothing():
    """A price of chance alone, and a signal that follows it: by its own clock it leads it."""
    steps = np.random.default_rng(4).choice([-1.0, 1.0], 20_000)
    history = line(10_000 + np.cumsum(steps), every=SECOND // 10)
    past = np.full(20_000, NAN)
    past[10:] = np.sign(history.mid[10:] - history.mid[:-10])  # over the last second
    coming = ahead(history, 1.0)
    assert abs(correlation(past, coming)) < 0.05
    assert correlation(skewed(history, past, skew=-1.27), coming) > 0.5
    assert abs(correlation(skewed(history, past, skew=1.27), coming)) < 0.05


def test_the_captures_clocks_are_more_than_a_second_apart(history):
    assert 0.5 < abs(clock_skew(history)) < 3


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("control", [shuffled, look_ahead, skewed])
def test_a_signal_of_another_history(control):
    with pytest.raises(obi.ObiError) as error:
        control(line([100.0] * 3), np.zeros(4))
    assert str(error.value) == (
        "The signal has shape (4,), and the history (3,). Give the signal of this history."
    )


@pytest.mark.parametrize(
    ("control", "values", "text"),
    [
        (
            shuffled, {"block_seconds": 0},
            "block_seconds = 0 is not possible. Give a finite number of seconds above 0.",
        ),
        (
            shuffled, {"block_seconds": 60},
            "There are 1 blocks of 60 s. Give shorter blocks, or a longer record.",
        ),
        (
            look_ahead, {"seconds": NAN},
            "seconds = nan is not possible. Give a finite number of seconds above 0.",
        ),
        (
            look_ahead, {"share": 1.5},
            "share = 1.5 is not possible. Give 0 to 1.",
        ),
        (
            skewed, {"skew": float("inf")},
            "skew = inf is not possible. Give -1,000,000,000 to 1,000,000,000 seconds.",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(control, values, text):
    with pytest.raises(obi.ObiError) as error:
        control(line([100.0] * 3), np.zeros(3), **values)
    assert str(error.value) == text


def test_nothing_to_shuffle():
    with pytest.raises(obi.ObiError) as error:
        shuffled(line([100.0] * 3), [NAN] * 3)
    assert str(error.value) == (
        "There are 0 blocks of 30 s. Give shorter blocks, or a longer record."
    )
