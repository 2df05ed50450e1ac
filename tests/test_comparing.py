"""Signals compared in a session: on its own states, each counted as tried."""

from __future__ import annotations

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.settings.parameters import Parameters

HORIZONS = (1.0, 5.0)


@pytest.fixture
def session(history):
    session = obi.Session(history)
    session.wait(len(history), timeout=60)
    yield session
    session.close()


def test_each_signal_counts_once(session):
    first = session.compare(["imbalance", "queue_imbalance"], horizons=HORIZONS)
    assert first.tried == 2
    assert session.compare(["queue_imbalance"], horizons=HORIZONS).tried == 2
    more = session.compare(["queue_imbalance", "depth_ratio"], horizons=HORIZONS)
    assert more.tried == len(session.tried) == 3
    assert "with 6 tests: 3 tried, 2 horizons" in repr(more)
    assert session.findings().tried == 3, "the settings are those of the first comparison"
    np.testing.assert_allclose(
        more.p_adjusted.min(), min(1.0, 6 * np.nanmin(more.p)), err_msg="Holm's first step"
    )


def test_it_is_what_compare_says_of_its_states(session, history):
    given = {"a": obi.Settings(decay=0.2), "b": "order_flow_imbalance"}
    found = session.compare(given, horizons=HORIZONS, level=0.9)
    alone = obi.compare(history, given, horizons=HORIZONS, level=0.9)
    assert found.names == ("a", "b")
    np.testing.assert_array_equal(found.rank_ic, alone.rank_ic)
    np.testing.assert_array_equal(found.low, alone.low)


def test_the_selected_part_is_another_test(session, history):
    session.compare(["imbalance"], horizons=HORIZONS)
    start, end = int(history.time[100]), int(history.time[1100])
    session.select(start, end)
    part = session.compare(["imbalance"], horizons=HORIZONS)
    assert (part.states, part.tried) == (1001, 2)


def test_left_out_are_those_that_are_shown_without_gauges(session):
    session.add_signal("queue_imbalance")
    session.add_signal("vpin")
    found = session.compare(horizons=HORIZONS)
    assert found.names == ("imbalance", "queue_imbalance")


def test_settings_that_differ_in_costs_alone_are_one_trial(session):
    both = [Parameters("imbalance", fee_bps=1), Parameters("imbalance", fee_bps=2)]
    assert session.compare(both, horizons=HORIZONS).tried == 2  # no fewer than are compared
    assert len(session.tried) == 1


def test_what_cannot_be_counted_is_refused_and_counts_nothing(session):
    with pytest.raises(SettingsError, match="cannot count as tried"):
        session.compare(["imbalance", lambda one: np.zeros(len(one))])
    with pytest.raises(SettingsError, match="vpin has no direction"):
        session.compare(["imbalance", "vpin"])
    assert len(session.tried) == 0


def test_before_the_first_state_there_is_nothing_to_compare():
    session = obi.Session("sim:BTC-PERP", seed=1)
    with pytest.raises(HistoryError, match="no book state yet"):
        session.compare(["imbalance"])
    assert len(session.tried) == 0
    session.close()
