"""The lab runs, as a person would run it."""

from __future__ import annotations

from browser.screen import IMBALANCE, MID, Screen, eventually, frames, threads


def test_it_is_live_and_says_nothing_else(screen):
    nb = screen.nb
    before = screen.line(MID), screen.line(IMBALANCE)
    eventually(lambda: screen.line(MID) != before[0], "the price line goes on")
    eventually(lambda: screen.line(IMBALANCE) != before[1], "the imbalance line goes on")
    count = frames(nb)
    eventually(lambda: frames(nb) > count + 10, "frames are sent")
    assert screen.figure("mid").startswith("8"), "a price"
    assert "bps" in screen.figure("spread")
    assert nb.errors() == []
    still, output = nb.outputs()[0]
    assert "obi-still" in str(still["data"]["text/html"])
    assert output["output_type"] == "execute_result", "nothing but the widget and its picture"
    assert threads(nb) == ["obi-feed", "obi-publisher"]


def test_the_ladder_is_the_kernels(screen):
    nb = screen.nb
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    nb.page.wait_for_timeout(300)  # a frame that was under way
    bid, ask = nb.value("[lab.session._paused.bid[-1].item(), lab.session._paused.ask[-1].item()]")
    assert screen.root.locator(".obi-bid .obi-price").first.inner_text() == f"{bid:,.1f}"
    assert screen.root.locator(".obi-ask .obi-price").last.inner_text() == f"{ask:,.1f}"
    assert screen.figure("mid") == f"{(bid + ask) / 2:,.2f}"


def test_reload_of_the_page(screen):
    nb = screen.nb
    nb.command("docmanager:save")
    nb.reload()
    again = Screen(nb)
    again.wait_for_state("live")
    before = again.line(MID)
    eventually(lambda: again.line(MID) != before, "the price line goes on")
    places, _ = again.drag("Decay", 0.5)
    assert places[-1] > 0.4
    eventually(
        lambda: abs(nb.value("lab.settings.decay") - places[-1]) < 0.006, "the slider is heard"
    )
    assert nb.errors() == []


def test_restart_and_run_all_twice(screen):
    nb = screen.nb
    for _ in range(2):
        screen.wait_for_state("live")
        nb.restart_run_all()
    screen.wait_for_state("live")
    before = screen.line(MID)
    eventually(lambda: screen.line(MID) != before, "the price line goes on")
    assert nb.page.locator(".obi-lab").count() == 1
    assert nb.errors() == []
    assert threads(nb) == ["obi-feed", "obi-publisher"]
