"""A reader that is late gets every message of a kernel with a widget of ours, and no fewer."""

from __future__ import annotations

import asyncio

import pytest
import zmq
from jupyter_client.manager import KernelManager
from jupyter_core.utils import ensure_event_loop

from obi_widgets.session import kernel_backlog
from obi_widgets.session.kernel_backlog import MOST, let_messages_wait

MANY = 8000
"""Messages: more than a kernel holds by itself, and than fit into the buffers of a connection."""

PUBLISH = """
kernel = get_ipython().kernel
for number in range({many}):
    kernel.session.send(kernel.iopub_socket, "{kind}", {{"filling": "x" * 1000}})
"""


@pytest.mark.slow
def test_a_late_reader_gets_all():
    # Not `start_new_kernel`: it takes a heartbeat that is late for a kernel's end.
    manager, context = KernelManager(kernel_name="python3"), zmq.Context()
    manager.start_kernel()
    client, reader = manager.blocking_client(), context.socket(zmq.SUB)
    try:
        client.start_channels()
        reader.rcvhwm, reader.rcvbuf = 1, 1 << 14
        reader.subscribe(b"")
        reader.connect(f"tcp://{manager.ip}:{manager.iopub_port}")
        run(client, "import obi_widgets as obi")
        few = received(client, reader, "first", patience=3)
        assert few < MANY, "as ipykernel does it, or this test shows nothing"
        run(client, "obi.SettingsWidget()")
        assert received(client, reader, "second", patience=60) == MANY
    finally:
        context.destroy(0)
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        ensure_event_loop().close()  # which the blocking client made for this thread
        asyncio.set_event_loop(None)


def run(client, code):
    """Run code; what it publishes is not read, as the client's own reader may miss some of it."""
    answer = client.execute(code, reply=True, timeout=120)
    assert answer["content"]["status"] == "ok", answer["content"]


def received(client, reader, kind, patience):
    """Publish; return how many messages a reader gets that begins to read when all are sent."""
    run(client, PUBLISH.format(many=MANY, kind=kind))
    count = 0
    while count < MANY and reader.poll(1000 * patience):
        header = next(part for part in reader.recv_multipart() if b'"msg_type"' in part)
        count += f'"{kind}"'.encode() in header
    return count


class Socket:
    def __init__(self, limit):
        self.sndhwm = limit


class Thread:
    """As ipykernel's, but at once."""

    def __init__(self, limit):
        self.socket = Socket(limit)

    def schedule(self, call):
        call()


class Module:
    def __init__(self, kernel):
        self.Kernel, self.kernel = self, kernel

    def initialized(self):
        return self.kernel is not None

    def instance(self):
        return self.kernel


class AnyKernel:
    pass


@pytest.mark.parametrize(
    ("limit", "then"), [(1000, MOST), (0, 0), (MOST, MOST), (10 * MOST, 10 * MOST)]
)
def test_a_larger_limit_is_kept(monkeypatch, limit, then):
    kernel = AnyKernel()
    kernel.iopub_thread = Thread(limit)
    monkeypatch.setitem(kernel_backlog.sys.modules, "ipykernel.kernelbase", Module(kernel))
    let_messages_wait()
    assert kernel.iopub_thread.socket.sndhwm == then


@pytest.mark.parametrize("kernel", [None, AnyKernel()])
def test_a_kernel_without_such_a_socket_is_left_alone(monkeypatch, kernel):
    monkeypatch.setitem(kernel_backlog.sys.modules, "ipykernel.kernelbase", Module(kernel))
    let_messages_wait()
    assert not vars(kernel or AnyKernel())
