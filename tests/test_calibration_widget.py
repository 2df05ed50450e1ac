"""The calibration widget without a browser: its messages, when it computes, and its end."""

from __future__ import annotations

import json
import threading

import known_market
import pytest
from history_tools import START
from session_tools import View, following, wait_for
from shown_tools import hear, shown

import obi_widgets as obi
from obi_widgets.calibration import calibrate as calibration
from obi_widgets.kernels import loader
from obi_widgets.session import background, background_calibration

comm = pytest.importorskip("comm")


@pytest.fixture
def session():
    with following("sim:BTC-PERP", seed=3, warmup=120) as session:
        session.wait(1150, timeout=120)
        session.pause()
        yield session


@pytest.fixture
def unstarted():
    """A session without data."""
    session = obi.Session("sim:BTC-PERP")
    yield session
    session.close()


@pytest.fixture
def widget(session):
    widget = obi.CalibrationWidget(session)
    yield widget
    widget.close()


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "obi-calibrator"]


def look(widget):
    hear(widget._page)
    widget.session.refresh()
    wait_for(lambda: "word" in shown(widget._sheet), "a verdict")
    return shown(widget._sheet)


def test_nothing_is_computed_until_a_page_is_open(widget, session):
    session.refresh()
    assert not threads()
    assert widget.report is None
    assert shown(widget._sheet)["message"] == "Calculating.", "there are data"
    state = look(widget)
    assert state["rows"][0][0] == "1 s"
    assert widget.report.states == len(session._paused)
    assert widget.surface.entries.shape == (1, 1, 9, 7)
    hear(widget._page, seen=False)
    asked = session.calibrator._newest
    session.settings.decay = 0.7
    session.refresh()
    wait_for(lambda: not session._wake.is_set(), "the publisher")
    assert session.calibrator._newest is asked
    assert widget.report.parameters.decay == 0.1


def test_a_recompute_is_two_messages_and_a_few_kilobytes(widget, session, wire, monkeypatch):
    look(widget)
    wire.sent.clear()

    def frames():
        return [content for content, _ in list(wire.sent) if "frame" in content]

    def stale():
        return shown(widget._sheet)["surface"]["stale"]

    # At once without a surface, and with it once the settings rest: here, when they may.
    monkeypatch.setattr(background, "SETTLED_AFTER", 1000.0)
    session.settings.decay = 0.3
    wait_for(lambda: len(frames()) == 1 and stale(), "a report")
    assert widget.report.parameters.decay == 0.3
    monkeypatch.setattr(background, "SETTLED_AFTER", 0.0)
    session.refresh()
    wait_for(lambda: len(frames()) == 2 and not stale(), "its surface")
    wait_for(lambda: not threads(), "the end")
    largest = max(len(json.dumps(content)) for content in frames())
    assert 3_000 < largest <= 18_000, "most of it what the surface's cells say"
    session.refresh()
    wait_for(lambda: not session._wake.is_set(), "the publisher")
    assert len(frames()) == 2, "the same again is not sent"


def test_it_follows_the_settings_and_the_selection(widget, session):
    before = look(widget)
    session.settings.threshold = 0.2
    wait_for(lambda: "> 0.20" in shown(widget._sheet)["returns"]["title"], "the other threshold")
    assert shown(widget._sheet)["rows"] != before["rows"]
    time = session._paused.time
    session.select(int(time[100]), int(time[1099]))
    wait_for(lambda: shown(widget._sheet)["selected"], "the part")
    assert widget.report.states == 1000
    assert dict(zip("ab", shown(widget._sheet)["trust"][0], strict=False))["b"] == "1,000"
    widget._do(None, {"do": "all"}, None)
    wait_for(lambda: not shown(widget._sheet)["selected"], "everything")
    assert session.selected is None


def click(widget, at, values):
    """Click a cell as the page does."""
    (i, j), (thresholds, holds) = at, values
    receive(widget, {"do": "take", "threshold": thresholds[i], "hold_seconds": holds[j]})


def receive(widget, content):
    """Let a message of the page arrive as the comm delivers it."""
    data = {"method": "custom", "content": content}
    widget._sheet.comm.handle_msg({"content": {"data": data}, "buffers": []})


def test_a_click_on_a_cell_takes_its_settings_and_the_outline_goes_there(widget, session):
    session.settings.threshold, session.settings.hold_seconds = 0.37, 12
    surface = look(widget)["surface"]
    assert (surface["x"][3], surface["y"][3], surface["here"]) == ("0.37", "12 s", (3, 3))
    changes = []
    session.settings.observe(lambda change: changes.append((change.name, change.new)))
    click(widget, (6, 2), surface["values"])
    assert changes == [("threshold", 0.7), ("hold_seconds", 5.0)]
    wait_for(lambda: shown(widget._sheet)["surface"]["here"] == (6, 2), "the outline")
    now = wait_for(lambda: _whole(widget), "its surface")
    assert now["here"] == (6, 2)
    assert now["x"] == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9"]
    assert now["y"] == ["1 s", "2 s", "5 s", "10 s", "20 s", "30 s", "60 s"]
    assert widget.surface.parameters == session.settings.parameters


def _whole(widget):
    surface = shown(widget._sheet)["surface"]
    return None if surface["stale"] else surface


def test_a_click_takes_the_values_on_the_page_even_if_the_axes_changed(widget, session):
    session.settings.threshold, session.settings.hold_seconds = 0.37, 12
    before = look(widget)["surface"]["values"]
    session.settings.threshold, session.settings.hold_seconds = 0.62, 33
    wait_for(lambda: _whole(widget) and _whole(widget)["values"][0][5] == 0.62, "other axes")
    click(widget, (3, 3), before)
    assert session.settings.threshold == 0.37
    assert session.settings.hold_seconds == 12


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"do": "take"}, "threshold = None is not possible."),
        ({"do": "take", "threshold": 0.7}, "hold_seconds = None is not possible."),
        ({"do": "take", "threshold": 1.2, "hold_seconds": 5}, "threshold = 1.2 is not possible."),
        ({"do": "take", "threshold": 0.7, "hold_seconds": 0}, "hold_seconds = 0 is not possible."),
        ({"do": "take", "threshold": True, "hold_seconds": 5}, "threshold = True is not possible."),
        ({"do": "take", "threshold": "0.7", "hold_seconds": [5]}, "= '0.7' is not possible."),
        ({"do": "sell"}, "The page asks for {'do': 'sell'}, which is not known."),
        ({}, "The page asks for {}, which is not known."),
        ([1], "The page asks for [1], which is not known."),
    ],
)
def test_an_invalid_message_is_logged_and_changes_nothing(unstarted, caplog, content, said):
    widget, before = obi.CalibrationWidget(unstarted), unstarted.settings.parameters
    receive(widget, content)
    widget.close()
    assert unstarted.settings.parameters == before
    assert [(one.levelname, said in one.getMessage()) for one in caplog.records] == [
        ("WARNING", True)
    ]
    if "possible" in said:
        assert caplog.messages[0].startswith("The settings of a cell were not taken: ")


def test_a_selection_that_is_too_short_says_so(widget, session):
    look(widget)
    time = session._paused.time
    session.select(int(time[100]), int(time[110]))
    wait_for(lambda: shown(widget._sheet)["selected"], "the part")
    assert shown(widget._sheet)["word"] == "Not enough data"
    assert shown(widget._sheet)["reason"].startswith(
        "The threshold is too tight, or the record too short: "
    )


def test_a_selection_without_states_says_so(widget, session):
    look(widget)
    session.select(START, START + 1)
    wait_for(lambda: shown(widget._sheet)["message"], "a word on it")
    assert shown(widget._sheet)["message"] == (
        "The selected part has no states. Select another part, or use all data."
    )


def test_an_error_is_shown_in_the_widget(widget, session, monkeypatch, caplog):
    def broken(*_, **__):
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr(calibration, "calibrate", broken)
    hear(widget._page)
    session.refresh()
    wait_for(lambda: shown(widget._sheet)["bad"], "the trouble")
    assert shown(widget._sheet)["message"].startswith("Calibration failed: ZeroDivisionError")
    assert session.publisher.note == "", "the rest of the lab goes on"


def test_frames_are_sent_during_a_calibration(widget, session, monkeypatch):
    entered, released = threading.Event(), threading.Event()
    real = calibration.calibrate

    def held_up(*args, **more):
        entered.set()
        assert released.wait(90)
        return real(*args, **more)

    monkeypatch.setattr(calibration, "calibrate", held_up)
    view = View()
    hear(widget._page)
    session.resume()
    session.attach(view)
    assert entered.wait(60)
    before = len(view.frames)
    try:
        wait_for(lambda: len(view.frames) > before + 10, "frames")
    finally:
        released.set()


def test_closing_the_widget_keeps_the_session_and_closing_the_session_keeps_the_report(
    widget, session
):
    look(widget)
    widget.close()
    wait_for(lambda: not threads(), "the thread's end")
    assert not session.closed
    session.close()
    assert widget.report is not None


def test_close_during_a_calibration(session, monkeypatch):
    entered = threading.Event()
    real = calibration.calibrate

    def told(*args, **more):
        entered.set()
        return real(*args, **more)

    monkeypatch.setattr(calibration, "calibrate", told)
    widget = obi.CalibrationWidget(session)
    hear(widget._page)
    session.refresh()
    assert entered.wait(60)
    session.close()
    assert not threads()
    widget.close()


def test_the_lab_calibrates_when_unfolded_only():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=60)
    wait_for(lambda: len(lab.history) > 590, "the past")
    hear(lab._page)
    wait_for(lambda: lab._page.frame > 3, "frames")
    assert lab.report is None
    assert not lab.calibrating
    assert lab.calibration.layout.display == "none"
    lab._opener.click()
    assert lab.calibrating
    wait_for(lambda: lab.report is not None, "a report")
    wait_for(lambda: "word" in shown(lab.calibration._sheet), "a verdict")
    assert lab.report.verdict in ("not viable", "not enough data")
    lab.calibrating = False
    assert lab._opener.description == "▸ Calibrate"
    lab.close()
    assert lab.report is not None


def test_settings_that_the_lab_shows_count_as_tried():
    lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=60)
    wait_for(lambda: len(lab.history) > 590, "the past")
    lab.settings.decay = 0.9
    assert len(lab.session.tried) == 0, "nobody looked"
    hear(lab._page)
    wait_for(lambda: len(lab.session.tried) == 1, "what is shown")
    lab.settings.threshold = 0.3
    wait_for(lambda: len(lab.session.tried) == 2, "the other threshold")
    lab.settings.hold_seconds = 30
    lab.settings.fee_bps = 1
    frame = lab._page.frame
    wait_for(lambda: lab._page.frame > frame + 3, "frames")
    assert len(lab.session.tried) == 2, "that hold is a horizon, and a fee is no choice"
    lab.settings.hold_seconds = 50
    wait_for(lambda: len(lab.session.tried) == 3, "the hold that is none")
    lab.close()


# -- choosing a part -----------------------------------------------------------------------


def test_charts_shade_the_selection_and_the_mouse_selects(session):
    chart = obi.PriceWidget(session)
    hear(chart._page)
    session.refresh()
    wait_for(lambda: shown(chart._overlay, "place"), "a window")
    place = shown(chart._overlay, "place")
    start, end = (place["origin"] + time for time in place["window"])
    assert end - start == pytest.approx(300_000)
    assert shown(chart._overlay)["selected"] is None
    chart._move(None, {"do": "select", "start": start + 1000, "end": start + 131_000}, None)
    assert session.selected == (round((start + 1000) * 1e6), round((start + 131_000) * 1e6))
    wait_for(lambda: shown(chart._overlay)["selected"] == [start + 1000, start + 131_000], "shade")
    assert shown(chart._overlay)["length"] == "2 min"
    chart._move(None, {"do": "all"}, None)
    wait_for(lambda: shown(chart._overlay)["selected"] is None, "none")
    chart.close()


@pytest.mark.parametrize("times", [(5, 5), (5, 4), (5, None), (None, 5), (1.5, 2.5), ("a", "b")])
def test_an_impossible_selection_is_refused(unstarted, times):
    with pytest.raises(obi.ObiError) as error:
        unstarted.select(*times)
    assert str(error.value) == (
        f"A part from {times[0]!r} to {times[1]!r} is not possible. "
        "Give two times in nanoseconds UTC, the earlier one first; or none, for all data."
    )
    assert unstarted.selected is None


def test_a_surface_waits_for_the_compiler_and_the_verdict_does_not(monkeypatch):
    monkeypatch.setattr(loader, "busy", lambda: True)
    monkeypatch.setattr(background, "MIN_PAUSE", 0.1)
    told = []
    one = background_calibration.Calibrator(
        obi.Session("sim:BTC-PERP").tried, lambda: told.append(one.found)
    )
    one.ask(known_market.history(60), obi.Settings().parameters)
    wait_for(lambda: told)
    assert (told[0].surface, told[0].stale) == (None, True)
    assert told[0].report is not None
    monkeypatch.setattr(loader, "busy", lambda: False)
    wait_for(lambda: not told[-1].stale)
    one.close()
