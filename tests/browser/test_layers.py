"""The heatmap as the page draws it, against the kernel's codes; and the menu of what is drawn."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.screen import eventually

FAINT, FULL = 0.07, 0.5  # ink of a row that holds little, and of the largest; of heatmap.js

CELLS = """
def drawn_cells(lab, count=60):
    import math
    import numpy as np
    frame = lab.session.publisher.frame(lab.session.shown(), lab.session.settings.parameters)
    heat, (low, high) = frame.layers.heat, frame.price_range
    lower, upper = heat.limits
    random, found = np.random.default_rng(1), []
    columns, rows = heat.codes.shape
    while len(found) < count:
        column, row = int(random.integers(columns)), int(random.integers(rows))
        price = heat.low + (row + 0.5) * heat.step
        if not low + heat.step < price < high - heat.step:
            continue
        code = int(heat.codes[column, row])
        steps = code - 129 if code >= 129 else code - 1
        size = heat.smallest * 2 ** (steps / 10)
        share = min(max(math.log(size / lower) / math.log(upper / lower), 0), 1) if steps > 0 else 0
        at = (column + 0.5) / columns, (high - price) / (high - low)
        found.append([*at, code, share])
    return found
"""

PIXELS = """([x, y]) => {
    const overlay = document.querySelector('.obi-part-price .obi-chart');
    const canvas = overlay.querySelector('canvas.obi-below');
    const field = overlay.querySelector('.obi-field').getBoundingClientRect();
    const box = canvas.getBoundingClientRect();
    const ratio = canvas.width / box.width;
    const at = [field.left - box.left + x * field.width, field.top - box.top + y * field.height];
    const [left, top] = at.map(one => Math.floor(one * ratio));
    return [...canvas.getContext('2d').getImageData(left, top, 1, 1).data];
}"""


def ink(nb):
    """Return how many pixels of the lower canvas are drawn."""
    return nb.page.evaluate(
        """() => {
            const canvas = document.querySelector('.obi-part-price canvas.obi-below');
            const { width, height } = canvas;
            const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
            let count = 0;
            for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
            return count / (width * height);
        }"""
    )


def test_each_cell_has_the_ink_of_its_size(screen):
    nb = screen.nb
    nb.execute(CELLS)
    nb.execute("lab.price.bubbles = lab.price.walls = lab.price.depth = False; lab.pause()")
    nb.page.wait_for_timeout(1000)
    wrong = []
    for x, y, code, share in nb.value("drawn_cells(lab)"):
        red, _, blue, alpha = nb.page.evaluate(PIXELS, [x, y])
        wanted = 255 * (FAINT + (FULL - FAINT) * share) if code else 0
        if abs(alpha - wanted) > 2:
            wrong.append((x, y, code, alpha, wanted))
        elif alpha > 40 and (blue > red) != (code < 129):
            wrong.append((x, y, code, "the other side's colour"))
    nb.execute("lab.price.bubbles = lab.price.walls = lab.price.depth = True; lab.resume()")
    assert wrong == []


def test_the_menu_turns_the_heatmap_off_and_on(screen):
    nb = screen.nb
    nb.execute("lab.price.depth = False")
    eventually(lambda: ink(nb) > 0.5, "the heatmap is drawn")
    opener = screen.root.locator(".obi-part-price .obi-layers summary")
    opener.click()
    box = screen.root.locator(".obi-part-price .obi-layers-list input[type=checkbox]").first
    box.uncheck()
    nb.until("not lab.price.heatmap")
    eventually(lambda: ink(nb) < 0.2, "the heatmap is gone")
    expect(screen.root.locator(".obi-part-price .obi-heat-what")).to_be_hidden()
    box.check()
    nb.until("lab.price.heatmap")
    eventually(lambda: ink(nb) > 0.5, "the heatmap is back")
    row = screen.root.locator(".obi-part-price .obi-layers-list label", has_text="Depth now")
    row.locator("input").check()
    nb.until("lab.price.depth")
    nb.page.keyboard.press("Escape")
    expect(screen.root.locator(".obi-part-price .obi-layers-list")).to_be_hidden()


MARKS = """
def marks(lab):
    values, overlay = lab._page._encoder.values, lab.price._overlay.model_id
    (start, end), (low, high) = (values[overlay, "place"][name] for name in ("window", "range"))
    place = lambda time, price: [(time - start) / (end - start), (high - price) / (high - low)]
    entries = [place(*at) for at in zip(*values[overlay, "entries"][:2])]
    entries += [place(*at) for at in zip(*values[overlay, "entries"][2:4])]
    free = lambda x, y: all(abs(x - a) > 0.04 or abs(y - b) > 0.1 for a, b in entries)
    found = []
    kinds = values[overlay, "bubbles_kinds"].tolist()
    for (time, price, size), kind in zip(values[overlay, "bubbles"].tolist(), kinds):
        x, y = place(time, price)
        if 0.05 < x < 0.95 and 0.1 < y < 0.9 and free(x, y):
            found.append([abs(size), x, y, kind])
    return sorted(found)[-1][1:]
"""


def test_what_became_of_trades_is_drawn_and_said(screen):
    nb = screen.nb
    nb.execute(MARKS)
    nb.execute("lab.pause()")
    menu = screen.root.locator(".obi-part-price .obi-layers")
    menu.locator("summary").click()
    menu.locator("label", has_text="Outcomes").locator("input").check()
    nb.until("lab.price.outcomes")
    nb.page.keyboard.press("Escape")
    expect(screen.root.locator(".obi-part-price .obi-outcome-legend")).to_contain_text("pending")
    nb.until("len(lab._page._encoder.values[lab.price._overlay.model_id, 'bubbles_kinds'])")
    x, y, kinds = nb.value("marks(lab)")
    field = screen.root.locator(".obi-part-price .obi-field")
    room = field.bounding_box()
    field.hover(position={"x": x * room["width"], "y": y * room["height"]})
    box = screen.root.locator(".obi-part-price .obi-mark")
    expect(box).to_be_visible()
    expect(box.locator(".obi-when")).to_contain_text("BTC")
    for kind, name in zip(kinds, ("taker, 1 s later", "taker, 10 s later"), strict=True):
        said = box.locator(".obi-row-then", has_text=name).locator(".obi-figure-then")
        expect(said).to_contain_text(("bps", "bps", "pending", "not known")[kind])
    nb.page.mouse.move(2, 2)
    expect(box).to_be_hidden()
    nb.execute("lab.price.outcomes = False; lab.resume()")
    expect(screen.root.locator(".obi-part-price .obi-outcome-legend")).to_be_hidden()


def test_a_theme_changes_the_colours(screen):
    nb = screen.nb
    nb.execute("lab.price.bubbles = lab.price.walls = lab.price.depth = False; lab.pause()")
    nb.page.wait_for_timeout(500)
    before = nb.page.evaluate(PIXELS, [0.5, 0.05])
    nb.theme(dark=True)
    eventually(lambda: nb.page.evaluate(PIXELS, [0.5, 0.05]) != before, "other colours")
    nb.theme(dark=False)
    nb.execute("lab.price.bubbles = lab.price.walls = lab.price.depth = True; lab.resume()")


def test_what_did_not_change_is_not_drawn_again(screen):
    """A slider moves entries, which stand above; the heatmap below is drawn again for a theme."""
    nb = screen.nb
    nb.execute("lab.pause()")
    nb.page.wait_for_timeout(1500)
    nb.page.evaluate(
        """() => {
            const sheet = CanvasRenderingContext2D.prototype;
            const { drawImage, fill } = sheet;
            window.drawn = { pictures: 0, entries: 0 };
            sheet.drawImage = function (...given) {
                drawn.pictures += 1;
                return drawImage.apply(this, given);
            };
            sheet.fill = function (...given) {
                drawn.entries += this.canvas.classList.contains("obi-above");
                return fill.apply(this, given);
            };
            window.undo = () => Object.assign(sheet, { drawImage, fill });
        }"""
    )
    try:
        nb.execute("lab.settings.decay = 0.9; lab.settings.threshold = 0.2")
        eventually(lambda: nb.page.evaluate("drawn.entries") > 0, "entries are drawn")
        nb.page.wait_for_timeout(500)
        assert nb.page.evaluate("drawn.pictures") == 0
        nb.theme(dark=True)
        eventually(lambda: nb.page.evaluate("drawn.pictures") > 0, "in other colours")
    finally:
        nb.page.evaluate("undo()")
        nb.theme(dark=False)
