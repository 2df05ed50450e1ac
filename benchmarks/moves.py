"""Where the time of a slider's move goes: step by step, from the mouse's event to the paint.

Run from the repository's root: ``python -m benchmarks.moves``. It takes about five minutes, in a
server without our extension and then in one with it, with a day of ten states a second. The
page and the kernel stamp the steps by the wall clock, which is the same for both. On a machine that
does other work too, steps that compute take longer than they need.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks.base import HERE, environment
from benchmarks.lab import DAY, JupyterLab, drag, shown, spread, tell
from benchmarks.page import EXTENSION, PLAIN, STATES

STEPS = (
    "the page has sent the value",  # ipywidgets, JupyterLab
    "the kernel has set it",  # the server, a subshell of ipykernel
    "the publisher begins its frame",
    "signal and entries of the day are computed",
    "the frame is made",
    "its message is sent",
    "the page has it",  # the server, TCP
    "its models are set",
    "its lines and canvases are drawn",
    "it is painted",
)
"""What has happened at the end of each step. The first begins with the mouse's event."""

KERNEL = """
import time
publisher, page, answers, settings = lab.session.publisher, lab._page, [], {}
made, update, deliver = publisher.frame, publisher._analysis.update, page._deliver
lab.settings.observe(lambda change: settings.update({change["new"]: 1e3 * time.time()}), "decay")
def frame(history, parameters):
    answers.append([dict(parameters.values)["decay"], 1e3 * time.time()])
    frame = made(history, parameters)
    answers[-1].append(1e3 * time.time())
    return frame
def updated(history, parameters):
    update(history, parameters)
    answers[-1].append(1e3 * time.time())
def delivered(message):
    deliver(message)
    if message is not None:
        answers[-1] += [1e3 * time.time(), message[0]["frame"]]
publisher.frame, publisher._analysis.update, page._deliver = frame, updated, delivered
"""

PAGE = """(async () => {
  window.sent = {};                                            // by value: the mouse, sent
  window.frames = {};                                          // by number: taken, …, painted
  const now = () => performance.timeOrigin + performance.now();
  let mouse = 0;
  const follow = (event) => { mouse = performance.timeOrigin + event.timeStamp; };
  addEventListener('pointermove', follow, { capture: true });
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (data) {
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
    const value = text.match(/"state":{"value":([\\d.]+)}/);
    if (value) sent[value[1]] ??= [mouse, now()];
    send.call(this, data);
  };
  const comm = await p.sessionContext.session.kernel._comms.get(a);
  const hear = comm.onMsg;
  comm.onMsg = (message) => {
    const taken = now();
    const answer = hear(message);
    const number = message.content.data.content?.frame;
    if (number === undefined) return answer;
    const set = now();
    requestAnimationFrame(() => {                              // after those of the frame's models
      const drawn = now();
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { frames[number] = [taken, set, drawn, now()]; };
      channel.port2.postMessage(0);
    });
    return answer;
  };
})()"""


def moves(nb) -> Iterator[list[float]]:
    """Yield the stamps of each move that a frame has answered, ms: the mouse's, then `STEPS`."""
    sent, frames = nb.page.evaluate("[sent, frames]")
    sent = {float(value): stamps for value, stamps in sent.items()}
    settings = dict(nb.value("list(settings.items())"))
    for value, *made, number in nb.value("[one for one in answers if len(one) == 6]"):
        before, after = sent.pop(value, None), frames.get(str(number))
        if before and after:  # the first frame with the value
            yield [*before, settings[value], *made, *after]


def measure(name: str, *, at_once: bool) -> None:
    """Drag a slider in a server that sends at once, or as Tornado does."""
    with (
        tempfile.TemporaryDirectory() as root,
        JupyterLab(Path(root), env=environment(HERE), extensions={EXTENSION: at_once}) as jupyter,
        shown(jupyter, DAY, STATES) as nb,
    ):
        nb.execute(PLAIN + KERNEL)
        nb.panel(PAGE, nb.value("page.comm.comm_id"))
        drag(nb)
        stamps = list(moves(nb))
        tell(f"{name}: ms until", "", "")
        for step, took in zip(STEPS, zip(*map(steps, stamps), strict=True), strict=True):
            tell(f"  {step}", spread(took), "")
        tell("  all", spread(one[-1] - one[0] for one in stamps), "")


def steps(stamps: Sequence[float]) -> list[float]:
    """Return how long each step has taken."""
    return [after - before for before, after in pairwise(stamps)]


def main() -> None:
    measure("without our server extension", at_once=False)
    measure("with it", at_once=True)


if __name__ == "__main__":
    main()
