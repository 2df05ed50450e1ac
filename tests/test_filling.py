"""A history whose gaps are filled by another."""

from __future__ import annotations

import pytest
from days_tools import connection, gaps, time_of
from recording_tools import write

import obi_widgets as obi
from obi_widgets.history.filling import filled


@pytest.fixture
def load(tmp_path):
    """Return a loader of what connections record, from a change to another one each."""

    def load_connections(*spans, interval=0):
        paths = []
        for number, span in enumerate(spans):
            paths.append(tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}.gz")
            write(paths[-1], connection(*span))
        return obi.load(paths, interval=interval)

    return load_connections


def changes(history):
    """Return the numbers of the changes whose states a history has."""
    return [(int(time) - time_of(0)) // 50_000_000 for time in history.time[~history.lost]]


@pytest.mark.filterwarnings("ignore:There is no book for")
def test_states_of_another_fill_gaps_and_both_ends(load):
    history = load((100, 120), (300, 320))
    other = load((50, 60), (110, 130), (200, 210), (310, 330))
    both = filled(history, other)
    assert changes(both) == [
        *range(50, 61), *range(100, 131), *range(200, 211), *range(300, 331)
    ]  # fmt: skip
    assert len(gaps(both)) == both.gaps == 5
    ids = both.trades.id.tolist()
    assert ids == sorted(set(ids))
    assert {*history.trades.id.tolist(), *other.trades.id.tolist()} == {*ids}


@pytest.mark.filterwarnings("ignore:There is no book for")
def test_a_history_stays_itself_if_another_adds_nothing(load):
    history = load((100, 120), (300, 320))
    assert filled(history, load((105, 120), (300, 310))) is history
    assert filled(history, history) is history
    assert filled(history, history[:0]) is history


def test_an_interval_that_was_not_over_has_its_last_state_only_once(load):
    whole = load((100, 161), interval=1.0)
    both = filled(load((100, 130), interval=1.0), whole)
    assert changes(both) == changes(whole)
    assert both.trades.id.tolist() == whole.trades.id.tolist()
    assert both.gaps == 1
