"""Sliders are views of the settings: dragged with the mouse, and assigned to in Python."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.screen import ABOVE, IMBALANCE, PATIENCE, Screen, eventually, number
from obi_widgets.presentation.texts.gate_text import said_of
from obi_widgets.trading.gates.registry import BUILT_IN, find

SLIDERS = {  # title: name, where to drag to
    "Decay": ("decay", 0.6),
    "Depth": ("depth", 0.7),
    "Threshold": ("threshold", 0.15),
    "Hold": ("hold_seconds", 0.5),
    "Band": ("band_bps", 0.1),
    "Fee, each side": ("fee_bps", 0.9),
}


def still(screen: Screen) -> None:
    """Let the screen stand still, so that what changes was changed by a setting."""
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    screen.page.wait_for_timeout(500)  # a frame that was under way, and bqplot's drawing


def wait_for_results_of_kernel(screen: Screen) -> dict[str, str]:
    """Wait until the results shown are those that the kernel computes in another way."""
    nb = screen.nb
    nb.execute(
        "trades = obi.entries(lab.session._paused, lab.settings); "
        "trades = trades[trades.ended == 'held']"
    )
    count = nb.value("len(trades)")
    gross, net = nb.value("[trades.gross_bps.mean(), trades.net_bps.mean()] if len(trades) else 0")
    shown = f"{count} {gross:+.2f} bps {net:+.2f} bps".replace("-", "\N{MINUS SIGN}")

    def as_shown():
        found = screen.results()
        return " ".join([found["entries"], found["mean, before fees"], found["mean, after"]])

    eventually(lambda: as_shown() == shown, f"{as_shown()} is {shown}")
    return screen.results()


@pytest.mark.parametrize("title", SLIDERS)
def test_drag(screen, title):
    name, to = SLIDERS[title]
    nb = screen.nb
    screen.unfold()
    still(screen)
    line, zone, labels = (
        screen.line(IMBALANCE),
        screen.line(ABOVE, "area"),
        screen.value_labels("signal"),
    )
    before, results = screen.shown(title), wait_for_results_of_kernel(screen)

    places, numbers = screen.drag(title, to)

    after = screen.shown(title)
    assert after != before
    assert len(places) > 4, "the number follows the mouse"
    rising = places[-1] > places[0]
    assert places == sorted(places, reverse=not rising), "the handle never jumps back"
    there = [one for one in numbers if one == one]  # "off" is none
    assert len(there) > 4, "the number follows the handle"
    assert there == sorted(there, reverse=not rising), "nor does the number"
    assert nb.value(f"lab.settings.{name}") == pytest.approx(number(after), abs=0.0051)
    new = wait_for_results_of_kernel(screen)
    if name in ("decay", "depth", "band_bps"):
        eventually(lambda: screen.line(IMBALANCE) != line, "the imbalance is another")
    else:
        assert screen.line(IMBALANCE) == line, "the imbalance is the same"
    if name == "threshold":
        eventually(lambda: screen.line(ABOVE, "area") != zone, "the zone is another")
        assert screen.value_labels("signal") != labels
        assert f"+{number(after):.2f}" in screen.value_labels("signal")
    else:
        assert screen.line(ABOVE, "area") == zone, "the zone is the same"
    if name in ("threshold", "hold_seconds"):
        assert new["entries"] != results["entries"]
    if name == "fee_bps":
        assert new["mean, after"] != results["mean, after"]
        assert new["mean, before fees"] == results["mean, before fees"]


@pytest.mark.parametrize("title", ["Decay", "Depth"])
def test_a_slider_never_jumps_back_while_data_come(screen, title):
    places, numbers = screen.drag(title, 0.9, steps=25)
    assert places == sorted(places)
    assert numbers == sorted(numbers)
    places, numbers = screen.drag(title, 0.05, steps=25)
    assert places == sorted(places, reverse=True)
    assert numbers == sorted(numbers, reverse=True)


def test_each_has_a_tooltip(screen):
    screen.unfold()
    settings = screen.root.locator(".obi-setting")
    assert settings.count() == screen.nb.value(
        "len(lab.settings.parameters.declared) + 1"
    )  # and whether the threshold is a value
    assert settings.locator("span[title]").count() == settings.count()
    entries = screen.root.locator(".obi-setting input[title]")
    words = screen.root.locator(".obi-control").locator(".widget-toggle-buttons, .widget-dropdown")
    assert entries.count() == settings.count() - words.count()  # words are not typed
    gates = screen.root.locator(".obi-gate")
    said = sorted(said_of(find(name)) for name in BUILT_IN)
    assert sorted(gate.get_attribute("title") for gate in gates.all()) == said


def test_a_value_is_typed_with_the_keyboard(screen):
    nb = screen.nb
    screen.type("Decay", "0.25")
    eventually(lambda: screen.shown("Decay") == "0.25 /bp", "the number has its unit")
    eventually(lambda: screen.place("Decay") == 0.25, "the slider follows")
    assert nb.value("lab.settings.decay") == 0.25
    screen.type("Depth", "all levels")
    eventually(lambda: nb.value("lab.settings.depth") is None, "all levels")
    screen.type("Hold", "300 s")  # beyond the slider's end
    eventually(lambda: screen.place("Hold") == 300, "the slider's end has moved")
    screen.type("Threshold", "1.5")
    expect(screen.message).to_contain_text(
        "threshold = 1.5 is not possible. Give a number from 0 to 1"
    )
    eventually(lambda: screen.shown("Threshold") == "0.40", "the value that stands is shown again")
    # From the slider to the entry of the next setting, by the Tab key alone.
    screen.control("Decay").locator(".noUi-handle").focus()
    screen.page.keyboard.press("Tab")
    screen.page.keyboard.type("7")
    screen.page.keyboard.press("Tab")
    eventually(lambda: nb.value("lab.settings.depth") == 7, "leaving the entry is enough")


def test_drag_to_all_levels_and_back(screen):
    screen.drag("Depth", 1.1)
    assert screen.shown("Depth") == "all levels"
    assert screen.nb.value("lab.settings.depth") is None
    screen.drag("Depth", 0.5)
    assert screen.shown("Depth") == "26 levels"
    assert screen.nb.value("lab.settings.depth") == 26


def test_toggles(screen):
    screen.unfold()
    still(screen)
    line, results = screen.line(IMBALANCE), wait_for_results_of_kernel(screen)

    screen.press("notional")
    screen.nb.until("lab.settings.weighting == 'notional'")
    eventually(lambda: screen.line(IMBALANCE) != line, "the imbalance is another")

    screen.press("size")
    screen.press("mid")
    screen.nb.until("lab.settings.price == 'mid'")
    new = wait_for_results_of_kernel(screen)
    assert number(new["mean, before fees"]) > number(results["mean, before fees"])


def test_assigning_in_python(screen):
    nb = screen.nb
    nb.execute("lab.settings.decay = 0.37")
    eventually(lambda: screen.shown("Decay") == "0.37 /bp", "the number")
    eventually(lambda: screen.place("Decay") == 0.37, "the slider")

    nb.execute("lab.settings.decay = 3")
    eventually(lambda: screen.shown("Decay") == "3.00 /bp", "the number")
    eventually(lambda: screen.place("Decay") == 3, "the slider's end has moved")

    nb.execute("lab.settings.depth = None")
    nb.execute("lab.settings.hold_seconds = 300")
    eventually(lambda: screen.shown("Depth") == "all levels", "the number")
    eventually(lambda: screen.place("Depth") == 50, "the slider is at its end")
    eventually(lambda: screen.place("Hold") == 300, "the slider's end has moved")

    nb.execute("lab.settings.weighting = 'notional'; lab.settings.band_bps = 12")
    screen.unfold()
    eventually(lambda: screen.shown("Band") == "12 bps", "the number")
    pressed = screen.control("Weighting").locator(".mod-active")
    expect(pressed).to_have_text("notional")


def test_a_wrong_value_is_refused_in_its_cell(jupyterlab):
    cells = [
        'import obi_widgets as obi\nlab = obi.Lab("sim:BTC-PERP", seed=3)\nlab',
        "lab.settings.decay = -1",
        "lab.settings.treshold = 0.5",
    ]
    with jupyterlab.notebook(cells) as nb:
        nb.run_cell(0)
        screen = Screen(nb)
        screen.wait_for_state("live")
        for cell in (1, 2):
            nb.run_cell(cell)
            nb.wait_idle()
            nb.page.wait_for_timeout(500)  # a kernel drops what comes right behind an error
        outputs = [output for cell in nb.outputs()[1:] for output in cell]
        assert [output["ename"] for output in outputs] == ["SettingsError"] * 2
        assert "decay = -1 is not possible. Give a number from 0" in outputs[0]["evalue"]
        assert "Did you mean 'threshold'?" in outputs[1]["evalue"]
        assert screen.shown("Decay") == "0.10 /bp"
        assert screen.place("Decay") == 0.1
        assert nb.value("lab.settings == obi.Settings()")
        screen.nb.until("lab._page.frame > 20")


def test_what_decay_can_do(screen):
    screen.nb.execute("lab.settings.depth = 1")
    note = screen.control("Decay").locator(".obi-note")
    expect(note).to_contain_text("decay changes nothing", timeout=1000 * PATIENCE)
    assert "obi-warning" in (note.get_attribute("class") or "")
    assert screen.shown("Depth") == "1 level"

    screen.nb.execute("lab.settings.depth = 20")
    expect(note).to_have_text("Half weight 6.93 bps from mid.", timeout=1000 * PATIENCE)
