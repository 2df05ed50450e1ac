"""A signal in words: by hand, the same state by state, with an alert's hysteresis, and by time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from history_tools import NAN, SECOND, early
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.signals.crossing import Crossing, Side, sides

VALUES = [0.0, 0.45, 0.35, 0.3, 0.35, 0.5, -0.5, -0.35, NAN, -0.35, -0.41, 0.35]
WANTED = [0, 1, 1, 0, 0, 1, -1, -1, NAN, 0, -1, 0]


def tape(seconds, lost=()):
    count = len(seconds)
    bid = np.where(np.isin(np.arange(count), lost), NAN, 100.0)
    time = (np.asarray(seconds) * SECOND).astype(np.int64)
    return early(time, bid, np.ones(count), bid + 1, np.ones(count), tick_size=1.0)


def test_by_hand():
    np.testing.assert_array_equal(sides(np.array(VALUES), 0.4, 0.1), WANTED)
    side = Side(0.4, 0.1)
    np.testing.assert_array_equal([side.follow(value) for value in VALUES], WANTED)


def test_without_a_margin_it_is_beyond_or_not():
    values = np.array([0.41, 0.4, 0.41, -0.4, -0.41, 0.0])
    np.testing.assert_array_equal(sides(values, 0.4, 0.0), [1, 0, 1, 0, -1, 0])
    np.testing.assert_array_equal(sides(values, 0.0, 0.0), [1, 1, 1, -1, -1, 0])
    assert len(sides(np.empty(0), 0.4)) == 0


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.sampled_from([-0.4, -0.3, 0.0, 0.3, 0.4, NAN]), st.floats(-1, 1))),
    st.sampled_from([0.0, 0.1, 0.4]),
)
def test_state_by_state_it_is_the_whole_and_alerts_are_its_changes(values, margin):
    whole = sides(np.array(values, float), 0.4, margin)
    side, crossing, armed = Side(0.4, margin), Crossing(0.4, margin), {1: False, -1: False}
    for at, value in enumerate(values):
        now = side.follow(value)
        np.testing.assert_array_equal(now, whole[at])
        part = np.array(values[: at + 1], float)
        np.testing.assert_array_equal(sides(part, 0.4, margin), whole[: at + 1])
        came = now == now and now != 0 and at > 0 and now != whole[at - 1]
        # An alert asks besides that the value was seen to have fallen back before.
        assert crossing.follow(value) == (now if came and armed[int(now)] else 0)
        for one in armed:
            armed[one] = (armed[one] or one * value <= 0.4 - margin) and value == value


def test_shares_are_of_the_time_with_a_signal():
    # Seconds 0–1: buying, 1–4: neutral, 4–6: no signal, 6–10: selling; the last counts nothing
    history = tape([0, 1, 4, 6, 10])
    labels = obi.label(history, signal=np.array([0.5, 0.1, NAN, -0.5, 0.5]), level=0.4)
    assert labels.shares == pytest.approx({"SELLING": 4 / 8, "NEUTRAL": 3 / 8, "BUYING": 1 / 8})
    assert labels.on == pytest.approx(5 / 8)
    assert labels.seconds == pytest.approx(8)
    words = labels.to_series()
    assert words.astype(object).where(words.notna(), None).tolist() == [
        "BUYING", "NEUTRAL", None, "SELLING", "BUYING",
    ]  # fmt: skip
    assert words.cat.ordered
    assert str(words.index.tz) == "UTC"
    assert repr(labels) == (
        "<Labels: on 62.5% of 8 s (SELLING 50.0%, NEUTRAL 37.5%, BUYING 12.5%); beyond 0.4, until "
        "0.36>"
    )
    never = obi.label(history, signal=np.full(5, NAN), level=0.4)
    assert repr(never) == "<Labels: no time with a signal; beyond 0.4, until 0.36>"


def test_a_gap_is_no_time_and_ends_a_label():
    history = tape([0, 1, 2, 3, 4], lost=[2])
    labels = obi.label(history, signal=np.array([0.5, 0.39, NAN, 0.39, 0.5]), level=0.4)
    np.testing.assert_array_equal(labels.sides, [1, 1, NAN, 0, 1])
    # A state lasts until the book was lost, and the gap itself is no time.
    assert labels.seconds == pytest.approx(3, abs=1e-6)
    assert labels.shares["NEUTRAL"] == pytest.approx(1 / 3, abs=1e-6)


def test_nothing_is_said_of_nothing():
    labels = obi.label(tape([]))
    assert (len(labels.sides), labels.seconds) == (0, 0.0)
    assert np.isnan(labels.on)


def test_the_settings_give_signal_and_threshold(history):
    given = obi.Settings(signal="queue_imbalance", threshold=0.3)
    labels = obi.label(history, given)
    values = obi.queue_imbalance(history)
    np.testing.assert_array_equal(labels.sides, sides(values, 0.3))
    np.testing.assert_array_equal(labels.sides, obi.label(history, signal=values, level=0.3).sides)
    series = pd.Series(values, pd.DatetimeIndex(history.time, tz="UTC"))
    np.testing.assert_array_equal(labels.sides, obi.label(history, given, signal=series).sides)
    part = obi.label(history[:500], given)
    np.testing.assert_array_equal(part.sides, labels.sides[:500])


def test_a_quantile_is_of_the_signals_place():
    history = obi.simulate(seconds=120, levels=5, seed=2)
    given = obi.Settings(depth=3, threshold=0.9, threshold_is="quantile", quantile_window=20)
    labels = obi.label(history, given)
    assert labels.level == 0.9
    assert 0.02 < labels.on < 0.5
    assert np.isnan(labels.sides[history.time - history.time[0] < 19e9]).all()


def test_a_rule_of_ten_percent_is_on_most_of_the_time(history):
    """Of the notional imbalance, at any depth: 84 to 90 % on the captures."""
    for depth in (1, 20):
        rule = obi.Settings(decay=0, depth=depth, weighting="notional")
        assert 0.82 < obi.label(history, rule, level=0.1).on < 0.92
        assert obi.label(history, rule, level=0.9).on < 0.6


def test_what_is_not_possible_is_refused():
    history = tape([0, 1])
    for wrong in ({"level": -1}, {"margin": 0.5}, {"margin": -0.1}, {"signal": np.zeros(3)}):
        with pytest.raises(obi.ObiError):
            obi.label(history, **wrong)
