"""What a frame makes the page do, in counts, which no busy machine changes."""

from __future__ import annotations

import pytest

from browser.screen import Screen, eventually, frames

SIZES = """() => {
  const asked = window.obiAsked = {};
  const note = (name) => {
    if (!new Error().stack.includes('blob:')) return; // JupyterLab's or bqplot's own
    asked[name] = (asked[name] ?? 0) + 1;
  };
  const wrap = (of, name) => {
    const one = Object.getOwnPropertyDescriptor(of, name), key = one.get ? 'get' : 'value';
    const { [key]: real } = one;
    Object.defineProperty(of, name, {
      ...one, [key](...given) { note(name); return real.apply(this, given); }
    });
  };
  wrap(window, 'getComputedStyle');
  wrap(Element.prototype, 'getBoundingClientRect');
  for (const name of ['clientWidth', 'clientHeight']) wrap(Element.prototype, name);
  for (const name of ['offsetWidth', 'offsetHeight', 'offsetLeft', 'offsetTop']) {
    wrap(HTMLElement.prototype, name);
  }
}"""
"""Counts how often scripts of this package ask what only a layout of the page can answer."""

ALL = """
lab.add_signal("order_flow_imbalance", window=10)
lab.add_signal("queue_imbalance")
lab.listing = True
"""


@pytest.fixture
def everything(lab) -> Screen:
    lab.nb.until("len(lab.history) > 2900")
    lab.nb.execute(ALL)
    lab.nb.page.locator(".obi-part-signal >> nth=2").locator(".figure").wait_for()
    lab.nb.page.mouse.move(2, 2)
    lab.nb.page.wait_for_timeout(1000)
    return lab


def test_a_frame_asks_for_no_layout_in_its_middle(everything):
    nb = everything.nb
    nb.page.evaluate(SIZES)
    before = frames(nb)
    eventually(lambda: frames(nb) > before + 60, "frames come")
    asked = nb.page.evaluate("window.obiAsked")
    # Where a text has become longer it is measured, in the browser's own time.
    assert sum(asked.values()) <= 30, asked
    assert nb.errors() == []


def test_only_canvases_that_hold_something_are_there(everything):
    page = everything.page
    shown = (
        "part => [...document.querySelectorAll(`.obi-part-${part} .obi-canvas`)]"
        ".map(canvas => !canvas.hidden)"
    )
    assert page.evaluate(shown, "price") == [True, True]
    others = page.evaluate(shown, "signal") + page.evaluate(shown, "equity")
    assert len(others) == 8
    assert not any(others), "there are no gaps and no alerts"
