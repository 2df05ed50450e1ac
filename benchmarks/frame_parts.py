"""Where the time of a frame goes: CPU of the publisher's thread by part, at ten frames a second.

Run from the repository's root: ``python -m benchmarks.frame_parts``; with ``layers``, with heatmap,
trades and large levels. It takes half a minute. See `benchmarks.frame` for what is measured. Each
part is without the parts inside it. Reading the clock adds about 0.1 ms to a frame. The floor is
an empty message that is sent ten times a second while nothing else is.
"""

from __future__ import annotations

import json
import os
import statistics
import sys

from jupyter_client.manager import start_new_kernel

from benchmarks.base import HERE, environment
from benchmarks.frame import LAB, run

COUNT = 200
"""Frames that are measured."""

MEASURE = """
import collections, functools
from obi_widgets.presentation.frames import frame_maker, frame_message
from obi_widgets.presentation.layers import chart_layers
from obi_widgets.session import publisher as making, publishing
from obi_widgets.widgets.page import PageWidget

spent, inside, of_frames, clock = collections.Counter(), [], [], time.thread_time

def timed(name, function):
    @functools.wraps(function)
    def measured(*given, **named):
        if threading.current_thread().name != "obi-publisher":
            return function(*given, **named)
        inside.append(0.0)
        began = clock()
        try:
            return function(*given, **named)
        finally:
            took = clock() - began
            spent[name] += took - inside.pop()
            if inside:
                inside[-1] += took
    return measured

def watch(owner, method, name):
    function = vars(owner)[method]
    if isinstance(function, classmethod):
        setattr(owner, method, classmethod(timed(name, function.__func__)))
    else:
        setattr(owner, method, timed(name, function))

for owner, method, name in (
    (making.Publisher, "_due", "history, key of the frame"),
    (making.Publisher, "frame", "frame: the rest"),
    (publishing.Publishing, "_show", "whether a frame is due"),
    (making.SignalValues, "update", "signal and entries"),
    (frame_maker.FrameMaker, "make", "frame: the rest"),
    (frame_maker.FrameMaker, "_judge", "reach"),
    (frame_maker.Ladder, "of", "ladder"),
    (frame_maker, "steps", "price line"),
    (frame_maker.SignalLines, "make", "signal line"),
    (frame_maker.EquityMaker, "make", "equity"),
    (frame_maker.LayerMaker, "make", "layers: the rest"),
    (chart_layers.DepthStrips, "now", "layers: depth now"),
    (chart_layers.Heatmap, "of", "layers: heatmap"),
    (chart_layers.TradeBubbles, "of", "layers: trades"),
    (chart_layers.Walls, "of", "layers: large levels"),
    (PageWidget, "show", "values of widgets"),
    (PageWidget, "_deliver", "sending"),
    (frame_message.FrameEncoder, "encode", "message"),
):
    watch(owner, method, name)
for kind in {type(part) for part in lab._parts}:
    changes = kind._changes
    kind._changes = timed(kind.__name__, lambda part, frame, of=changes: list(of(part, frame)))

def measured():
    spent.clear()
    frame, began = page.frame, clock()
    show()
    if page.frame != frame:
        whole = clock() - began
        of_frames.append({**spent, "everything": whole})

def parts(count, shown):
    drawn = {name: shown for name in ("heatmap", "bubbles", "walls")}
    lab.session.appearance = lab.session.appearance._replace(**drawn)
    time.sleep(3)
    publisher.round = measured
    while len(of_frames) < count:
        time.sleep(0.1)
    publisher.round = lambda: None
    floor = []
    def send():
        for _ in range(count // 4):
            time.sleep(0.1)
            began = clock()
            page.send({})
            floor.append({"the floor: an empty message": clock() - began})
    sending = threading.Thread(target=send)
    sending.start()
    sending.join()
    print(json.dumps([of_frames, floor]))
"""


def main() -> None:
    shown = sys.argv[1:] == ["layers"]
    manager, client = start_new_kernel(env=environment(HERE), cwd=os.fspath(HERE))
    try:
        run(client, LAB + MEASURE)
        for found in json.loads(run(client, f"parts({COUNT}, {shown})")):
            names = {name for one in found for name in one}
            medians = {
                name: statistics.median(1e3 * one.get(name, 0.0) for one in found) for name in names
            }
            for name in sorted(medians, key=medians.__getitem__, reverse=True):
                print(f"{name:30} {medians[name]:6.3f} ms")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
