"""The line at the top: how much is shown, pause, export."""

from __future__ import annotations

from playwright.sync_api import expect

import obi_widgets as obi
from browser.screen import IMBALANCE, MID, PATIENCE, eventually

STEADY = """async root => {
    const places = new Set();
    for (let i = 0; i < 60; i++) {
        places.add([...root.querySelectorAll('.obi-status > *')]
            .map(el => Math.round(el.getBoundingClientRect().left)).join());
        await new Promise(resolve => setTimeout(resolve, 50));
    }
    return places.size;
}"""

BYTES = "async link => [...new Uint8Array(await (await fetch(link.href)).arrayBuffer())]"


def seconds_apart(labels: list[str]) -> float:
    """Return the time between labels of the time axis."""
    first, second = (
        sum(int(part) * unit for part, unit in zip(label.split(":"), (3600, 60, 1), strict=True))
        for label in labels[:2]
    )
    return (second - first) % 86_400


def test_windows(screen):
    for name, apart in (("1 min", 10), ("15", 180), ("60", 600), ("5", 60)):
        button = screen.root.get_by_role("button", name=name, exact=True)
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true", timeout=1000 * PATIENCE)
        eventually(
            lambda apart=apart: (
                len(labels := screen.time_labels()) > 1 and seconds_apart(labels) == apart
            ),
            f"labels are {apart} s apart",
        )
    assert screen.root.locator(".obi-windows [aria-pressed=true]:visible").count() == 1


def test_pause(screen):
    nb = screen.nb
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    nb.page.wait_for_timeout(500)  # a frame that was under way, and bqplot's drawing
    seen = screen.line(MID), screen.line(IMBALANCE), screen.figure("mid")
    states = "lab.history.start + len(lab.history)"
    before = nb.value(states)
    nb.until(f"{states} > {before} + 20")
    assert (screen.line(MID), screen.line(IMBALANCE), screen.figure("mid")) == seen
    assert screen.figure("age") == "\N{EN DASH}", "no age runs while the screen stands still"

    screen.drag("Decay", 0.8)
    eventually(lambda: screen.line(IMBALANCE) != seen[1], "a slider recomputes what is shown")
    assert (screen.line(MID), screen.figure("mid")) == (seen[0], seen[2])

    screen.press("Resume")
    screen.wait_for_state("live")
    eventually(lambda: screen.line(MID) != seen[0], "the screen catches up")
    eventually(
        lambda: screen.figure("mid") in nb.value("[f'{m:,.2f}' for m in lab.history.mid[-5:]]"),
        "with the newest",
    )


def test_nothing_moves_in_the_line(screen):
    assert screen.root.evaluate(STEADY) == 1


def test_export(screen, jupyterlab, artefacts):
    root, nb = jupyterlab.root, screen.nb
    nb.execute("lab.settings.decay, lab.settings.depth = 0.23, 17")
    path = screen.root.get_by_label("File name, .toml, .json or .py")

    def save(name):
        screen.press("Export…")
        assert path.input_value() == "btc-perp.toml"
        path.fill(name)
        screen.press("Save")
        expect(path).to_be_hidden()

    offered = screen.root.locator(".obi-saved")

    def downloaded(name):
        """The bytes that the page has, under the file's name and whole path."""
        expect(offered).to_contain_text(f"Saved as {root / name}", timeout=1000 * PATIENCE)
        anchor = offered.get_by_role("link", name=f"Download {name}")
        assert anchor.get_attribute("download") == name
        return bytes(anchor.evaluate(BYTES))

    save("tuned.toml")
    assert downloaded("tuned.toml") == (root / "tuned.toml").read_bytes()
    saved = obi.Settings.load(root / "tuned.toml")
    assert (saved.decay, saved.depth) == (0.23, 17)
    assert repr(saved) == nb.value("repr(lab.settings)")
    assert saved.provenance.symbol == "BTC-PERP"
    first = (root / "tuned.toml").read_bytes()

    nb.execute("lab.settings.decay = 0.5")
    save("tuned.toml")
    assert downloaded("tuned-2.toml") == (root / "tuned-2.toml").read_bytes()
    assert (root / "tuned.toml").read_bytes() == first, "nothing is overwritten"
    assert obi.Settings.load(root / "tuned-2.toml").decay == 0.5

    # A strategy, by the button that changes the name's ending.
    screen.press("Export…")
    strategy = screen.root.get_by_role("button", name="Strategy", exact=True)
    strategy.click()
    expect(strategy).to_have_attribute("aria-pressed", "true")
    assert path.input_value() == "btc-perp.py"
    screen.page.screenshot(path=artefacts / "export.png")
    screen.press("Save")
    found = downloaded("btc-perp.py")
    assert found == (root / "btc-perp.py").read_bytes()
    compile(found, "btc-perp.py", "exec")
    screen.page.screenshot(path=artefacts / "exported.png")
    offered.get_by_role("button", name="Close this message").click()
    expect(offered).to_be_hidden()

    save("foo.txt")
    expect(screen.message).to_contain_text(
        "'foo.txt' ends in '.txt'. Settings are saved as .toml or .json, a strategy as .py.",
        timeout=1000 * PATIENCE,
    )
    save("nowhere/tuned.toml")
    expect(screen.message).to_contain_text("cannot be written", timeout=1000 * PATIENCE)
    assert not (root / "foo.txt").exists()
    screen.nb.execute("lab.session.tell('')")


def test_keys_typed_into_the_name_are_not_shortcuts(screen):
    screen.press("Export…")
    path = screen.root.get_by_label("File name, .toml, .json or .py")
    cells = len(screen.nb.outputs())
    path.fill("")
    path.press_sequentially("abdd00.toml")  # a, b: a new cell; d d: delete it; 0 0: restart
    assert path.input_value() == "abdd00.toml"
    screen.press("Cancel")
    expect(path).to_be_hidden()
    assert len(screen.nb.outputs()) == cells


def test_looking_back_with_the_mouse(screen):
    """Dragging pans, the wheel with Ctrl zooms, and a double click goes with the newest again."""
    page, nb = screen.nb.page, screen.nb
    field = screen.root.locator(".obi-part-price .obi-field")
    box = field.bounding_box()
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    now = screen.root.locator(".obi-part-price .obi-now")
    expect(now).to_be_hidden()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 3, y, steps=15)
    page.mouse.up()
    expect(now).to_be_visible(timeout=1000 * PATIENCE)
    eventually(
        lambda: nb.value("(lab.history.time[-1] - lab.session.time_range.end) / 1e9") > 90,
        "a third of five minutes ago is seen",
    )
    page.wait_for_timeout(500)
    seen = screen.time_labels()
    page.wait_for_timeout(1500)
    assert screen.time_labels() == seen  # it stands still, and the market goes on

    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    eventually(lambda: nb.value("lab.session.time_range.seconds") < 200, "it is nearer")
    assert page.evaluate("window.devicePixelRatio") == 1  # the page itself was not zoomed

    field.dblclick()
    expect(now).to_be_hidden(timeout=1000 * PATIENCE)
    assert nb.value("lab.session.time_range.end") is None
