"""The figures of a sealed test on screen, and its button; without a browser."""

from __future__ import annotations

import json

import numpy as np
import pytest
from session_tools import wait_for
from shown_tools import hear, shown
from test_calibration_widget import receive

import obi_widgets as obi
from benchmarks.verdicts import markets
from obi_widgets.calibration.seal import Judged
from obi_widgets.calibration.track_record import worst
from obi_widgets.presentation.tear_sheet.tear_sheet_seal import BUTTON, of_seal

MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def test():
    history = markets.random_walk(np.random.default_rng(0))
    return obi.sealed_test(history, markets.MID, after=history.time[-2], clip_bps=5)


def fed(test, net, count=100):
    for n in range(count):
        worst(test.records).add(Judged(n, n + 1, 1, net + 0.1 * (-1) ** n))
    return of_seal(test)


def facts(shown):
    return {what: value for what, value, _ in shown["facts"]}


def test_without_a_sealed_test_one_is_offered_and_explained():
    shown = of_seal(None)
    assert (shown["button"], shown["word"]) == (BUTTON, "") == ("Seal these settings", "")
    assert "uses only data that come after it starts" in shown["about"]


def test_before_the_first_decision_the_number_of_trades_is_shown(test):
    shown = of_seal(test)
    assert (shown["word"], shown["sign"], shown["tone"]) == ("Not yet decided", "?", "")
    assert shown["button"] == "", "a click does not end a running test"
    assert set(facts(shown).values()) == {"0 of 100 at least", "–", "1 of 1"}
    shown = fed(test, 0.5, 34)
    assert facts(shown)["trades since the seal"] == "34 of 100 at least"
    assert (facts(shown)["mean net"], facts(shown)["lower bound"]) == ("+0.50 bps", "–")
    assert shown["of"].startswith("sealed 2023-11-14 23:13:19 UTC · sha256 ")
    assert test.seal.sha256[:10] in shown["of"]


@pytest.mark.parametrize(
    ("net", "word", "sign", "tone"),
    [(0.5, "Above zero", "✓", "good"), (-0.5, "Below zero", "✕", "bad")],
)
def test_each_verdict_has_a_sign_besides_its_colour(test, net, word, sign, tone):
    shown = fed(test, net)
    assert (shown["word"], shown["sign"], shown["tone"]) == (word, sign, tone)
    told = test.summary()
    found = facts(shown)
    assert found["lower bound"] == f"{told.low_bps:+.2f} bps".replace("-", MINUS)
    assert found["lower bound, cut at ±5 bps"] == (
        f"{told.clipped_low_bps:+.2f} bps".replace("-", MINUS)
    )
    assert shown["reason"] == told.reason.replace(" -", f" {MINUS}")
    json.dumps(shown, allow_nan=False)


def test_a_broken_test_says_so_and_another_is_offered(test):
    fed(test, 0.5)
    test.stop("threshold changed from 0.4 to 0.5")
    shown = of_seal(test)
    assert (shown["word"], shown["tone"], shown["button"]) == ("Broken · above zero", "", BUTTON)
    assert "threshold changed from 0.4 to 0.5." in shown["reason"]


# -- the widget --------------------------------------------------------------------------------


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = obi.Settings(hold_seconds=0.3, threshold=0.05)
    session = obi.Session("sim:BTC-PERP", settings=settings, seed=3, warmup=20)
    session.wait(190)
    yield session
    session.close()


@pytest.fixture
def widget(session):
    widget = obi.CalibrationWidget(session)
    yield widget
    widget.close()


def press(widget):
    content = {"method": "custom", "content": {"do": "seal"}}
    widget._seal.comm.handle_msg({"content": {"data": content}, "buffers": []})


def test_the_button_seals_and_the_later_trades_are_shown(widget, session, tmp_path):
    hear(widget._page)
    assert shown(widget._seal)["button"] == BUTTON
    press(widget)
    sealed = session.sealed
    press(widget)
    assert session.sealed is sealed, "a second click opens no second test"
    assert [one.name for one in (tmp_path / "seals").glob("*.json")] == [sealed.path.name]
    wait_for(lambda: "Sealed. The test is saved in" in session.publisher.note, "the note")
    wait_for(lambda: shown(widget._seal)["word"] == "Not yet decided", "that it is shown")
    wait_for(lambda: _trades(widget) >= 2, "trades")
    session.settings.fee_bps = 1
    wait_for(lambda: shown(widget._seal)["word"].startswith("Broken"), "that it is broken")
    assert "fee_bps changed from 5.0 to 1.0" in shown(widget._seal)["reason"]
    press(widget)
    assert session.sealed.seal.number == 2


def _trades(widget):
    hear(widget._page)
    return int(facts(shown(widget._seal))["trades since the seal"].split()[0])


def test_a_failed_seal_is_reported(widget, session, tmp_path):
    hear(widget._page)
    (tmp_path / "seals").write_text("a file, and no folder")
    press(widget)
    assert session.sealed is None
    wait_for(lambda: "cannot be written" in session.publisher.note, "the note")


def test_the_page_may_request_nothing_else(widget, session):
    receive(widget, {"do": "unseal"})
    assert session.sealed is None
