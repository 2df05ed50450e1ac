"""Controls before the judge: each is caught, or fools nothing but the naive figure."""

from __future__ import annotations

import re

import known_market
import numpy as np
import pytest
from scipy.stats import binom

import obi_widgets as obi
from obi_widgets.calibration.placebo import clock_skew, look_ahead, shuffled, skewed
from obi_widgets.settings.parameters import Parameters

FREE = obi.Settings(fee_bps=0.0, price="mid")
"""Nothing costs anything: what is refused then is refused for what it is."""

EDGE = 4.0


@pytest.mark.slow
def test_a_shuffled_signal_fools_the_naive_figure_only():
    """On markets with an edge: the signal's own memory is left, and the price's is not."""
    naive, honest, markets = [], [], 200
    for seed in range(markets):
        history = known_market.history(1800, EDGE, seed)
        signal = obi.imbalance(history, FREE)
        control = shuffled(history, signal, block_seconds=90.0, seed=seed)
        means = obi.calibrate(history, FREE, signal=control, horizons=[10.0]).means
        naive.append(abs(means.t_naive[0, 0]) > 1.96)
        honest.append(means.p[0, 0] < 0.05)
        if seed < 10:
            assert obi.calibrate(history, FREE, horizons=[10.0]).means.p[0, 0] < 1e-3
    low, high = binom.interval(0.99, markets, 0.05)
    assert low <= sum(honest) <= high
    assert sum(naive) > 0.4 * markets


@pytest.mark.parametrize("edge", [0.0, EDGE])
def test_a_planted_look_ahead_is_caught(edge):
    history = known_market.history(1200, edge, seed=3)

    def leaking(history):
        return look_ahead(history, obi.imbalance(history, FREE), seconds=10, share=0.5)

    report = obi.calibrate(history, FREE, signal=leaking)
    assert report.verdict == "not viable"
    assert report.reason.startswith("The signal looks ahead: at ")
    assert report.reason.endswith(". Its results do not count.")
    # As mere numbers it cannot be caught: the effect is there. What gives it away to a reader is
    # an effect that ends where the leak does, and the share of events that were right.
    alone = obi.calibrate(history, FREE, signal=leaking(history), horizons=[10.0, 20.0])
    assert alone.means.p[0, 0] < 1e-6
    assert alone.hit_rate[0] > 0.95
    assert alone.means.mean_bps[1, 0] < 1.5 * alone.means.mean_bps[0, 0]


def test_a_clock_that_is_behind_is_caught():
    """The price of chance alone, and a signal that only follows it."""

    def follows(history):
        past = np.searchsorted(history.time, history.time - 10**9, side="right") - 1
        moved = np.sign(history.mid - history.mid[past])
        return np.where(past >= 0, moved, np.nan)

    def early(history):
        return skewed(history, follows(history), skew=-1.27)

    found, markets = 0, 60
    for seed in range(markets):
        history = known_market.history(1200, 0.0, seed)
        honest = obi.calibrate(history, FREE, signal=follows, horizons=[1.0])
        assert not honest.looks_ahead
        found += honest.means.p[0, 0] < 0.05
    assert found <= binom.ppf(0.995, markets, 0.05)
    # By two clocks it is an edge beyond doubt, by any statistic…
    fooled = obi.calibrate(history, FREE, signal=early(history), horizons=[1.0])
    assert fooled.means.p[0, 0] < 1e-6
    # … but the signal of a state is not there yet at that state.
    report = obi.calibrate(history, FREE, signal=early, horizons=[1.0])
    assert report.verdict == "not viable"
    assert "The signal looks ahead" in report.reason


def test_on_a_capture_the_receive_clock_is_caught(history):
    """Its clocks are more than a second apart."""
    skew = -abs(clock_skew(history))

    def early(history):
        return skewed(history, obi.imbalance(history, Parameters()), skew=skew)

    report = obi.calibrate(history, FREE, signal=early, horizons=[1.0])
    assert report.means.t_naive[0, 0] > 10
    assert report.verdict == "not viable"
    assert "The signal looks ahead" in report.reason


def test_a_mean_over_the_whole_record_is_caught(history):
    def centred(history):
        signal = obi.imbalance(history, FREE)
        return signal - np.nanmean(signal)

    assert obi.calibrate(history, FREE, signal=centred).looks_ahead


def coming(history, seconds=10):
    """Where mid goes within some seconds, bps; NaN where the record ends before."""
    then = history.time + seconds * 10**9
    at = np.searchsorted(history.time, then, side="right") - 1
    return np.where(then <= history.time[-1], 1e4 * (history.mid[at] / history.mid - 1), np.nan)


def rare(history):
    move = coming(history)
    return np.where(abs(move) > 4, np.sign(move), 0.0)


def lives(history):
    """Without the states that would have lost."""
    signal = obi.imbalance(history, FREE)
    return np.where(signal * coming(history) < 0, np.nan, signal)


@pytest.mark.parametrize(
    ("cheat", "text"),
    [(rare, "but the signal is [+\N{MINUS SIGN}]1"), (lives, "the signal is no value")],
)
def test_what_is_seldom_on_or_was_taken_back_is_caught(cheat, text):
    history = known_market.history(5400, 0.0, seed=1)  # ten episodes in the hold-out as well
    assert obi.calibrate(history, FREE, signal=cheat(history)).verdict == "viable"
    report = obi.calibrate(history, FREE, signal=cheat)
    assert report.verdict == "not viable"
    assert re.search(text, report.reason)


def test_chance_is_not_accused_of_knowing_the_future():
    random = np.random.default_rng(0)
    with pytest.raises(obi.ObiError) as error:
        obi.calibrate(known_market.history(60), FREE, signal=lambda h: random.normal(size=len(h)))
    assert str(error.value) == (
        "The signal gives other values each time it is computed. Seed its random numbers, or give "
        "the signal as an array."
    )


def test_it_is_not_asked_for_what_had_too_little_before_it(history):
    def smooth(history):
        out = np.full(len(history), np.nan)
        window = np.lib.stride_tricks.sliding_window_view(obi.imbalance(history, FREE), 200)
        out[199:] = window.mean(axis=1)
        return out

    assert obi.calibrate(history, FREE, signal=smooth).looks_ahead == ""
    nothing = obi.calibrate(history, FREE, signal=lambda h: np.zeros(len(h)))
    assert nothing.looks_ahead == ""


def test_a_signal_of_the_past_is_not_accused(history):
    def smoothed(history):
        signal = obi.imbalance(history, FREE)
        sums = np.cumsum(np.nan_to_num(signal))
        sums[50:] -= sums[:-50].copy()
        return sums / np.minimum(np.arange(1, len(sums) + 1), 50)

    for signal in (smoothed, lambda history: obi.imbalance(history, FREE)):
        assert obi.calibrate(history, FREE, signal=signal).looks_ahead == ""
    same = obi.calibrate(history, FREE, signal=lambda history: obi.imbalance(history, FREE))
    assert same.reason == obi.calibrate(history, FREE).reason


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        (
            lambda _: np.zeros(3),
            "The signal has shape (3,), and the history (20,). Give the signal of this history.",
        ),
        (
            "imbalanse",
            "There is no signal 'imbalanse'. Did you mean 'imbalance'? Define a signal of your own "
            "before you use its name.",
        ),
    ],
)
def test_what_is_no_signal(signal, text):
    with pytest.raises(obi.ObiError) as error:
        obi.calibrate(known_market.history(2), FREE, signal=signal)
    assert str(error.value) == text


def test_an_infinite_signal_is_refused():
    values = np.zeros(20)
    values[7] = np.inf
    with pytest.raises(obi.ObiError) as error:
        obi.calibrate(known_market.history(2), FREE, signal=values)
    assert str(error.value) == (
        "The signal is infinite in row 7. Make it NaN where there is no signal."
    )
