"""What the crosshair says of a moment is what the history has there; and entries are found."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import expect

from browser.screen import Screen, eventually

THERE = """
import numpy as np
from obi_widgets.presentation.reading.reading import Reading

def there(at, threshold=0.4):
    '''What stands in the history at a share of the window of the newest frame.'''
    history = lab.session.shown()
    place = lab._page._encoder.values[lab.price._overlay.model_id, "place"]
    start, end = (1e6 * (place["origin"] + edge) for edge in place["window"])
    row = int(np.searchsorted(history.time, start + at * (end - start), "right")) - 1
    bid, ask = float(history.bid[row]), float(history.ask[row])
    signal = float(obi.imbalance(history, lab.settings)[row])
    seconds, nanoseconds = divmod(int(history.time[row]) % (86_400 * 10**9), 10**9)
    away = abs(abs(signal) - threshold)
    side = "beyond" if abs(signal) > threshold else "short of"
    sides = []
    for one in (+1, -1):
        prices = history.prices(one)[row, : lab.book._ladder.rows]
        sides.append([f"{price:,.1f}" for price in prices.tolist() if price == price])
    sign = chr(8722)
    return {
        "clock": f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
                 f".{nanoseconds // 10**6:03d}",
        "mid": f"{(bid + ask) / 2:,.2f}",
        "signal": f"{signal:+.2f}".replace("-", sign) if abs(signal) >= 0.005 else "0.00",
        "away": f"{away:.2f} {side} {'+' if signal > 0 else sign}{threshold:.2f}",
        "bids": sides[0], "asks": sides[1],
    }
"""

READ = """() => {
    const text = selector => document.querySelector(selector).textContent;
    const all = selector => [...document.querySelectorAll(selector)]
        .map(one => one.textContent).filter(one => one);
    const box = document.querySelector('.obi-part-price .obi-reading');
    if (box.hidden || box.closest('[hidden]')) return null;
    const figures = [...box.querySelectorAll('.obi-figure-then')].map(one => one.textContent);
    return {
        clock: text('.obi-part-price .obi-when').split(', ').at(-1), // after midnight, with its day
        chip: [...document.querySelectorAll(".obi-clock-then")]
            .find(one => !one.hidden)?.textContent,
        head: text('.obi-book-head strong'), figures,
        middle: text('.obi-middle strong'), label: text('.obi-part-signal .obi-dot-label'),
        value: text('.obi-part-price .obi-value-then'),
        bids: all('.obi-bid .obi-price'), asks: all('.obi-ask .obi-price').reverse(),
        then: document.querySelector('.obi-book').classList.contains('obi-of-then'),
    };
}"""


BAND = "f'{lab.settings.band_bps:g}'"

WIDER = """() => [...document.querySelectorAll('.obi-chart')]
    .map(one => [one.scrollWidth, one.clientWidth]).filter(([inner, own]) => inner > own)"""


MEETING = """() => {
    const box = one => one.getBoundingClientRect();
    const shown = selector => [...document.querySelectorAll(selector)].filter(
        one => one.textContent && one.checkVisibility({visibilityProperty: true}));
    const over = (a, b) => Math.min(a.right, b.right) > Math.max(a.left, b.left)
        && Math.min(a.bottom, b.bottom) - 2 > Math.max(a.top, b.top);
    const heads = shown('.obi-chart .obi-title, .obi-chart .obi-summary');
    return shown('.obi-dot-label').flatMap(label => heads
        .filter(head => over(box(label), box(head)))
        .map(head => `${label.textContent} on ${head.textContent}`));
}"""
"""Values at the crosshair that lie on the title or the summary of a chart."""

HIDDEN = """() => {
    const chart = document.querySelector('.obi-part-price .obi-chart');
    const rect = one => one.getBoundingClientRect();
    const line = chart.querySelector('.curve path.line'), places = [];
    const [plot, box, cross, dot] = ['field', 'reading', 'cross', 'dot'].map(
        name => rect(chart.querySelector(`.obi-${name}`)));
    for (const [, x, y] of line.getAttribute('d').matchAll(/[ML]([^,]+),([^ML]+)/g))
        places.push([plot.left + Number(x), plot.top + Number(y)]);
    const within = (left, top) => new Set(places.filter(([x, y]) => x > left
        && x < left + box.width && y > top && y < top + box.height)
        .map(([x]) => Math.round(x))).size;
    const lefts = [cross.left + 10, cross.left - 10 - box.width]
        .filter(left => left > plot.left && left + box.width < plot.right);
    const tops = [plot.top + 4, plot.bottom - box.height - 4];
    const covers = one => one.left < box.right && one.right > box.left && one.top < box.bottom
        && one.bottom > box.top;
    return {
        own: within(box.left, box.top), covers: covers(dot) || covers(cross),
        least: Math.min(...lefts.flatMap(left => tops.map(top => within(left, top)))),
    };
}"""
"""How many px of the price's line the box of a moment hides, and how few it could; whether it lies
on what is asked about."""

GIVEN_WAY = """() => {
    const box = one => one.getBoundingClientRect();
    const clocks = [...document.querySelectorAll('.obi-clock-then')];
    const clock = box(clocks.find(one => !one.hidden));
    const texts = [...document.querySelectorAll('.obi-with-time .axis .tick text')];
    const labels = texts
        .filter(one => one.textContent.includes(':') && box(one).width);
    const away = one => box(one).right < clock.left - 5 || box(one).left > clock.right + 5;
    return [labels.length, labels.filter(
        one => away(one) && getComputedStyle(one).visibility === 'hidden').length];
}"""
"""How many labels the time axis has, and how many are hidden without need."""


def field(screen, part="price"):
    return screen.root.locator(f".obi-part-{part} .obi-field")


@pytest.fixture
def still(screen):
    """The lab, paused, and nothing pinned."""
    screen.nb.execute(THERE)
    screen.nb.execute("lab.session.pin()")
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    yield screen
    screen.nb.execute("lab.session.pin(); lab.listing = False")
    screen.page.mouse.move(5, 5)


def hover(screen, part, at, y=0.5):
    """Move the mouse to a share of a chart's width; return the share that the page has."""
    box = field(screen, part).bounding_box()
    x = box["x"] + at * box["width"]
    screen.page.mouse.move(x, box["y"] + y * box["height"])
    return (x - box["x"]) / box["width"]


def test_over_50_random_moments_text_and_ladder_are_the_history_s(still):
    rng = random.Random(4)
    for _ in range(50):
        at = hover(still, rng.choice(["price", "signal"]), rng.uniform(0.02, 0.98))
        wanted = still.nb.value(f"there({at!r})")
        found = {}

        def same(wanted=wanted, found=found):
            found.update(still.page.evaluate(READ) or {"clock": ""})
            return found["clock"] == wanted["clock"]

        eventually(same, f"a reading at {wanted['clock']}")
        assert found["chip"] == wanted["clock"]
        assert found["head"] == f"Book at {wanted['clock'][:-2]}"
        assert found["figures"][0] == found["middle"] == found["value"] == wanted["mid"]
        assert found["figures"][2].partition(" ")[0] == found["label"] == wanted["signal"]
        assert found["figures"][3] == wanted["away"] or "just" in found["figures"][3]
        assert (found["bids"], found["asks"]) == (wanted["bids"], wanted["asks"])
        assert found["then"]


def test_a_click_pins_escape_lets_go_and_a_drag_does_neither(still):
    book = still.root.locator(".obi-book-head strong")
    hover(still, "price", 0.3)
    still.page.mouse.down()
    still.page.mouse.up()
    expect(still.root.locator(".obi-back")).to_be_visible()
    pinned = book.inner_text()
    hover(still, "price", 0.7)
    still.page.wait_for_timeout(300)
    assert book.inner_text() == pinned, "a pin is left alone by the mouse"
    still.press("Resume")
    still.wait_for_state("live")
    mid = still.figure("mid")
    eventually(lambda: still.figure("mid") != mid, "now goes on above")
    assert book.inner_text() == pinned
    assert still.root.locator(".obi-of-then").count() == 1
    box = field(still).bounding_box()
    hover(still, "price", 0.5)
    still.page.mouse.down()
    still.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60, steps=5)
    still.page.mouse.up()
    eventually(lambda: still.nb.value("lab.session.time_range.end is not None"), "it has panned")
    assert book.inner_text() == pinned
    still.page.keyboard.press("Escape")
    expect(still.root.locator(".obi-of-then")).to_have_count(0)
    assert still.nb.value("lab.session.cursor is None or lab.session.cursor.pinned is None")
    assert still.nb.value("lab.session.selected is None")


def test_the_keyboard_goes_from_state_to_state_and_it_is_said(still):
    field(still).focus()
    still.page.keyboard.press("Enter")
    expect(still.root.locator(".obi-back")).to_be_visible()
    for _ in range(3):
        still.page.keyboard.press("ArrowLeft")
    last = "lab.session.shown().time[-4].item()"
    eventually(lambda: still.nb.value(f"lab.session.cursor.pinned == {last}"), "three steps back")
    mid = still.nb.value("f'{lab.session.shown().mid[-4]:,.2f}'")
    expect(still.root.locator(".obi-part-price .obi-spoken")).to_contain_text(f"mid {mid}")
    still.root.locator(".obi-back").focus()  # with the focus elsewhere in the lab
    still.page.keyboard.press("ArrowRight")
    last = last.replace("-4", "-3")
    eventually(lambda: still.nb.value(f"lab.session.cursor.pinned == {last}"), "a step on")
    assert still.nb.value("lab.session.time_range.end is None"), "the window stays"
    still.page.keyboard.press("Escape")
    expect(still.root.locator(".obi-of-then")).to_have_count(0)


def test_a_click_on_a_level_says_and_does_how_deep_the_signal_looks(still):
    nb, level = still.nb, still.root.locator(".obi-book .obi-bid")
    expect(level.nth(3)).to_have_attribute("title", "Set Depth to 4 levels")
    expect(level.nth(3)).to_have_accessible_name(
        f"Bid 4: {level.nth(3).locator('.obi-size').inner_text()} at "
        f"{level.nth(3).locator('.obi-price').inner_text()}"
    )
    level.nth(3).click()
    nb.until("lab.settings.depth == 4")
    expect(still.root.locator(".obi-book .obi-row:not(.obi-faint)")).to_have_count(8)
    still.page.keyboard.press("u")
    nb.until("lab.settings.depth == 10")
    nb.execute("lab.settings.depth = None; lab.settings.band_bps = 1.0")
    hover(still, "price", 0.3)  # the book of then is chosen from, too
    still.page.mouse.down()
    still.page.mouse.up()
    expect(still.root.locator(".obi-back")).to_be_visible()
    level.nth(5).click()
    nb.until("lab.settings.band_bps != 1.0")
    used = still.root.locator(".obi-book .obi-bid:not(.obi-faint)")
    expect(used).to_have_count(6)
    expect(level.nth(5)).to_have_attribute("title", f"Set Band to {nb.value(BAND)} bps")
    nb.execute("lab.settings.signal = 'queue_imbalance'")
    expect(level.nth(5)).to_have_attribute("aria-disabled", "true")
    level.nth(5).click(force=True)  # Playwright waits for what is enabled
    expect(still.message).to_contain_text("Queue imbalance has neither a depth nor a band.")
    nb.execute("lab.settings.signal = 'imbalance'; lab.session.tell('')")


def test_a_pin_out_of_the_window_keeps_its_words_and_is_gone_to(still):
    nb, price = still.nb, still.root.locator(".obi-part-price")
    nb.execute("lab.session.pin(int(lab.session.shown().time[-2000]))")
    expect(price.locator(".obi-reading")).to_be_visible()
    head = price.locator(".obi-when").first.inner_text()
    clock = head.rpartition(", ")[2]  # where the history has two days, the head says which
    away = still.root.locator(".obi-away:visible")
    expect(away).to_have_count(0)
    nb.execute("lab.session.look_at(30)")
    expect(away).to_have_text(f"◂ {clock}")
    expect(price.locator(".obi-cross")).to_be_hidden()
    expect(price.locator(".obi-when").first).to_have_text(head)
    expect(still.root.locator(".obi-dot:visible")).to_have_count(0)
    assert still.root.locator(".obi-book-head strong").inner_text() == f"Book at {clock[:-2]}"
    away.click()
    expect(price.locator(".obi-cross")).to_be_visible()
    expect(away).to_have_count(0)
    assert nb.value("lab.session.time_range.seconds == 30")
    nb.execute("lab.session.pin(int(lab.session.shown().time[-1]))")
    expect(away).to_contain_text("▸")


def test_the_paused_line_is_one_and_a_resize_makes_no_scroll_bar(still):
    def middle(selector):
        box = still.root.locator(selector).bounding_box()
        return box["y"] + box["height"] / 2

    assert middle(".obi-controls") == pytest.approx(middle(".obi-symbol"), abs=8)
    size = still.page.viewport_size
    try:
        for width in (size["width"] - 200, size["width"]):
            still.page.set_viewport_size({**size, "width": width})
            wide = still.page.evaluate(WIDER)
            assert wide == [], "bqplot lays out 300 ms later"
    finally:
        still.page.set_viewport_size(size)


def test_values_at_the_crosshair_leave_the_titles_alone(still):
    nb, values = still.nb, still.root.locator(".obi-part-equity .obi-dot-label")
    found = []
    for fee in (0.0, 5.0):  # the gains go to the top, and to the bottom
        nb.execute(f"lab.settings.fee_bps = {fee}")
        nb.page.wait_for_timeout(500)
        for at in (0.1, 0.35, 0.6, 0.85, 0.97):
            hover(still, "price", at)
            expect(values.first).to_be_visible()
            nb.page.wait_for_timeout(150)
            found += nb.page.evaluate(MEETING)
    assert found == []


def test_the_box_of_a_moment_hides_as_little_of_the_price_as_it_can(still):
    shown = still.root.locator(".obi-part-price .obi-reading")
    for at in (0.08, 0.3, 0.5, 0.7, 0.92):
        hover(still, "price", at)
        expect(shown).to_be_visible()
        still.nb.page.wait_for_timeout(400)  # a line is read again after 250 ms
        found = still.nb.page.evaluate(HIDDEN)
        assert not found["covers"], at
        assert found["own"] <= found["least"] + 40, (at, found)  # it does not jump for less


def test_labels_of_time_are_there_after_a_change_of_theme(still):
    nb = still.nb
    nb.execute("lab.session.pin(int(lab.session.shown().time[-1200]))")
    expect(still.root.locator(".obi-clock-then:visible")).to_have_count(1)
    try:
        for dark in (True, False):
            nb.theme(dark=dark)
            nb.page.wait_for_timeout(500)  # until bqplot has laid out its charts

            def there():
                labels, hidden = nb.page.evaluate(GIVEN_WAY)
                return labels > 2 and hidden < labels

            eventually(there, "labels that are away from the crosshair's")
    finally:
        nb.theme(dark=False)


def test_an_entry_under_the_mouse_says_what_it_was(still):
    still.nb.execute("t = lab.price._entries; i = int(np.flatnonzero(t.exit_time > 0)[-2])")
    place = still.nb.value("lab._page._encoder.values[lab.price._overlay.model_id, 'place']")
    time, price = still.nb.value("[t.entry_time[i].item() / 1e6, t.entry_price[i].item()]")
    start, end = place["window"]
    low, high = place["range"]
    hover(still, "price", (time - place["origin"] - start) / (end - start),
          (high - price) / (high - low))  # fmt: skip
    box = still.root.locator(".obi-part-price .obi-entry")
    expect(box).to_be_visible()
    gross = still.nb.value("f'{t.gross_bps[i]:+.2f}'").replace("-", "\N{MINUS SIGN}")
    expect(box).to_contain_text(gross)
    hover(still, "price", 0.02, 0.02)
    expect(box).to_be_hidden()


def test_a_hover_is_seen_where_the_mouse_is_and_a_pin_in_both_pages(still, jupyterlab):
    still.nb.command("docmanager:save")
    with jupyterlab.open(still.nb.name, window=True) as second:
        other = Screen(second)
        other.wait_for_state("live, paused")
        first, head = (one.root.locator(".obi-book-head strong") for one in (still, other))
        still.page.mouse.move(5, 5)
        expect(first).to_have_text("Book")
        hover(still, "price", 0.4)
        expect(first).to_contain_text("Book at")
        second.page.wait_for_timeout(500)
        assert head.inner_text() == "Book"
        still.page.mouse.down()
        still.page.mouse.up()
        # An entry near the mouse pins its own begin.
        eventually(lambda: first.inner_text() == head.inner_text() != "Book", "a pin in both pages")
        other.root.locator(".obi-back").click()
        expect(head).to_have_text("Book")
        assert second.errors() == []
