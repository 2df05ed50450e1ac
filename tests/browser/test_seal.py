"""The sealed test under the calibration: opened by its button, followed, broken, and looked at."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually

CELLS = (
    "import obi_widgets as obi\n"
    'lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=120,'
    " settings=obi.Settings(hold_seconds=0.5, threshold=0.05))\n"
    "lab",
)
WIDTHS = {1240: 1300, 650: 3400}


@pytest.fixture(scope="module")
def screen(jupyterlab):
    with jupyterlab.notebook(CELLS, height=1300) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 1150", timeout=120)
        nb.execute("lab.calibrating = True")
        expect(screen.root.locator(".obi-word")).to_be_visible(timeout=1000 * PATIENCE)
        yield screen
        assert nb.errors() == []


def looks(screen, artefacts):
    part, complaints = screen.root.locator(".obi-part-calibration"), []
    for dark in (False, True):
        screen.nb.theme(dark=dark)
        for width, height in WIDTHS.items():
            screen.nb.set_output_width(width, height)
            screen.page.wait_for_timeout(800)
            found = [*cut_off(part), *overlapping(part)]
            complaints += [f"{width}: {one}" for one in found]
            name = f"seal-{'dark' if dark else 'light'}-{width}.png"
            screen.root.locator(".obi-seal").screenshot(path=artefacts / name)
        pale = {name: one for name, one in contrasts(part).items() if one < 4.5}
        complaints += [f"too pale: {pale}"] * bool(pale)
    screen.nb.theme(dark=False)
    screen.nb.set_output_width(1240, 1300)
    assert not complaints, "\n".join(complaints)


def test_the_settings_are_sealed_followed_and_broken(screen, artefacts):
    seal, nb = screen.root.locator(".obi-seal"), screen.nb
    button = seal.get_by_role("button", name="Seal these settings")
    expect(button).to_be_visible()
    expect(seal).to_contain_text("uses only data that come after it starts")
    expect(seal.locator(".obi-seal-word")).to_be_hidden()
    button.click()
    word = seal.locator(".obi-seal-word")
    expect(word).to_have_text("? Not yet decided", timeout=1000 * PATIENCE)
    expect(button).to_be_hidden()
    first = int(nb.value("len(lab.session.sealed.trades)"))
    eventually(lambda: nb.value("len(lab.session.sealed.trades)") > first + 1, "trades", 60)
    count = seal.locator(".obi-seal-value").first
    eventually(lambda: int(count.inner_text().split()[0]) > first, "that they are shown")
    assert nb.value("lab.session.sealed.path.exists()")
    nb.execute("lab.settings.threshold = 0.2")
    expect(word).to_have_text("? Broken · not yet decided", timeout=1000 * PATIENCE)
    expect(seal).to_contain_text("threshold changed from 0.05 to 0.2.")
    expect(button).to_be_visible()
    looks(screen, artefacts)  # the verdict, its figures and the offer, all at once
