"""Without sight or mouse: axe-core finds nothing in any fold, and keys do what the list says."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from browser.conftest import WHOLE
from browser.looks import THEMES
from browser.screen import PATIENCE, Screen, eventually

AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"

RUN = """async root => {
    const found = await axe.run(root, {resultTypes: ["violations"]});
    return found.violations.map(({id, help, nodes}) =>
        `${id}: ${help}: ${nodes.map(({html, any, all, none}) =>
            `${html.slice(0, 160)} (${[...any, ...all, ...none].map(c => c.message).join("; ")})`
        ).join(" | ")}`);
}"""


def violations(screen: Screen) -> list[str]:
    """Return what axe-core finds in the widget."""
    page = screen.page
    if not page.evaluate("typeof axe !== 'undefined'"):
        # JupyterLab's loader would take the script for a module of its own.
        page.evaluate(
            f"(() => {{ const define = undefined, module = undefined, exports = undefined;\n"
            f"{AXE.read_text(encoding='utf-8')}\nwindow.axe = axe; }})()"
        )
    found: list[str] = screen.root.evaluate(RUN)
    return found


def unfold_all(screen: Screen) -> None:
    """Open all that can be opened: settings, presets, forms, keys, B, health, calibration."""
    screen.unfold()
    screen.nb.execute(
        "lab.compare_with(lab.settings); lab.settings.hold_seconds = 10; lab.session.alert(0.3)"
    )
    screen.press("own")
    screen.press("Export…")
    screen.root.locator("[aria-label^='Alerts']").click()
    screen.root.get_by_role("button", name="Keys", exact=True).click()
    screen.press("Health")
    expect(screen.root.locator(".obi-health-head")).to_be_visible(timeout=1000 * PATIENCE)
    screen.press("Calibrate")
    expect(screen.root.locator(".obi-sheet")).to_be_visible(timeout=1000 * PATIENCE)
    screen.page.wait_for_timeout(3000)  # for its figures


def violations_by_theme(screen: Screen) -> dict[str, list[str]]:
    """Return what axe-core finds in each theme, and with the colours of the system."""
    nb, found = screen.nb, {}
    for name, theme in THEMES.items():
        nb.theme(**theme)
        found[name] = violations(screen)
    nb.theme(dark=False)
    nb.page.emulate_media(forced_colors="active")
    found["forced colours"] = violations(screen)
    nb.page.emulate_media(forced_colors="none")
    return {name: one for name, one in found.items() if one}


@pytest.fixture
def lab(jupyterlab):
    """A lab of its own, with the whole of its past: there is more to find fault with."""
    with jupyterlab.notebook(WHOLE) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        yield screen


def test_axe_finds_nothing_in_any_fold_of_any_theme(lab):
    lab.nb.until("len(lab.history) > 2900 or lab.history.mid.size > 2900")
    assert violations_by_theme(lab) == {}
    unfold_all(lab)
    assert violations_by_theme(lab) == {}


SECONDS, END = "lab.session.time_range.seconds", "lab.session.time_range.end"


def test_keys_act_where_the_mouse_is(screen):
    nb, keyboard = screen.nb, screen.page.keyboard
    nb.page.evaluate("document.activeElement.blur()")
    screen.root.locator(".obi-symbol").hover()
    keyboard.press("Space")
    screen.wait_for_state("live, paused")
    keyboard.press("Space")
    screen.wait_for_state("live")
    keyboard.press("ArrowLeft")
    nb.until(f"{END} is not None")
    keyboard.press("Home")
    nb.until(f"{END} is None")
    keyboard.press("+")
    nb.until(f"{SECONDS} == 200")
    keyboard.press("-")
    nb.until(f"{SECONDS} == 300")
    nb.execute("lab.settings.decay = 0.3")
    keyboard.press("u")
    nb.until("lab.settings.decay == 0.1")
    keyboard.press("Control+Shift+Z")
    nb.until("lab.settings.decay == 0.3")
    keyboard.press("Control+z")
    nb.until("lab.settings.decay == 0.1")
    sheet = screen.root.get_by_role("dialog", name="Keys")
    keyboard.press("?")
    expect(sheet).to_be_visible()
    expect(sheet).to_contain_text("return to now")
    keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_arrows_belong_to_a_pinned_moment(screen):
    nb, keyboard = screen.nb, screen.page.keyboard
    time = "lab.session.history.time"
    nb.page.evaluate("document.activeElement.blur()")
    nb.execute(f"at = int({time}[-500]); lab.session.pin(at)")
    nb.page.wait_for_timeout(1500)
    screen.root.locator(".obi-symbol").hover()
    keyboard.press("ArrowRight")
    nb.until(f"lab.session.cursor.pinned == int({time}[{time}.searchsorted(at) + 1])")
    assert nb.value(f"{END} is None")
    keyboard.press("Escape")
    nb.until("lab.session.cursor is None")
    keyboard.press("ArrowLeft")
    nb.until(f"{END} is not None")


def test_keys_are_neither_jupyterlabs_nor_those_of_a_field(screen):
    nb, keyboard = screen.nb, screen.page.keyboard
    count = "p.content.model.cells.length"
    cells = nb.panel(count)
    screen.root.get_by_role("button", name="Pause").focus()
    for key in ("d", "d", "a", "b", "x", "ArrowLeft"):
        keyboard.press(key)
    nb.until(f"{END} is not None")
    assert nb.panel(count) == cells
    keyboard.press("Space")  # the focused button's own
    screen.wait_for_state("live, paused")
    entry = screen.control("Decay").locator("input")
    entry.focus()
    keyboard.press("ControlOrMeta+a")
    keyboard.type("0.2")
    keyboard.press("Space")
    keyboard.press("Enter")
    nb.until("lab.settings.decay == 0.2")
    assert nb.value("lab.session.paused")
    # Outside, with the mouse elsewhere, they mean what they always do.
    screen.page.mouse.move(2, 2)
    nb.command("notebook:enter-command-mode")
    nb.page.evaluate("document.activeElement.blur()")
    keyboard.press("u")
    nb.page.wait_for_timeout(500)
    assert nb.value("lab.settings.decay") == 0.2


def test_a_slider_has_a_name_and_keeps_its_arrows(screen):
    nb = screen.nb
    slider = screen.root.get_by_role("slider", name="Depth")
    slider.focus()
    screen.page.keyboard.press("ArrowRight")
    nb.until("lab.settings.depth == 11")
    assert nb.value(f"{END} is None")
    eventually(lambda: slider.get_attribute("aria-valuetext") == "11 levels", "its value in words")
    assert screen.root.get_by_role("textbox", name="Depth").input_value() == "11 levels"


def test_presets_undo_and_reset_by_their_buttons(screen):
    nb = screen.nb
    note = screen.root.locator(".obi-presets ~ .obi-note").first
    screen.root.get_by_role("button", name="swing").click()
    nb.until("(lab.settings.hold_seconds, lab.settings.depth) == (3600, None)")
    expect(note).to_contain_text("An hour: all levels that are kept.")
    expect(screen.root.get_by_role("button", name="swing")).to_have_attribute(
        "aria-pressed", "true"
    )
    screen.root.get_by_role("button", name="Undo", exact=True).click()
    nb.until("lab.settings == obi.Settings()")
    screen.root.get_by_role("button", name="Redo", exact=True).click()
    nb.until("lab.settings.hold_seconds == 3600")
    screen.root.get_by_role("button", name="Reset").click()
    nb.until("lab.settings == obi.Settings()")
    screen.root.get_by_role("button", name="own", exact=True).click()
    field = screen.root.get_by_label("Name of a new preset")
    field.fill("mine")
    field.press("Enter")
    expect(screen.root.get_by_role("button", name="mine", exact=True)).to_be_visible()
    nb.execute("lab.settings.decay = 0.9")
    screen.root.get_by_role("button", name="mine", exact=True).click()
    nb.until("lab.settings.decay == 0.1")
    screen.root.get_by_role("button", name="Delete the preset mine").click()
    expect(screen.root.get_by_role("button", name="mine", exact=True)).to_be_hidden()
    screen.root.get_by_role("button", name="own", exact=True).click()


def test_a_against_b(screen):
    nb = screen.nb
    other = screen.root.locator(".obi-b")
    expect(other).to_have_text("B keep these")
    other.click()
    expect(other).to_have_text("B the same")
    nb.execute("lab.settings.hold_seconds = 10")
    expect(other).to_have_text("B hold 20 s")
    expect(screen.root.locator(".obi-of-b").first).not_to_have_text("")
    other.click()
    nb.until("lab.settings.hold_seconds == 20")
    expect(other).to_have_text("B hold 10 s")
    screen.root.get_by_role("button", name="Compare no longer").click()
    expect(other).to_have_text("B keep these")


def test_a_link_is_copied_and_the_length_of_the_window_is_shown(screen):
    nb = screen.nb
    nb.execute("lab.session.zoom(0.98)")
    zoomed = screen.root.get_by_role("button", name="4:54", exact=True)
    expect(zoomed).to_be_visible()
    screen.press("Export…")
    screen.press("Copy link")
    field = screen.root.get_by_label("Link to this lab")
    expect(field).to_have_value(nb.value("lab.link()"))
    screen.press("Cancel")
    screen.root.get_by_role("button", name="5", exact=True).click()
    expect(zoomed).to_be_hidden()


TONES = """() => {
    window.tones = [];
    const create = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () {
        const tone = create.call(this);
        window.tones.push(tone);
        return tone;
    };
}"""
"""Keep the tones that are played."""

HERTZ = "tones.map((tone) => tone.frequency.value)"


def test_the_bell_marks_crossings(screen):
    nb = screen.nb
    nb.page.evaluate(TONES)
    bell = screen.root.locator("[aria-label^='Alerts']")
    bell.click()
    screen.root.get_by_label("with a sound").check()
    assert nb.page.evaluate(HERTZ) == [880]  # so that one hears that it is on
    screen.root.get_by_label("Mark where the signal goes beyond").fill("0.05")
    screen.press("Start")
    nb.until("lab.session.bell.level == 0.05")
    nb.until("lab.session.bell.count > 0", 60)
    expect(bell).to_have_attribute("aria-pressed", "true")
    expect(bell.locator(".obi-count")).not_to_have_text("")
    nb.page.wait_for_function("tones.length > 1")
    assert set(nb.page.evaluate(HERTZ)) <= {440, 880}
    screen.press("Stop")
    nb.until("not lab.session.bell.on")
    screen.root.get_by_label("with a sound").uncheck()
    bell.click()


FOCUSED = """wanted => {
    const one = document.activeElement;
    return Boolean(one.closest(".obi-lab") && one.matches(wanted));
}"""


def test_a_walk_through_the_lab_by_keyboard_alone(screen):
    """Read, pin, tune, undo, unfold, choose an entry, go to a second, go home."""
    nb, root, press = screen.nb, screen.root, screen.page.keyboard.press
    time, pinned = "lab.session.shown().time", "lab.session.cursor.pinned"

    def tab_to(wanted: str, key: str = "Tab", most: int = 90) -> None:
        for _ in range(most):
            press(key)
            if screen.page.evaluate(FOCUSED, wanted):
                return
        raise AssertionError(f"{key} does not reach {wanted}")

    screen.page.mouse.move(2, 2)
    root.locator(".obi-window").first.focus()  # where Tab enters the lab
    tab_to("button[title^='Freeze']")
    press("Enter")
    screen.wait_for_state("live, paused")

    # Read: each state is said.
    spoken = root.locator(".obi-part-price .obi-spoken")
    tab_to(".obi-part-price .obi-field")
    press("Enter")
    for _ in range(3):
        press("ArrowLeft")
    nb.until(f"{pinned} == int({time}[-4])")
    expect(spoken).to_contain_text(nb.value("f'mid {lab.session.shown().mid[-4]:,.2f}'"))
    press("Shift+ArrowLeft")
    nb.until(f"{pinned} == int({time}[-14])")
    expect(spoken).to_contain_text(nb.value("f'mid {lab.session.shown().mid[-14]:,.2f}'"))
    expect(root.locator(".obi-of-then")).to_have_count(1)

    # The book: how deep the signal looks, of then and of now alike.
    tab_to(".obi-book .obi-row", "Shift+Tab")
    for _ in range(3):
        press("ArrowDown")
    assert root.locator(".obi-row:focus").get_attribute("title") == "Set Depth to 4 levels"
    press("Enter")
    nb.until("lab.settings.depth == 4")
    expect(root.locator(".obi-book .obi-row:not(.obi-faint)")).to_have_count(8)
    press("u")
    nb.until("lab.settings.depth == 10")

    # Tune and undo; the place of the pin is kept.
    tab_to("[role=slider][aria-label=Hold]")
    press("ArrowRight")
    nb.until("lab.settings.hold_seconds > 20")
    press("u")
    nb.until("lab.settings.hold_seconds == 20")
    tab_to(".obi-opener")
    press("Enter")
    expect(screen.control("Band")).to_be_visible()
    press("Enter")
    expect(screen.control("Band")).to_be_hidden()
    assert nb.value(f"{pinned} == int({time}[-14])")

    # An entry in the list: the chart goes there.
    tab_to(".obi-listing .obi-unfold")
    press("Enter")
    expect(root.locator(".obi-entries tbody tr").first).to_be_visible()
    tab_to(".obi-entries tbody tr")
    press("ArrowDown")
    press("Enter")
    expect(root.locator(".obi-entries tr[data-chosen=true]")).to_have_count(1)
    entered = "obi.entries(lab.session.shown(), lab.settings).entry_time.astype('int64').values"
    nb.until(f"{pinned} in {entered}")
    expect(root.locator(".obi-part-price .obi-entry")).to_contain_text("Entered")

    # A second that is typed, and home.
    at = int(nb.value(f"int({time}[-900]) // 10**9 * 10**9"))
    press("g")
    screen.page.keyboard.type(nb.value(f"str(__import__('numpy').datetime64({at}, 'ns'))[11:19]"))
    press("Enter")
    nb.until(f"{pinned} == {at}")
    expect(root.locator(".obi-back")).to_be_focused()
    press("Escape")
    nb.until("lab.session.cursor is None")
    press("ArrowLeft")
    nb.until(f"{END} is not None")
    press("Home")
    nb.until(f"{END} is None")
    tab_to("button[title^='Show the newest data again']", "Shift+Tab")
    press("Space")
    screen.wait_for_state("live")
