"""A lab that keeps a day: its windows, its time axis, and the mouse from a day to seconds."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from browser.looks import cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually, newest
from browser.test_look import SIZES

CELL = (
    "import obi_widgets as obi\n"
    'lab = obi.Lab("sim:BTC-PERP", seed=3, levels=20, history_seconds=86_400)\nlab'
)


@pytest.fixture(scope="module")
def day(jupyterlab):
    with jupyterlab.notebook([CELL]) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 2900")
        yield screen
        assert nb.errors() == []


def labels(screen):
    """Return all labels of the time axis, dates too."""
    texts = screen.root.locator(".obi-with-time .axis .tick text").all_text_contents()
    return [text for text in texts if re.fullmatch(r"[A-Z][a-z]{2} \d+|\d\d:\d\d(:\d\d)?", text)]


def test_a_day_has_hours_and_a_date(day):
    button = day.root.get_by_role("button", name="24 h", exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true", timeout=1000 * PATIENCE)
    expect(button).to_have_attribute("title", "Show the last 24 hours")
    hours = {"04:00", "08:00", "12:00", "16:00", "20:00"}

    def right():
        # The date is missing while midnight is where a label would be cut off.
        found = labels(day)
        dates = [label for label in found if label not in hours]
        return len(found) >= 5 and len(dates) <= 1 and all(label[0].isalpha() for label in dates)

    eventually(right, "labels are four hours apart")


def test_nothing_overlaps(day, artefacts):
    day.root.get_by_role("button", name="24 h", exact=True).click()
    complaints = []
    for width, height in SIZES.items():
        day.nb.set_output_width(width, height)
        day.nb.page.wait_for_timeout(600)
        day.picture(artefacts / f"day-{width}.png")
        complaints += [f"{width}: {one}" for one in [*cut_off(day.root), *overlapping(day.root)]]
    day.nb.set_output_width(1240)
    assert not complaints, "\n".join(complaints)


def test_the_wheel_leads_from_a_day_to_seconds(day):
    nb, page = day.nb, day.nb.page
    day.root.get_by_role("button", name="24 h", exact=True).click()
    eventually(lambda: nb.value("lab.session.time_range.seconds") == 86_400, "a day is seen")
    box = day.root.locator(".obi-part-price .obi-field").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.999, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    for _ in range(25):
        page.mouse.wheel(0, -200)
        page.wait_for_timeout(40)
    page.keyboard.up("Control")
    eventually(lambda: nb.value("lab.session.time_range.seconds") < 20, "seconds are seen")
    eventually(lambda: any(label.count(":") == 2 for label in labels(day)), "so are their labels")
    # Each value that mid has had in the window is drawn.
    nb.execute(
        "import numpy as np\nfrom obi_widgets.presentation.charts.window import Window\n"
        "lab.pause()\n"
        "past, seen = lab.session._paused, lab.session.time_range\n"
        "edge = seen.right_edge(*past.time[[0, -1]].tolist())\n"
        "window = Window.ending(edge, seen.seconds)\n"
        "inside = (past.time >= window.start) & (past.time < window.end)\n"
        "values = past.mid[inside].astype(np.float32)"
    )
    page.wait_for_timeout(500)
    assert nb.value(
        "bool(len(values) > 20 and set(values.tolist())"
        f" <= set({newest('lab.price.line', 'y')}.tolist()))"
    )
    nb.execute("lab.resume()")
