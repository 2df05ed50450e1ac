"""The lab in front ends beside JupyterLab: Notebook 7, the classic notebook, and Voila."""

from __future__ import annotations

import importlib.util

import pytest
from playwright.sync_api import expect

from browser.conftest import WHOLE
from browser.front_ends import front_end, marimo
from browser.looks import contrasts, cut_off
from browser.screen import IMBALANCE, MID, PATIENCE, Screen, eventually
from obi_widgets.widgets.lab import LADDER

GROUND = """el => {
    while (el && /, 0\\)$|transparent/.test(getComputedStyle(el).backgroundColor)) {
        el = el.parentElement;
    }
    return getComputedStyle(el ?? document.body).backgroundColor;
}"""
"""The colour behind a node."""


def check_look(screen, *, dark):
    """Everything can be read, in the theme of the front end."""
    pale = {what: ratio for what, ratio in contrasts(screen.root).items() if ratio < 4.5}
    assert not pale, f"too pale: {pale}"
    assert screen.root.evaluate("el => getComputedStyle(el).colorScheme") == (
        "dark" if dark else "light"
    )
    ground = screen.root.evaluate(GROUND)
    assert (max(map(int, ground[4:-1].split(", "))) < 80) == dark, ground


@pytest.mark.parametrize(
    ("name", "options", "dark"),
    [
        ("notebook", "", False),
        ("nbclassic", "", False),
        ("voila", "", False),
        ("voila", "&theme=dark", True),
    ],
    ids=["notebook", "nbclassic", "voila", "voila-dark"],
)
def test_the_lab_runs(jupyterlab, artefacts, name, options, dark):
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed: pip install -e '.[test]'")
    with front_end(jupyterlab, name, WHOLE, options=options) as opened:
        screen, page = Screen(opened), opened.page
        screen.wait_for_state("live")
        # The ladder is full, and lines are drawn.
        for side in ("bid", "ask"):
            prices = screen.root.locator(f".obi-{side} .obi-price")
            expect(prices.first).not_to_be_empty(timeout=1000 * PATIENCE)
            assert len([text for text in prices.all_text_contents() if text]) == LADDER
        for line in (MID, IMBALANCE):
            eventually(lambda line=line: len(screen.line(line)) > 1000, "a line")
        before = screen.line(MID)
        eventually(lambda: screen.line(MID) != before, "the price goes on")
        page.wait_for_timeout(1000)
        page.screenshot(path=artefacts / f"{name}{'-dark' if dark else ''}.png")
        assert not page.locator(".obi-still").is_visible(), "beside a lab that runs"
        assert cut_off(screen.root) == []
        check_look(screen, dark=dark)

        # A slider moves the signal, and nothing else.
        screen.press("Pause")
        screen.wait_for_state("live, paused")
        page.wait_for_timeout(500)  # a frame that was under way
        seen = screen.line(IMBALANCE), screen.line(MID)
        places, _ = screen.drag("Decay", 0.8)
        assert places[-1] > 0.5
        eventually(lambda: screen.line(IMBALANCE) != seen[0], "the signal is computed anew")
        assert screen.line(MID) == seen[1]

        # The crosshair reads the moment that the mouse points to.
        field = screen.root.locator(".obi-part-price .obi-field")
        field.scroll_into_view_if_needed()
        field.hover(position={"x": 150, "y": 80})
        reading = screen.root.locator(".obi-part-price .obi-reading")
        expect(reading).to_be_visible(timeout=1000 * PATIENCE)
        expect(reading).to_contain_text("mid", timeout=1000 * PATIENCE)
        expect(screen.root.locator(".obi-book.obi-of-then")).to_be_visible()
        page.mouse.move(2, 2)

        if name == "notebook":
            opened.theme(dark=True)
            try:
                check_look(screen, dark=True)
                page.screenshot(path=artefacts / "notebook-dark.png")
            finally:
                opened.theme(dark=False)
        assert opened.errors() == []


def test_marimo_shows_parts_that_are_anywidgets(jupyterlab, artefacts):
    if importlib.util.find_spec("marimo") is None:
        pytest.skip("marimo is not installed: pip install -e '.[test]'")
    parts = (
        "obi.StatusWidget(session), obi.BookWidget(session, levels=5), obi.DepthWidget(session), "
        "obi.TapeWidget(session, rows=5), obi.EntriesWidget(session), "
        "obi.CalibrationWidget(session)"
    )
    with marimo(jupyterlab, parts) as opened:
        page, patience = opened.page, 1000 * PATIENCE
        expect(page.locator(".obi-state")).to_have_text("live", timeout=patience)
        for side in ("bid", "ask"):
            prices = page.locator(f".obi-book .obi-{side} .obi-price")
            expect(prices.first).not_to_be_empty(timeout=patience)
            assert len([text for text in prices.all_text_contents() if text]) == 5
        before = page.locator(".obi-middle strong").inner_text()
        eventually(lambda: page.locator(".obi-middle strong").inner_text() != before, "mid goes on")
        expect(page.locator(".obi-tape")).to_contain_text(":", timeout=patience)
        expect(page.locator(".obi-entries tbody tr").first).to_be_visible(timeout=patience)
        expect(page.locator(".obi-word")).not_to_be_empty(timeout=patience)
        box = page.locator(".obi-depth canvas").bounding_box()
        assert box["height"] > 100
        page.screenshot(path=artefacts / "marimo.png")
        # A button acts.
        page.get_by_role("button", name="Pause").click()
        expect(page.locator(".obi-state")).to_have_text("live, paused", timeout=patience)
        assert opened.errors() == []
