"""Live is a claim with a deadline: a page that no longer hears the kernel says so, and heals.

`OBI_CYCLES=10 OBI_CUT=20` does more, and for longer; figures are printed (``pytest -s``).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect
from session_tools import as_long_as

from browser.conftest import LAB
from browser.jupyterlab import PANEL, Notebook
from browser.looks import cut_off, overlapping
from browser.screen import PATIENCE, Screen, eventually
from browser.tunnel import Tunnel

CYCLES = int(os.environ.get("OBI_CYCLES", "2"))
CUT = float(os.environ.get("OBI_CUT", "5"))

SOON = 4.0
"""Seconds after which no page says that it is live when the kernel is silent."""

DEADLINE = 2900
"""Milliseconds without a word after which a page may say that it hears nothing; less a timer's."""

LISTEN = """() => {
    const lab = document.querySelector('.obi-lab');
    const state = lab.querySelector('.obi-state');
    const seen = window.obiHeard = {longest: 0, states: []};
    let last = performance.now();
    const book = lab.querySelector('.obi-book');
    new MutationObserver(() => { last = performance.now(); }).observe(
        book, {subtree: true, childList: true, characterData: true, attributes: true});
    setInterval(() => {
        const text = state.textContent;
        if (seen.states.at(-1) !== text) seen.states.push(text);
        if (document.visibilityState !== 'visible') last = performance.now();
        seen.longest = Math.max(seen.longest, performance.now() - last);
    }, 20);
}"""
"""Notes for how long the ladder stood still while the page could be seen, ms, and what was said."""


def obeys(screen: Screen) -> bool:
    """Press Pause, and Resume; return whether both were done."""
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    screen.press("Resume")
    screen.wait_for_state("live")
    return True


def state(screen: Screen) -> str:
    """Return what the state reads."""
    return screen.root.locator(".obi-state").inner_text()


def until_not_live(screen: Screen, began: float) -> float:
    """Wait until the page does not say that it is live; return how long that took."""
    eventually(lambda: not state(screen).startswith("live"), "it says so")
    return time.monotonic() - began


def is_silent(screen: Screen) -> None:
    """Check how a page looks that does not hear its kernel."""
    expect(screen.root).to_have_attribute("data-heard", "silent")
    assert state(screen).startswith("no answer from the kernel for ")
    assert screen.figure("messages/s") == "\N{EN DASH}"
    pale = "el => Number(getComputedStyle(el).opacity)"
    for part in (".obi-value", ".obi-book", ".obi-chart", ".obi-outcome", ".obi-controls"):
        assert screen.root.locator(part).first.evaluate(pale) < 0.6, part
    pause = screen.root.get_by_role("button", name="Pause", include_hidden=True)
    assert pause.evaluate("el => el.closest('[inert]') !== null")
    assert "the controls have no effect" in screen.root.get_attribute("title")


def heals(screen: Screen) -> None:
    """Wait until all is as it was, and controls are heard."""
    screen.wait_for_state("live")
    expect(screen.root).to_have_attribute("data-heard", "")
    assert screen.root.get_attribute("title") is None
    assert obeys(screen)


def never_silent(nb: Notebook) -> bool:
    """Whether the page did not say that it hears nothing, but where it heard nothing."""
    seen = nb.page.evaluate("window.obiHeard")
    return seen["longest"] > DEADLINE or "no answer" not in " ".join(seen["states"])


def dismiss_dialogs(nb: Notebook) -> None:
    """Close what JupyterLab itself says about a kernel or a server, where it is in the way."""
    dialog = nb.page.locator(".jp-Dialog")
    nb.page.add_locator_handler(dialog, lambda: dialog.get_by_role("button").last.click())


@contextmanager
def stopped(pid: int):
    """Let a process stand still."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_another_window_that_comes_and_goes(screen, jupyterlab):
    nb = screen.nb
    nb.command("docmanager:save")
    nb.page.evaluate(LISTEN)
    for cycle in range(CYCLES):
        with jupyterlab.open(nb.name, window=True) as other:
            second = Screen(other)
            second.wait_for_state("live")
            other.page.evaluate(LISTEN)
            assert obeys(second)
            assert obeys(screen)
            if cycle == CYCLES - 1:  # a slider remembers who moved it
                second.drag("Decay", 0.3)
                eventually(lambda: nb.value("lab.settings.decay") == 0.3, "it is heard")
            seen = other.page.evaluate("window.obiHeard.longest")
        assert obeys(screen)
        longest = nb.page.evaluate("window.obiHeard.longest")
        print(f"{cycle}: still for at most {longest:.0f} ms here, {seen:.0f} ms there")
        assert max(longest, seen) < as_long_as(3000)
    screen.drag("Decay", 0.7)
    eventually(lambda: nb.value("lab.settings.decay") == 0.7, "it is heard")
    assert never_silent(nb)
    assert nb.errors() == []


def test_a_page_that_is_loaded_again_and_again(screen):
    nb = screen.nb
    nb.command("docmanager:save")
    for cycle in range(CYCLES):
        nb.reload()
        again = Screen(nb)
        took = eventually(lambda s=again: s.root.is_visible(), "the lab is there")
        nb.page.evaluate(LISTEN)
        again.wait_for_state("live")
        assert obeys(again)
        nb.page.wait_for_timeout(1500)
        seen = nb.page.evaluate("window.obiHeard")
        print(f"{cycle}: shown after {took:.1f} s, still for at most {seen['longest']:.0f} ms")
        assert seen["longest"] < as_long_as(3000)
        assert never_silent(nb)
    assert nb.errors() == []


@pytest.mark.parametrize("how", ["shut down", "killed", "restarted"])
def test_a_kernel_that_is_gone(jupyterlab, how):
    with jupyterlab.notebook(LAB) as nb:
        dismiss_dialogs(nb)
        nb.run_all()
        lab = Screen(nb)
        lab.wait_for_state("live")
        pid = nb.value("__import__('os').getpid()")
        began = time.monotonic()
        match how:
            case "shut down":
                nb.shut_down()
            case "killed":
                os.kill(pid, signal.SIGKILL)
            case "restarted":
                nb.panel("(p.sessionContext.restartKernel(), 0)")
        took = until_not_live(lab, began)
        print(f"{how}: noticed after {took:.1f} s")
        assert took < as_long_as(SOON)
        if how == "shut down":
            is_silent(lab)
        else:  # JupyterLab says that it was started again
            text = "kernel restarted: run the cell again"
            expect(lab.root.locator(".obi-state")).to_have_text(text, timeout=1000 * PATIENCE)
            expect(lab.root).to_have_attribute(
                "title", "These controls belong to the old kernel and have no effect."
            )
            assert cut_off(lab.root) + overlapping(lab.root) == [], "it stays in its place"
            nb.wait_idle()
            nb.run_all()
            again = Screen(nb)
            again.wait_for_state("live")
            assert obeys(again)


def test_a_kernel_that_stands_still(screen, artefacts):
    """As while one call holds the interpreter; and how all that looks."""
    nb = screen.nb
    with stopped(nb.value("__import__('os').getpid()")):
        took = until_not_live(screen, time.monotonic())
        assert took < as_long_as(SOON)
        is_silent(screen)
        complaints = []
        for dark in (False, True):
            nb.theme(dark=dark)
            nb.page.wait_for_timeout(400)
            screen.picture(artefacts / f"heard-silent-{'dark' if dark else 'light'}.png")
            complaints += [*cut_off(screen.root), *overlapping(screen.root)]
        nb.theme(dark=False)
    heals(screen)
    assert complaints == []


def test_a_server_that_stands_still(jupyterlab, screen):
    with stopped(jupyterlab.server.pid):
        began = time.monotonic()
        took = until_not_live(screen, began)
        is_silent(screen)
        screen.page.wait_for_timeout(max(0.0, 1000 * (CUT - took)))
    went_on = time.monotonic()
    screen.wait_for_state("live")
    healed = time.monotonic() - went_on
    print(f"server: noticed after {took:.1f} s, live {healed:.1f} s after it went on")
    assert took < as_long_as(SOON)
    assert healed < as_long_as(3)
    heals(screen)


def test_a_network_that_is_cut(jupyterlab, screen):
    nb = screen.nb
    nb.command("docmanager:save")
    port = int(jupyterlab.url.rpartition(":")[2])
    with (
        Tunnel(port) as tunnel,
        jupyterlab.open(nb.name, window=True, url=f"http://127.0.0.1:{tunnel.port}") as far,
    ):
        dismiss_dialogs(far)
        there = Screen(far)
        there.wait_for_state("live")
        assert obeys(there)
        far.page.evaluate(
            f"{{ const p = {PANEL}; const kernel = p.sessionContext.session.kernel;"
            " window.obiConnected = []; kernel.connectionStatusChanged.connect((_, status) =>"
            " window.obiConnected.push([status, performance.now()])); }"
        )
        began = time.monotonic()
        tunnel.cut()
        took = until_not_live(there, began)
        assert state(screen) == "live", "who is not cut off hears on"
        is_silent(there)
        far.page.wait_for_timeout(max(0.0, 1000 * (CUT - took)))
        tunnel.mend()
        mended = time.monotonic()
        # The last time: JupyterLab may lose the connection once more.
        connected = "window.obiConnected.filter(([status]) => status === 'connected').at(-1)"
        eventually(lambda: far.page.evaluate(connected), "JupyterLab tries again", timeout=60)
        waited = time.monotonic() - mended
        there.wait_for_state("live")
        healed = far.page.evaluate(f"(performance.now() - {connected}[1]) / 1000")
        print(
            f"network: noticed after {took:.1f} s; JupyterLab connected {waited:.1f} s after it"
            f" was mended, live {healed:.1f} s later"
        )
        assert took < as_long_as(SOON)
        # A page that has missed frames asks for a whole one, and Jupyter's server passes on what a
        # page says only three seconds after its connection is back.
        assert healed < as_long_as(6)
        heals(there)
        far.page.wait_for_timeout(500)
    assert obeys(screen)


def test_a_page_that_becomes_visible_again(screen, artefacts):
    nb = screen.nb
    nb.page.evaluate(LISTEN)
    nb.hide()
    nb.page.wait_for_timeout(4000)
    pid = nb.value("__import__('os').getpid()")
    with stopped(pid):
        nb.show()
        screen.wait_for_state("catching up")
        nb.page.wait_for_timeout(600)
        screen.picture(artefacts / "heard-late-light.png")
        assert screen.figure("messages/s") == "\N{EN DASH}"
    screen.wait_for_state("live")
    assert never_silent(nb)
    heals(screen)


def test_what_has_nothing_to_say_is_not_taken_for_dead(jupyterlab):
    """A paused lab, a finished recording, and settings without a session; parts alone."""
    cells = (
        "import obi_widgets as obi\nlab = obi.Lab('sim:BTC-PERP', seed=3)\nlab.pause()\nlab",
        "path = obi.record('sim:ETH-PERP', 'quiet.gz', seconds=1, warmup=30)\n"
        "session = obi.Session(path, speed=None)\nobi.BookWidget(session, levels=3)",
        "obi.SettingsWidget(obi.Settings())",
    )
    with jupyterlab.notebook(cells, height=1700) as nb:
        nb.run_all()
        lab = Screen(nb)
        expect(lab.root.locator(".obi-state")).to_contain_text("paused", timeout=1000 * PATIENCE)
        nb.until("session.market.state == 'closed'")
        nb.page.evaluate(LISTEN)
        nb.page.wait_for_timeout(7000)
        assert all("paused" in one for one in nb.page.evaluate("window.obiHeard.states"))
        for part in (".obi-part-book >> nth=1", ".obi-part-settings >> nth=1"):
            root = Screen(nb, part).root
            expect(root.locator(".obi-unheard")).to_be_hidden()
            assert root.get_attribute("data-heard") == "", part
        book = Screen(nb, ".obi-part-book >> nth=1").root
        with stopped(nb.value("__import__('os').getpid()")):
            banner = book.locator(".obi-unheard")
            expect(banner).to_contain_text(
                "no answer from the kernel for", timeout=1000 * as_long_as(SOON)
            )
            alone = Screen(nb, ".obi-part-settings >> nth=1").root
            assert alone.get_attribute("data-heard") == ""
        expect(banner).to_be_hidden(timeout=1000 * PATIENCE)
        nb.execute("session.close()")
        expect(banner).to_have_text("closed", timeout=1000 * PATIENCE)
        assert nb.errors() == []


def test_a_lab_that_was_closed_says_so(lab):
    nb = lab.nb
    nb.execute("lab.session.close()")
    lab.wait_for_state("closed")
    nb.page.wait_for_timeout(4000)
    lab.wait_for_state("closed")
    expect(lab.message).to_contain_text("The session was closed.")
    assert lab.root.locator(".obi-book").evaluate("el => getComputedStyle(el).opacity") == "1"
    nb.execute("lab.close()")
    left = nb.page.locator(".obi-closed")
    expect(left).to_have_text("Closed. Run the cell again to start again.")
    nb.run_all()
    Screen(nb).wait_for_state("live")
    expect(left).to_have_count(0)
    assert nb.errors() == []


def test_a_message_can_be_closed(screen):
    nb = screen.nb
    nb.execute("lab.session.tell('Saved.')")
    expect(screen.message).to_contain_text("Saved.")
    close = screen.message.get_by_role("button", name="Close this message")
    close.focus()
    nb.page.keyboard.press("Enter")
    expect(screen.message).to_be_hidden()
    nb.page.wait_for_timeout(500)
    expect(screen.message).to_be_hidden()
    nb.execute("lab.session.tell('Saved.')")
    expect(screen.message).to_be_visible()
    expect(screen.message).to_be_hidden(timeout=1000 * PATIENCE)  # by itself


def test_a_closed_message_that_counts_stays_closed_until_it_comes_back(lab):
    nb = lab.nb

    def told(message):
        nb.execute(f"lab.show(replace(frame, detail={message!r}, note=''))")

    nb.execute(
        "from msgspec.structs import replace\n"
        "publisher = lab.session.publisher\n"
        "frame = publisher.frame(lab.session.market.history(), lab.settings.parameters)\n"
        "publisher.close()  # so that no other frame follows"
    )
    told("The data come 9.5 s late.")
    expect(lab.message).to_contain_text("9.5 s late")
    lab.message.get_by_role("button", name="Close this message").click()
    told("The data come 1,043 s late.")
    nb.page.wait_for_timeout(300)
    expect(lab.message).to_be_hidden()
    told("Something else.")
    expect(lab.message).to_contain_text("Something else.")
    told("")
    expect(lab.message).to_be_hidden()
    told("The data come 12 s late.")
    expect(lab.message).to_be_visible()
