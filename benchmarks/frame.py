"""What a frame costs the kernel, beside what it cost at another commit.

Run from the repository's root: ``python -m benchmarks.frame`` compares with `BEFORE`, or with a
commit that is given; ``python -m benchmarks.frame alone`` measures only what stands here. It takes
about three minutes.

Both run at the same time, each in a Jupyter kernel of its own: a real lab of a simulated exchange,
ten frames a second, and a page that says it is seen. There is no browser. The time is that of the
publisher's thread on a CPU, from the begin of its round to the message's way out, with what the
garbage collector takes in it. Ratios hold on a busy machine, milliseconds only on a quiet one.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel

from benchmarks.base import HERE, environment, package

if TYPE_CHECKING:
    from jupyter_client.blocking.client import BlockingKernelClient

BEFORE = "df60f87"

COUNT = 500
"""Frames that are measured of each picture."""

LAB = """
import json, threading, time
import obi_widgets as obi
from ipykernel.comm.comm import BaseComm
from obi_widgets.kernels import loader

lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=600)
display(lab)
page, publisher, over = lab._page, lab.session.publisher, threading.Event()

def see():
    while not over.wait(0.5):
        page._hear(None, {"view": "a", "seen": True, "frame": page.frame}, None)

threading.Thread(target=see, daemon=True).start()
loader.wait()
lab.session.wait(5000)
times, sizes, sent = [], [], []
show, publish = publisher.round, BaseComm.publish_msg

def timed():
    began, frame = time.thread_time(), page.frame
    show()
    if page.frame != frame:
        times.append(1e3 * (time.thread_time() - began))

def counted():
    sent.clear()
    frame = page.frame
    show()
    if page.frame != frame:
        sizes.append((len(sent), sum(sent) / 1e3))

def count(self, msg_type, data=None, metadata=None, buffers=None, **more):
    size = len(json.dumps(data, default=str))
    sent.append(size + sum(memoryview(b).nbytes for b in buffers or []))
    return publish(self, msg_type, data=data, metadata=metadata, buffers=buffers, **more)

def measure(frames, **appearance):
    lab.session.appearance = lab.session.appearance._replace(**appearance)
    time.sleep(3)
    for found, run, publishing in ((times, timed, publish), (sizes, counted, count)):
        found.clear()
        publisher.round, BaseComm.publish_msg = run, publishing
        while len(found) < (frames if found is times else frames // 5):
            time.sleep(0.1)
    publisher.round, BaseComm.publish_msg = show, publish
    print(json.dumps([times, sizes]))
"""

PICTURES = (
    ("without heatmap, trades and large levels", False, 1.5, 6),
    ("with them", True, 2.5, 12),
)
"""What is drawn, and the goals: ms of CPU, kB."""


def run(client: BlockingKernelClient, code: str) -> str:
    """Run code in a kernel; return what it printed."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        if message["msg_type"] == "stream" and content["name"] == "stdout":
            said.append(content["text"])

    client.execute_interactive(code, output_hook=hear, timeout=300)
    return "".join(said)


def spread(values: list[float]) -> str:
    values = sorted(values)
    return f"{statistics.median(values):6.2f} (p95 {values[int(0.95 * (len(values) - 1))]:.2f})"


def main() -> None:
    arguments = sys.argv[1:]
    with contextlib.ExitStack() as stack:
        names = {"here": HERE}
        if arguments != ["alone"]:
            commit = arguments[0] if arguments else BEFORE
            names[commit] = stack.enter_context(package(commit))
        clients = []
        for folder in names.values():
            env = environment(folder) | {"PYTHONHASHSEED": "0"}
            manager, client = start_new_kernel(env=env, cwd=os.fspath(folder))
            stack.callback(manager.shutdown_kernel, now=True)
            stack.callback(client.stop_channels)
            clients.append(client)
        workers = stack.enter_context(ThreadPoolExecutor(len(clients)))

        def everywhere(code: str) -> list[str]:
            """Run code in all kernels at the same time."""
            return list(workers.map(run, clients, [code] * len(clients)))

        everywhere(LAB)
        for name, drawn, most_ms, most_kb in PICTURES:
            shown = f"heatmap={drawn}, bubbles={drawn}, walls={drawn}"
            found = [json.loads(said) for said in everywhere(f"measure({COUNT}, {shown})")]
            print(f"\n{name}")
            medians = [statistics.median(times) for times, _ in found]
            for label, (times, sizes) in zip(names, found, strict=True):
                messages, bytes_sent = (list(column) for column in zip(*sizes, strict=True))
                print(
                    f"  {label:10} ms of CPU {spread(times)}   kB {spread(bytes_sent)}"
                    f"   messages {statistics.median(messages):.0f}"
                )
            print(f"  goal       at most {most_ms} ms, {most_kb} kB, 2 messages")
            if len(medians) > 1:
                print(f"  here against {commit}: {medians[0] / medians[1]:.2f}", flush=True)


if __name__ == "__main__":
    main()
