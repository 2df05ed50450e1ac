"""Five tasks, done on the screen: the result is held against the history, clicks are counted."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.screen import PATIENCE, Screen

RECORDING = Path(__file__).parents[1] / "data" / "sim.txt"

CELLS = (
    "import numpy as np\nimport obi_widgets as obi\n"
    'lab = obi.Lab("sim:BTC-PERP", seed=3, edge=2)\nlab',
    f"recorded = obi.Lab({str(RECORDING)!r}, speed=None)\nrecorded",
)

COUNT = """() => {
    window.obiClicks = 0;
    if (window.obiCounts) return;
    window.obiCounts = true;
    window.addEventListener("pointerdown", () => { window.obiClicks += 1; }, true);
}"""


@pytest.fixture(scope="module")
def notebook(jupyterlab):
    with jupyterlab.notebook(CELLS, height=1400) as nb:
        nb.run_all()
        Screen(nb).wait_for_state("live")
        nb.until("lab.history.mid.size > 2900")
        yield nb
        assert nb.errors() == []


@pytest.fixture
def screen(notebook):
    """The lab, which stands still."""
    screen = Screen(notebook)
    notebook.execute("lab.pause(); lab.settings.update(obi.Settings())")
    screen.wait_for_state("live, paused")
    yield screen
    notebook.execute(
        "lab.session.pin(); lab.compare_with(None); lab.listing = lab.calibrating = False"
    )


@contextlib.contextmanager
def clicks(screen: Screen, most: int):
    """Count how often the mouse is pressed; it may be pressed so many times."""
    screen.page.evaluate(COUNT)
    yield
    assert screen.page.evaluate("window.obiClicks") == most


def minus(text: str) -> str:
    return text.replace("-", "\N{MINUS SIGN}")


def test_find_the_worst_entry_and_why_it_was_made(screen):
    nb = screen.nb
    nb.execute("lab.session.look_at(3600); t = obi.entries(lab.session.shown(), lab.settings)")
    nb.execute("worst = t.loc[t.net_bps.idxmin()]; entered = worst.entry_time.value")
    with clicks(screen, 3):
        screen.press("▸ Entries")
        screen.root.get_by_role("button", name="net, bps").click()
        first = screen.root.locator(".obi-entries tbody tr").first
        net = minus(nb.value("f'{worst.net_bps:+.2f}'"))
        expect(first.locator("td").last).to_have_text(net)
        first.click()
    box = screen.root.locator(".obi-part-price .obi-entry")
    expect(box).to_be_visible()
    expect(box).to_contain_text(f"{net} bps")
    expect(box).to_contain_text("Exit: its hold of 20 s was over.")
    nb.execute("row = int(lab.session.shown().time.searchsorted(entered))")
    value = nb.value("f'{obi.imbalance(lab.session.shown(), lab.settings)[row]:+.2f}'")
    expect(box).to_contain_text("Entered ")
    expect(box).to_contain_text(minus(value))
    assert nb.value("lab.session.cursor.pinned == entered")


def test_compare_two_decays(screen):
    nb = screen.nb
    with clicks(screen, 2):
        screen.root.get_by_role("button", name="B keep these").click()
        screen.control("Decay").locator("input").click()
        screen.page.keyboard.press("ControlOrMeta+a")
        screen.page.keyboard.type("0.512")  # between two steps of the slider
        screen.page.keyboard.press("Enter")
    expect(screen.root.locator(".obi-b")).to_have_text("B decay 0.10 /bp")
    nb.page.wait_for_timeout(500)  # for what a slider might send back
    assert nb.value("lab.settings.decay") == 0.512
    nb.execute(
        "both = [obi.entries(lab.session.shown(), obi.Settings(decay=one)).gross_bps.dropna()"
        " for one in (0.512, 0.1)]"
    )
    counts = nb.value("[f'{len(one):,}' for one in both]")
    means = [minus(one) for one in nb.value("[f'{one.mean():+.2f}' for one in both]")]
    assert counts[0] != counts[1] or means[0] != means[1], "the task has something to find"
    for column, place in ((".obi-result", 0), (".obi-of-b", 1)):
        figures = screen.root.locator(f".obi-results {column}")
        expect(figures.nth(0)).to_have_text(counts[place])
        expect(figures.nth(2)).to_have_text(means[place])


def test_go_back_to_a_given_second_and_read_the_book(screen):
    nb = screen.nb
    nb.execute("lab.session.look_at(60)")  # that second is out of view
    nb.execute("h = lab.session.shown(); at = int(h.time[-2000]) // 10**9 * 10**9")
    nb.execute("row = int(h.time.searchsorted(at, 'right')) - 1")
    with clicks(screen, 1):
        screen.press("go to…")
        screen.page.keyboard.type(nb.value("str(np.datetime64(at, 'ns'))[11:19]"))
        screen.page.keyboard.press("Enter")
    then = nb.value("str(h.time[row].astype('datetime64[ns]'))[11:21]")
    expect(screen.root.locator(".obi-book-head strong")).to_have_text(f"Book at {then}")
    expect(screen.root.locator(".obi-middle strong")).to_have_text(nb.value("f'{h.mid[row]:,.2f}'"))
    rows = nb.value("lab.book._ladder.rows")
    for side, name in ((+1, "bid"), (-1, "ask")):
        prices = nb.value(f"[f'{{one:,.1f}}' for one in h.prices({side})[row, :{rows}].tolist()]")
        shown = screen.root.locator(f".obi-{name} .obi-price")
        expect(shown).to_have_text(prices if name == "bid" else prices[::-1])
        sizes = nb.value(f"h.sizes({side})[row, :{rows}].tolist()")
        texts = screen.root.locator(f".obi-{name} .obi-size").all_inner_texts()
        texts = texts if name == "bid" else texts[::-1]
        assert [float(text) for text in texts] == pytest.approx(sizes, abs=0.0006)
    expect(screen.root.locator(".obi-part-price .obi-cross")).to_be_visible()


def test_seal_and_export(screen):
    nb = screen.nb
    nb.execute("lab.resume(); lab.settings.threshold = 0.35; h = lab.session.shown()")
    screen.wait_for_state("live")
    with clicks(screen, 4):
        screen.press("▸ Calibrate")
        screen.press("Seal these settings")
        expect(screen.root.locator(".obi-seal-word")).to_be_visible(timeout=1000 * PATIENCE)
        screen.press("Export…")
        screen.press("Save")
    saved = nb.value("str(__import__('pathlib').Path('btc-perp.toml').absolute())")
    expect(screen.root.locator(".obi-saved")).to_contain_text(f"Saved as {saved}")
    nb.execute("saved = obi.Settings.load('btc-perp.toml')")
    assert nb.value("saved == lab.settings and saved.threshold == 0.35")
    assert nb.value("saved.sealed is not None")
    assert nb.value("lab.session.sealed.seal.settings == lab.settings.parameters")
    assert nb.value("lab.session.sealing.sealed_at > int(h.time[-1])"), "no state before it is used"


def test_share_what_you_see(screen):
    nb = screen.nb
    recorded = Screen(nb, ":nth-match(.obi-lab, 2)")
    nb.until("recorded.session.market.state == 'closed' and len(recorded.history) > 20")
    nb.execute("r = recorded.session; times = r.shown().time; recorded.settings.decay = 0.3")
    nb.execute("r.look_at(2.0, int(times[-8])); r.select(int(times[3]), int(times[-9]))")
    with clicks(recorded, 2):
        recorded.press("Export…")
        recorded.press("Copy link")
    field = recorded.root.get_by_label("Link to this lab")
    expect(field).to_have_value(nb.value("recorded.link()"))
    nb.execute(f"again = obi.Lab.from_link({field.input_value()!r})")
    try:
        nb.until("len(again.history) == len(recorded.history)")
        assert nb.value("again.settings == recorded.settings and again.settings.decay == 0.3")
        assert nb.value("again.session.time_range == r.time_range")
        assert nb.value("again.session.selected == r.selected is not None")
        assert nb.value("bool((again.history.time == recorded.history.time).all())")
    finally:
        nb.execute("again.close()")
