"""A signal that a user writes in a cell: its sliders, and what follows when they are dragged."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually
from browser.test_calibration import SIGNS, word

DEFINED = """
import numpy as np
import obi_widgets as obi

@obi.signal(unit="sd", needs="touch", lookback="window", threshold=1.5)
def reversal(history, *, window: obi.Seconds(5, 120) = 20.0, gain: obi.Number(0.1, 3) = 1.0):
    begins = np.searchsorted(history.time, history.time - round(window * 1e9), "right")
    sums, count = np.append(0, np.cumsum(history.mid)), np.arange(1, len(begins) + 1) - begins
    return gain * ((sums[1:] - sums[begins]) / count - history.mid)
"""

LINE = ".obi-part-signal .curve >> nth=-1"


@pytest.fixture
def screen(jupyterlab):
    cells = [DEFINED, 'lab = obi.Lab("sim:BTC-PERP", seed=3, signal=reversal)\nlab']
    with jupyterlab.notebook(cells, height=1400) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 2900")
        yield screen
        assert nb.errors() == []


def test_it_has_sliders_and_all_follows(screen, artefacts):
    nb = screen.nb
    titles = screen.root.locator(".obi-setting span")
    shown = ["Window", "Gain", "Threshold", "Hold"]
    eventually(lambda: titles.all_inner_texts()[:4] == shown, "its sliders")
    choice = screen.root.locator(".obi-choice select")
    expect(choice).to_have_value("Reversal")
    title = screen.root.locator(".obi-part-signal .obi-title")
    expect(title).to_contain_text("Reversal, sd", timeout=1000 * PATIENCE)
    assert screen.figure("reversal").removesuffix(" ▲").removesuffix(" ▼").endswith(" sd")

    screen.press("Pause")
    screen.wait_for_state("live, paused")
    nb.page.wait_for_timeout(500)
    for name, to in (("Window", 0.8), ("Gain", 0.5)):
        line, before = screen.line(LINE), screen.shown(name)
        screen.drag(name, to)
        assert screen.shown(name) != before
        eventually(lambda old=line: screen.line(LINE) != old, "the line is another")
        nb.execute("trades = obi.entries(lab.session._paused, lab.settings)")
        nb.execute("trades = trades[trades.ended == 'held']")
        wanted = [f"{nb.value('len(trades)')}", f"{nb.value('trades.gross_bps.mean()'):+.2f} bps"]

        def entries() -> list[str]:
            found = screen.results()
            mean = found["mean, before fees"].replace("\N{MINUS SIGN}", "-")
            return [found["entries"], mean]

        eventually(lambda told=wanted: entries() == told, f"the entries are {wanted}")
    screen.press("Calibrate")
    for to in (0.2, 0.6):
        screen.drag("Gain", to)
        nb.until("lab.report is not None and lab.report.parameters == lab.settings.parameters")
        nb.execute(
            "report = obi.calibrate(lab.session._paused, lab.settings, tried=lab.report.tried)"
        )
        assert nb.value("lab.report.reason") == nb.value("report.reason")
        judged = SIGNS[nb.value("report.verdict")]
        eventually(lambda sign=judged: word(screen).inner_text() == sign, "the verdict follows")
    screen.press("Calibrate")

    for dark in (False, True):
        nb.theme(dark=dark)
        nb.page.wait_for_timeout(500)
        screen.picture(artefacts / f"own_signal_{'dark' if dark else 'light'}.png")
        assert cut_off(screen.root) == []
        assert overlapping(screen.root) == []
        assert not {what: one for what, one in contrasts(screen.root).items() if one < 4.5}
    nb.theme(dark=False)

    choice.select_option("Imbalance")
    eventually(lambda: titles.all_inner_texts()[:4] == ["Decay", "Depth", "Threshold", "Hold"], "")
    expect(title).to_contain_text("Imbalance · grey")
    nb.until("lab.settings.signal is obi.imbalance")
    choice.select_option("Reversal")
    eventually(lambda: titles.all_inner_texts()[:4] == shown, "its sliders again")
    assert nb.value("lab.settings.window") > 20, "with the values that they had"
