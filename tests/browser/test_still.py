"""What stays of a lab when its kernel goes."""

from __future__ import annotations

from browser.conftest import LAB
from browser.screen import Screen, eventually

STILL = ".obi-still"


def saved(nb):
    """Return the HTML of the still picture in the notebook's outputs."""
    (found,) = [o for o in nb.outputs()[0] if "obi-still" in str(o["data"].get("text/html"))]
    html = found["data"]["text/html"]
    return html if isinstance(html, str) else "".join(html)


def test_it_is_hidden_beside_a_lab_that_runs_and_renewed_at_a_pause(screen):
    nb = screen.nb
    eventually(lambda: "<img" in saved(nb), "a picture with the first data")
    assert nb.page.locator(STILL).count() == 1
    assert not nb.page.locator(STILL).is_visible()
    first = saved(nb)
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    eventually(lambda: saved(nb) != first, "a picture of the pause")
    assert screen.figure("mid") in saved(nb)
    assert not nb.page.locator(STILL).is_visible()


def test_after_the_close_it_is_all_there_is(screen):
    nb = screen.nb
    eventually(lambda: "<img" in saved(nb), "a picture with the first data")
    nb.execute("lab.close()")
    nb.page.locator(STILL).wait_for(state="visible")
    assert nb.page.locator(f"{STILL} img").bounding_box()["height"] > 200
    assert nb.errors() == []


def test_a_notebook_that_is_opened_again_shows_it(jupyterlab, artefacts):
    with jupyterlab.notebook(LAB) as nb:
        nb.run_all()
        Screen(nb).wait_for_state("live")
        eventually(lambda: "<img" in saved(nb), "a picture with the first data")
        nb.command("docmanager:save")
        nb.shut_down()
        nb.reload()
        still = nb.page.locator(STILL)
        still.wait_for(state="visible")
        assert "Run this cell to start it again." in still.inner_text()
        assert still.locator("img").evaluate("one => one.complete && one.naturalWidth > 0")
        nb.page.screenshot(path=artefacts / "still.png")
