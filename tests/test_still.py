"""The still picture: what a saved notebook shows without a kernel."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from history_tools import SECOND
from session_tools import wait_for
from test_frame import frame_of, nothing

import obi_widgets as obi
from obi_widgets.presentation.charts.ticks import clock_step, clock_ticks
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.still import still
from obi_widgets.presentation.texts import effects, formatting
from obi_widgets.settings.parameters import Parameters
from obi_widgets.widgets.still import EVERY, StillPicture

SVG = "{http://www.w3.org/2000/svg}"


def drawing(frame):
    return ET.fromstring(still.svg(frame))


def points(path):
    return np.array(re.findall(r"[MHVL ]?(-?[\d.]+)", path.get("d")), float)


@pytest.mark.parametrize("seconds", [5.0, 60.0, 600.0])
def test_the_picture_of_a_capture_is_whole_and_inside_its_edges(history, seconds):
    frame = frame_of(history, Parameters(threshold=0.2), time_range=TimeRange(seconds))
    drawn = drawing(frame)
    texts = [text.text for text in drawn.iter(f"{SVG}text")]
    assert frame.parameters.signal.title in texts
    lines = [path for path in drawn.iter(f"{SVG}path") if path.get("class") == ""]
    assert len(lines) == 2, "the price and the signal"
    assert not any("nan" in path.get("d") for path in drawn.iter(f"{SVG}path"))
    for text in drawn.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x")) < still.WIDTH
        assert 0 < float(text.get("y")) < still.HEIGHT


def test_the_price_stands_where_its_axis_says(history):
    frame = frame_of(history, time_range=TimeRange(60.0))
    low, high = frame.price_range
    drawn = drawing(frame)
    line = next(path for path in drawn.iter(f"{SVG}path") if path.get("class") == "")
    last = float(re.findall(r"V([\d.]+)", line.get("d"))[-1])
    top, bottom = still.PRICE
    assert low + (bottom - last) / (bottom - top) * (high - low) == pytest.approx(
        frame.mid, abs=0.1 * (high - low) / (bottom - top)
    )


def test_entries_are_drawn_by_side_and_outcome(history):
    frame = frame_of(history, Parameters(threshold=0.2), time_range=TimeRange(600.0))
    kinds = [path.get("class") for path in drawing(frame).iter(f"{SVG}path")]
    trades = frame.trades
    assert 0 < kinds.count("B") <= np.count_nonzero(trades.side > 0)
    assert 0 < kinds.count("A") <= np.count_nonzero(trades.side < 0)
    assert 0 < kinds.count("b") <= np.count_nonzero(trades.gross_bps > 0)


def test_the_figures_are_those_of_the_screen(history):
    frame = frame_of(history)
    found = still.bundle(frame)
    spread = formatting.bps(frame.spread_bps)
    assert spread in found["text/html"]
    assert spread in found["text/plain"]
    rows, _ = effects.results(frame)
    assert all(figure in found["text/plain"] for _, figure, _ in rows)
    assert "decay 0.10 /bp" in found["text/plain"]
    assert still.ALIVE in found["text/html"]
    image = re.search(r'base64,([^"]+)"', found["text/html"])[1]
    assert base64.b64decode(image).decode() == still.svg(frame)
    assert len(found["text/html"]) < 100_000, "a notebook stays small"


def test_without_data_it_says_so():
    frame = frame_of(nothing(0))
    found = still.bundle(frame)
    assert "before the first data" in found["text/plain"]
    assert "<img" not in found["text/html"]


def test_a_symbol_is_not_markup():
    frame = frame_of(nothing(3), instrument=obi.Instrument("sim", "<b>&"))
    assert "<b>" not in still.bundle(frame)["text/html"]


@pytest.mark.parametrize(
    ("seconds", "step"), [(5, 1), (300, 60), (3600, 600), (86_400, 14_400), (7 * 86_400, 86_400)]
)
def test_ticks_of_time_are_round(seconds, step):
    assert clock_step(seconds) == step
    start = 1_763_600_000_123_456_789
    ticks = clock_ticks(start, start + seconds * SECOND)
    assert (ticks % (step * SECOND) == 0).all()
    assert start <= ticks[0]
    assert ticks[-1] <= start + seconds * SECOND


class Widget:
    """A widget that is drawn, once it is ready."""

    def __init__(self, session):
        self.shows, self.ready = session, True

    def _drawing(self, frame):
        return still.titled(frame, still.of_market(frame)) if self.ready else None

    def held(self):
        return False


class Published(StillPicture):
    """A picture that is displayed, and keeps what it would publish."""

    def __init__(self, widget):
        super().__init__(widget)
        self.published = []
        self._displayed = True

    def _publish(self, data, *, again):
        self.published.append((data, again))


def test_it_is_drawn_at_first_at_a_pause_and_once_a_minute(history, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("obi_widgets.widgets.still.time.monotonic", lambda: now[0])
    with closing(obi.Session("sim:BTC-PERP", seed=1)) as session:
        widget = Widget(session)
        picture = Published(widget)
        assert picture.may_look
        picture.show(frame_of(history[:0]))
        assert picture.may_look, "nothing was drawn yet"
        widget.ready = False
        picture.show(frame_of(history))
        assert picture.may_look, "it was not ready"
        widget.ready = True
        picture.show(frame_of(history))
        assert len(picture.published) == 1
        assert not picture.may_look
        session.pause()
        assert picture.may_look, "the screen was paused"
        assert not picture.may_look, "once"
        session.resume()
        now[0] += EVERY + 1
        assert picture.may_look


def test_a_book_that_crossed_before_the_end_is_drawn_at_the_end(history):
    with closing(obi.Session("sim:BTC-PERP", seed=1)) as session:
        widget = Widget(session)
        picture = Published(widget)
        crossed = frame_of(history, has_book=False, state="syncing")
        assert crossed.states
        assert not crossed.is_fresh
        picture.show(crossed)
        assert picture.published == [], "a frame with a book may follow"
        session.close()
        picture.show(crossed)
        assert len(picture.published) == 1


def test_a_wait_for_a_picture_that_is_interrupted_is_over(monkeypatch):
    """Otherwise past data that are still loaded would be drawn in every later picture."""

    def interrupt(_):
        raise KeyboardInterrupt

    with closing(obi.Session("sim:BTC-PERP", seed=1)) as session:
        widget = Widget(session)
        picture = Published(widget)
        monkeypatch.setattr(picture._drawn, "wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            picture.renew()
        assert not picture._awaited


def test_what_is_not_ready_when_it_is_displayed_is_drawn_once_it_is(history, monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=None))
    monkeypatch.setattr("obi_widgets.widgets.still.DISPLAYED_WITHIN", 0.01)
    with closing(obi.Session(history)) as session:
        wait_for(lambda: session.has_data, "the history")
        widget = Widget(session)
        widget.ready = False
        picture = Published(widget)
        picture.display()
        assert len(picture.published) == 1, "its place"
        ended = frame_of(history, has_book=False, state="syncing")
        picture.show(ended)
        widget.ready = True
        for _ in range(2):
            picture.show(ended)
            assert len(picture.published) == 2


def test_outside_a_notebook_nothing_is_displayed():
    with closing(obi.Session("sim:BTC-PERP", seed=1)) as session:
        widget = Widget(session)
        StillPicture(widget).display()
        assert session.publisher.views == []


def test_it_leaves_the_session_with_its_widget():
    with closing(obi.Session("sim:BTC-PERP", seed=1)) as session:
        part = obi.BookWidget(session)
        session.attach(part._still)
        part.close()
        assert session.publisher.views == []


# -- what each part shows ------------------------------------------------------------------------

PARTS = ["Book", "Price", "Signal", "Equity", "Settings", "Status", "Entries", "Tape", "Depth"]


@pytest.mark.parametrize("name", PARTS)
def test_each_part_that_stands_alone_has_a_picture(name):
    kind = getattr(obi, f"{name}Widget")
    with closing(obi.Session("sim:BTC-PERP", seed=1, edge=2, warmup=120)) as session:
        part = kind(session=session)
        frames = []

        def with_a_book():
            history, parameters = session.shown(), session.settings.parameters
            frames[:] = [session.publisher.frame(history, parameters)]
            return np.isfinite(frames[0].mid)

        wait_for(with_a_book, "the past is loaded")
        (frame,) = frames
        shown = part._picture(frame)
        found = still.bundle(frame, shown)
        assert shown.image or shown.tables
        assert all(row for table in shown.tables for row in table.rows)
        assert still.ALIVE in found["text/html"]
        match name:
            case "Book":
                best = shown.tables[0].rows[0]
                bid, ask = (f"{float(x[-1]):,.1f}" for x in (frame.history.bid, frame.history.ask))
                assert best[1:3] == [bid, ask]
                assert float(best[0]) == pytest.approx(frame.ladder.size[0, 0], abs=0.001)
            case "Tape":
                assert len(shown.tables[0].rows) == 20
                assert {row[-1] for row in shown.tables[0].rows} <= {"bought", "sold"}
            case "Entries":
                assert len(shown.tables[0].rows) > 2
                assert {row[0] for row in shown.tables[0].rows} <= {"long", "short"}
            case "Settings" | "Status":
                assert "decay 0.10 /bp" in found["text/plain"]
            case _:
                ET.fromstring(shown.image)
        part.close()


@pytest.mark.slow
def test_a_calibration_is_asked_for_and_drawn():
    with closing(obi.Session("sim:BTC-PERP", seed=1, edge=2, warmup=300)) as session:
        session.wait(2500)
        session.pause()
        part = obi.CalibrationWidget(session)
        frame = session.publisher.frame(session.shown(), session.settings.parameters)
        assert part._picture(frame) is None
        wait_for(lambda: part.report is not None, "a result")
        shown = part._picture(frame)
        drawn, report = ET.fromstring(shown.image), part.report
        texts = [text.text for text in drawn.iter(f"{SVG}text")]
        assert all(f"{seconds:g}" in texts for seconds in report.horizons)
        horizons, trust = shown.tables
        assert report.verdict.capitalize() in shown.text
        assert report.reason in shown.text.replace(formatting.MINUS, "-")
        assert len(horizons.rows) == len(report.horizons)
        assert len(horizons.head) == len(horizons.rows[0])
        assert ["states", f"{report.states:,}"] in trust.rows
        for path in drawn.iter(f"{SVG}path"):
            assert "nan" not in path.get("d")
        part.close()
