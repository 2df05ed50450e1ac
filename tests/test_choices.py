"""Buttons for undo, presets, A and B, alerts and links, as a page presses them."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace
from session_tools import View, following, wait_for
from shown_tools import shown, values_of

import obi_widgets as obi
from obi_widgets.presentation.texts.formatting import clock, clock_length
from obi_widgets.settings import presets
from obi_widgets.widgets.beside import beside
from obi_widgets.widgets.choices import OWN, Choices
from obi_widgets.widgets.panel import close_tree
from obi_widgets.widgets.time_axis import TimeAxis


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(presets.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "obi-widgets" / "presets"


@pytest.fixture
def made():
    """Return a function that makes the buttons of settings; they are closed in the end."""
    all_made = []

    def make(settings):
        told = []
        one = Choices(settings, told.append)
        all_made.append(one)
        return one, told

    yield make
    for one in all_made:
        one.stop()
        close_tree(one, one.close)


def press(widget, **content):
    widget._handle_custom_msg(content, [])


def test_undo_redo_and_reset(made):
    settings = obi.Settings(decay=0.1)
    one, _ = made(settings)
    assert (one.state["undo"], one.state["redo"]) == (False, False)
    settings.decay = 0.3
    assert one.state["undo"]
    press(one, do="undo")
    assert settings.decay == 0.1
    assert (one.state["undo"], one.state["redo"]) == (False, True)
    press(one, do="redo")
    assert settings.decay == 0.3
    press(one, do="reset")
    assert settings.parameters == obi.Parameters()


def test_a_preset_says_what_it_means_and_is_marked(made):
    settings = obi.Settings()
    one, _ = made(settings)
    assert [name for name, _ in one.state["presets"]] == ["scalp", "day", "swing"]
    assert (one.state["chosen"], one.state["note"]) == ("", OWN)
    press(one, do="apply", name="scalp")
    assert one.state["chosen"] == "scalp"
    assert one.state["note"] == "Seconds: a strong lean of the levels at the touch."
    settings.decay = 0.6
    assert (one.state["chosen"], one.state["note"]) == ("", OWN)


def test_own_presets_are_saved_applied_and_deleted(made, folder):
    settings = obi.Settings(decay=0.3)
    one, told = made(settings)
    press(one, do="save", name="mine")
    assert one.state["own"] == ["mine"]
    assert one.state["chosen"] == "mine"
    assert told == [f"Saved as the preset mine, in {next(folder.iterdir())}."]
    press(one, do="apply", name="day")
    press(one, do="apply", name="mine")
    assert settings.decay == 0.3
    press(one, do="remove", name="mine")
    assert one.state["own"] == []


def test_what_cannot_be_done_is_said(made):
    one, told = made(obi.Settings())
    press(one, do="save", name="scalp")
    press(one, do="apply", name="nothing")
    assert told == [
        "A preset cannot have the name 'scalp'. Give up to 40 characters, other than scalp, day, "
        "swing.",
        "imbalance has no preset 'nothing'. Known are: day, scalp, swing.",
    ]


def test_settings_do_not_keep_the_buttons(made):
    settings = obi.Settings()
    one = Choices(settings)
    one.stop()
    close_tree(one, one.close)
    settings.decay = 0.2
    assert not one.state["undo"]


@pytest.fixture
def lab():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=30)
    view = View()
    lab.session.attach(view)
    wait_for(lambda: view.frames and view.frames[-1].states > 200, "states")
    lab.shown_to = view
    yield lab
    lab.close()


def test_a_and_b_by_their_buttons(lab):
    results = lab.controls._results
    press(results, do="keep")
    assert lab.session.compared == obi.Parameters()
    lab.settings.hold_seconds = 30
    press(results, do="swap")
    assert lab.settings.hold_seconds == 20
    assert lab.session.compared.hold_seconds == 30
    wait_for(
        lambda: (
            lab.shown_to.frames[-1].other and lab.shown_to.frames[-1].parameters.hold_seconds == 20
        )
    )
    values = values_of(lab.controls, lab.shown_to.frames[-1])
    assert values[results.model_id, "state"]["other"] == "hold 30 s"
    press(results, do="alone")
    assert lab.session.compared is None


def test_keys_and_buttons_of_the_status_line(lab):
    line, session = lab.status._line, lab.session
    press(line, do="zoom", factor=0.98, at=1)
    assert session.time_range.seconds == 294
    press(line, do="pan", share=0.2)
    assert session.time_range.end is not None or len(session.history) < 3000
    press(line, do="now")
    assert session.time_range == (294, None)
    lab.settings.decay = 0.5
    press(line, do="undo")
    assert lab.settings.decay == 0.1
    press(line, do="redo")
    assert lab.settings.decay == 0.5
    wait_for(lambda: lab.shown_to.frames[-1].window_seconds == 294)
    state = values_of(lab.status, lab.shown_to.frames[-1])[line.model_id, "state"]
    assert (state["zoomed"], state["back"]) == ("4:54", False)
    press(line, do="window", seconds=300)
    wait_for(lambda: lab.shown_to.frames[-1].window_seconds == 300)
    state = values_of(lab.status, lab.shown_to.frames[-1])[line.model_id, "state"]
    assert state["zoomed"] == ""
    assert shown(line)["bell"]["on"] is False


def test_the_bell_takes_a_level_or_the_threshold(lab):
    line, session = lab.status._line, lab.session
    press(line, do="alert", level="")
    assert (session.bell.on, session.bell.level) == (True, None)
    press(line, do="alert", level="0.05")
    assert session.bell.level == 0.05
    wait_for(lambda: lab.shown_to.frames[-1].alerts, "an alert")
    frame = lab.shown_to.frames[-1]
    bell = values_of(lab.status, frame)[line.model_id, "state"]["bell"]
    assert (bell["on"], bell["at"]) == (True, "beyond ±0.05")
    assert bell["last"].endswith(clock(frame.alerts[-1].time))
    press(line, do="alert", level="much")
    wait_for(
        lambda: (
            session.publisher.note == "level = 'much' is not possible. Give a number, or nothing."
        )
    )
    press(line, do="silence")
    assert not session.bell.on


def test_a_link_is_sent_to_the_page_that_asked(lab, monkeypatch):
    sent = []
    monkeypatch.setattr(lab.status._line, "send", lambda message: sent.append(message))
    press(lab.status._line, do="link")
    assert sent == [{"link": lab.link()}]


def test_the_chart_has_the_entries_of_b_and_alerts_of_its_window():
    view, time = View(), TimeAxis()
    with following("sim:BTC-PERP", view, seed=3, warmup=60) as session:
        session.compare_with(obi.Settings(threshold=0.1, hold_seconds=2))
        session.alert(0.1)
        wait_for(lambda: view.frames and view.frames[-1].alerts and view.frames[-1].other)
        frame = view.frames[-1]
    values = beside(frame, time)
    rows, trades = values["beside"], frame.other.trades
    assert 0 < len(rows) <= len(trades.side)
    assert set(rows[:, 4]) <= {-1.0, 1.0}
    assert set(rows[:, 1]) <= set(trades.entry_price)
    times = time.values(np.array([one.time for one in frame.alerts]))
    assert set(values["alerts"][:, 0]) <= set(times.astype(float))
    alone = beside(replace(frame, other=None, alerts=()), time)
    assert (alone["beside"].shape, alone["alerts"].shape) == ((0, 5), (0, 2))
    time.scale.close()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5.2, "5 s"), (59.6, "1:00"), (294, "4:54"), (3599.4, "59:59"), (3723, "1:02:03")],
)
def test_a_length_is_written_as_a_clock_shows_it(seconds, text):
    assert clock_length(seconds) == text


def test_a_time_of_day():
    assert clock(1_763_600_000_123_456_789) == "00:53:20"
