"""A DataFrame of the user's own in a lab: a slider is moved, and entries and verdict follow."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually
from browser.test_calibration import SIGNS, word

# Books of five levels in the columns that a vendor may have. More bids than asks at the best
# prices push mid up: some of the moves can be foreseen.
FRAME = """
import numpy as np
import pandas as pd
import obi_widgets as obi

rng, rows, tick = np.random.default_rng(5), 18_000, 0.01
sizes = rng.lognormal(3, 0.6, (2, rows, 5)).round(1)
pressure = pd.Series(rng.normal(size=rows)).ewm(halflife=40).mean() * 7
sizes[0] *= np.exp(0.5 * pressure.to_numpy())[:, None]
sizes[1] *= np.exp(-0.5 * pressure.to_numpy())[:, None]
ticks = 10_000 + np.cumsum(rng.random(rows) < 0.2 + 0.1 * np.tanh(pressure))
ticks -= np.cumsum(rng.random(rows) < 0.2 - 0.1 * np.tanh(pressure))
frame = pd.DataFrame({
    "ts": pd.date_range("2026-03-02 14:30", periods=rows, freq="100ms", tz="UTC"),
    **{f"bid_px_{i:02}": (ticks - i) * tick for i in range(5)},
    **{f"bid_sz_{i:02}": sizes[0, :, i] for i in range(5)},
    **{f"ask_px_{i:02}": (ticks + 1 + i) * tick for i in range(5)},
    **{f"ask_sz_{i:02}": sizes[1, :, i] for i in range(5)},
}).set_index("ts")
"""


@pytest.fixture
def screen(jupyterlab):
    with jupyterlab.notebook([FRAME, "lab = obi.Lab(frame)\nlab"], height=1500) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("closed")
        yield screen
        assert nb.errors() == []


def told(screen):
    found = screen.results()
    return [found["entries"], found["mean, before fees"].replace("\N{MINUS SIGN}", "-")]


def test_a_slider_is_moved_and_entries_and_verdict_follow(screen, artefacts):
    nb = screen.nb
    screen.press("Calibrate")
    reasons = screen.root.locator(".obi-reason")
    expect(reasons).to_contain_text("beyond the 5 levels kept", timeout=1000 * PATIENCE)
    screen.type("Depth", "4")
    seen = []
    for name, to in (("Threshold", 0.3), ("Hold", 0.1)):
        screen.drag(name, to)
        nb.execute("trades = obi.entries(obi.History.from_frame(frame), lab.settings)")
        nb.execute("trades = trades[trades.ended == 'held']")
        wanted = [f"{nb.value('len(trades)'):,}", f"{nb.value('trades.gross_bps.mean()'):+.2f} bps"]
        eventually(lambda right=wanted: told(screen) == right, f"the entries are {wanted}")
        seen.append(wanted)
        nb.until("lab.report is not None and lab.report.parameters == lab.settings.parameters")
        nb.execute("report = obi.calibrate(obi.History.from_frame(frame), lab.settings,"
                   " tried=lab.report.tried)")  # fmt: skip
        judged = SIGNS[nb.value("report.verdict")]
        eventually(lambda sign=judged: word(screen).inner_text() == sign, "the verdict follows")
        reason = nb.value("report.reason").replace("-", "\N{MINUS SIGN}")
        eventually(
            lambda right=reason: reasons.inner_text().replace("-", "\N{MINUS SIGN}") == right,
            f"the reason: {reason}",
        )
    assert seen[0] != seen[1]
    expect(screen.root.locator(".obi-waits")).to_have_count(0, timeout=1000 * PATIENCE)

    for dark in (False, True):
        nb.theme(dark=dark)
        nb.page.wait_for_timeout(500)
        screen.picture(artefacts / f"own_frame_{'dark' if dark else 'light'}.png")
        assert cut_off(screen.root) == []
        assert overlapping(screen.root) == []
        assert not {what: one for what, one in contrasts(screen.root).items() if one < 4.5}
    nb.theme(dark=False)
