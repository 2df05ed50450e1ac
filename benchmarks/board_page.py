"""A board of 21 markets in a real JupyterLab and a real Chromium: what its page is sent.

``python -m benchmarks.board --browser`` runs it, see there.
"""

from __future__ import annotations

import base64
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.base import HERE, environment

sys.path.insert(0, str(HERE / "tests"))

from browser.jupyterlab import JupyterLab, Notebook

EXTENSION = "obi_widgets.cli.server_extension"

CELL = """
import time
import obi_widgets as obi
from benchmarks import board as of_many

if {endpoints!r}:
    of_many.follow({endpoints!r})
past = {{source: of_many.past(seed) for seed, source in enumerate(of_many.SOURCES)}}
board = obi.Board(
    of_many.SOURCES, levels=of_many.LEVELS, history_seconds={seconds!r}, cards={mode!r},
    past=past if {mode!r} else None,
)
board
"""

STATES = "str(board.to_frame().filter(['state', 'card']).value_counts().to_dict())"
"""How many markets say what, so that one sees whether the exchange has starved."""


class Received:
    """Counts what comes to a page through its websockets, by the kind of message.

    Compression is off in Jupyter's server, so that these are bytes of the wire, but for its frames'
    headers of 2 to 10 bytes and TCP.
    """

    def __init__(self, nb: Notebook) -> None:
        self.bytes, self.frames = Counter[str](), Counter[str]()
        nb.cdp.send("Network.enable")
        nb.cdp.on("Network.webSocketFrameReceived", self._count)

    def _count(self, event: dict) -> None:
        response = event["response"]
        binary = response["opcode"] == 2
        data = response["payloadData"]
        size = len(base64.b64decode(data)) if binary else len(data.encode())
        kind = kind_of(base64.b64decode(data)) if binary else "text"
        self.bytes[kind] += size
        self.frames[kind] += 1


def kind_of(message: bytes) -> str:
    """Return the kind of a message of the protocol ``v1.kernel.websocket.jupyter.org``.

    It begins with the number of its offsets and the offsets themselves, 8 bytes each; its parts are
    the channel, header, parent's header, metadata, content and buffers.
    """
    many = int.from_bytes(message[:8], "little")
    ends = [int.from_bytes(message[8 * at : 8 * at + 8], "little") for at in range(1, many + 1)]
    return json.loads(message[ends[1] : ends[2]])["msg_type"]


@contextlib.contextmanager
def shown(
    mode: str | None, seconds: float, endpoints: dict[str, str] | None = None
) -> Iterator[Notebook]:
    """Show a board whose exchange is in the kernel, or in the process of these endpoints.

    Once all markets are live and have a card: between their past and the first state is a gap, so
    that a window of five minutes may take as long.
    """
    with (
        tempfile.TemporaryDirectory() as root,
        JupyterLab(Path(root), env=environment(HERE), extensions={EXTENSION: True}) as jupyter,
        jupyter.notebook(
            [CELL.format(endpoints=endpoints, seconds=seconds, mode=mode)], height=1100
        ) as nb,
    ):
        nb.run_all(timeout=300)
        if nb.errors():
            raise RuntimeError("\n".join(nb.errors()))
        nb.until("(board.to_frame()['state'] == 'live').all()", 300, every=2)
        if mode:
            ready = "not board.to_frame()['card'].isin(['stale', 'not_ready']).any()"
            nb.until(ready, 600, every=2)
        yield nb


def measure_page(
    minutes: int, mode: str | None, seconds: float, endpoints: dict[str, str] | None = None
) -> None:
    """Show a board, leave it a minute, and print a line each minute."""
    where = "in another process" if endpoints else "in the kernel"
    print(f"a page in Chromium, the exchange {where}, cards: {mode or 'off'}", flush=True)
    with shown(mode, seconds, endpoints) as nb:
        received = Received(nb)
        nb.page.wait_for_timeout(60_000)
        for minute in range(1, minutes + 1):
            nb.execute("cpu, clock = time.process_time(), time.perf_counter()")
            frame, before = nb.value("board._page.frame"), nb.metrics()
            received.bytes.clear()
            received.frames.clear()
            nb.page.wait_for_timeout(60_000)
            sizes, frames = received.bytes.copy(), received.frames.copy()
            after = nb.metrics()
            passed = after["Timestamp"] - before["Timestamp"]
            share = nb.value("(time.process_time() - cpu) / (time.perf_counter() - clock)")
            shown_frames = nb.value("board._page.frame") - frame
            busy = (after["ThreadTime"] - before["ThreadTime"]) / passed
            kinds = ", ".join(f"{k} {n / passed / 1e3:.2f}" for k, n in sizes.most_common(4))
            print(
                f"minute {minute:3}: kernel {100 * share:5.1f} % of a core, page's main thread "
                f"{100 * busy:4.1f} %, {sizes.total() / passed / 1e3:5.2f} kB/s in "
                f"{frames.total() / passed:5.2f} messages/s ({kinds}), "
                f"{shown_frames / passed:4.2f} frames/s; {nb.value(STATES)}",
                flush=True,
            )
        if nb.errors():
            raise RuntimeError("\n".join(nb.errors()))
