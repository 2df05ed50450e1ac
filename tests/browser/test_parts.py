"""Each part is a widget that can be used alone, in a cell of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import IMBALANCE, MID, PATIENCE, Screen, eventually, threads, widgets

PARTS = {
    "book": "obi.BookWidget(session)",
    "signal": "obi.SignalWidget(session)",
    "price": "obi.PriceWidget(session)",
    "settings": "obi.SettingsWidget(session=session)",
    "status": "obi.StatusWidget(session)",
}
CELLS = (
    'import obi_widgets as obi\nsession = obi.Session("sim:BTC-PERP", seed=1)',
    *(f"{name} = {part}\n{name}" for name, part in PARTS.items()),
)


@pytest.fixture(scope="module")
def parts(jupyterlab):
    with jupyterlab.notebook(CELLS, height=2400) as nb:
        nb.run_all()
        Screen(nb, ".obi-part-status").wait_for_state("live")
        nb.until("len(session.history) > 2900")
        yield nb


def test_each_shows_data(parts):
    page = parts.page
    assert parts.errors() == []
    assert page.locator(".obi-part-book .obi-bid .obi-price").first.inner_text()
    assert page.locator(".obi-part-book .obi-row").count() == 40
    for part, line in (("price", MID), ("signal", IMBALANCE)):
        screen = Screen(parts, f".obi-part-{part}")
        shown = page.locator(line).locator("path.line")
        eventually(lambda s=shown: len(s.get_attribute("d") or "") > 1000, "a line")
        assert screen.root.locator(".obi-last").inner_text()
        labels = screen.root.locator(".axis .tick text").all_text_contents()
        assert any(":" in label for label in labels), "each has labels of time"
    note = page.locator(".obi-part-settings .obi-control .obi-note").nth(1)
    expect(note).to_contain_text("Deepest: ", timeout=1000 * PATIENCE)
    assert "bps" in Screen(parts, ".obi-part-status").figure("spread")
    assert threads(parts) == ["obi-feed", "obi-publisher"]


def test_they_share_settings(parts):
    screen = Screen(parts, ".obi-part-settings")
    faint = parts.page.locator(".obi-part-book .obi-faint")
    expect(faint).to_have_count(20, timeout=1000 * PATIENCE)
    screen.drag("Depth", 0.9)
    assert parts.value("session.settings.depth") == 46
    expect(faint).to_have_count(0, timeout=1000 * PATIENCE)
    parts.execute("session.settings.update(obi.Settings())")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_look(parts, artefacts, dark):
    parts.theme(dark=dark)
    page = parts.page
    page.wait_for_timeout(600)
    complaints, pale = [], {}
    for name in PARTS:
        root = Screen(parts, f".obi-part-{name}").root
        complaints += [f"{name}: {one}" for one in [*cut_off(root), *overlapping(root)]]
        pale |= {what: ratio for what, ratio in contrasts(root).items() if ratio < 4.5}
    page.locator(".jp-Notebook").screenshot(
        path=artefacts / f"parts-{'dark' if dark else 'light'}.png"
    )
    parts.theme(dark=False)
    assert not complaints, "\n".join(complaints)
    assert not pale, f"too pale: {pale}"


def test_close_of_one(parts):
    before = widgets(parts)
    parts.execute("one = obi.BookWidget(session, levels=5)")
    assert widgets(parts) > before
    parts.execute("one.close()")
    assert widgets(parts) == before
    assert threads(parts) == ["obi-feed", "obi-publisher"], "the session goes on"
