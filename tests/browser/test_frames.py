"""A frame is one message: what a page does when one is missing, and that all that draws agrees."""

from __future__ import annotations

import pytest

from browser.conftest import WHOLE
from browser.jupyterlab import LATE
from browser.screen import IMBALANCE, MID, Screen, eventually, frames

LAYER = """
layer("above", ["place"], (context, place) => {
  window.obiPlaces ??= {};
  window.obiPlaces[Math.round(place.height)] = { ...place, made: place.color("bid") };
  context.fillStyle = place.color("bid");
  const middle = (place.window[0] + place.window[1]) / 2;
  context.fillRect(place.x(middle) - 5, place.y((place.range[0] + place.range[1]) / 2) - 5, 10, 10);
});
"""
"""A layer that marks the middle of each chart, and tells where it thinks that everything is."""

LAYERED = f"""
import obi_widgets as obi
from obi_widgets.widgets import charts

class Marked(charts.Overlay):
    _esm = charts.Overlay._esm.replace("export default", {LAYER!r} + "export default")

charts.Overlay = Marked
lab = obi.Lab("sim:BTC-PERP", seed=3, edge=2)
lab
"""

LOSE = """(([id, count]) => {
  const comm = p.sessionContext.session.kernel._comms.get(id);
  const { onMsg } = comm;
  window.obiLost = 0;
  comm.onMsg = (message) => {
    const { content } = message.content.data;
    if (content && "frame" in content && window.obiLost < count) {
      window.obiLost += 1;
      return;
    }
    return onMsg(message);
  };
})(a)"""
"""Lets so many frames not arrive in the page."""

ASKED = """
asked, deliver = [], lab._page._deliver
def counted(message):
    if message is not None and message[0]["on"] is None:
        asked.append(message[0]["frame"])
    deliver(message)
lab._page._deliver = counted
"""
"""Notes which frames were sent whole."""


def current(screen: Screen) -> bool:
    """Whether the mid that is shown is one of the kernel's newest."""
    newest = screen.nb.value("[f'{m:,.2f}' for m in lab.history.mid[-5:]]")
    return screen.figure("mid") in newest


def lines(screen: Screen) -> list[str]:
    return [screen.line(MID), screen.line(IMBALANCE)]


def test_a_page_that_misses_a_frame_asks_for_a_whole_one(screen):
    nb = screen.nb
    nb.execute(ASKED)
    eventually(lambda: current(screen), "frames come")
    for count in (1, 5):
        before = nb.value("len(asked)")
        nb.panel(LOSE, [nb.value("lab._page.model_id"), count])
        eventually(lambda n=before: nb.value("len(asked)") > n, "a whole frame was asked for")
        eventually(lambda: current(screen), "it goes on")
    asked = nb.value("len(asked)")
    assert asked <= 4, "once for each that was missed, and not for each that followed"
    before = frames(nb)
    eventually(lambda: frames(nb) > before + 20, "more frames")
    assert nb.value("len(asked)") == asked
    assert nb.errors() == []


IN_NO_TIME = """() => {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(ms === 2000 ? 0 : ms);
}"""
"""anywidget waits two seconds for a script; now it does not wait."""


def test_a_page_whose_scripts_come_late_shows_the_lab_all_the_same(jupyterlab):
    with jupyterlab.notebook(WHOLE) as nb:
        nb.page.evaluate(IN_NO_TIME)
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        assert any(LATE in line for line in nb.console), "it gave up"
        nb.until("len(lab.history) > 2900")
        eventually(lambda: current(screen), "frames come")
        screen.drag("Decay", 0.7)
        assert nb.value("lab.settings.decay") > 0.5
        # What was told before the script was there: that a session says signs of life.
        nb.execute("lab.session.publisher.close()")
        state = screen.root.locator(".obi-state")
        eventually(lambda: "no answer from the kernel" in state.inner_text(), "it is silent")


def test_a_page_that_is_loaded_again_while_nothing_moves_shows_the_same(screen):
    nb = screen.nb
    eventually(lambda: all(len(path) > 300 for path in lines(screen)), "the past is drawn")
    screen.press("Pause")
    screen.wait_for_state("live, paused")
    nb.page.wait_for_timeout(500)
    before = lines(screen), screen.figure("mid"), screen.time_labels()
    nb.command("docmanager:save")
    nb.reload()
    again = Screen(nb)
    again.wait_for_state("live, paused")
    eventually(lambda: lines(again) == before[0], "the same lines", timeout=10)
    after = lines(again), again.figure("mid"), again.time_labels()
    assert after == before
    again.press("Resume")
    eventually(lambda: current(again), "it goes on")
    assert nb.errors() == []


DRAWN = """async () => {
  const lines = new Set(document.querySelectorAll('.obi-chart .curve path'));
  const { setAttribute } = Element.prototype;
  const drawn = [];  // whether a transition had begun, which looks for numbers in the path
  Element.prototype.setAttribute = function (name, value) {
    if (name === 'd' && lines.has(this)) {
      drawn.push(Object.values(this.__transition ?? {}).some((one) => one?.state > 0));
    }
    return setAttribute.call(this, name, value);
  };
  await new Promise((done) => setTimeout(done, 2000));
  Element.prototype.setAttribute = setAttribute;
  return drawn;
}"""


def test_a_line_is_drawn_without_a_transition(screen):
    eventually(lambda: current(screen), "frames come")
    screen.page.wait_for_timeout(1000)
    drawn = screen.page.evaluate(DRAWN)
    assert len(drawn) > 10
    # bqplot draws by itself where it lays out its figures. Otherwise each would be a transition.
    assert drawn.count(True) < len(drawn) / 4


@pytest.fixture
def in_tokyo(screen):
    """A page that is loaded in another zone."""
    zone = "Emulation.setTimezoneOverride"
    screen.nb.command("docmanager:save")
    screen.nb.cdp.send(zone, {"timezoneId": "Asia/Tokyo"})
    screen.nb.reload()
    yield screen
    screen.nb.cdp.send(zone, {"timezoneId": ""})


def test_times_are_utc_in_whatever_zone_the_page_is(in_tokyo):
    nb, screen = in_tokyo.nb, in_tokyo
    screen.wait_for_state("live")
    eventually(lambda: current(screen), "frames come")
    assert nb.page.evaluate("new Date().getTimezoneOffset()") == -540
    labels = screen.time_labels()
    newest = nb.value("str(lab.history.time[-1].astype('datetime64[ns]'))[11:16]")
    assert len(labels) >= 3
    hours, minutes = (int(part) for part in newest.split(":"))
    late = (60 * hours + minutes - _minutes(labels[-1])) % 1440
    assert late <= 2, f"{labels[-1]} is the last label, and it is {newest}"
    line, plot = (
        screen.root.locator(which).bounding_box()
        for which in (f"{MID} >> path.line", ".obi-part-price .obi-field")
    )
    assert line["width"] > 0.5 * plot["width"], "the line is in sight"
    assert nb.errors() == []


def _minutes(label: str) -> int:
    hours, minutes = label.split(":")[:2]
    return 60 * int(hours) + int(minutes)


TICKS = """part => {
  const figure = document.querySelector(`${part} .bqplot`), box = figure.getBoundingClientRect();
  const ticks = [...figure.querySelectorAll('.axis .tick')];
  return ticks.filter(tick => tick.getBoundingClientRect().height).map(tick => {
    const line = tick.querySelector('line').getBoundingClientRect();
    return [tick.__data__.valueOf(), (line.left + line.right) / 2 - box.left,
            (line.top + line.bottom) / 2 - box.top, line.width > line.height];
  });
}"""

PIXEL = """([part, x, y]) => {
  const canvas = document.querySelector(`${part} canvas.obi-above`);
  const ratio = canvas.width / canvas.clientWidth;
  return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data];
}"""


@pytest.fixture(scope="module")
def layered(jupyterlab):
    with jupyterlab.notebook((LAYERED,)) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 2900")
        eventually(lambda: nb.page.evaluate("Object.keys(window.obiPlaces ?? {}).length >= 2"), "")
        screen.press("Pause")
        screen.wait_for_state("live, paused")
        nb.page.wait_for_timeout(500)
        yield screen


@pytest.mark.parametrize("part", ["price", "signal"])
def test_a_layer_and_bqplot_agree_where_everything_is(layered, part):
    page, selector = layered.page, f".obi-part-{part}"
    height = layered.root.locator(f"{selector} .obi-field").evaluate("el => el.clientHeight")
    ticks = page.evaluate(TICKS, selector)
    found = 0
    for value, x, y, level in ticks:
        at = page.evaluate(
            "([height, value]) => { const p = window.obiPlaces[height];"
            " return [p.x(value), p.y(value), p.timeAt(p.x(value)), p.valueAt(p.y(value))]; }",
            [height, value],
        )
        assert at[2] == pytest.approx(value, rel=1e-9)
        assert at[3] == pytest.approx(value, rel=1e-9)
        assert (at[1] if level else at[0]) == pytest.approx(y if level else x, abs=1)
        found += 1
    assert found >= 3


def test_a_layer_is_drawn_in_the_colours_of_the_theme_and_follows_the_size(layered):
    nb, page = layered.nb, layered.page
    middle = (
        "() => { const p = Object.values(window.obiPlaces).at(-1);"
        " return [p.left + p.width / 2, p.top + p.height / 2, p.made, Math.round(p.height)]; }"
    )

    def drawn(part):
        box = layered.root.locator(f".obi-part-{part} .obi-field").evaluate(
            "el => [el.offsetLeft + el.clientWidth / 2, el.offsetTop + el.clientHeight / 2]"
        )
        return page.evaluate(PIXEL, [f".obi-part-{part}", *box])

    assert page.evaluate(middle)
    assert drawn("price")[:3] == [0x00, 0x72, 0xB2]
    nb.theme(dark=True)
    eventually(lambda: drawn("price")[:3] == [0x56, 0xB4, 0xE9], "the other blue")
    page.wait_for_timeout(1000)  # JupyterLab stumbles over a theme that is still being loaded
    nb.theme(dark=False)
    page.wait_for_timeout(1000)
    nb.set_output_width(950, 1150)
    eventually(lambda: drawn("signal")[3] == 255, "the middle of the narrow chart")
    eventually(lambda: drawn("price")[:3] == [0x00, 0x72, 0xB2], "in its colour")
    nb.set_output_width(1240, 1150)
    assert nb.errors() == []


def test_the_toolbar_of_bqplot_is_out_of_sight(layered):
    layered.root.locator(".obi-part-price .obi-field").hover()
    bars = layered.root.locator(".toolbar_div")
    assert bars.count() == layered.root.locator(".obi-chart").count() >= 2
    assert not any(bar.is_visible() for bar in bars.all())
