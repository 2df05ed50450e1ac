"""What a person sees of the widgets, and does to them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, expect

from browser.jupyterlab import Notebook

PATIENCE = 60.0
"""Seconds: far more than anything takes that is waited for."""

MID, IMBALANCE = ".obi-part-price .curve >> nth=0", ".obi-part-signal .curve >> nth=-1"
ABOVE = ".obi-part-signal .curve >> nth=0"
"""Lines of the charts: mid, the signal's mean, which is drawn last, and the zone above."""

# What its aria-valuenow says has one decimal; its place is exact.
PLACE = """el => {
    const [least, most] = ['min', 'max'].map(
        end => Number(el.querySelector('.noUi-handle').getAttribute(`aria-value${end}`)));
    const moved = parseFloat(el.querySelector('.noUi-origin').style.transform.slice(10));
    return least + (1 + moved / 1000) * (most - least);
}"""

WATCH = (
    """el => {
    const place = """
    + PLACE
    + """;
    const seen = window.obiSeen = [[], []];
    const note = (into, value) => { if (into.at(-1) !== value) into.push(value); };
    const look = () => {
        const text = el.querySelector('.obi-setting input').value;
        note(seen[0], place(el));
        note(seen[1], parseFloat(text.replace('\N{MINUS SIGN}', '-')));
    };
    look();
    const observer = new MutationObserver(look);
    observer.observe(el, {subtree: true, attributes: true, childList: true, characterData: true});
    const timer = setInterval(look, 20); // what an input shows is no mutation
    window.obiObserver = {disconnect() { observer.disconnect(); clearInterval(timer); }};
}"""
)
"""Notes each place of a slider's handle, and each number beside it."""

CHANGES = """([selector, seconds]) => new Promise(resolve => {
    const path = document.querySelector(selector);
    let shown = path.getAttribute('d'), count = 0, last = performance.now(), longest = 0;
    new MutationObserver(() => {
        const now = performance.now(), d = path.getAttribute('d');
        // A frame's messages, of scales and of the line, may each draw it: that is one change.
        if (d !== shown && now - last > 50) {
            count += 1;
            longest = Math.max(longest, now - last);
            last = now;
        }
        shown = d;
    }).observe(path, {attributes: true, attributeFilter: ['d']});
    setTimeout(() => resolve([count, Math.round(longest)]), 1000 * seconds);
})"""
"""Counts how often a line is drawn anew, and the longest time between, ms."""


def eventually(true: Callable[[], Any], what: str, timeout: float = PATIENCE) -> float:
    """Wait until something is true; return how many seconds that took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > timeout:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def number(text: str) -> float:
    """Return the number that a text begins with."""
    found = re.match(r"[+\-\N{MINUS SIGN}]?[\d,.]+", text)
    assert found, text
    return float(found[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))


class Screen:
    """A widget in a notebook, as it is seen.

    Parameters
    ----------
    nb : Notebook
        Where it is.
    which : str
        A selector of the widget.
    """

    def __init__(self, nb: Notebook, which: str = ".obi-lab") -> None:
        self.nb, self.page = nb, nb.page
        self.root = nb.page.locator(which).first

    # -- reading ---------------------------------------------------------------------------

    def wait_for_state(self, state: str) -> None:
        """Wait until the feed's state reads so. A busy machine takes minutes to fill a past."""
        expect(self.root.locator(".obi-state")).to_have_text(state, timeout=3000 * PATIENCE)

    def figure(self, label: str) -> str:
        """Return a figure of the status line."""
        box = self.root.locator(".obi-figure", has=self.page.get_by_text(label, exact=True))
        return box.locator(".obi-value").inner_text()

    @property
    def message(self) -> Locator:
        """What stands below the status line."""
        return self.root.locator(
            ".obi-part-status .obi-message, .obi-part-status + .obi-message"
        ).first

    def line(self, which: str, kind: str = "line") -> str:
        """Return the path of a chart's line, or of its ``area``."""
        return self.root.locator(which).locator(f"path.{kind}").get_attribute("d") or ""

    def time_labels(self) -> list[str]:
        """Return the labels of the time axis."""
        labels = self.root.locator(".obi-with-time .axis .tick text").all_text_contents()
        return [label for label in labels if ":" in label]

    def value_labels(self, part: str) -> list[str]:
        """Return the labels of a chart's other axis, also those that give way."""
        return self.root.locator(f".obi-part-{part} .obi-tick").all_text_contents()

    def results(self) -> dict[str, str]:
        """Return what the entries came to."""
        what = self.root.locator(".obi-what").all_inner_texts()
        found = self.root.locator(".obi-result").all_inner_texts()
        return {re.sub(r" \d.*", "", name): text for name, text in zip(what, found, strict=True)}

    def control(self, title: str) -> Locator:
        """Return the control of a setting."""
        name = self.page.get_by_text(title, exact=True)
        return self.root.locator(".obi-control", has=name)

    def shown(self, title: str) -> str:
        """Return the number beside a control."""
        return self.control(title).locator(".obi-setting input").input_value()

    def note(self, title: str) -> str:
        """Return the sentence under a control."""
        return self.control(title).locator(".obi-note").inner_text()

    def place(self, title: str) -> float:
        """Return the value at which a slider's handle stands."""
        return round(float(self.control(title).evaluate(PLACE)), 6)

    # -- doing -----------------------------------------------------------------------------

    def press(self, name: str) -> None:
        """Press a button."""
        self.root.get_by_role("button", name=name).click()

    def unfold(self) -> None:
        """Show the settings that are used less."""
        opener = self.root.locator(".obi-opener")
        if "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}" in opener.inner_text():
            opener.click()
        expect(self.control("Band")).to_be_visible()

    def type(self, title: str, text: str) -> None:
        """Type a setting's value with the keyboard, and press Enter."""
        entry = self.control(title).locator(".obi-setting input")
        entry.focus()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def drag(self, title: str, to: float, steps: int = 12) -> tuple[list[float], list[float]]:
        """Drag a slider with the mouse to a share of its track.

        Returns
        -------
        tuple of list
            Where the handle stood, and what the number beside it was, one after the other.
        """
        control = self.control(title)
        control.scroll_into_view_if_needed()
        handle = control.locator(".noUi-handle").bounding_box()
        track = control.locator(".noUi-target").bounding_box()
        assert handle is not None
        assert track is not None
        control.evaluate(WATCH)
        mouse, y = self.page.mouse, handle["y"] + handle["height"] / 2
        x, end = handle["x"] + handle["width"] / 2, track["x"] + to * track["width"]
        mouse.move(x, y)
        mouse.down()
        for step in range(1, steps + 1):
            mouse.move(x + (end - x) * step / steps, y)
            self.page.wait_for_timeout(40)
        mouse.up()
        self.page.wait_for_timeout(300)  # for what might come late, and set it back
        places, numbers = self.page.evaluate("(window.obiObserver.disconnect(), window.obiSeen)")
        return places, numbers

    def changes(self, seconds: float, which: str = MID) -> tuple[int, int]:
        """Return how often a line is drawn anew in so many seconds, and the longest gap, ms."""
        part, _, nth = which.partition(" .curve >> nth=")
        curve = self.root.locator(f"{part} .curve").nth(int(nth)).locator("path.line")
        curve.evaluate("el => { el.dataset.watched = 1; }")
        found, longest = self.page.evaluate(CHANGES, ["[data-watched]", seconds])
        curve.evaluate("el => { delete el.dataset.watched; }")
        return found, longest

    def picture(self, path: Path, size: tuple[int, int] | None = None) -> None:
        """Take a picture; ``size`` is the output's width and the window's height."""
        if size is not None:
            self.nb.set_output_width(*size)
        self.root.screenshot(path=path)


def newest(widget: str, name: str = "state") -> str:
    """Return an expression of what the newest frame of a lab shows in one of its widgets."""
    return f"lab._page._encoder.values[{widget}.model_id, {name!r}]"


def frames(nb: Notebook) -> int:
    """Return how many frames have been sent."""
    return int(nb.value("lab._page.frame"))


def wait_for_standstill(nb: Notebook, timeout: float = 10) -> float:
    """Wait until no more frames are sent for a second; return how long they still were."""
    began, count, since = time.monotonic(), -1, time.monotonic()
    while time.monotonic() - since < 1:
        if time.monotonic() - began > timeout:
            raise AssertionError(f"frames are still sent after {timeout} s")
        now = frames(nb)
        if now != count:
            count, since = now, time.monotonic()
        nb.page.wait_for_timeout(100)
    return since - began


def threads(nb: Notebook) -> Sequence[str]:
    """Return the names of this package's threads in the kernel, less the compiler's.

    That one is a process' own, and ends by itself.
    """
    names = "sorted(t.name for t in __import__('threading').enumerate() if 'obi' in t.name)"
    found: list[str] = nb.value(names)
    return [name for name in found if name != "obi-compiler"]


def widgets(nb: Notebook) -> int:
    """Return how many widgets live in the kernel."""
    return int(nb.value("len(__import__('ipywidgets').widgets.widget._instances)"))
