"""The panel of a feed's health in a real page: of one that lost its book, and of a live one."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import faults_of
from browser.screen import PATIENCE

SECOND = 10**9

FAULTS = (
    f"""import obi_widgets as obi
feed = obi.Feed("MY:MARKET")
session = obi.Session(feed, interval=0)
panel = obi.HealthWidget(session)
start = 1_700_000_000 * {SECOND}
def book(at, bid=100.0):
    return feed.book(
        start + round(at * {SECOND}), [(bid, 1)], [(101.0, 1)],
        received=start + round((at + 0.02) * {SECOND}),
    )
for step in range(300):
    book(step / 10)
book(30, bid=200.0)  # crossed
for step in range(400, 500):
    book(step / 10)
feed.close()
panel""",
)
"""A cell: thirty seconds of books, a crossed one, none for ten seconds, and ten seconds more."""

SIZES = {1240: 900, 650: 1200, 282: 2000}


@pytest.fixture(scope="module")
def panel(jupyterlab):
    with jupyterlab.notebook(FAULTS, height=1200) as nb:
        nb.run_all()
        shown = nb.page.locator(".obi-health")
        expect(shown.locator(".obi-health-badge")).to_have_text("closed", timeout=1000 * PATIENCE)
        yield nb, shown
        assert nb.errors() == []


def figure(shown, name):
    """Return what a cell says."""
    cell = shown.locator(".obi-health-cell", has_text=name).first
    return cell.locator(".obi-health-cell-figures").inner_text().split("\n")


def test_the_page_says_what_happened_to_the_feed(panel):
    nb, shown = panel
    gaps = shown.locator(".obi-health-interruptions .obi-health-row")
    expect(gaps).to_have_count(1)
    expect(gaps).to_contain_text("gap 10 s")
    expect(gaps).to_contain_text("22:13:49")  # 29.92 s after 1,700,000,000, or 22:13:20 UTC
    states = shown.locator(".obi-health-bar").evaluate_all("all => all.map(b => b.dataset.state)")
    assert states == ["live", "gap", "live", "closed"][: len(states)]
    assert "gap 10 s at 22:13:49" in shown.get_by_role("img").get_attribute("aria-label")
    assert figure(shown, "Gaps and resyncs")[0] == "1 gap"
    assert figure(shown, "Refused frames")[0] == "1"
    assert figure(shown, "History")[0] == f"{nb.value('len(session.history)'):,}"
    messages = nb.value("session.health().messages")
    expect(shown.locator(".obi-health-cell", has_text="Messages")).to_contain_text(
        f"{messages:,} in all"
    )


def test_nothing_of_it_is_cut_off_or_too_pale(panel, artefacts):
    found = faults_of(*panel, SIZES, artefacts, "health")
    assert found == []


@pytest.mark.slow
def test_the_fold_follows_the_feed_and_rests_when_it_is_closed(lab):
    root = lab.root
    lab.press("Health")
    badge = root.locator(".obi-health-badge")
    expect(badge).to_contain_text("live for", timeout=1000 * PATIENCE)
    before = badge.inner_text()
    expect(badge).not_to_have_text(before, timeout=1000 * PATIENCE)
    lab.press("Health")
    expect(badge).to_be_hidden()
    lab.nb.until("lab.session.publisher._health is None")
