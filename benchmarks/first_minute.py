"""How the lab streams while an installation compiles: ``python -m benchmarks.first_minute``.

A lab of the simulated exchange is opened in a real JupyterLab and a real Chromium, first with
nothing compiled, then in a new kernel with all compiled, and watched for a minute and a half. Each
line is of ten seconds. Nothing is asserted, since machines differ; the second run is what this
machine gives at the time.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.jupyterlab import JupyterLab, Notebook

from benchmarks.base import HERE

STEP = 10.0
"""Seconds of a line."""

CELL = """
import threading, time
began, rounds, samples = time.monotonic(), [], []
import obi_widgets as obi
from obi_widgets.kernels import loader
lab = obi.Lab("sim:BTC-PERP")

def observe(step={step}, lines={lines}):
    market, publisher = lab.session.market, lab.session.publisher
    show = publisher.round
    def timed():
        frame, wall, cpu = lab._page.frame, time.perf_counter(), time.thread_time()
        show()
        if lab._page.frame != frame:
            rounds.append((time.perf_counter() - wall, time.thread_time() - cpu))
    publisher.round = timed
    while market.state != "live":
        time.sleep(0.01)
    live, dead, look = time.monotonic(), 0, 0
    for line in range(lines + 1):
        while time.monotonic() < live + line * step:
            time.sleep(0.05)
            look += 1
            dead += market.state != "live"
        history = market.history()
        samples.append(dict(
            at=time.monotonic() - began, states=history.start + len(history), made=len(rounds),
            frames=lab._page.frame, dead=dead, looks=look, cpu=time.process_time(),
            busy=loader.busy(), said=loader.sentence()))

threading.Thread(target=observe, daemon=True).start()
lab
"""

WATCH = """() => {
  window.painted = [];
  window.began = performance.now();
  const changed = (record) => record.target.closest('.obi-part-signal .figure');
  new MutationObserver((records) => {
    const now = performance.now() - began;
    if (!records.some(changed)) return;
    if (!painted.length || now - painted[painted.length - 1] > 15) painted.push(now);
  }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ['d'] });
}"""
"""Notes when the line of the signal changes, which each frame with a new state does."""

TIMES = """[[int(t), int(r)] for t, r in zip(
    lab.session.market.history().time, lab.session.market.history().received)]"""

GAPS = "int(lab.session.market.history().lost.sum())"


class Line(NamedTuple):
    """What happened in ten seconds.

    Attributes
    ----------
    states, sent, painted : float
        A second: states kept; frames sent; changes of the signal's line on the page.
    longest : float
        Milliseconds between two of these at most.
    dead : float
        Share of the time in which the market was not live.
    late, cpu : float
        Milliseconds that a frame took to make and send: 95 % of them by the clock, and the mean of
        the thread's own time.
    busy : bool
        Whether kernels were being compiled at the end.
    """

    states: float
    sent: float
    painted: float
    longest: float
    dead: float
    late: float
    cpu: float
    busy: bool


class Watched(NamedTuple):
    """The first minute and a half of a lab.

    Attributes
    ----------
    first : float
        Seconds until figures were painted, from when the cell was run.
    lag, lag99, apart : float
        Milliseconds: lag of the data above its smallest, at the median and at 99 %; longest time
        between two states, by the clock of the exchange, which is in the same kernel.
    gaps : int
        Gaps in the book, as where a message was lost.
    lines : list of Line
        Ten seconds each, from the first state that was live.
    """

    first: float
    lag: float
    lag99: float
    apart: float
    gaps: int
    lines: list[Line]


def watch(nb: Notebook, seconds: float) -> Watched:
    """Run the cell and return what came of it."""
    nb.page.evaluate(WATCH)
    nb.run_all(timeout=300)
    lines = round(seconds / STEP)
    nb.page.wait_for_timeout(1000 * seconds)
    nb.until(f"len(samples) == {lines + 1}", 120, every=1.0)
    samples: list[dict[str, Any]] = nb.value("samples")
    rounds: list[list[float]] = nb.value("rounds")
    painted = [one / 1e3 for one in nb.page.evaluate("painted")]
    # The kernel's times begin when it runs the cell, the page's a little before.
    found = []
    for one, two in itertools.pairwise(samples):
        took = two["at"] - one["at"]
        shown = [at for at in painted if one["at"] <= at < two["at"]]
        edges = [one["at"], *shown, two["at"]]
        made = rounds[one["made"] : two["made"]] or [[float("nan")] * 2]
        found.append(
            Line(
                (two["states"] - one["states"]) / took, (two["frames"] - one["frames"]) / took,
                len(shown) / took,
                1e3 * max(b - a for a, b in itertools.pairwise(edges)),
                (two["dead"] - one["dead"]) / max(two["looks"] - one["looks"], 1),
                1e3 * sorted(wall for wall, _ in made)[int(0.95 * (len(made) - 1))],
                1e3 * sum(cpu for _, cpu in made) / len(made), two["busy"],
            )
        )  # fmt: skip
    new = samples[-1]["states"] - samples[0]["states"]
    times = nb.value(TIMES)[-new:]
    apart = max(after[0] - before[0] for before, after in itertools.pairwise(times)) / 1e6
    lags = sorted((received - time) / 1e6 for time, received in times)
    late = [lags[int(share * (len(lags) - 1))] - lags[0] for share in (0.5, 0.99)]
    return Watched(painted[0], *late, apart, nb.value(GAPS), found)


def tell(how: str, found: Watched) -> None:
    """Print it."""
    print(f"{how}: first figures after {found.first:.1f} s; lag of data above its smallest "
          f"{found.lag:.1f} ms at the median, {found.lag99:.0f} ms at 99 %; states at most "
          f"{found.apart:.0f} ms apart", flush=True)  # fmt: skip
    for number, one in enumerate(found.lines):
        print(
            f"  {STEP * number:3.0f} s  {one.states:4.1f} states/s  {one.sent:4.1f} frames/s  "
            f"{one.painted:4.1f} painted/s  longest {one.longest:4.0f} ms  "
            f"not live {one.dead:4.0%}  a frame {one.cpu:4.1f} ms of CPU, 95 % within "
            f"{one.late:4.0f} ms{'  compiling' if one.busy else ''}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_minute", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90.0)
    parser.add_argument("--rounds", type=int, default=1)
    chosen = parser.parse_args()
    cell = CELL.format(step=STEP, lines=round(chosen.seconds / STEP))
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory(prefix="obi-first-") as folder:
            cache = {"NUMBA_CACHE_DIR": f"{folder}/cache"}
            root = Path(folder, "root")
            root.mkdir()
            with JupyterLab(root, env=cache) as jupyter:
                found = []
                for how in ("nothing compiled", "all compiled"):
                    with jupyter.notebook([cell]) as nb:
                        found.append(watch(nb, chosen.seconds))
                    tell(how, found[-1])
                    if how == "nothing compiled":
                        subprocess.run(
                            [sys.executable, "-m", "obi_widgets.cli.main", "warm"], check=True,
                            cwd=HERE, env={**os.environ, **cache}, stderr=subprocess.DEVNULL,
                        )  # fmt: skip
        cold, warm = ([line.painted for line in one.lines] for one in found)
        least = min(one / other for one, other in zip(cold, warm, strict=True))
        dead = max(line.dead for line in found[0].lines)
        print(f"painted, least share of what is painted with all compiled: {least:.0%}; "
              "goal: at least 50 %")  # fmt: skip
        print(f"gaps in the book: {found[0].gaps}; goal: 0, no state is lost")
        print(f"not live, most: {dead:.0%}; goal: 0 %", flush=True)


if __name__ == "__main__":
    main()
