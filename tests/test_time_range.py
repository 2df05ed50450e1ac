"""Panning and zooming."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from obi_widgets.presentation.charts.time_range import TimeRange

SECOND = 1_000_000_000
OLDEST, NEWEST = 1000 * SECOND, 4600 * SECOND  # an hour


def test_panning_goes_back_by_a_share_and_comes_back_to_the_newest():
    live = TimeRange(300.0)
    back = live.panned(0.5, OLDEST, NEWEST)
    assert back == TimeRange(300.0, NEWEST - 150 * SECOND)
    assert back.panned(-0.25, OLDEST, NEWEST).end == NEWEST - 75 * SECOND
    assert back.panned(-0.5, OLDEST, NEWEST) == live
    assert back.panned(-9, OLDEST, NEWEST) == live


def test_looking_back_stands_still_while_states_come():
    back = TimeRange(300.0).panned(0.5, OLDEST, NEWEST)
    assert back.right_edge(OLDEST, NEWEST + 60 * SECOND) == back.end
    assert TimeRange(300.0).right_edge(OLDEST, NEWEST + 60 * SECOND) == NEWEST + 60 * SECOND


def test_it_does_not_leave_the_states():
    first = TimeRange(300.0).panned(100, OLDEST, NEWEST)
    assert first.end == OLDEST + 60 * SECOND  # a fifth of the picture


def test_what_is_not_kept_any_more_is_not_looked_at():
    """Neither where one asked for it, nor where the states have been dropped since."""
    long_ago = TimeRange(300.0, OLDEST - 9000 * SECOND)
    assert long_ago.right_edge(OLDEST, NEWEST) == OLDEST + 60 * SECOND
    assert long_ago.right_edge(NEWEST - 10 * SECOND, NEWEST) == NEWEST
    back = long_ago.panned(-0.5, OLDEST, NEWEST)  # goes on from what is seen
    assert back.end == OLDEST + 210 * SECOND


def test_zooming_keeps_what_is_under_the_mouse():
    back = TimeRange(300.0, NEWEST - 1000 * SECOND)
    near = back.zoomed(0.5, 0.25, OLDEST, NEWEST)
    assert near.seconds == 150
    under = NEWEST - 1000 * SECOND - 225 * SECOND
    assert near.end - 0.75 * 150 * SECOND == under
    assert near.zoomed(2, 0.25, OLDEST, NEWEST) == back


def test_zooming_out_ends_with_all_that_there_is():
    assert TimeRange(300.0).zoomed(1e6, 0.5, OLDEST, NEWEST) == TimeRange(3600.0)
    assert TimeRange(300.0).zoomed(1e-6, 1.0, OLDEST, NEWEST).seconds == 5


@given(
    st.floats(5, 3600),
    st.none() | st.integers(OLDEST, NEWEST),
    st.lists(st.tuples(st.floats(0.2, 5), st.floats(0, 1), st.floats(-2, 2)), max_size=8),
)
def test_wherever_one_goes_there_are_states_to_see(seconds, end, moves):
    seen = TimeRange(seconds, end)
    for factor, at, share in moves:
        seen = seen.zoomed(factor, at, OLDEST, NEWEST).panned(share, OLDEST, NEWEST)
        assert 5 <= seen.seconds <= 3600
        assert OLDEST < seen.right_edge(OLDEST, NEWEST) <= NEWEST


@pytest.mark.parametrize("seconds", [0.5, 604_801, float("nan")])
def test_a_length_that_is_not_possible_is_refused(seconds):
    with pytest.raises(ValueError, match=r"A window of .* s is not possible. Give 1 to 604,800"):
        TimeRange(seconds).checked()


def test_zooming_never_goes_the_other_way():
    """Also where the window is longer than the history, or shorter than what one zooms to."""
    young = 300 * SECOND
    assert TimeRange(3600.0).zoomed(1.5, 0.5, 0, young) == TimeRange(3600.0)
    assert TimeRange(1.0).zoomed(0.5, 0.5, OLDEST, NEWEST).seconds == 1.0
