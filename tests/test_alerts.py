"""Alerts of a session: at the threshold or at a level, by value and by quantile."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import MS, write, writer
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, SettingsError
from obi_widgets.session.alerts import Bell
from obi_widgets.session.states import Listeners


class Source:
    """A market whose book has the imbalance that a test says, or is lost."""

    def __init__(self):
        self.into, self.state, self.count = writer(levels=1), "live", 0

    def history(self):
        return self.into.history()

    def come(self, *imbalances):
        for one in imbalances:
            time = self.count * 100 * MS
            if one is None:
                write(self.into, None, time)
            else:
                write(self.into, (([1000], [1 + one]), ([1001], [1 - one])), time)
            self.count += 1


@pytest.fixture
def watching():
    """Return a function that watches a market; everything is closed in the end."""
    made = []

    def make(settings=None, **options):
        from obi_widgets.session.alerts import Watcher

        market, told, alerts = Source(), [], []
        settings = settings or obi.Settings(depth=1, decay=0, threshold=0.5)
        listeners = Listeners(market, settings, told.append)
        made.append(listeners)
        listeners.add(alerts.append, lambda *given: Watcher(*given, **options))
        return market, settings, alerts, told

    yield make
    for one in made:
        one.close()


def settled(market, alerts, count):
    """Wait until so many alerts are there, and until no more come of the states so far."""
    wait_for(lambda: len(alerts) >= count, f"{count} alerts, of {alerts}")
    assert len(alerts) == count


def test_an_alert_has_time_side_value_level_and_mid(watching):
    market, _, alerts, _ = watching()
    market.come(0.0, 0.75)
    settled(market, alerts, 1)
    (alert,) = alerts
    time = int(market.history().time[1])
    assert (alert.time, alert.side, alert.level) == (time, +1, 0.5)
    assert alert.value == pytest.approx(0.75)
    assert alert.mid == pytest.approx(market.history().mid[1])


def test_it_comes_again_only_after_it_has_fallen_back(watching):
    market, _, alerts, _ = watching()
    market.come(0.0, 0.75, 0.48, 0.75, 0.25, 0.75, -0.75)
    wait_for(lambda: len(alerts) >= 3)
    assert [alert.side for alert in alerts] == [+1, +1, -1]
    assert [alert.time for alert in alerts] == market.history().time[[1, 5, 6]].tolist()


def test_a_gap_arms_nothing(watching):
    market, _, alerts, _ = watching()
    market.come(0.0, None, 0.75, 0.0, None, -0.75, 0.0, 0.75)
    settled(market, alerts, 1)
    assert alerts[0].time == market.history().time[7]


def test_a_level_of_ones_own_and_a_margin(watching):
    market, _, alerts, _ = watching(level=0.2, margin=0.15)
    market.come(0.0, 0.25, 0.1, 0.25, 0.04, 0.25)
    settled(market, alerts, 2)
    assert {alert.level for alert in alerts} == {0.2}


def test_a_threshold_that_moves_past_the_signal_is_no_crossing(watching):
    market, settings, alerts, _ = watching()
    market.come(0.0, 0.45, 0.45, 0.75)
    wait_for(lambda: alerts, "the first alert")
    alerts.clear()
    market.come(-0.75)
    settled(market, alerts, 1)
    market.come(0.45)
    alerts.clear()
    settings.threshold = 0.4
    market.come(0.45, 0.45, 0.1, 0.45)
    settled(market, alerts, 1)
    assert alerts[0].time == market.history().time[9]
    assert alerts[0].level == 0.4


def test_a_quantile_is_compared_with_the_place_among_recent_values(watching):
    settings = obi.Settings(
        depth=1, decay=0, threshold_is="quantile", threshold=0.9, quantile_window=10
    )
    market, _, alerts, _ = watching(settings)
    usual = np.tile([0.1, -0.1, 0.2, -0.2, 0.05], 30)
    market.come(*usual, 0.3, *usual[:20], -0.15)
    settled(market, alerts, 1)
    (alert,) = alerts
    assert alert.time == market.history().time[150]
    assert (alert.side, alert.level) == (+1, 0.9)
    assert alert.value > 0.9
    assert obi.Settings(depth=1, decay=0).signal is settings.signal


def test_a_level_with_a_quantile_threshold_is_in_the_signals_unit(watching):
    settings = obi.Settings(depth=1, decay=0, threshold_is="quantile", threshold=0.9)
    market, _, alerts, _ = watching(settings, level=0.5)
    market.come(0.0, 0.75)
    settled(market, alerts, 1)
    assert alerts[0].value == pytest.approx(0.75)


def test_a_session_marks_alerts_and_stops():
    view = View()
    with following("sim:BTC-PERP", view, seed=3, warmup=60) as session:
        assert not session.bell.on
        session.alert(0.1)
        wait_for(lambda: session.bell.count >= 2, "two alerts")
        wait_for(lambda: view.frames and view.frames[-1].alerts, "a frame with them")
        frame = view.frames[-1]
        assert (frame.watching, frame.watched) == (True, 0.1)
        assert all(abs(alert.value) > 0.1 for alert in frame.alerts)
        session.stop_alerts()
        assert not session.bell.on
        wait_for(lambda: not view.frames[-1].watching, "a frame without")


def test_a_function_that_fails_is_called_again_and_the_screen_says_so():
    given = []

    def fail(alert):
        given.append(alert)
        raise ValueError("no")

    with following("sim:BTC-PERP", seed=3, warmup=60) as session:
        stop = session.on_alert(fail, level=0.1)
        wait_for(lambda: len(given) >= 2, "two alerts")
        wait_for(lambda: session.publisher.note, "the note")
        assert session.publisher.note == "A function of on_alert failed: ValueError('no')."
        stop()


def test_wrong_use_is_refused_before_anything_runs():
    with following("sim:BTC-PERP", seed=3) as session:
        with pytest.raises(ArgumentError) as error:
            session.on_alert("loud")
        assert str(error.value) == "A str cannot be called. Give a function of an alert."
        for wrong in (-1, "0.4", float("nan")):
            with pytest.raises(SettingsError):
                session.on_alert(print, level=wrong)
            with pytest.raises(SettingsError):
                session.alert(wrong)
        assert not session.bell.on
        with pytest.raises(SettingsError):
            session.on_alert(print, margin=-1)


def test_a_bell_keeps_the_newest_alerts_only():
    bell = Bell(lambda: None)
    for number in range(250):
        bell.ring(obi.Alert(number, +1, 0.5, 0.4, 100.0))
    assert bell.count == 250
    assert [alert.time for alert in bell.newest] == list(range(50, 250))
