"""A signal crosses a level: told once, again after it has fallen back, never across a gap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obi_widgets.errors import SettingsError
from obi_widgets.signals.crossing import Crossing

NAN = float("nan")


def followed(values, level=0.4, margin=0.1):
    crossing = Crossing(level, margin)
    return [crossing.follow(value) for value in values]


def test_a_crossing_is_told_once_on_either_side():
    assert followed([0.0, 0.39, 0.41, 0.5, 0.41]) == [0, 0, 1, 0, 0]
    assert followed([0.0, -0.41, -0.9]) == [0, -1, 0]


def test_the_level_itself_is_not_beyond_it():
    assert followed([0.0, 0.4, 0.4000001]) == [0, 0, 1]


def test_there_is_no_second_alert_before_it_has_fallen_back_by_the_margin():
    flicker = [0.0, 0.41, 0.39, 0.41, 0.31, 0.41]
    assert followed(flicker) == [0, 1, 0, 0, 0, 0]
    assert followed([*flicker, 0.3, 0.41]) == [0, 1, 0, 0, 0, 0, 0, 1]
    assert followed([0.0, 0.41, 0.4, 0.41], margin=0.0) == [0, 1, 0, 1]


def test_from_one_side_to_the_other_at_once_is_an_alert_of_the_other():
    assert followed([0.0, 0.9, -0.9, 0.9]) == [0, 1, -1, 1]


@pytest.mark.parametrize("start", [[], [NAN], [0.0, NAN], [0.0, 0.9, NAN]])
def test_what_is_beyond_at_the_beginning_or_after_a_gap_is_no_crossing(start):
    told = followed([*start, 0.9, 0.8, 0.35, 0.45, 0.2, 0.45])
    assert told[len(start) :] == [0, 0, 0, 0, 0, 1]


def test_the_margin_is_a_tenth_of_the_level_if_left_out():
    assert Crossing(2.0).margin == pytest.approx(0.2)
    assert followed([0.0, 2.1, 1.81, 2.1, 1.8, 2.1], 2.0, None) == [0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize(("level", "margin"), [(-0.1, None), (NAN, None), (0.4, -0.1), ("a", None)])
def test_a_level_or_a_margin_that_is_not_possible_is_refused(level, margin):
    with pytest.raises((SettingsError, TypeError)):
        Crossing(level, margin)


@given(st.lists(st.one_of(st.floats(-1, 1), st.just(NAN)), max_size=60))
def test_between_two_alerts_of_a_side_the_signal_was_within(values):
    last = {+1: None, -1: None}
    for at, side in enumerate(followed(values)):
        if not side:
            continue
        assert side * values[at] > 0.4
        before = values[(last[side] or 0) : at]
        assert any(side * value <= 0.4 - 0.1 for value in before)
        since = [value for value in before if value == value]
        assert since, "a gap re-arms nothing"
        last[side] = at
