"""What stands under the charts: times of day, and dates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from obi_widgets.presentation.charts.window import Window
from obi_widgets.widgets import panel
from obi_widgets.widgets.page import values_of
from obi_widgets.widgets.time_axis import TimeAxis


def test_times_fit_the_axis_to_the_millisecond_for_weeks():
    axis = TimeAxis()
    start = 1_700_000_000_123_000_000
    later = start + 20 * 86_400 * 1_000_000_000
    first, last = axis.values(np.array([start, later])).tolist()
    assert last - first == 20 * 86_400_000
    assert first == start // 1_000_000 % 86_400_000
    axis.scale.close()


def test_points_end_with_the_first_lines_last_value():
    axis, nothing = TimeAxis(), np.nan
    time = 1_700_000_000_000_000_000 + 1_500_000 * np.arange(4)
    first, second = np.array([nothing, 1.1, 2.0, nothing]), np.array([3.0, 4.0, 5.0, 6.0])
    found = axis.points(time, first, second)
    assert found["x"].tolist() == [80_000_000, 80_000_001, 80_000_003]
    assert found["x"].dtype == np.int32
    np.testing.assert_array_equal(found["y"][0], first[:3].astype(np.float32))
    np.testing.assert_array_equal(found["y"][1], second[:3].astype(np.float32))
    np.testing.assert_array_equal(axis.points(time, first, exact=True)["y"], first[:3])
    out_of_sight = axis.points(time, np.full(4, nothing))
    assert (out_of_sight["x"].tolist(), out_of_sight["y"].tolist()) == ([0], [0.0])
    axis.scale.close()


HOUR = 3600 * 1_000_000_000
NOON = 1_700_049_600_000_000_000 - 43_200_000_000_000 + 12 * HOUR  # of Nov 15, 2023


class Looking:
    """What an axis asks of a frame."""

    states = 1

    def __init__(self, end, seconds):
        self.window_seconds = seconds
        self.window = Window.ending(end, seconds)


def labels_of(axis, end, seconds):
    """Return what stands under a window, as bqplot takes it: labels, or else the format."""
    shown = values_of(axis.changes(Looking(end, seconds)))
    values, labels, how = (
        shown[axis.axes[0].model_id, f"tick_{name}"] for name in ("values", "labels", "format")
    )
    found = []
    for at in np.array(values, "datetime64[ms]"):
        named = labels.get(str(at.astype(int)))
        found.append(named or at.item().strftime(how))
    return found


@pytest.fixture
def axis():
    axis = TimeAxis()
    axis.axis(labels=True)
    yield axis
    panel.close_tree(axis.axes[0], axis.axes[0].close)


def test_a_day_has_hours_and_the_date_where_it_begins(axis):
    assert labels_of(axis, NOON, 86_400.0) == [
        "16:00",
        "20:00",
        "Nov 15",
        "04:00",
        "08:00",
        "12:00",
    ]
    assert labels_of(axis, NOON, 21_600.0) == [f"{hour:02}:00" for hour in range(7, 13)]
    week = labels_of(axis, NOON, 7 * 86_400.0)
    assert week == [f"Nov {day}" for day in range(9, 16)]
    assert labels_of(axis, NOON - 12 * HOUR + 10**9, 60.0)[-2:] == ["23:59:50", "Nov 15"]
    assert labels_of(axis, NOON, 3600.0)[-2:] == ["11:50:00", "12:00:00"]


def test_dates_are_right_however_far_one_looks_back(axis):
    for days in (0, 3, 25, 29, 40, 0):
        middle = NOON - days * 24 * HOUR
        date = np.datetime64(middle, "ns").astype("datetime64[D]").item()
        assert f"{date:%b} {date.day}" in labels_of(axis, middle, 2 * 86_400.0)


@given(st.floats(1, 7 * 86_400), st.integers(0, 10**17))
def test_there_are_a_few_labels_of_any_window(seconds, later):
    axis = TimeAxis()
    axis.axis(labels=True)
    labels = labels_of(axis, NOON + later, seconds)
    panel.close_tree(axis.axes[0], axis.axes[0].close)
    assert (2 if seconds > 3 else 0) <= len(labels) <= 8
    twice = {label for label in labels if labels.count(label) > 1}
    assert not twice or seconds > 86_400
