"""What a frame makes the page do, in counts, which no busy machine changes."""

from __future__ import annotations

import pytest

from browser.screen import Screen, eventually, frames, widgets

SIZES = """() => {
  const asked = window.obiAsked = {}, undo = [];
  window.obiUnwrap = () => undo.forEach(one => one());
  const note = (name) => {
    if (!new Error().stack.includes('blob:')) return; // JupyterLab's or bqplot's own
    asked[name] = (asked[name] ?? 0) + 1;
  };
  const wrap = (of, name) => {
    const one = Object.getOwnPropertyDescriptor(of, name), key = one.get ? 'get' : 'value';
    const { [key]: real } = one;
    undo.push(() => Object.defineProperty(of, name, one));
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

ELEMENTS = "document.querySelectorAll('*').length"
# What charts draw depends on the market: how many entries there are. The still picture of the lab
# is drawn once, some time after it is there.
OUTSIDE_CHARTS = f"{ELEMENTS} - document.querySelectorAll('.bqplot *, .obi-still *').length"

ALL = """
lab.add_signal("order_flow_imbalance", window=10)
lab.add_signal("queue_imbalance")
"""


@pytest.fixture(scope="module")
def everything(shared_lab) -> Screen:
    nb = shared_lab.nb
    nb.console.clear()
    nb.execute(ALL)
    nb.page.locator(".obi-part-signal >> nth=2").locator(".figure").wait_for()
    nb.page.mouse.move(2, 2)
    nb.page.wait_for_timeout(1000)
    return shared_lab


def test_nothing_piles_up(everything):
    nb = everything.nb
    models = "p.sessionContext.session.kernel._comms.size"

    def there():
        running = "[t.name for t in __import__('threading').enumerate()]"
        names = [name for name in nb.value(running) if name != "obi-compiler"]
        elements, outside = nb.page.evaluate(ELEMENTS), nb.page.evaluate(OUTSIDE_CHARTS)
        return elements, outside, widgets(nb), nb.panel(models), len(names)

    nb.page.wait_for_timeout(500)
    elements, outside, *held = there()
    before = frames(nb)
    nb.until(f"lab._page.frame > {before} + 150", timeout=90, every=1)
    elements_after, outside_after, *others = there()
    assert others == held, "widgets, models of the page, threads"
    assert outside_after == pytest.approx(outside, rel=0.01)
    # One more a frame would be 150; an entry or two more are a few.
    assert elements_after == pytest.approx(elements, abs=60)


def test_a_frame_asks_for_no_layout_in_its_middle(everything):
    nb = everything.nb
    nb.execute("lab.listing = True")
    nb.page.wait_for_timeout(1000)
    nb.page.evaluate(SIZES)
    before = frames(nb)
    eventually(lambda: frames(nb) > before + 60, "frames come")
    asked = nb.page.evaluate("(window.obiUnwrap(), window.obiAsked)")
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
