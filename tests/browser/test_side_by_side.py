"""Signals side by side in a real page: what it says, what can be chosen, and how it looks."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import faults_of
from browser.screen import PATIENCE

CELLS = (
    """import obi_widgets as obi
history = obi.simulate("sim:BTC-PERP", seconds=1200, seed=3, edge=2)
found = obi.compare(history, [
    "queue_imbalance", "imbalance", obi.Settings(decay=0.3),
    obi.Settings(signal="queue_logistic", window=300, refit=60),
    "order_flow_imbalance", "trade_imbalance", "depth_ratio",
    obi.zscore(obi.imbalance, window=60),
])
found""",
)

SIZES = {1240: 900, 1000: 1300, 700: 1500, 560: 1900, 282: 2800}


@pytest.fixture(scope="module")
def page(jupyterlab):
    with jupyterlab.notebook(CELLS, height=1000) as nb:
        nb.run_all()
        shown = nb.page.locator(".obi-part-abreast")
        expect(shown.locator(".obi-word")).not_to_be_empty(timeout=1000 * PATIENCE)
        yield nb, shown
        assert nb.errors() == []


def test_the_page_says_what_was_found(page):
    nb, shown = page
    rows = shown.locator(".obi-abreast-table tbody th.obi-side-of")
    expect(rows).to_have_count(8)
    expect(shown.locator(".obi-abreast-buttons .obi-window")).to_have_count(7)
    said = nb.value("[found.says(name) for name in found.names]")
    cells = shown.locator(".obi-side-verdict").all_inner_texts()
    assert ["repeats" in text for text in cells] == [one.startswith("repeats") for one in said]
    assert nb.value("found.tried * len(found.horizons)") == 56
    expect(shown).to_contain_text("56 coefficients are looked at")
    # The still picture beside it is for where no kernel runs.
    still = nb.page.locator(".obi-still")
    expect(still).to_have_count(1)
    expect(still).to_be_hidden()


def test_the_curves_have_a_grid_and_a_long_reason_wraps(page):
    _, shown = page
    lines = shown.locator("svg line.obi-rule")
    assert "none" not in lines.evaluate_all("all => all.map(one => getComputedStyle(one).stroke)")
    assert lines.count() > 2
    cell = shown.locator("td.obi-side-verdict").first
    assert cell.evaluate("cell => getComputedStyle(cell).whiteSpace") == "normal"


def test_a_horizon_and_two_curves_are_chosen(page):
    _, shown = page
    buttons = shown.locator(".obi-abreast-buttons .obi-window")
    for text, at in (("10 s", 3), ("1 s", 0)):
        buttons.nth(at).click()
        expect(buttons.nth(at)).to_have_attribute("aria-pressed", "true")
        expect(shown.locator("thead .obi-side-judged")).to_contain_text(text)
        expect(shown.locator("thead")).to_contain_text(f"adds at {text}")
        expect(shown.locator(".obi-reason")).to_contain_text(f"the next {text}")
    legend = shown.locator(".obi-abreast-legend > span")
    before = legend.all_inner_texts()
    picks = shown.locator(".obi-side-pick")
    picks.nth(4).click()
    assert legend.all_inner_texts() == [before[1], "Order flow imbalance"]
    picks.nth(4).press("Enter")  # the two change places
    assert legend.all_inner_texts() == ["Order flow imbalance", before[1]]
    expect(shown.locator(".obi-side-line.obi-first-curve")).to_have_count(3)  # two are samples


def test_nothing_of_it_is_cut_off_or_too_pale(page, artefacts):
    found = faults_of(*page, SIZES, artefacts, "side-by-side")
    assert not found, "\n".join(found)
