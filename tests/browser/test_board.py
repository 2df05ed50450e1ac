"""A board in a browser: its lines, their order, the lab of one, and what a frame costs."""

from __future__ import annotations

import signal

import pytest
from playwright.sync_api import expect

from browser.looks import THEMES, contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually, threads, widgets
from browser.test_access import violations_by_theme

CELLS = (
    "from obi_widgets.feeds.simulation import simulator\n"
    "import obi_widgets as obi\n"
    "names = [f'sim:{name}' for name in simulator.LISTINGS] + ['sim:NONE-PERP']",
    "board = obi.Board(names, seed=3, edge=2, warmup=10)\nboard",
)

COUNT = """
import json, time
from obi_widgets.widgets.page import PageWidget
sizes, deliver = [], PageWidget._deliver
def count(page, message):
    if message is not None:
        sizes.append((time.monotonic(), len(json.dumps(message[0])) + sum(map(len, message[1]))))
    deliver(page, message)
PageWidget._deliver = count
"""


@pytest.fixture(scope="module")
def board(jupyterlab):
    """A board of 21 markets that all run, and of one that there is not."""
    with jupyterlab.notebook(CELLS) as nb:
        nb.run_all()
        screen = Screen(nb, ".obi-board")
        expect(screen.root.locator(".obi-states")).to_have_text(
            "21 live · 1 error", timeout=2000 * PATIENCE
        )
        yield screen
        assert nb.errors() == []


def names(screen):
    return screen.root.locator(".obi-board-table tbody .obi-market strong").all_inner_texts()


def test_a_frame_of_21_markets_is_small(board):
    nb = board.nb
    assert threads(nb) == ["obi-feed", "obi-publisher"]
    nb.execute(COUNT)
    nb.until("len(sizes) > 10", timeout=PATIENCE)
    nb.execute("PageWidget._deliver = deliver")
    times, sizes = zip(*nb.value("sizes"), strict=True)
    assert sum(sizes) / len(sizes) < 10_000
    assert (times[-1] - times[0]) / (len(times) - 1) > 0.4, "two frames a second"


def test_it_is_sorted_by_a_click_and_not_under_the_mouse(board):
    nb, page = board.nb, board.page
    given = names(board)
    assert (given[0], given[-1]) == ("BTC-PERP", "NONE-PERP")
    head = board.root.get_by_role("button", name="imbalance")
    head.click()
    eventually(lambda: names(board) != given, "another order")
    assert names(board)[-1] == "NONE-PERP", "what cannot be ranked comes last"
    board.root.locator("tbody tr").nth(4).hover()
    still = names(board)
    page.wait_for_timeout(6000)
    assert names(board) == still, "not under the mouse"
    head.hover()
    eventually(lambda: names(board) != still, "sorted again on a clock")
    expect(board.root.locator("th.obi-is-signal")).to_have_attribute("aria-sort", "descending")
    board.root.get_by_role("button", name="market", exact=True).click()
    eventually(lambda: names(board) == given, "the given order")
    assert nb.errors() == []


def test_a_click_opens_the_lab_and_escape_leads_back(board):
    nb, page = board.nb, board.page
    many = widgets(nb)
    board.root.get_by_role("button", name="ETH-PERP").click()
    lab = Screen(nb, ".obi-lab")
    lab.wait_for_state("live")
    expect(lab.root.locator(".obi-symbol")).to_have_text("ETH-PERP")
    expect(board.root.locator(".obi-lines")).to_be_hidden()
    assert threads(nb) == ["obi-feed", "obi-publisher"], "no second connection"
    board.root.locator(".obi-chip", has_text="SOL-PERP").click()
    expect(lab.root.locator(".obi-symbol")).to_have_text("SOL-PERP", timeout=1000 * PATIENCE)
    page.wait_for_timeout(500)
    lab.root.locator(".obi-part-price .obi-chart").first.click(position={"x": 300, "y": 120})
    nb.until("board.lab.session.cursor is not None and board.lab.session.cursor.pinned is not None")
    page.keyboard.press("Escape")
    nb.until("board.lab.session.cursor is None or board.lab.session.cursor.pinned is None")
    assert nb.value("board.lab is not None"), "the lab takes Escape first"
    page.keyboard.press("Escape")
    expect(board.root.locator(".obi-lines")).to_be_visible(timeout=1000 * PATIENCE)
    expect(board.root.get_by_role("button", name="SOL-PERP")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(board.root.get_by_role("button", name="ETH-PERP")).to_be_focused()
    eventually(lambda: widgets(nb) == many, "the lab is closed, after the page has left it")
    assert nb.value("[one.closed for one in board.sessions.values()].count(True)") == 0


LABS = """
import pathlib, threading, time
def open_labs(done):
    time.sleep(0.5)
    for name in 3 * ["sim:ETH-PERP", "sim:SOL-PERP", "sim:BTC-PERP"]:
        board.open_lab(name)
    pathlib.Path(done).touch()
"""


def test_labs_that_are_opened_while_the_server_is_late_are_whole(board, jupyterlab, tmp_path):
    """What the kernel says meanwhile waits: it is more than ipykernel keeps by itself."""
    nb, done = board.nb, tmp_path / "done"
    many = widgets(nb)
    nb.execute(LABS + f"threading.Thread(target=open_labs, args=[{str(done)!r}]).start()")
    jupyterlab.server.send_signal(signal.SIGSTOP)
    try:
        eventually(done.exists, "all labs are opened")
    finally:
        jupyterlab.server.send_signal(signal.SIGCONT)
    lab = Screen(nb, ".obi-lab")
    expect(lab.root.locator(".obi-symbol")).to_have_text("BTC-PERP", timeout=1000 * PATIENCE)
    lab.wait_for_state("live")
    expect(lab.root.locator(".obi-part-price .obi-chart")).to_be_visible()
    ids = nb.value("list(__import__('ipywidgets').widgets.widget._instances)")
    assert len(ids) > many + 100
    heard = "a.filter(id => p.sessionContext.session.kernel.hasComm(id))"
    eventually(lambda: len(nb.panel(heard, ids)) == len(ids), "a model of each widget")
    nb.execute("board.back()")
    eventually(lambda: widgets(nb) == many, "the lab is closed")
    # Labs that were closed before the page had them leave errors of ipywidgets behind.
    nb.console.clear()


def test_nothing_is_cut_off_and_each_text_can_be_read(board, artefacts):
    nb, found = board.nb, []
    nb.execute("board.compare(); board.settings.threshold = 0.01")  # all have a side's colour
    board.root.get_by_role("button", name="Which leads?").click()
    expect(board.root.locator(".obi-leads")).to_contain_text("15 pairs", timeout=1000 * PATIENCE)
    for width, height in {1240: 1000, 650: 1000, 282: 1300}.items():
        nb.set_output_width(width, height)
        nb.page.wait_for_timeout(500)
        board.picture(artefacts / f"board-{width}.png")
        found += [f"{width}: {one}" for one in [*cut_off(board.root), *overlapping(board.root)]]
    nb.set_output_width(1240)
    board.root.locator("tbody tr").nth(2).hover()  # has a ground of its own
    pale = {}
    for name, theme in THEMES.items():
        nb.theme(**theme)
        board.picture(artefacts / f"board-{name.replace(' ', '-')}.png")
        least = 7 if name == "high contrast" else 4.5
        ratios = contrasts(board.root).items()
        pale |= {f"{name}: {what}": ratio for what, ratio in ratios if ratio < least}
    nb.theme(dark=False)
    nb.execute("board.settings.threshold = 0.4")
    assert not found, "\n".join(found)
    assert not pale, f"too pale: {pale}"
    assert violations_by_theme(board) == {}
    board.root.locator(".obi-compared").hover(position={"x": 300, "y": 100})
    expect(board.root.locator(".obi-board-compare .obi-head")).to_contain_text("apart")


INKED = """el => {
    const {data} = el.getContext("2d").getImageData(0, 0, el.width, el.height);
    const ink = getComputedStyle(el).color.match(/\\d+/g).slice(0, 3).map(Number);
    let count = 0;
    for (let at = 0; at < data.length; at += 4)
        count += data[at + 3] === 255 && ink.every((part, which) => data[at + which] === part);
    return count;
}"""
"""How many pixels of a canvas have the colour of texts."""


def test_the_chart_of_signals_follows_a_change_of_theme(board):
    board.nb.execute("board.compare(); board._board.close()")  # no frame draws it again
    chart = board.root.locator(".obi-compared")
    for dark in (True, False, True):
        board.nb.theme(dark=dark)
        eventually(lambda: chart.evaluate(INKED) > 100, f"its ink, dark: {dark}", timeout=20)
    board.nb.theme(dark=False)
