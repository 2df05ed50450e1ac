"""The calibration under the lab: unfolded, followed, chosen for, and looked at."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually, frames, newest, threads
from obi_widgets.presentation.texts.formatting import signed

SHEET = newest("lab.calibration._sheet")

LAB = (
    'import obi_widgets as obi\nlab = obi.Lab("sim:BTC-PERP", seed=3, edge=2, warmup=1800)\nlab',
)
SIZES = {1240: 1300, 950: 1900, 650: 3400}
RETURNS = ".obi-figure-returns"
SIGNS = {"viable": "✓ Viable", "not viable": "✕ Not viable", "not enough data": "? Not enough data"}


@pytest.fixture(scope="module")
def shared(jupyterlab):
    with jupyterlab.notebook(LAB, height=1300) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 17_900", timeout=120)
        yield screen


@pytest.fixture
def screen(shared):
    """The lab with its calibration unfolded, and everything as it was at first."""
    shared.nb.set_output_width(1240, SIZES[1240])
    shared.nb.execute(
        "lab.settings.update(obi.Settings()); lab.session.select(); lab.resume(); "
        "lab.session.look_at(300); lab.calibrating = True"
    )
    expect(word(shared)).to_be_visible(timeout=1000 * PATIENCE)
    expect(shared.root.locator(".obi-all").first).to_be_hidden(timeout=1000 * PATIENCE)
    yield shared
    assert shared.nb.errors() == []


def word(screen):
    return screen.root.locator(".obi-word")


def table(screen):
    return screen.root.locator(".obi-table tbody td").all_inner_texts()


def title(screen):
    return screen.root.locator(".obi-figure-returns .obi-head").inner_text()


def facts(screen):
    what = screen.root.locator(".obi-fact").all_inner_texts()
    return dict(zip(what, screen.root.locator(".obi-known").all_inner_texts(), strict=True))


def test_it_starts_folded_and_nothing_is_computed(shared):
    assert not shared.root.locator(".obi-sheet").is_visible()
    assert shared.nb.value("lab.report is None")
    shared.press("Calibrate")
    shared.nb.until("lab.report is not None")
    expect(word(shared)).to_be_visible(timeout=1000 * PATIENCE)
    shared.press("Calibrate")
    expect(shared.root.locator(".obi-sheet")).to_be_hidden()
    eventually(lambda: "obi-calibrator" not in threads(shared.nb), "its thread's end")


def test_it_says_what_the_kernel_finds(screen):
    nb = screen.nb
    screen.press("Pause")
    nb.until("lab.session.paused")
    nb.until("lab.session.calibrator._answered.rows.start + lab.report.states"
             " == len(lab.session._paused) + lab.session._paused.start")  # fmt: skip
    nb.until("obi.calibrate(lab.session._paused, lab.settings, tried=lab.report.tried).reason"
             " == lab.report.reason")  # fmt: skip
    eventually(
        lambda: word(screen).inner_text() == SIGNS[nb.value("lab.report.verdict")], "verdict"
    )
    reason = nb.value("lab.report.reason").replace("-", "\N{MINUS SIGN}")
    shown = screen.root.locator(".obi-reason")
    eventually(lambda: shown.inner_text().replace("-", "\N{MINUS SIGN}") == reason, "the reason")
    n = [f"{one:,}" for one in nb.value("lab.report.means.n[:, 0].tolist()")]
    eventually(lambda: table(screen)[1::11] == n, "the table")
    assert facts(screen)["states"] == f"{nb.value('lab.report.states'):,}"


def test_it_follows_a_slider_while_that_moves(screen):
    before, count = table(screen), nb_tried(screen)
    seen = set()
    control = screen.control("Threshold")
    handle = control.locator(".noUi-handle").bounding_box()
    track = control.locator(".noUi-target").bounding_box()
    mouse, y = screen.page.mouse, handle["y"] + handle["height"] / 2
    mouse.move(handle["x"] + 7, y)
    mouse.down()
    for step in range(800):
        there = abs(step % 80 - 40) / 40  # to and fro, until it has been seen to follow
        mouse.move(handle["x"] - (1 - there) * 0.3 * track["width"], y)
        screen.page.wait_for_timeout(50)
        seen.add(title(screen))
        if len(seen) > 4 and step % 80 == 40:
            break
    mouse.up()
    assert len(seen) > 4, "it follows the mouse"
    eventually(
        lambda: abs(float(screen.shown("Threshold")) - screen.place("Threshold")) < 0.006,
        "the number of where the handle is",
    )
    wanted = f"> {float(screen.shown('Threshold')):.2f}"
    eventually(lambda: wanted in title(screen), "the threshold at the end")
    eventually(lambda: table(screen) != before, "another table")
    waits = screen.root.locator(".obi-figure-surface.obi-waits")
    expect(waits).to_have_count(0, timeout=1000 * PATIENCE)
    assert nb_tried(screen) > count + 3, "each was a look"


def nb_tried(screen):
    return screen.nb.value("len(lab.session.tried)")


def cell(screen, i, j):
    return screen.root.locator(f'.obi-cell[data-at="{i} {j}"]')


def settle(screen):
    """Wait for the surface of the settings as they are at first, with the mouse elsewhere."""
    screen.root.locator(".obi-figure-deciles svg").hover()
    screen.nb.until("lab.report is not None and lab.report.parameters == lab.settings.parameters")
    now = screen.root.locator(".obi-figure-surface:not(.obi-waits) .obi-where")
    expect(now).to_have_text("Now: threshold 0.4, hold 20 s", timeout=1000 * PATIENCE)


def outlined(screen):
    """Return which cell is pressed; the outline lies on it."""
    at, far = screen.root.locator(".obi-figure-surface").evaluate("""el => {
        const [pressed, ...others] = el.querySelectorAll('.obi-cell[aria-pressed="true"]');
        const [a, b] = [pressed.querySelector('rect'), el.querySelector('.obi-here')].map(
            one => one.getBoundingClientRect());
        const far = [a.left - b.left, a.top - b.top, a.right - b.right, a.bottom - b.bottom];
        return [pressed.dataset.at, [...far.map(Math.abs), 9 * others.length]];
    }""")
    assert max(far) < 2
    return tuple(map(int, at.split()))


def test_pointing_at_a_cell_tells_its_numbers(screen):
    settle(screen)
    where, use = (screen.root.locator(f".obi-{one}") for one in ("where", "use"))
    expect(use).to_have_text("")
    screen.press("Pause")

    def pointed():
        # Again each time: a message in the status line moves what is below it under the mouse.
        cell(screen, 1, 2).hover()
        return where.inner_text() == "threshold 0.2, hold 5 s"

    eventually(pointed, "the cell that is pointed at")
    expect(use).to_have_text("Click to use these settings")
    assert cell(screen, 1, 2).evaluate("el => getComputedStyle(el).cursor") == "pointer"
    names = screen.root.locator(".obi-line-part > :first-child")
    assert names.all_inner_texts() == ["all", "in sample", "held out"]
    wanted = f"[part['tips'][1][2] for part in {SHEET}['surface']['parts']]"
    said = screen.root.locator(".obi-line-part > :last-child")
    eventually(
        lambda: pointed() and said.all_inner_texts() == screen.nb.value(wanted), "its numbers"
    )
    assert len(set(said.all_inner_texts())) == 3
    assert all(" trades, " in text for text in said.all_inner_texts())
    screen.root.locator(".obi-figure-deciles svg").hover()
    expect(where).to_contain_text("Now: ")


def test_the_part_of_the_record_is_switched_at_once_and_nothing_is_computed(screen):
    nb = screen.nb
    settle(screen)
    screen.press("Pause")
    nb.until(f"not {SHEET}['surface']['stale']"
             " and not [t for t in __import__('threading').enumerate()"
             " if t.name == 'obi-calibrator']")  # fmt: skip
    nb.execute("before = lab.calibration.surface")
    buttons = screen.root.locator(".obi-parts button")
    assert buttons.all_inner_texts() == ["all", "in sample", "held out"]
    assert [one.get_attribute("title") != "" for one in buttons.all()] == [True] * 3
    shares = nb.value(f"[sum(p['cells'], []) for p in {SHEET}['surface']['parts']]")
    boxes, places = [], [one.bounding_box() for one in buttons.all()]
    for index in (2, 0, 1):
        # In the same task of the page: no message has gone anywhere.
        now = buttons.nth(index).evaluate("""el => {
            el.click();
            return [...document.querySelectorAll('.obi-cell rect')].map(
                one => [one.getAttribute('class'), Number(one.getAttribute('fill-opacity'))]);
        }""")
        assert [kind == "obi-none" for kind, _ in now] == [one is None for one in shares[index]]
        opacity = [0 if one is None else 0.06 + 0.94 * abs(one) for one in shares[index]]
        assert [one for _, one in now] == pytest.approx(opacity)
        pressed = [one.get_attribute("aria-pressed") for one in buttons.all()]
        assert pressed == [str(one == index).lower() for one in range(3)]
        bold = screen.root.locator(".obi-line-part.obi-shown > :first-child")
        assert bold.inner_text() == buttons.nth(index).inner_text()
        boxes.append(screen.root.locator(".obi-figure-surface").bounding_box())
        assert [one.bounding_box() for one in buttons.all()] == places, "nothing jumps"
    assert boxes[0] == boxes[1] == boxes[2]
    assert nb.value("lab.calibration.surface is before")
    screen.press("Resume")
    screen.page.wait_for_timeout(2500)  # and it stays while data stream
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")
    buttons.nth(0).focus()
    screen.page.keyboard.press("Enter")
    expect(buttons.nth(0)).to_have_attribute("aria-pressed", "true")
    screen.page.keyboard.press("Tab")
    screen.page.keyboard.press("Space")
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")
    buttons.nth(0).click()


def test_clicking_a_cell_moves_the_sliders_and_the_outline(screen):
    screen.nb.execute("lab.settings.threshold = 0.37; lab.settings.hold_seconds = 12")
    own = screen.root.locator(".obi-where")
    expect(own).to_have_text("Now: threshold 0.37, hold 12 s", timeout=1000 * PATIENCE)
    assert outlined(screen) == (3, 3)
    for (i, j), threshold, hold in [((6, 2), 0.7, 5), ((1, 5), 0.2, 30)]:
        cell(screen, i, j).click()
        eventually(lambda at=(i, j): outlined(screen) == at, "the outline")
        assert (screen.shown("Threshold"), screen.shown("Hold")) == (
            f"{threshold:.2f}",
            f"{hold} s",
        )
        assert screen.place("Threshold") == pytest.approx(threshold, abs=0.001)
        assert screen.place("Hold") == pytest.approx(hold, abs=0.001)
        assert screen.nb.value("[lab.settings.threshold, lab.settings.hold_seconds]") == [
            threshold,
            hold,
        ]
    waits = screen.root.locator(".obi-figure-surface.obi-waits")
    expect(waits).to_have_count(0, timeout=1000 * PATIENCE)
    assert outlined(screen) == (1, 5), "also of the surface that comes then"
    labels = screen.root.locator(".obi-figure-surface .obi-mark").all_inner_texts()
    assert "0.37" not in labels
    assert "12 s" not in labels


def test_what_is_proposed_is_said_and_taken(screen):
    nb = screen.nb
    # The part that the seed determines: of another one nothing may be proposed.
    nb.execute("lab.session.select(*lab.history.time[[0, 15_999]].tolist())")
    nb.execute(
        "lab.settings.update(obi.Settings(price='mid', fee_bps=0, threshold=0.9, hold_seconds=60))"
    )
    nb.until("lab.report.states == 16_000 and lab.report.parameters == lab.settings.parameters")
    nb.until("lab.session.calibrator.found.proposal.origin.states == lab.report.states")
    nb.until("lab.session.calibrator.found.proposal.settings is not None")
    sentence = nb.value("lab.session.calibrator.found.proposal.sentence")
    advice = screen.root.locator(".obi-proposal")
    eventually(lambda: signed(sentence) in advice.inner_text(), "the sentence")
    advice.locator("button").click()
    nb.until(
        "(lab.settings.threshold, lab.settings.hold_seconds) == "
        "(lab.session.calibrator.found.proposal.settings.threshold, "
        "lab.session.calibrator.found.proposal.settings.hold_seconds)"
    )
    expect(advice.locator("button")).to_be_hidden(timeout=1000 * PATIENCE)


def test_every_click_is_heard_while_data_stream(screen):
    """A press that lasts until after the next redrawing is a click as well."""
    settle(screen)
    box = cell(screen, 5, 3).bounding_box()
    mouse = screen.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    count = screen.nb.value("id(lab.calibration._found)")
    eventually(lambda: screen.nb.value("id(lab.calibration._found)") != count, "another sheet")
    screen.page.wait_for_timeout(300)
    mouse.up()
    screen.nb.until("(lab.settings.threshold, lab.settings.hold_seconds) == (0.6, 10)")
    now = screen.root.locator(".obi-where")
    expect(now).to_have_text("Now: threshold 0.6, hold 10 s", timeout=1000 * PATIENCE)


def test_cells_are_reached_and_taken_with_the_keyboard(screen):
    keyboard = screen.page.keyboard
    settle(screen)
    cell(screen, 8, 6).hover()  # where the mouse rests does not matter
    active = "(document.activeElement.closest('.obi-cell')?.dataset.at) ?? ''"
    screen.root.locator(".obi-parts button").last.focus()
    keyboard.press("Tab")
    assert screen.page.evaluate(active) == "3 4", "the settings' own"
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        keyboard.press(key)
    assert screen.page.evaluate(active) == "4 3"
    where = screen.root.locator(".obi-where")
    expect(where).to_have_text("threshold 0.5, hold 10 s")
    screen.page.wait_for_timeout(2500)  # sheets come, and the focus stays
    assert screen.page.evaluate(active) == "4 3"
    for _ in range(5):
        keyboard.press("ArrowDown")
    assert screen.page.evaluate(active) == "4 0", "there is no further"
    keyboard.press("Enter")
    screen.nb.until("(lab.settings.threshold, lab.settings.hold_seconds) == (0.5, 1)")
    eventually(lambda: outlined(screen) == (4, 0), "the outline")
    keyboard.press("ArrowUp")
    keyboard.press("Space")
    screen.nb.until("lab.settings.hold_seconds == 2")
    assert screen.page.locator(".jp-Notebook.jp-mod-editMode").count() == 0
    keyboard.press("Tab")
    assert screen.page.evaluate(active) == "", "one step for all cells"


def drag(screen, start, end, *, shift=True, release=True):
    """Drag on the price chart, between shares of its width."""
    field = screen.root.locator(".obi-part-price .obi-field")
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    mouse, y = screen.page.mouse, box["y"] + box["height"] / 2
    if shift:
        screen.page.keyboard.down("Shift")
    mouse.move(box["x"] + start * box["width"], y)
    mouse.down()
    for step in range(1, 9):
        mouse.move(box["x"] + (start + (end - start) * step / 8) * box["width"], y)
        screen.page.wait_for_timeout(20)
    if release:
        mouse.up()
        screen.page.keyboard.up("Shift")
    return box


def test_shift_and_drag_choose_a_part(screen):
    nb = screen.nb
    range_before = nb.value("list(lab.session.time_range)")
    drag(screen, 0.2, 0.6)
    nb.until("lab.session.selected is not None")
    start, end = nb.value("list(lab.session.selected)")
    assert (end - start) / 1e9 == pytest.approx(120, abs=3)
    assert nb.value("list(lab.session.time_range)") == range_before, "it does not pan"
    assert screen.page.locator(".jp-Notebook .jp-mod-multiSelected").count() == 0
    nb.until("abs(lab.report.seconds - 120) < 3")
    expect(screen.root.locator(".obi-span")).to_contain_text("selected: ", timeout=1000 * PATIENCE)
    assert int(facts(screen)["states"].replace(",", "")) == pytest.approx(1200, abs=40)
    # It stays where it is in time while the chart goes on.
    shade = screen.root.locator(".obi-part-price .obi-selection")
    place = shade.bounding_box()
    label = screen.root.locator(".obi-part-price .obi-length")
    assert label.inner_text() in ("120 s ✕", "2 min ✕", "119 s ✕")
    screen.page.wait_for_timeout(3000)
    later = shade.bounding_box()
    assert later["x"] < place["x"]
    assert later["width"] == pytest.approx(place["width"], abs=2)
    assert nb.value("list(lab.session.selected)") == [start, end]
    label.click()
    nb.until("lab.session.selected is None")
    expect(shade).to_be_hidden(timeout=1000 * PATIENCE)


def test_escape_and_double_click_clear_it(screen):
    nb = screen.nb
    drag(screen, 0.7, 0.3)  # either way round
    nb.until("lab.session.selected is not None")
    screen.page.keyboard.press("Escape")
    nb.until("lab.session.selected is None")
    drag(screen, 0.3, 0.7)
    nb.until("lab.session.selected is not None")
    expect(screen.root.locator(".obi-part-price .obi-length")).to_be_visible()
    # Where it is by now: what is below it may have become shorter, and the page scrolled.
    field = screen.root.locator(".obi-part-price .obi-field")
    field.dblclick(position={"x": field.bounding_box()["width"] / 2, "y": 40})
    nb.until("lab.session.selected is None")
    drag(screen, 0.3, 0.7, release=False)
    screen.page.keyboard.press("Escape")  # on the way
    screen.page.mouse.up()
    screen.page.keyboard.up("Shift")
    screen.page.wait_for_timeout(300)
    assert nb.value("lab.session.selected is None")


def test_a_part_that_is_too_short_is_not_enough(screen):
    drag(screen, 0.5, 0.53)
    screen.nb.until("lab.session.selected is not None")
    expect(word(screen)).to_have_text("? Not enough data", timeout=1000 * PATIENCE)


def test_a_part_without_states_says_so_and_offers_everything(screen):
    screen.nb.execute("lab.session.select(10**18, 10**18 + 1)")
    says = screen.root.locator(".obi-waiting")
    expect(says).to_contain_text("The selected part has no states", timeout=1000 * PATIENCE)
    says.get_by_role("button", name="Use all").click()
    expect(word(screen)).to_be_visible(timeout=1000 * PATIENCE)


def test_plain_drags_still_pan(screen):
    drag(screen, 0.4, 0.6, shift=False)
    screen.nb.until("lab.session.time_range.end is not None")
    assert screen.nb.value("lab.session.selected is None")


def test_the_lab_goes_on_at_its_pace_while_it_is_computed(screen):
    nb = screen.nb
    folded = pace(screen, unfolded=False)
    unfolded = pace(screen, unfolded=True)
    print(f"frames a second: folded {folded:.1f}, calibrating {unfolded:.1f}")
    assert unfolded > 0.8 * folded
    assert nb.value("lab.report.states") > 17_900


def pace(screen, *, unfolded, seconds=6):
    screen.nb.execute(f"lab.calibrating = {unfolded}")
    screen.page.wait_for_timeout(1500)
    before = frames(screen.nb)
    screen.page.wait_for_timeout(1000 * seconds)
    return (frames(screen.nb) - before) / seconds


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_look(screen, artefacts, dark):
    nb = screen.nb
    nb.theme(dark=dark)
    sheet = screen.root.locator(".obi-part-calibration")
    complaints = []
    for chosen in (False, True):
        if chosen:
            nb.execute("t = lab.history.time; lab.session.select(int(t[-2500]), int(t[-700]))")
            nb.execute("lab.settings.threshold = 0.37; lab.settings.hold_seconds = 8")
            nb.until("lab.report.parameters.threshold == 0.37 and lab.report.states < 2000")
        for width, height in SIZES.items():
            nb.set_output_width(width, height)
            nb.page.wait_for_timeout(800)
            complaints += [
                f"{width}: {one}" for one in [*cut_off(screen.root), *overlapping(screen.root)]
            ]
            above, table = (sheet.locator(one).bounding_box() for one in (RETURNS, ".obi-table"))
            if width == 1240 and table["y"] - above["y"] - above["height"] > 30:
                complaints.append(f"{width}: a hole above the table")
            name = f"calibration-{'dark' if dark else 'light'}-{width}{'-chosen' * chosen}.png"
            sheet.screenshot(path=artefacts / name)
    pale = {what: ratio for what, ratio in contrasts(screen.root).items() if ratio < 4.5}
    nb.theme(dark=False)
    assert not complaints, "\n".join(complaints)
    assert not pale, f"too pale: {pale}"


def test_alone_in_a_cell_of_its_own(jupyterlab):
    session = 'import obi_widgets as obi\nsession = obi.Session("sim:BTC-PERP", seed=1, warmup=600)'
    cells = (session, "alone = obi.CalibrationWidget(session)\nalone")
    with jupyterlab.notebook(cells) as nb:
        nb.run_all()
        nb.until("alone.report is not None and alone.report.states > 5900")
        screen = Screen(nb, ".obi-part-calibration")
        expect(word(screen)).to_be_visible(timeout=1000 * PATIENCE)
        assert len(table(screen)) == 77
        assert [*cut_off(screen.root), *overlapping(screen.root)] == []
        nb.execute("alone.close(); session.close()")
        assert threads(nb) == []
        assert nb.errors() == []
