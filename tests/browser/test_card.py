"""The decision card in a real page: of a market that leans, and of one that is not ready."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from browser.looks import faults_of
from browser.screen import PATIENCE
from browser.test_access import violations

TWO = (
    """import ipywidgets, numpy as np
import obi_widgets as obi
rng = np.random.default_rng(3)
states, second = 3_600, 10**9
leans = np.empty(states)
at = 0.0
for row in range(states):
    at = 0.99 * at + rng.normal(0, 0.1)
    leans[row] = np.tanh(at)
leans[-60:] = 0.97
bid = np.round(1000 + np.cumsum(rng.choice([-0.1, 0.1], states)), 1)
time = 1_700_006_400 * second + np.arange(states) * 5 * second
history = obi.History.from_arrays(
    time, bid, (1 + leans) / 2, bid + 0.1, (1 - leans) / 2, tick_size=0.1
)
sessions = obi.Session(history), obi.Session(history[:300])
from msgspec.structs import replace
for number, name in enumerate(("Binance", "LMEX", "OKX")):
    other = obi.Session(history if number != 1 else history[:300])
    other.market.instrument = replace(other.market.instrument, label=name)
    sessions += (other,)
own = sessions[0].market
own.instrument = replace(own.instrument, label="Hyperliquid")
cards = [
    obi.CardWidget(one, mode="scalp", signals="queue_imbalance", others=others)
    for one, others in ((sessions[0], sessions[2:]), (sessions[1], ()))
]
row = ipywidgets.Box(cards, layout={"flex_flow": "row wrap"})
row.add_class("row-of-cards")
row""",
)
"""A cell: five hours that end far up, and 25 minutes of the same market."""

SIZES = {1240: 900, 650: 1600, 282: 2400}


@pytest.fixture(scope="module")
def two(jupyterlab):
    with jupyterlab.notebook(TWO, height=1200) as nb:
        nb.run_all()
        row = nb.page.locator(".row-of-cards").first
        expect(row.locator(".obi-card-about")).to_have_text(
            [re.compile("judged after 30 s")] * 2, timeout=1000 * PATIENCE
        )
        yield nb, row
        assert nb.errors() == []


def test_the_page_says_what_the_card_says(two):
    nb, row = two
    leans, waits = row.locator(".obi-card").all()
    assert nb.value("cards[0].cards.last.state") == "long"
    expect(leans.locator(".obi-card-badge")).to_have_text("▲ Leans long")
    direction = nb.value("float(cards[0].cards.last.direction)")
    expect(leans.locator(".obi-card-large")).to_have_text(f"{direction:+.2f} ▲")
    tip, graph = (leans.locator(one).bounding_box() for one in (".obi-card-tip", ".obi-card-graph"))
    middle = (tip["x"] + tip["width"] / 2 - graph["x"]) / graph["width"]
    scale = float(leans.locator(".obi-card-ends span").last.inner_text().split("+")[1])
    assert middle == pytest.approx(direction / scale / 2 + 0.5, abs=0.01)
    expect(waits.locator(".obi-card-badge")).to_have_text("… Not ready")
    expect(waits.locator(".obi-card-large")).to_have_text("–")
    assert waits.locator(".obi-card-now").is_hidden()


def test_other_venues_are_dots_and_one_that_is_left_out_is_a_dash(two):
    nb, row = two
    leans, waits = row.locator(".obi-card").all()
    cells = leans.locator(".obi-card-cells .obi-card-cell")
    direction = nb.value("float(cards[0].cards.last.direction)")
    expect(cells.nth(1)).to_have_text(f"Binance{direction:+.2f} ▲", timeout=1000 * PATIENCE)
    expect(cells.nth(2)).to_have_text(re.compile("LMEX– stale"))
    expect(cells.nth(2)).to_have_attribute("title", re.compile("LMEX: – stale. "))
    dots = leans.locator(".obi-card-dot:not([hidden])")
    expect(dots).to_have_count(3)
    scale, dot = (
        leans.locator(one).first.bounding_box() for one in (".obi-card-scale-line", ".obi-card-dot")
    )
    place = (dot["x"] + dot["width"] / 2 - scale["x"]) / scale["width"]
    assert place == pytest.approx(direction / 2 + 0.5, abs=0.02)
    expect(leans.locator(".obi-card-apart")).to_have_text("apart 0.00of one mindLMEX left out")
    assert waits.locator(".obi-card-venues").is_hidden()


def test_keys_reach_what_the_mouse_reads_and_escape_closes_it(two):
    nb, row = two
    leans = row.locator(".obi-card").first
    box = leans.locator(".obi-hint")
    expect(box).to_be_hidden()
    leans.get_by_role("button", name="swing").focus()
    nb.page.keyboard.press("Tab")  # a key, so that the focus is to be seen
    seen = []
    for _ in range(20):
        if not leans.evaluate("node => node.contains(document.activeElement)"):
            break
        focused = nb.page.locator(":focus")
        words = focused.get_attribute("title")
        expect(box).to_have_text(words)
        expect(box).to_be_visible()
        assert focused.get_attribute("aria-describedby") == box.get_attribute("id")
        inside, around = box.bounding_box(), leans.bounding_box()
        assert inside["x"] >= around["x"]
        assert inside["x"] + inside["width"] <= around["x"] + around["width"] + 1
        assert violations(SimpleNamespace(page=nb.page, root=leans)) == []
        nb.page.keyboard.press("Escape")
        expect(box).to_be_hidden()
        assert focused.get_attribute("aria-describedby") is None
        seen.append(focused.get_attribute("class"))
        nb.page.keyboard.press("Tab")
    for name in ("obi-card-stacked", "obi-card-row", "obi-card-fact", "obi-card-cell"):
        assert any(name in one for one in seen), (name, seen)


def test_a_button_changes_the_mode(two):
    nb, row = two
    leans = row.locator(".obi-card").first
    names = leans.locator(".obi-card-row .obi-card-name")
    expect(names).to_have_text(["10 s", "1 min", "5 min"])
    leans.get_by_role("button", name="day").click()
    expect(names).to_have_text(["1 min", "5 min", "1 h"], timeout=1000 * PATIENCE)
    expect(leans.locator(".obi-card-about")).to_contain_text("judged after 60 s")
    pressed = leans.locator(".obi-card-modes [aria-pressed=true]")
    expect(pressed).to_have_text("day")
    assert nb.value("cards[0].mode") == "day"
    leans.get_by_role("button", name="scalp").click()
    expect(names).to_have_text(["10 s", "1 min", "5 min"], timeout=1000 * PATIENCE)


def test_nothing_of_them_is_cut_off_or_too_pale(two, artefacts):
    found = faults_of(*two, SIZES, artefacts, "card")
    assert not found, "\n".join(found)


def test_cards_stand_beside_each_other_as_far_as_they_fit(two):
    nb, row = two
    for width, columns in ((1240, 2), (650, 1)):
        nb.set_output_width(width, SIZES[width])
        nb.page.wait_for_timeout(300)
        left = [one.bounding_box()["x"] for one in row.locator(".obi-card").all()]
        assert len(set(left)) == columns
