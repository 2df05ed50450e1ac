"""What goes wrong is said in the widget, and nowhere else."""

from __future__ import annotations

from playwright.sync_api import expect

from browser.looks import contrasts, cut_off, overlapping
from browser.screen import MID, PATIENCE, Screen, eventually, number

UNREACHABLE = ('import obi_widgets as obi\nlab = obi.Lab("binance-usdm:BTCUSDT")\nlab',)

RECORDING = (
    "import obi_widgets as obi\n"
    'path = obi.record("sim:BTC-PERP", "small.gz", seconds=1, seed=3, warmup=60)',
    "lab = obi.Lab(path, speed=None)\nlab",
)


def test_a_venue_that_cannot_be_reached(jupyterlab, artefacts):
    with jupyterlab.notebook(UNREACHABLE) as nb:
        nb.run_all()
        screen = Screen(nb)
        expect(screen.message).to_contain_text("cannot be reached", timeout=1000 * PATIENCE)
        assert screen.root.locator(".obi-state").inner_text() == "connecting"
        assert screen.message.get_attribute("data-tone") == "bad"
        text = screen.message.inner_text()
        assert "Binance" in text
        assert len(text.split(". ")) > 1, f"what is wrong, and what next: {text}"
        assert screen.figure("mid") == "\N{EN DASH}"
        assert screen.root.locator(".obi-nothing").first.inner_text() == "Waiting for data."
        axes = screen.root.locator(".axis")
        expect(axes.first).to_be_hidden()
        screen.picture(artefacts / "trouble-unreachable.png")
        assert nb.text(0) == "", "nothing is printed"
        assert nb.errors() == []


def test_run_all_goes_on_after_a_recording(jupyterlab):
    with jupyterlab.notebook(RECORDING) as nb:
        nb.run_all(timeout=15)
        Screen(nb).wait_for_state("closed")
        assert [nb.text(cell) for cell in (0, 1)] == ["", ""]


def test_a_recording_that_has_ended(jupyterlab, artefacts):
    with jupyterlab.notebook([RECORDING[0].replace("small", "ended"), RECORDING[1]]) as nb:
        for cell in (0, 1):
            nb.run_cell(cell)
        screen = Screen(nb)
        screen.wait_for_state("closed")
        expect(screen.message).to_contain_text("The recording has ended.")
        assert screen.message.get_attribute("data-tone") == "", "that is no trouble"
        eventually(lambda: len(screen.line(MID)) > 100, "the last picture stands")
        mid = nb.value("lab.history.mid[-1].item()")
        assert number(screen.figure("mid")) == mid
        expect(screen.root.locator(".obi-figure[data-what='age']")).to_be_hidden()
        assert screen.root.locator(".obi-bid .obi-price").first.inner_text()
        before = screen.note("Threshold")  # the one or two entries of a minute may stay the same
        screen.drag("Threshold", 0.1)
        eventually(lambda: screen.note("Threshold") != before, "sliders go on")
        screen.picture(artefacts / "trouble-ended.png")
        assert [nb.text(cell) for cell in (0, 1)] == ["", ""]
        assert nb.errors() == []


def test_a_source_that_there_is_none_of(jupyterlab):
    cells = ('import obi_widgets as obi\nobi.Lab("binanse:BTCUSDT")',)
    with jupyterlab.notebook(cells) as nb:
        nb.run_all()
        (error,) = nb.outputs()[0]
        assert error["ename"] == "SourceError"
        assert "neither a venue's symbol nor a file" in error["evalue"]
        assert nb.value("len(__import__('ipywidgets').widgets.widget._instances)") == 0


def test_a_gap_is_seen_and_heals(screen, artefacts):
    nb = screen.nb
    exchange = nb.value("hasattr(lab.session.feed, 'exchange')")
    assert exchange, "the simulated exchange can be reached"
    nb.execute("lab.session.feed.exchange.inject('silence')")
    eventually(
        lambda: screen.root.locator(".obi-state").inner_text() != "live", "the feed's state is said"
    )
    expect(screen.message).to_be_visible()
    screen.picture(artefacts / "trouble-silence.png")
    nb.execute("lab.session.feed.exchange.heal()")
    screen.wait_for_state("live")
    expect(screen.message).to_be_hidden()
    assert nb.text(0) == ""


LATE = """
import threading, time
from msgspec.structs import replace
publisher = lab.session.publisher
frame = publisher.frame(lab.session.market.history(), lab.settings.parameters)
publisher.close()  # so that no other frame follows
lab.show(replace(frame, state="stale", detail="Data from Simulator come 8 s late.", lag=8.04))

def tell():  # signs of life, as the publisher sends them
    while lab.comm is not None:
        lab.keep_alive()
        time.sleep(1)

threading.Thread(target=tell, daemon=True).start()
"""


def test_numbers_that_come_late_are_seen_and_dimmed(lab, artefacts):
    nb = lab.nb
    nb.execute(LATE)
    lab.wait_for_state("stale")
    expect(lab.root.locator(".obi-late")).to_have_text("late by 8.0 s")
    complaints = []
    for dark in (False, True):
        nb.theme(dark=dark)
        for width in (1240, 900):
            nb.set_output_width(width, 1150)
            nb.page.wait_for_timeout(500)
            theme = "dark" if dark else "light"
            lab.picture(artefacts / f"trouble-late-{theme}-{width}.png")
            complaints += [*cut_off(lab.root), *overlapping(lab.root)]
    nb.set_output_width(1240)
    nb.theme(dark=False)
    assert number(lab.figure("mid")) > 0
    style = "(el, name) => getComputedStyle(el)[name]"
    for part in (".obi-value.obi-old", ".obi-book", ".obi-part-price .obi-last"):
        assert lab.root.locator(part).first.evaluate(style, "filter") == "grayscale(1)", part
    weaker = lab.root.locator(".obi-label").first.evaluate(style, "color")
    for part in (".obi-value.obi-old", ".obi-ask .obi-price", ".obi-bid .obi-price"):
        assert lab.root.locator(part).first.evaluate(style, "color") == weaker, part
    pale = {what: ratio for what, ratio in contrasts(lab.root).items() if ratio < 4.5}
    assert pale == {}, "figures of a late book can be read"
    assert lab.root.locator(".obi-bid .obi-price").first.inner_text()
    assert "Deepest" in lab.note("Depth")
    assert complaints == []


def test_a_simulated_past_is_not_called_live(jupyterlab):
    cells = ('import obi_widgets as obi\nlab = obi.Lab("sim:BTC-PERP", seed=3, warmup=900)\nlab',)
    with jupyterlab.notebook(cells) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("syncing")
        expect(screen.message).to_contain_text("Filling the history", timeout=1000 * PATIENCE)
        assert screen.message.get_attribute("data-tone") == "", "that is no trouble"
        dash = "\N{EN DASH}"
        seen = [screen.figure(one) for one in ("mid", "imbalance", "age", "messages/s")]
        now = screen.root.locator(".obi-state").inner_text()
        assert seen == [dash] * 4 or now == "live", seen
        expect(screen.root.locator(".obi-state")).to_have_text("live", timeout=120_000)
        eventually(lambda: 5 < float(screen.figure("messages/s").replace(dash, "0")) < 60, "a rate")
        expect(screen.message).to_be_hidden()
        assert nb.errors() == []
