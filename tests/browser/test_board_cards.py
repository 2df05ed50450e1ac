"""Cards on a board in a browser: their order, what gives way, and that they can be read."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import expect

from browser.looks import THEMES, contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually
from browser.test_access import violations

CELLS = (
    """
import numpy as np
import obi_widgets as obi

rng, past = np.random.default_rng(3), {}
for seed, name in enumerate(["BTC-PERP", "ETH-PERP", "SOL-PERP"]):
    path = str(obi.record(f"sim:{name}", name, seconds=0.2, warmup=30, seed=seed))
    lean = np.tanh(np.cumsum(rng.normal(0, 0.05, (1080, 1)), axis=0))
    lean[-60:] = (0.9, -0.9, 0.1)[seed]
    lean[-12:] = (0.9, 0.9, 0.1)[seed]
    end, bid = int(obi.load(path).time[0]), np.full((1080, 1), 100.0)
    time = end - (1080 - np.arange(1080)) * 5 * 10**9
    past[path] = obi.History.from_arrays(time, bid, 1 + lean, bid + 0.1, 1 - lean, tick_size=0.1)
del past[path]  # the third has to wait
""",
    """
board = obi.Board([*past, path], levels=1, speed=None, past=past)
board
""",
)

SWAPPED = """
from obi_widgets.widgets import board as of_board

as_it_is = of_board.board_state

def swapped(frame):
    state = as_it_is(frame)
    cards = {name: list(state[name]) for name in ("c0", "c1")}
    cards["c0"][3], cards["c1"][3] = cards["c1"][3], cards["c0"][3]
    return state | cards

of_board.board_state = swapped
board._board.refresh()
"""
"""Lets two markets change the ranks of their cards, as new cards would."""


@pytest.fixture(scope="module")
def board(jupyterlab):
    """A board of three recordings, two of which have a past."""
    with jupyterlab.notebook(CELLS) as nb:
        nb.run_all()
        screen = Screen(nb, ".obi-board")
        expect(screen.root.locator(".obi-states")).to_have_text("3 closed", timeout=1000 * PATIENCE)
        yield screen
        assert nb.errors() == []


def test_a_click_shows_cards_and_the_strongest_first(board):
    root = board.root
    expect(root.locator("th.obi-is-strength")).to_be_hidden()
    root.get_by_role("button", name="scalp", exact=True).click()
    expect(root.locator("th.obi-is-strength")).to_be_visible(timeout=1000 * PATIENCE)
    expect(root.locator("th.obi-is-since")).to_be_hidden()
    expect(root.locator("th.obi-is-short")).to_have_text("10 s")
    ranks = root.locator("tbody td.obi-is-strength strong:visible")
    expect(ranks).to_have_count(2, timeout=1000 * PATIENCE)

    def order():
        return [float(one) for one in ranks.all_inner_texts()]

    root.locator(".obi-again").hover()
    eventually(lambda: order() == sorted(order(), reverse=True), "the strongest first")
    last = root.locator("tbody tr").last
    expect(last.locator("td.obi-is-blocked")).to_contain_text("window:")
    expect(last.locator("td.obi-is-strength")).to_be_hidden()
    expect(root.locator(".obi-again")).to_contain_text("ordered again in")
    root.locator("tbody tr").first.hover()
    expect(root.locator(".obi-again")).to_contain_text("order is held")


COUNTED = """el => {
    const seen = window.obiCounted = [];
    new MutationObserver(() => {
        const found = el.textContent.match(/ordered again in (\\d+) s/);
        if (found && seen.at(-1) !== Number(found[1])) seen.push(Number(found[1]));
    }).observe(el, {subtree: true, childList: true, characterData: true});
}"""
"""Notes how many seconds it is to the next order, each time that the board says so."""


def test_lines_are_sorted_soon_after_new_cards_and_not_up_to_ten_seconds_later(board):
    root, nb = board.root, board.nb
    names = root.locator("tbody .obi-market strong")
    root.locator(".obi-again").hover()
    root.locator(".obi-again").evaluate(COUNTED)
    # Longer after the cards before than half of their cycle: sooner, others still belong to them.
    ready = "window.obiCounted.includes(1) && window.obiCounted.at(-1) === 6"
    nb.page.wait_for_function(ready, timeout=1000 * PATIENCE)
    first, second, third = names.all_inner_texts()
    try:
        nb.execute(SWAPPED)
        nb.page.wait_for_function("window.obiCounted.at(-1) <= 2", timeout=1000 * PATIENCE)
        counted = nb.page.evaluate("window.obiCounted.slice(window.obiCounted.lastIndexOf(6))")
        # Second by second, and at once when the cards came.
        assert max(a - b for a, b in itertools.pairwise(counted)) > 1, counted
        swapped = [second, first, third]
        eventually(lambda: names.all_inner_texts() == swapped, "the order of new cards")
    finally:
        nb.execute("of_board.board_state = as_it_is; board._board.refresh()")


def test_keys_hear_of_a_line_what_its_cells_say_to_the_mouse(board):
    root, page = board.root, board.nb.page
    row = root.locator("tbody tr").first
    box = root.locator(".obi-hint")
    row.locator(".obi-market").focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    for name in ("short", "middle", "long", "confidence"):
        expect(box).to_contain_text(row.locator(f"td.obi-is-{name}").get_attribute("title"))
    assert page.locator(":focus").get_attribute("aria-describedby") == box.get_attribute("id")
    assert violations(board) == []
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()


def test_nothing_is_cut_off_and_each_text_can_be_read(board, artefacts):
    nb, found, pale = board.nb, [], {}
    nb.execute("board.cards = 'scalp'")
    expect(board.root.locator("th.obi-is-strength")).to_be_visible(timeout=1000 * PATIENCE)
    for width in (1240, 1121, 981, 821, 701, 650, 621, 485, 282):
        nb.set_output_width(width)
        board.picture(artefacts / f"board-cards-{width}.png")
        found += [f"{width}: {one}" for one in [*cut_off(board.root), *overlapping(board.root)]]
        expect(board.root.locator("th.obi-is-strength")).to_be_visible()
    nb.set_output_width(1240)
    for name, theme in THEMES.items():
        nb.theme(**theme)
        least = 7 if name == "high contrast" else 4.5
        ratios = contrasts(board.root).items()
        pale |= {f"{name}: {what}": ratio for what, ratio in ratios if ratio < least}
    nb.theme(dark=False)
    assert not found, "\n".join(found)
    assert not pale, f"too pale: {pale}"
    board.root.get_by_role("button", name="off", exact=True).click()
    expect(board.root.locator("th.obi-is-since")).to_be_visible(timeout=1000 * PATIENCE)
