"""The pictures of the README: ``python -m tests.make_pictures``, in two minutes.

A real JupyterLab in Chromium shows a lab on the simulated exchange. Written to ``examples/images``
are the lab as a still picture, light and dark (``stills``), and ten seconds of it as a moving one
(``moving``); give one of these words to make only that.

It needs Chromium, and the typeface Inter and ffmpeg: ``apt-get install fonts-inter ffmpeg``.
"""

from __future__ import annotations

import base64
import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser.jupyterlab import JupyterLab, Notebook  # noqa: E402
from browser.screen import Screen, eventually  # noqa: E402

Point = tuple[float, float]
"""A place of the page, px."""

IMAGES = ROOT / "examples" / "images"

CELL = """import obi_widgets as obi
lab = obi.Lab("sim:BTC-PERP", settings=obi.Settings(fee_bps=0), edge=5, seed=7, warmup=1800)
lab"""

WIDTH, HEIGHT = 1200, 1150
"""Of the lab and of the window, px."""

MARGIN = 16
"""Around the lab in a picture, px."""

STYLE = """
:root { --jp-ui-font-family: Inter !important; }
.jp-Collapser, .jp-cell-menu, .jp-Toolbar-micro, .jp-Notebook-footer { visibility: hidden; }
.jp-Notebook .jp-Cell { border: none !important; }
.obi-reason { min-height: 4.5em; } /* what stands below would move up and down */
"""
"""JupyterLab's own typeface is the system's, which differs from machine to machine."""

ALONE = ".jp-InputArea, .jp-OutputPrompt { visibility: hidden; }"
"""In a still picture there is no code."""

MOUSE = """() => {
    const arrow = document.createElement('div');
    arrow.innerHTML = `<svg width="22" height="26" viewBox="0 0 22 26"><path d="M2 1v20l5-5
        3.5 8 3.6-1.6-3.5-7.8h7z" fill="#111" stroke="#fff" stroke-width="1.6"/></svg>`;
    arrow.style.cssText = 'position:fixed;left:-40px;top:0;z-index:99999;pointer-events:none';
    document.body.append(arrow);
    addEventListener('mousemove', event => {
        arrow.style.transform = `translate(${event.clientX + 38}px, ${event.clientY - 1}px)`;
    }, true);
}"""
"""A headless browser draws no mouse."""

FRAMES = 10
"""Of the moving picture, a second."""

STALL = 0.25
"""Seconds: a longer time without a new picture is the machine's, and is shortened to this."""

TAKES = 3
"""Of the moving picture. The smoothest is kept, since a machine is busy now and then."""


@contextlib.contextmanager
def shown(folder: Path) -> Iterator[Screen]:
    """Show a lab whose past is there, and whose code is compiled."""
    subprocess.run([sys.executable, "-m", "obi_widgets.cli.main", "warm"], cwd=ROOT, check=True)
    env = {"PYTHONPATH": str(ROOT), "XDG_CONFIG_HOME": str(folder)}
    with JupyterLab(folder, env=env) as jupyterlab, jupyterlab.notebook([CELL]) as nb:
        nb.page.add_style_tag(content=STYLE)
        nb.set_output_width(WIDTH, HEIGHT)
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        nb.until("len(lab.history) > 17_990", timeout=120)
        nb.page.mouse.move(5, 5)
        yield screen


def clip(screen: Screen, first: str, last: str, left: int = MARGIN) -> dict[str, float]:
    """Return the rectangle from one element of the page to another, as wide as the lab."""
    lab = screen.root.bounding_box()
    top, bottom = (screen.page.locator(one).first.bounding_box() for one in (first, last))
    assert lab is not None
    assert top is not None
    assert bottom is not None
    return {
        "x": lab["x"] - left,
        "y": top["y"] - MARGIN,
        "width": lab["width"] + left + MARGIN,
        "height": bottom["y"] + bottom["height"] - top["y"] + 2 * MARGIN,
    }


def stills(screen: Screen) -> None:
    """Take the pictures of a pinned moment, with all that rested in the book behind the price."""
    nb = screen.nb
    nb.execute("lab.settings.update(obi.Settings())")
    alone = nb.page.add_style_tag(content=ALONE)
    screen.press("Pause")
    field = screen.root.locator(".obi-part-price .obi-field").bounding_box()
    assert field is not None
    nb.page.mouse.move(field["x"] + 0.12 * field["width"], field["y"] + 0.9 * field["height"])
    nb.page.mouse.down()
    nb.page.mouse.up()
    screen.root.locator(".obi-back").wait_for()
    nb.page.mouse.move(5, 5)
    for name in ("light", "dark"):
        nb.theme(dark=name == "dark")
        nb.page.wait_for_timeout(1500)
        place = clip(screen, ".obi-lab", ".obi-lab")
        nb.page.screenshot(path=IMAGES / f"lab-{name}.png", clip=place)  # type: ignore[arg-type]
    alone.evaluate("one => one.remove()")
    nb.theme(dark=False)
    nb.execute("lab.session.pin()")
    screen.press("Resume")
    screen.wait_for_state("live")


class Film:
    """What the page draws from now on, until `stop`: a picture whenever something has changed."""

    def __init__(self, nb: Notebook) -> None:
        self._cdp = nb.cdp
        self.pictures: list[tuple[float, bytes]] = []
        self._cdp.on("Page.screencastFrame", self._keep)
        self._cdp.send("Page.startScreencast", {"format": "png", "everyNthFrame": 1})

    def _keep(self, event: dict[str, Any]) -> None:
        when = event["metadata"]["timestamp"]
        self.pictures.append((when, base64.b64decode(event["data"])))
        self._cdp.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})

    def stop(self) -> None:
        """End it."""
        self._cdp.send("Page.stopScreencast")
        self._cdp.remove_listener("Page.screencastFrame", self._keep)

    @property
    def longest(self) -> float:
        """The longest time without a new picture, seconds."""
        return max(later - now for (now, _), (later, _) in pairwise(self.pictures))

    def save(self, path: Path, place: dict[str, float], folder: Path) -> None:
        """Write an animated WebP of a rectangle of the page, a picture every tenth of a second."""
        seconds = [min(later - now, STALL) for (now, _), (later, _) in pairwise(self.pictures)]
        times = list(accumulate(seconds, initial=0.0))
        print(f"{len(times)} pictures, {times[-1]:.1f} s; without one for {self.longest:.2f} s")
        at = 0
        for index in range(int(times[-1] * FRAMES)):
            while at + 1 < len(times) and times[at + 1] <= index / FRAMES:
                at += 1
            (folder / f"{index:04d}.png").write_bytes(self.pictures[at][1])
        crop = "crop={width:.0f}:{height:.0f}:{x:.0f}:{y:.0f}".format(**place)
        command = ["ffmpeg", "-v", "error", "-y", "-framerate", str(FRAMES), "-i", "%04d.png",
                   "-vf", crop, "-c:v", "libwebp_anim", "-quality", "70", "-compression_level", "6",
                   "-loop", "0", str(path)]  # fmt: skip
        subprocess.run(command, cwd=folder, check=True)


def glide(nb: Notebook, to: Point, seconds: float, since: Point) -> None:
    """Move the mouse, slower at both ends, as a hand does."""
    began = time.monotonic()
    while True:
        share = min(1.0, (time.monotonic() - began) / seconds)
        eased = share * share * (3 - 2 * share)
        nb.page.mouse.move(*(a + (b - a) * eased for a, b in zip(since, to, strict=True)))
        if share == 1.0:
            return
        nb.page.wait_for_timeout(25)


def moving(screen: Screen, folder: Path) -> None:
    """Film it several times, and keep the smoothest take."""
    nb = screen.nb
    nb.execute("lab.settings.update(obi.Settings(fee_bps=0)); lab.calibrating = True")
    word = screen.root.locator(".obi-word")
    eventually(lambda: word.count() and "iable" in word.inner_text(), "a verdict")
    nb.page.evaluate(MOUSE)
    nb.page.wait_for_timeout(2000)
    place = clip(screen, ".jp-InputArea-editor", ".obi-reason", left=52)
    films = []
    for _ in range(TAKES):
        nb.execute("lab.session.pin(); lab.settings.threshold = 0.4")
        nb.page.wait_for_timeout(3000)
        films.append(take(screen))
    min(films, key=lambda film: film.longest).save(IMAGES / "lab.webp", place, folder)


def take(screen: Screen) -> Film:
    """Film a dragged slider, the entries and the verdict that follow, and a pinned moment."""
    nb = screen.nb
    handle = screen.control("Threshold").locator(".noUi-handle").bounding_box()
    track = screen.control("Threshold").locator(".noUi-target").bounding_box()
    field = screen.root.locator(".obi-part-price .obi-field").bounding_box()
    assert handle is not None
    assert track is not None
    assert field is not None
    rest = (field["x"] + 0.7 * field["width"], field["y"] + field["height"] + 22)
    grip = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    far = (track["x"] + 0.82 * track["width"], grip[1])
    let_go = (track["x"] + 0.5 * track["width"], grip[1])
    moment = (field["x"] + 0.3 * field["width"], field["y"] + 0.85 * field["height"])
    nb.page.mouse.move(*rest)
    nb.page.evaluate("document.activeElement.blur()")  # the notebook has a border with the focus
    nb.page.wait_for_timeout(500)
    film = Film(nb)
    nb.page.wait_for_timeout(700)
    glide(nb, grip, 0.5, rest)
    nb.page.mouse.down()
    glide(nb, far, 1.1, grip)
    nb.page.wait_for_timeout(700)
    glide(nb, let_go, 0.7, far)
    nb.page.mouse.up()
    nb.page.wait_for_timeout(700)
    glide(nb, moment, 0.7, let_go)
    nb.page.wait_for_timeout(200)
    nb.page.mouse.down()
    nb.page.mouse.up()
    nb.page.wait_for_timeout(2200)
    film.stop()
    return film


def main(words: list[str]) -> None:
    """Make the pictures that are asked for, or all."""
    with tempfile.TemporaryDirectory() as folder, shown(Path(folder)) as screen:
        if not words or "stills" in words:
            stills(screen)
        if not words or "moving" in words:
            with tempfile.TemporaryDirectory() as pictures:
                moving(screen, Path(pictures))


if __name__ == "__main__":
    main(sys.argv[1:])
