"""A gate is switched on and off by a person: the entries are others at once, and come back."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from browser.looks import faults_of
from browser.screen import PATIENCE, eventually
from browser.test_settings import still, wait_for_results_of_kernel


def test_a_gate_is_switched_on_tuned_undone_and_switched_off(screen, tmp_path):
    nb, root = screen.nb, screen.root
    screen.unfold()
    screen.nb.execute("lab.settings.hold_seconds = 5")
    still(screen)
    before = wait_for_results_of_kernel(screen)
    sliders = root.locator(".obi-gate-row .obi-sliders")
    spread = root.locator(".obi-gate", has_text="Spread").locator("input")
    expect(sliders).to_have_count(0)

    spread.check()
    nb.until("list(lab.settings.gates) == ['spread']")
    expect(sliders).to_be_visible()
    screen.type("Of the last", "30 s")
    screen.type("Closed above quantile", "0.5")
    nb.until("lab.settings.gates['spread']['quantile'] == 0.5")
    on = wait_for_results_of_kernel(screen)
    assert on["entries"] != before["entries"]

    # A limit that is off is set, and unset, by its slider.
    screen.drag("Closed above", 0.5)
    nb.until("lab.settings.gates['spread']['most_bps'] is not None")
    screen.drag("Closed above", -0.1)
    nb.until("lab.settings.gates['spread']['most_bps'] is None")
    assert screen.shown("Closed above") == "off"

    nb.execute(f"lab.export({str(tmp_path / 'gated.toml')!r})")
    assert nb.value(
        f"obi.Settings.load({str(tmp_path / 'gated.toml')!r}).gates == lab.settings.gates"
    )

    spread.uncheck()
    nb.until("not lab.settings.gates")
    expect(sliders).to_be_hidden()
    eventually(lambda: screen.results() == before, "the entries are as they were")

    screen.press("Undo")
    expect(spread).to_be_checked()
    eventually(lambda: screen.results() == on, "the gate is on again, as it was")


def test_each_gate_that_is_on_says_what_it_removes(screen, artefacts):
    """The lab is paused, so that its figures are those of one history."""
    nb, root = screen.nb, screen.root
    screen.unfold()
    gates = {"spread": {"window": 30, "quantile": 0.5}, "volatility": {"window": 10, "of_last": 60}}
    nb.execute(f"lab.pause(); lab.settings.update(obi.Settings(hold_seconds=1, gates={gates}))")
    said = root.locator(".obi-gate-removed")
    expect(said).to_have_count(2)
    for one, name in zip(said.all(), gates, strict=True):
        expect(one).to_have_text(re.compile("^Removed "), timeout=1000 * PATIENCE)
        row = "obi.gate_report(lab.session.shown(), lab.settings).loc"
        removed, of = nb.value(f"{row}[{name!r}, ['removed', 'entries_off']].astype(int).tolist()")
        expect(one).to_contain_text(f"Removed {removed:,} of {of:,} entries; they would have made ")
    behind = root.locator(".obi-behind")
    assert faults_of(nb, behind, {1240: 1400, 650: 1800}, artefacts, "gates") == []
    root.locator(".obi-gate", has_text="Volatility").locator("input").uncheck()
    expect(said.filter(visible=True)).to_have_count(1)


def test_what_has_no_effect_is_hidden(screen):
    screen.unfold()
    within = screen.control("Fall within")
    expect(within).to_be_hidden()
    places, _ = screen.drag("Fall by, \N{MULTIPLICATION SIGN} threshold", 0.5)
    assert len(places) > 4, "the slider is not replaced while it is dragged"
    expect(within).to_be_visible()
    screen.drag("Fall by, \N{MULTIPLICATION SIGN} threshold", -0.1)
    screen.nb.until("lab.settings.exit_deceleration is None")
    expect(within).to_be_hidden()
