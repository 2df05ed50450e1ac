"""Nothing is cut off, nothing overlaps, everything can be read: at every width, in every theme."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import THEMES, contrasts, cut_off, overlapping
from browser.screen import Screen

SIZES = {1600: 1350, 1240: 1350, 950: 1800, 766: 1900, 650: 2500, 282: 3400}
"""Widths of the output, and of each the height of a window that shows all of it.

766 px are what the browser's zoom of 150 % leaves of 1,240.
"""

ODD = (
    "from obi_widgets.feeds.simulation import simulator\n"
    "import obi_widgets as obi\n"
    "simulator.LISTINGS['A' * 38 + '-PERP'] = simulator.Listing(1.2e-8, 1e-12, 1e9, 3)\n"
    "simulator.LISTINGS['B' * 38 + '-PERP'] = simulator.Listing(9_876_543.0, 0.01, 1e-8, 300)\n"
    "names = list(simulator.LISTINGS)[-2:]",
    "lab = obi.Lab('sim:' + names.pop(), edge=0, seed=3)\n"
    "lab.add_signal('order_flow_imbalance', window=10)\n"
    "lab",
)
"""Two markets with symbols of 43 letters, and prices of ten million and of a hundred millionth."""


UNTITLED = """root => [...root.querySelectorAll('.obi-chart')].filter(chart => {
    const shown = name => [...chart.querySelectorAll(name)].some(
        el => el.textContent && el.checkVisibility({visibilityProperty: true}));
    return !shown('.obi-title') && !shown('.obi-summary');
}).map(chart => `a chart says nothing of what it shows: ${chart.textContent}`)"""


NAMES = """root => [...root.querySelectorAll('.obi-group')].map(group =>
    [...group.querySelectorAll('.obi-group-head, .obi-setting span[title], .obi-gate')]
        .filter(el => el.checkVisibility()).map(el => {
            const range = document.createRange();
            range.selectNodeContents(el);
            const {top, bottom} = range.getBoundingClientRect();
            return (top + bottom) / 2;
        })).filter(group => group.length > 1)"""
"""The middles of the names in each group of settings, its own name first."""


def complaints(screen, where):
    found = [*cut_off(screen.root), *overlapping(screen.root), *screen.root.evaluate(UNTITLED)]
    return [f"{where}: {one}" for one in found]


def sized(nb):
    """Yield each width that an output has."""
    for width, height in SIZES.items():
        nb.set_output_width(width, height)
        nb.page.wait_for_timeout(500)  # bqplot lays out 300 ms after a change
        yield width
    nb.set_output_width(1240)


def test_nothing_is_cut_off_or_covered(screen, artefacts):
    nb = screen.nb
    nb.execute("lab.add_signal('order_flow_imbalance', window=10)")
    nb.page.wait_for_timeout(1500)
    nb.execute("lab.pause()")
    found = []
    for width in sized(nb):
        screen.picture(artefacts / f"lab-{width}.png")
        found += complaints(screen, width)
        screen.unfold()
        nb.execute("lab.listing = True; lab.compare_with(lab.settings); lab.session.step(-40)")
        nb.page.wait_for_timeout(400)
        screen.picture(artefacts / f"lab-{width}-unfolded.png")
        found += complaints(screen, f"{width}, unfolded")
        nb.execute("lab.listing = False; lab.compare_with(None); lab.session.pin(None)")
        screen.root.locator(".obi-opener").click()
    nb.execute("lab.remove_signal('order_flow_imbalance'); lab.resume()")
    assert not found, "\n".join(found)


def test_a_fold_leaves_no_hole(screen):
    bottom = "el => el.getBoundingClientRect().bottom"
    screen.nb.set_output_width(1240, 1000)
    screen.unfold()
    charts = screen.root.locator(".obi-charts").evaluate(bottom)
    opener = screen.root.locator(".obi-opener").evaluate("el => el.getBoundingClientRect().top")
    screen.root.locator(".obi-opener").click()
    assert opener - charts < 60, "what opens stands right below the charts"


def test_names_of_settings_in_a_row_stand_on_one_line(screen):
    screen.nb.set_output_width(1240, SIZES[1240])
    screen.unfold()
    tops = screen.root.locator(".obi-behind").evaluate(NAMES)
    screen.root.locator(".obi-opener").click()
    assert len(tops) > 3
    for one, *others in tops:
        assert all(abs(other - one) < 1 for other in others if abs(other - one) < 10), tops


@pytest.mark.parametrize("theme", [*THEMES, "forced colours"])
def test_each_text_can_be_read(screen, artefacts, theme):
    nb = screen.nb
    nb.theme(**THEMES.get(theme, THEMES["light"]))
    if theme not in THEMES:
        nb.page.emulate_media(forced_colors="active")
    nb.set_output_width(1240, SIZES[1240])
    screen.unfold()
    nb.page.wait_for_timeout(500)
    screen.picture(artefacts / f"lab-{theme.replace(' ', '-')}.png")
    least = 7 if theme == "high contrast" else 4.5
    pale = {what: ratio for what, ratio in contrasts(screen.root).items() if ratio < least}
    screen.root.locator(".obi-opener").click()
    nb.page.emulate_media(forced_colors="none")
    nb.theme(dark=False)
    assert not pale, f"too pale: {pale}"


def test_a_recording_shows_no_age_and_both_bounds_leave_the_title(jupyterlab):
    cell = (
        "import obi_widgets as obi\n"
        "settings = obi.Settings(execution='post_only')\n"
        "lab = obi.Lab(obi.simulate(seconds=120, seed=3), settings=settings)\n"
        "lab"
    )
    with jupyterlab.notebook([cell]) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("closed")
        summary, title = (
            screen.root.locator(f".obi-part-equity .obi-{one}") for one in ("summary", "title")
        )
        expect(summary).to_contain_text("a side", timeout=60_000)
        expect(title).to_be_visible()
        assert title.inner_text().startswith("Entries in view")
        for what in ("age", "messages/s"):
            expect(screen.root.locator(f".obi-figure[data-what='{what}']")).to_be_hidden()
        assert overlapping(screen.root) == []
        assert nb.errors() == []


def test_long_names_and_prices_of_every_size_have_room(jupyterlab, artefacts):
    found = []
    with jupyterlab.notebook(ODD) as nb:
        screen = Screen(nb)
        nb.run_cell(0)
        for name in ("ten-million", "tiny"):
            nb.run_cell(1)  # it closes the lab before
            screen.wait_for_state("live")
            nb.until("len(lab.history) > 2000", timeout=60)
            nb.page.wait_for_timeout(1500)
            nb.execute("lab.pause()")
            screen.unfold()
            for width in sized(nb):
                screen.picture(artefacts / f"lab-{name}-{width}.png")
                found += complaints(screen, f"{name}, {width}")
        assert nb.errors() == []
    assert not found, "\n".join(found)
