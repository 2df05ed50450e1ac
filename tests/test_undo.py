"""Undo, redo and reset of settings: what is one step, and what is kept."""

from __future__ import annotations

import copy
import pickle

import pytest

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.settings.undo import MOST, REST, Steps


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """Settings whose steps are timed by a clock of the test."""
    one = Clock()
    monkeypatch.setattr(Steps.__init__, "__defaults__", (one,))
    return one


def drag(settings, name, values, clock, pause=0.05):
    for value in values:
        setattr(settings, name, value)
        clock.now += pause


def test_a_drag_is_one_step(clock):
    settings = obi.Settings(decay=0.1)
    drag(settings, "decay", [0.11, 0.15, 0.2, 0.3], clock)
    settings.undo()
    assert settings.decay == 0.1
    assert not settings.can_undo
    settings.redo()
    assert settings.decay == 0.3
    assert not settings.can_redo


def test_a_rest_begins_a_new_step(clock):
    settings = obi.Settings(decay=0.1)
    drag(settings, "decay", [0.2, 0.3], clock)
    clock.now += REST
    drag(settings, "decay", [0.4, 0.5], clock)
    settings.undo()
    assert settings.decay == 0.3
    settings.undo()
    assert settings.decay == 0.1


def test_another_setting_begins_a_new_step_and_so_does_the_way_back(clock):
    settings = obi.Settings(decay=0.1, threshold=0.4)
    settings.decay = 0.2
    settings.threshold = 0.5
    settings.decay = 0.3
    seen = []
    while settings.can_undo:
        settings.undo()
        seen.append((settings.decay, settings.threshold))
    assert seen == [(0.2, 0.5), (0.2, 0.4), (0.1, 0.4)]


def test_a_drag_back_to_where_it_began_is_no_step(clock):
    settings = obi.Settings(decay=0.1)
    drag(settings, "decay", [0.2, 0.1], clock)
    assert not settings.can_undo
    drag(settings, "decay", [0.3], clock)
    settings.undo()
    assert settings.decay == 0.1


def test_a_change_after_an_undo_drops_what_was_undone(clock):
    settings = obi.Settings(decay=0.1)
    settings.decay = 0.2
    settings.undo()
    settings.decay = 0.3
    assert not settings.can_redo
    settings.redo()
    assert settings.decay == 0.3
    settings.undo()
    assert settings.decay == 0.1


def test_the_same_value_and_a_refused_one_are_no_step():
    settings = obi.Settings(decay=0.1)
    settings.decay = 0.1
    with pytest.raises(SettingsError):
        settings.decay = -1
    assert not settings.can_undo
    settings.undo()  # nothing to do
    assert settings == obi.Settings(decay=0.1)


@pytest.mark.parametrize(
    ("start", "change"),
    [
        ({"decay": 0.3, "depth": 7, "threshold": 0.7}, {"signal": "order_flow_imbalance"}),
        ({"decay": 0.3, "threshold": 0.7}, {"signal": "zscore(imbalance)"}),
        ({"fee_bps": 1.5}, {"fees": "binance-usdm"}),
        ({"threshold": 0.7}, {"threshold_is": "quantile"}),
        ({"signal": "order_flow_imbalance", "threshold": 3.0}, {"threshold_is": "quantile"}),
    ],
)
def test_what_changes_together_is_one_step(start, change):
    settings = obi.Settings(**start)
    before = settings.parameters
    ((name, value),) = change.items()
    setattr(settings, name, value)
    after = settings.parameters
    assert after != before
    settings.undo()
    assert settings.parameters == before
    assert not settings.can_undo
    settings.redo()
    assert settings.parameters == after


def test_observers_never_see_a_part_of_a_change():
    settings = obi.Settings(decay=0.3, threshold=0.7, fee_bps=1)
    seen = []
    settings.observe(lambda _: seen.append(settings.parameters))
    settings.update(obi.Parameters("order_flow_imbalance", threshold=3, hold_seconds=5))
    settings.fees = "binance-usdm"
    settings.threshold_is = "quantile"
    settings.undo()
    settings.undo()
    assert len({(p.signal.name, p.threshold, p.threshold_is, p.fees, p.fee_bps) for p in seen}) == 3


def test_reset_keeps_the_signal_and_can_be_undone():
    settings = obi.Settings("zscore(imbalance)", decay=0.4, fees="bybit", size=2, threshold=3)
    before = settings.parameters
    settings.reset()
    assert settings.parameters == obi.Parameters("zscore(imbalance)")
    settings.undo()
    assert settings.parameters == before


def test_the_number_of_steps_is_bounded(clock):
    settings = obi.Settings()
    for number in range(MOST + 20):
        settings.hold_seconds = 1 + number
        clock.now += 1
    count = 0
    while settings.can_undo:
        settings.undo()
        count += 1
    assert count == MOST
    assert settings.hold_seconds == 20


def test_copies_have_steps_of_their_own():
    settings = obi.Settings(decay=0.1)
    settings.decay = 0.2
    for twin in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):
        assert not twin.can_undo
        twin.decay = 0.5
        twin.undo()
        assert twin.decay == 0.2
    assert settings.can_undo


def test_observers_know_what_can_be_undone():
    settings = obi.Settings()
    seen = []
    settings.observe(lambda _: seen.append((settings.can_undo, settings.can_redo)))
    settings.decay = 0.2
    settings.undo()
    settings.redo()
    assert seen == [(True, False), (False, True), (True, False)]


def test_a_signal_cannot_hide_what_all_settings_have():
    @obi.signal(unit="")
    def rare(history, *, undo: obi.Seconds(1, 10) = 2):
        return history.mid

    with pytest.raises(SettingsError) as error:
        obi.Settings(rare)
    assert str(error.value) == (
        "The signal rare has a parameter undo, which is the name of an attribute of all settings. "
        "Give the parameter another name."
    )
