"""Background calibration: the newest request, at a limited rate, and no thread left behind."""

from __future__ import annotations

import threading
import time

import known_market
import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.calibration import calibrate as calibration
from obi_widgets.session import background
from obi_widgets.session.background_calibration import Calibrator, part
from obi_widgets.session.trials import Tried

HISTORY = known_market.history(300, edge=2.0, seed=4)
DEFAULTS = obi.Settings().parameters


def parameters(**changes):
    return DEFAULTS.replace(**changes)


@pytest.fixture
def told():
    return []


@pytest.fixture
def running(told):
    one = Calibrator(Tried(), lambda: told.append(one.found))
    yield one
    one.close()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "obi-calibrator"]


def test_an_answer_has_report_and_surface_and_its_thread_ends(running, told):
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: told, "an answer")
    found = running.found
    assert found.report.verdict == obi.calibrate(HISTORY, DEFAULTS).verdict
    assert found.surface.entries.shape == (1, 1, 9, 7)
    assert not found.stale
    wait_for(lambda: not threads(), "the thread's end")
    running.ask(HISTORY, DEFAULTS)
    assert not threads(), "an answered request is not computed again"
    assert len(told) == 1


def test_the_newest_request_wins(running, told, monkeypatch):
    entered, released, asked = threading.Event(), threading.Event(), []
    real = calibration.calibrate

    def held_up(history, p, **more):
        asked.append(p.decay)
        entered.set()
        assert released.wait(90)
        return real(history, p, **more)

    monkeypatch.setattr(calibration, "calibrate", held_up)
    running.ask(HISTORY, parameters(decay=1.0))
    assert entered.wait(60)
    for n in range(100):
        running.ask(HISTORY, parameters(decay=1.0 + n / 4))
    assert asked == [1.0], "a request does not block"
    released.set()
    wait_for(lambda: told and told[-1].report.parameters.decay == 25.75 and not told[-1].stale)
    # First without its surface, then with it; with it at once if the first was delayed.
    assert asked in ([1.0, 25.75, 25.75], [1.0, 25.75])
    assert [one.stale for one in told] == [False, True, False][-len(asked) :]


def test_streaming_data_are_calibrated_at_a_limited_rate(running, told, monkeypatch):
    monkeypatch.setattr(background, "MIN_PAUSE", 0.4)
    began = time.monotonic()
    rows = 1000

    def streaming():
        nonlocal rows
        rows = min(rows + 1, len(HISTORY))
        running.ask(HISTORY[:rows], DEFAULTS)
        return len(told) >= 4

    wait_for(streaming, "four answers")
    assert time.monotonic() - began >= 3 * 0.4
    # The last states are calibrated too.
    wait_for(lambda: told[-1].report.states == rows, "the last states")


def test_nothing_counts_as_tried_before_a_choice_and_then_everything_shown(
    running, told, monkeypatch
):
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: told)
    assert running.found.report.tried == len(running.tried) == 1, "the settings shown first"
    with monkeypatch.context() as patch:
        patch.setattr(background, "SETTLED_AFTER", 1000.0)
        running.ask(HISTORY, parameters(decay=0.5))
        wait_for(lambda: len(told) == 2)
    assert told[1].report.tried == 10, "the nine thresholds of the surface, and the choice"
    assert told[1].stale
    running.ask(HISTORY, parameters(decay=0.5, hold_seconds=30, fee_bps=1))
    wait_for(lambda: told[-1].report.parameters.fee_bps == 1 and not told[-1].stale)
    assert told[-1].report.tried == 10, "a hold that is a horizon is counted; a fee is no choice"
    running.ask(HISTORY, parameters(decay=0.5, hold_seconds=31))
    wait_for(lambda: told[-1].report.parameters.hold_seconds == 31 and not told[-1].stale)
    assert told[-1].report.tried == 19, "the second surface's eight others, and the hold"
    running.ask(HISTORY, parameters(decay=0.5), (int(HISTORY.time[10]), int(HISTORY.time[2000])))
    wait_for(lambda: told[-1].selected and not told[-1].stale)
    assert told[-1].report.tried == 28, "the third's eight, and another window"
    assert told[-1].report.states == 1991


def test_settings_tried_elsewhere_count_in_the_next_answer(running, told):
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: told)
    running.tried.add(parameters(threshold=0.45))
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: len(told) == 2)
    assert told[1].report.tried == 10


def test_each_choice_counts_once():
    tried = Tried()
    changes = [
        {}, {"decay": 1.0}, {"depth": 3}, {"band_bps": 5.0}, {"weighting": "notional"},
        {"threshold": 0.5}, {"price": "mid"}, {"hold_seconds": 7.0},
    ]  # fmt: skip
    for number, change in enumerate(changes, 1):
        assert tried.add(parameters(**change)) == number
    for change in (*changes, {"fee_bps": 0.0}, {"hold_seconds": 60.0}):
        assert tried.add(parameters(**change)) == len(changes)
    assert tried.add(DEFAULTS, (1, 2)) == len(changes) + 1


def test_an_error_comes_with_advice_and_the_next_settings_are_computed(
    running, told, monkeypatch, caplog
):
    def broken(*_, **__):
        raise ZeroDivisionError("by hand")

    with monkeypatch.context() as patch:
        patch.setattr(calibration, "calibrate", broken)
        running.ask(HISTORY, DEFAULTS)
        wait_for(lambda: told)
    assert running.found.error == (
        "Calibration failed: ZeroDivisionError('by hand'). "
        "Change a setting to try again, and report this."
    )
    assert "Calibration failed." in caplog.text
    running.ask(HISTORY, parameters(decay=0.3))
    wait_for(lambda: told[-1].report is not None, "a better answer")


def test_close_ends_a_waiting_calibrator_without_an_answer(running, told, monkeypatch):
    monkeypatch.setattr(background, "MIN_PAUSE", 1000.0)
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: told)
    running.ask(HISTORY[:2000], DEFAULTS)  # due in a quarter of an hour
    assert threads()
    running.close()
    assert not threads()
    running.ask(HISTORY[:1500], DEFAULTS)
    assert not threads()
    assert running.found is told[0]


def test_a_surface_comes_with_its_proposal(running, told):
    history = known_market.history(1800, edge=4.0, seed=1)
    running.ask(history, parameters(price="mid", fee_bps=0.0))
    wait_for(lambda: told and not told[-1].stale)
    found = told[-1]
    assert found.proposal == obi.propose(history, settings=found.report.parameters)
    assert found.proposal.tried == found.surface.entries.size == 63
    assert len(running.tried) == 1, "nothing is chosen yet"
    running.ask(history, found.proposal.settings)
    wait_for(lambda: told[-1].report.parameters == found.proposal.settings)
    assert told[-1].report.tried == 9, "each threshold of the surface, with every horizon"


def test_a_calibration_that_is_no_longer_wanted_is_dropped(running, told, monkeypatch):
    monkeypatch.setattr(background, "MIN_PAUSE", 1000.0)
    running.ask(HISTORY, DEFAULTS)
    wait_for(lambda: told)
    running.ask(HISTORY[:2000], DEFAULTS)
    running.forget()
    wait_for(lambda: not threads(), "the thread's end")
    assert len(told) == 1


def test_a_part_begins_and_ends_at_its_first_and_last_state():
    time = HISTORY.time
    assert len(part(HISTORY, None)) == 3000
    chosen = part(HISTORY, (int(time[100]), int(time[199])))
    assert (chosen.start, len(chosen)) == (100, 100)
    assert len(part(HISTORY, (0, int(time[0]) - 1))) == 0
    assert len(part(HISTORY, (0, 2 * int(time[-1])))) == 3000
