"""The queue logistic: by hand, against its score equations, and on captures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from history_tools import NAN, SECOND, early

import obi_widgets as obi
from obi_widgets.calibration.lookahead import looks_ahead
from obi_widgets.signals import registry
from obi_widgets.signals.fitting import Fits
from obi_widgets.signals.next_move import Samples
from obi_widgets.signals.queue_logistic import STEPS, fitted


def swapping(moves, *after):
    """Bids 3 to 1, then a rise; asks 3 to 1, then a fall; a move a second. Then other states."""
    at = np.arange(moves + 1)
    more = at % 2 == 0
    columns = [100.0 + ~more, np.where(more, 3.0, 1.0), 101.0 + ~more, np.where(more, 1.0, 3.0)]
    time = at * SECOND
    for second, *values in after:
        time = np.append(time, round(second * SECOND))
        columns = [np.append(column, value) for column, value in zip(columns, values, strict=True)]
    return early(time, *columns, tick_size=1.0)


def slope(each):
    """Solve the score equation of so many rises at ½ and falls at −½, and the four added moves."""
    low, high = 0.0, 100.0
    for _ in range(200):
        b = (low + high) / 2
        right, end = (1 / (1 + math.exp(-b * at)) for at in (0.5, 1.0))
        low, high = (b, high) if each * (1 - right) > 2 * (2 * end - 1) else (low, b)
    return b


def test_ten_events_by_hand():
    after = [
        (80.05, 100, 3, 101, 1, 0.5),
        (80.1, 100, 1, 101, 3, -0.5),
        (80.15, 100, 2, 101, 2, 0.0),
        (80.2, 100, 9, 101, 1, 0.8),
        (80.25, 100, 30, 101, 10, 0.5),
        (80.3, 100, 3, 103, 1, 0.5),  # the spread does not matter
        (80.35, NAN, NAN, 101, 1, NAN),
        (80.4, 100, 1, NAN, NAN, NAN),
        (80.45, 100, 1, 101, 9, -0.8),
        (80.5, 100, 3, 101, 1, 0.5),
    ]
    history = swapping(80, *(row[:-1] for row in after))
    values = obi.queue_logistic(history, window=61, refit=10)
    # The fit at 80 s has the states from 19 s to 79 s, and so 60 moves: 30 rises and 30 falls.
    wanted = np.tanh(slope(30) * np.array([row[-1] for row in after]) / 2)
    np.testing.assert_allclose(values[-10:], wanted, rtol=1e-9, atol=1e-12)
    assert np.isnan(values[:71]).all()  # until window and refit have passed
    assert not np.isnan(values[71:81]).any()


def test_too_few_moves_and_a_gap_have_no_value():
    assert np.isnan(obi.queue_logistic(swapping(100), window=50, refit=10)).all()  # 49 moves
    gap = [(100.5, NAN, NAN, NAN, NAN), (101, 100, 3, 101, 1)]
    values = obi.queue_logistic(swapping(100, *gap), window=60, refit=10)
    assert not np.isnan(values[70:101]).any()
    assert np.isnan(values[101:]).all()


def test_a_fit_solves_the_score_equations():
    random = np.random.default_rng(2)
    moves = random.integers(0, 20, (5, len(STEPS)))
    chance = 1 / (1 + np.exp(-(0.4 + random.uniform(-6, 6, (5, 1)) * STEPS)))
    rises = random.binomial(moves, chance)
    moves[4], rises[4] = 0, 0
    moves[4, 75], rises[4, 75] = 500, 500  # rises alone: finite all the same
    a, b = fitted(rises, moves)
    for fit in range(5):
        up, count = rises[fit].astype(float), moves[fit].astype(float)
        up[[0, -1]] += 1
        count[[0, -1]] += 2
        off = up - count / (1 + np.exp(-(a[fit] + b[fit] * STEPS)))
        assert abs(off.sum()) < 1e-6
        assert abs((off * STEPS).sum()) < 1e-6
        one = fitted(rises[fit : fit + 1], moves[fit : fit + 1])
        assert (one[0][0], one[1][0]) == (a[fit], b[fit])  # whatever is fitted beside it


def test_on_a_capture_it_is_a_plain_fit_and_appended_equals_whole(history):
    given, signal = {"window": 120.0, "refit": 30.0}, obi.queue_logistic
    whole = signal(history, **given)
    has = ~np.isnan(whole)
    assert has.any()
    np.testing.assert_array_equal(
        np.sign(np.diff(whole[has])[:50]), np.sign(np.diff(obi.queue_imbalance(history)[has])[:50])
    )  # more bids: more likely a rise
    for cut in (1, 1000, len(history) - 3):
        np.testing.assert_array_equal(signal(history[:cut], **given), whole[:cut])
        np.testing.assert_array_equal(signal.compute(history, given, cut), whole[cut:])
    assert looks_ahead(history, lambda part: signal(part, **given), whole) == ""
    # A fit of the last window from nothing but the samples that ended before it.
    fits, samples = Fits.of(history.time, 120, 30), Samples.of(history)
    within = (samples.began >= fits.first[-1]) & (samples.ended < fits.last[-1])
    queue = obi.queue_imbalance(history)
    step = np.rint((queue[samples.row[within]] + 1) * 50).astype(int)
    moves = np.bincount(step, minlength=len(STEPS))[None]
    rises = np.bincount(step[samples.rose[within]], minlength=len(STEPS))[None]
    a, b = fitted(rises, moves)
    if not np.isnan(a[0]):
        assert whole[-1] == pytest.approx(np.tanh((a[0] + b[0] * queue[-1]) / 2), abs=1e-12)


def test_sides_swapped_and_lost_books(broken):
    given = {"window": 30.0, "refit": 5.0}
    values = obi.queue_logistic(broken, **given)
    assert np.isnan(values[np.isnan(broken.mid)]).all()
    np.testing.assert_array_equal(obi.queue_logistic(broken[:3000], **given), values[:3000])


def test_it_says_what_it_is():
    assert registry.find("queue_logistic") is obi.queue_logistic
    assert repr(obi.queue_logistic) == "<Signal queue_logistic: window, refit; -1 to 1>"
    assert obi.queue_logistic.needs == {"touch"}
    assert obi.queue_logistic.lookback({"window": 60, "refit": 5}) == 65
