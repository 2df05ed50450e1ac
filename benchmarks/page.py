"""What the lab costs the page's main thread, and how soon it answers a slider.

Run from the repository's root: ``python -m benchmarks.page`` compares with `BEFORE`, before issue
12; ``python -m benchmarks.page alone`` measures only what stands here: in a server as it is
installed, and in one without our extension. It takes about six minutes.

A day at ten states a second is kept, and the simulated exchange goes on. Everything is in a real
JupyterLab and a real Chromium, one package after the other. The share of a CPU that the main thread
takes hardly depends on what else runs on the machine; the time from a move to pixels does.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.base import HERE, environment, package
from benchmarks.lab import DAY, JupyterLab, main_thread, shown, slide, tell

BEFORE = "67624a4"

STATES = 863_000

EXTENSION = "obi_widgets.cli.server_extension"

PLAIN = """
appearance = lab.session.appearance
lab.session.appearance = appearance._replace(heatmap=False, bubbles=False, walls=False)
"""

ALL = """
lab.session.appearance = appearance
lab.add_signal("order_flow_imbalance", window=10)
lab.add_signal("queue_imbalance")
lab.listing = True
"""
"""Two stacked signals and the list of entries, beside heatmap, bubbles, walls and equity."""

BESIDE = "\ndisplay(lab, obi.TapeWidget(lab.session), obi.DepthWidget(lab.session))"


def measure(folder: Path, name: str, *, here: bool, at_once: bool = True) -> None:
    """Measure one package, in a server that sends at once, or as Tornado does."""
    cell = DAY.removesuffix("\nlab") + BESIDE if here else DAY
    with (
        tempfile.TemporaryDirectory() as root,
        JupyterLab(Path(root), env=environment(folder), extensions={EXTENSION: at_once}) as jupyter,
        shown(jupyter, cell, STATES, height=2200) as nb,
    ):
        tell(f"{name}: {'without heatmap, trades, large levels' if here else 'a lab'}", "", "")
        if here:
            nb.execute(PLAIN)
            nb.page.wait_for_timeout(2000)
        main_thread(nb)
        slide(nb, "a day")
        if not here:
            return
        tell(f"{name}: everything, with two stacked signals, list, tape, depth", "", "")
        nb.execute(ALL)
        nb.page.wait_for_timeout(3000)
        main_thread(nb)
        slide(nb, "a day")


def main() -> None:
    if sys.argv[1:] != ["alone"]:
        with package(BEFORE) as folder:
            measure(folder, f"before ({BEFORE})", here=False, at_once=False)
    measure(HERE, "here", here=True)
    measure(HERE, "here, without our server extension", here=True, at_once=False)


if __name__ == "__main__":
    main()
