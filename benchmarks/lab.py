"""What the lab costs, and how soon it answers, in a real JupyterLab and a real Chromium.

Run from the repository's root: ``python benchmarks/lab.py``. It takes about eight minutes, and
prints a table. Every figure has its goal beside it; nothing is asserted, since machines differ.
``python benchmarks/lab.py day`` does only what sets an hour against a day.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser.jupyterlab import JupyterLab

COST = """
import json, time
from ipykernel.comm.comm import BaseComm
show, publish, sent, times, sizes = lab.session.publisher.round, BaseComm.publish_msg, [], [], []
def timed():
    began, frame = (time.thread_time(), time.perf_counter()), lab._page.frame
    show()
    if lab._page.frame != frame:
        ended = time.thread_time(), time.perf_counter()
        times.append([1e3 * (one - other) for one, other in zip(ended, began)])
def count(self, msg_type, data=None, metadata=None, buffers=None, **more):
    size = len(json.dumps(data, default=str))
    sent.append(size + sum(memoryview(b).nbytes for b in buffers or []))
    return publish(self, msg_type, data=data, metadata=metadata, buffers=buffers, **more)
def counted():
    sent.clear()
    frame = lab._page.frame
    show()
    if lab._page.frame != frame:
        sizes.append((len(sent), sum(sent) / 1e3))
"""

WATCH = """() => {
  window.changes = [];
  const line = document.querySelector('.obi-part-signal .figure');
  new MutationObserver(() => {
    const now = performance.now();
    if (!changes.length || now - changes[changes.length - 1] > 15) changes.push(now);
  }).observe(line, { subtree: true, attributes: true, attributeFilter: ['d'] });
}"""

SLIDE = """() => {
  const watched = window.moves;
  window.moves = [];
  if (watched) return;
  const box = document.querySelector('.obi-control');          // decay comes first
  const [, note] = box.querySelectorAll('.widget-html, .jupyter-widget-html');
  let mouse = 0, move = null;
  addEventListener('pointermove', (event) => { mouse = event.timeStamp; }, { capture: true });
  new MutationObserver(() => { move ??= [mouse, performance.now()]; })
    .observe(box.querySelector('.noUi-handle'), { attributeFilter: ['aria-valuenow'] });
  // The note is another for each value of decay, and frames of data leave it as it is. It is the
  // last thing of a frame that is set. The line is drawn when the page paints next.
  new MutationObserver(() => requestAnimationFrame(() => {
    const channel = new MessageChannel();                      // after this frame's paint
    channel.port1.onmessage = () => {
      if (move) moves.push(move.map((from) => performance.now() - from));
      move = null;
    };
    channel.port2.postMessage(0);
  })).observe(note, { subtree: true, childList: true, characterData: true });
}"""

rows: list[tuple[str, str, str]] = []


def tell(what: str, figure: str, goal: str) -> None:
    rows.append((what, figure, goal))
    print(f"{what:58} {figure:>26}   {goal}", flush=True)


def spread(values: Iterable[float], decimals: int = 1) -> str:
    values = sorted(values)
    p95 = values[int(0.95 * (len(values) - 1))]
    return f"{statistics.median(values):.{decimals}f} (p95 {p95:.{decimals}f}, n {len(values)})"


def frames(nb, seconds: float) -> tuple[float, float]:
    """Frames a second that were drawn lately, and the largest gap in ms."""
    now = nb.page.evaluate("performance.now()")
    times = [t for t in nb.page.evaluate("changes") if t > now - 1e3 * seconds]
    gaps = [b - a for a, b in itertools.pairwise(times)]
    return len(times) / seconds, max(gaps, default=0.0)


def busy(nb, what: str, code: str) -> None:
    nb.page.wait_for_timeout(2000)
    nb.execute(code)
    rate, gap = frames(nb, 4.0)
    tell(f"frames a second while {what}", f"{rate:.1f} (gap {gap:.0f} ms)", "at least 8")


def cost(nb, count: int = 500) -> dict[str, float]:
    """What a frame costs the kernel: timed first, counted after, since counting takes time.

    Returns the medians, and the means: most frames change a few columns, some all.
    """
    found = {}
    nb.execute(COST)
    for run, wanted in (("timed", "times"), ("counted; BaseComm.publish_msg = count", "sizes")):
        nb.execute(f"lab.session.publisher.round = {run}")
        nb.until(f"len({wanted}) >= {count}", 120)
    nb.execute("lab.session.publisher.round = show; BaseComm.publish_msg = publish")
    for wanted, names in (
        ("sizes", (("messages a frame", "at most 2"), ("kB a frame", "at most 6"))),
        ("times", (("ms of CPU a frame", "at most 1.5"), ("ms by the clock a frame", ""))),
    ):
        columns = zip(*nb.value(f"[list(one) for one in {wanted}[:{count}]]"), strict=True)
        for (name, goal), column in zip(names, columns, strict=True):
            tell(name, spread(list(column), 2), goal)
            found[name] = statistics.median(column)
            found[f"{name} on average"] = statistics.mean(column)
    return found


def main_thread(nb, seconds: float = 15.0) -> None:
    """How busy the page's main thread is with frames: its time on a CPU, and of its tasks."""
    before, sent = nb.metrics(), nb.value("lab._page.frame")
    nb.page.wait_for_timeout(1e3 * seconds)
    after, sent = nb.metrics(), nb.value("lab._page.frame") - sent
    passed = after["Timestamp"] - before["Timestamp"]
    tell("frames a second meanwhile", f"{sent / passed:.1f}", "10")
    for name, what, goal in (
        ("ThreadTime", "% of a CPU that the page's main thread takes", "at most 35"),
        ("ScriptDuration", "% of the time in scripts", ""),
        ("LayoutDuration", "% of the time in layout", ""),
    ):
        tell(what, f"{100 * (after[name] - before[name]) / passed:.0f}", goal)


def drag(nb, moves: int = 60) -> None:
    """Move the slider of decay step by step, each when the one before has been answered."""
    nb.execute("lab.settings.depth = None; lab.settings.decay = 0.1")
    nb.page.wait_for_timeout(500)
    box = nb.page.locator(".obi-control").first.locator(".noUi-handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    nb.page.mouse.move(x, y)
    nb.page.mouse.down()
    for number in range(moves):
        nb.page.mouse.move(x + 5 + 2.5 * number, y)
        nb.page.wait_for_timeout(180 + 37 * (number % 5))
    nb.page.mouse.up()


def slide(nb, what: str) -> None:
    nb.page.evaluate(SLIDE)
    heard, began = nb.value("lab.session.feed.messages"), time.monotonic()
    drag(nb)
    rate = (nb.value("lab.session.feed.messages") - heard) / (time.monotonic() - began)
    mouse, slider = zip(*nb.page.evaluate("moves"), strict=True)
    goal = "at most 60 (p95 90)"
    tell(f"ms from the slider to pixels, {what}, {rate:.0f} messages/s", spread(slider, 0), goal)
    tell("ms from the mouse to pixels", spread(mouse, 0), "")


def drag_when_slow(nb) -> None:
    """With a recompute of 200 ms, drag fast, and see how far behind the screen is at the end."""
    nb.execute(
        "import time\nsignal, seen = obi.imbalance, []\nfast = signal.compute\n"
        "def slow(history, values, first=None):\n"
        "    if first is not None:\n"
        "        time.sleep(0.2)\n        seen.append(values['decay'])\n"
        "    return fast(history, values, first or 0)\n"
        "signal.compute = slow"
    )
    box = nb.page.locator(".obi-control").first.locator(".noUi-handle").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    nb.page.mouse.move(x, y)
    nb.page.mouse.down()
    for number in range(120):
        nb.page.mouse.move(x - number, y)
        nb.page.wait_for_timeout(15)
    nb.execute("settled, behind = lab.settings.decay, len(seen)")
    nb.page.mouse.up()
    nb.page.wait_for_timeout(1500)
    later = nb.value("[d for d in seen[behind:]]")
    other = [d for d in dict.fromkeys(later) if d != nb.value("lab.settings.decay")]
    tell("values computed after the last move, before the newest", str(len(other)), "at most 1")
    nb.execute("del signal.compute")


def pile_up(nb, count: int = 2000) -> None:
    """Publish many frames; count what a page and a kernel hold."""
    nb.execute(
        "import gc, threading, ipywidgets\n"
        "def push(count):\n"
        "    until, number = lab._page.frame + count, 0\n"
        "    while lab._page.frame < until:\n"
        "        number += 1\n"
        "        lab.settings.threshold = 0.3 + 0.01 * (number % 10)\n"
        "        time.sleep(0.06)\n"
        "def objects():\n"
        "    gc.collect()\n"
        "    return len(gc.get_objects())\n"
        "push(100)"
    )
    held = (
        "[len(ipywidgets.widgets.widget._instances), threading.active_count(), objects(),"
        f" {RESIDENT} / 1e6]"
    )
    nodes = "document.querySelectorAll('*').length"
    comms = "p.sessionContext.session.kernel._comms.size"

    def there() -> list[float]:
        # The same setting each time: the list of entries has a row for each.
        nb.execute("lab.settings.threshold = 0.3")
        nb.page.wait_for_timeout(2000)
        rows = nb.page.locator(".obi-entries tbody tr").count()
        tell("entries in the list, a row each", f"{rows}", "")
        metrics = nb.metrics()
        heap = metrics["JSHeapUsedSize"] / 1e6
        page = [nb.page.evaluate(nodes), metrics["Nodes"], nb.panel(comms), heap]
        return [*page, *nb.value(held)]

    before = there()
    for _ in range(count // 100):  # a cell that takes long would time out
        nb.execute("push(100)")
    after = there()
    for name, one, two in zip(
        (
            "elements", "DOM nodes", "models of the page", "MB of the page's heap", "widgets",
            "threads", "Python objects", "MB resident in the kernel",
        ),
        before, after, strict=True,
    ):  # fmt: skip
        change = 100 * (two - one) / one
        tell(f"{name} after {count} frames", f"{one:.0f} → {two:.0f} ({change:+.2f} %)", "±1 %")


def hidden(nb, seconds: float = 60.0) -> None:
    """Put another tab in front for a while.

    The frames before that leave garbage, so that it is collected once the page is hidden.
    """
    nb.hide()
    time.sleep(2)
    before = nb.metrics()
    sent, kept = nb.value("lab._page.frame"), nb.value("objects()")
    time.sleep(seconds)
    sent, kept = nb.value("lab._page.frame") - sent, nb.value("objects()") - kept
    during = nb.cdp.send("Runtime.getHeapUsage")["usedSize"]
    collected = nb.metrics()
    shown = nb.page.evaluate("document.querySelector('.obi-last').textContent")
    nb.page.bring_to_front()
    began = time.monotonic()
    nb.page.wait_for_function(
        "t => document.querySelector('.obi-last').textContent !== t", arg=shown, polling=10
    )
    back = time.monotonic() - began
    nb.page.wait_for_timeout(1000)
    after = nb.metrics()
    tell(f"frames sent while hidden {seconds:.0f} s", f"{sent}", "0")
    heap = "JSHeapUsedSize"
    for what, size in (
        ("hidden, before collection", during),
        ("hidden, after collection", collected[heap]),
        ("current again, after collection", after[heap]),
    ):
        tell(f"heap's growth in MB, {what}", f"{(size - before[heap]) / 1e6:+.1f}", "less than 5")
    tell("DOM nodes that came, hidden", f"{collected['Nodes'] - before['Nodes']:+.0f}", "0")
    tell("Python objects that came, hidden", f"{kept:+}", "none for each frame not sent")
    tell("seconds until it is current again", f"{back:.2f}", "at most 1")


SHOW = "import obi_widgets as obi\nlab = obi.Lab({})\nlab.session.look_at({})\nlab"

HOUR = SHOW.format('"sim:BTC-PERP", seed=3, warmup=3600', 3600)

DAY = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    "import day\nday.begin_with_a_past(90_000)\n"
) + SHOW.format('"sim:BTC-PERP", seed=3, warmup=0, levels=20, history_seconds=86_400', 86_400)


@contextlib.contextmanager
def shown(jupyter: JupyterLab, cell: str, states: int, **options):
    """A lab with so many states, at rest."""
    with jupyter.notebook([cell], **options) as nb:
        nb.run_all(timeout=300)
        nb.page.wait_for_selector(".obi-part-signal .figure")
        nb.execute("import time, numpy as np, pandas as pd\nfrom obi_widgets.kernels import loader")
        nb.until("not loader.busy()", 300)
        nb.until(f"lab.session.market.state == 'live' and len(lab.history) > {states}", 300)
        nb.page.wait_for_timeout(3000)
        yield nb
        if errors := nb.errors():
            print(json.dumps(errors))


def parts(nb, count: int = 30) -> None:
    """What a frame is made of: the lines, and all of it with a setting that has changed."""
    nb.execute(
        "from dataclasses import replace\n"
        "def clock(work, count):\n"
        "    times = []\n"
        "    for number in range(count):\n"
        "        began = time.perf_counter(); work(number)\n"
        "        times.append(1e3 * (time.perf_counter() - began))\n"
        "    return times\n"
        "session = obi.Session('sim:BTC-PERP')  # its market is not looked at\n"
        "session.look_at(lab.session.time_range.seconds)\n"
        "history, parameters = lab.session.market.history(), lab.settings.parameters\n"
        "several = [parameters.replace(decay=0.1 + 0.01 * n) for n in range(2)]\n"
    )
    for name, work in (
        ("the signal alone", "obi.imbalance(history, several[n % 2])"),
        ("a frame of another decay", "session.publisher.frame(history, several[n % 2])"),
        (
            "a frame, three states later",
            "session.publisher.frame(history[: 3 * n - 300], parameters)",
        ),
    ):
        times = nb.value(f"clock(lambda n: {work}, {count + 1})[1:]")
        tell(f"ms: {name}", spread(list(times), 2), "")


def hour_and_day(jupyter: JupyterLab) -> None:
    """The same of an hour and of a day, each in a kernel of its own."""
    found = []
    for what, cell, states in (("an hour", HOUR, 35_000), ("a day", DAY, 863_000)):
        tell(f"{what} at 10 Hz is shown", "", "")
        with shown(jupyter, cell, states) as nb:
            found.append(cost(nb, 300))
            parts(nb)
            slide(nb, what)
            tell("MB resident in the kernel", f"{nb.value(RESIDENT) / 1e6:.0f}", "")
    for name in found[0]:
        ratio = found[1][name] / found[0][name]
        goal = {"kB a frame": "0.9 to 1.1", "kB a frame on average": "at most 1.1"}.get(name, "")
        tell(f"{name}, a day against an hour", f"{ratio:.2f}", goal)


RESIDENT = "int(open('/proc/self/statm').read().split()[1]) * 4096"


def main() -> None:
    with tempfile.TemporaryDirectory() as root, JupyterLab(Path(root)) as jupyter:
        hour_and_day(jupyter)
        if sys.argv[1:] == ["day"]:
            return
        cell = SHOW.format('"sim:BTC-PERP", seed=3, warmup=3600', 300)
        with shown(jupyter, cell, 35_000) as nb:
            nb.page.evaluate(WATCH)
            nb.page.wait_for_timeout(5000)
            rate, gap = frames(nb, 4.0)
            tell("frames a second, idle", f"{rate:.1f} (gap {gap:.0f} ms)", "10")
            busy(nb, "time.sleep(4)", "time.sleep(4)")
            busy(
                nb,
                "4 s of pandas",
                "until = time.time() + 4\nwhile time.time() < until:\n"
                "    f = pd.DataFrame(np.random.rand(20_000, 8)).rolling(50).mean().describe()",
            )
            cost(nb)
            main_thread(nb)
            slide(nb, "five minutes of an hour")
            drag_when_slow(nb)
            pile_up(nb)
            hidden(nb)


if __name__ == "__main__":
    main()
