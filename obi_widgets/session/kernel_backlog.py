"""How many messages of the kernel may wait for a server that is slow to take them.

ipykernel publishes through a ZeroMQ socket that holds 1,000 messages for each reader, and drops
what comes while these wait, without a word. A server on a busy machine can be late by some labs,
each of hundreds of messages. A page that never hears of a widget cannot show what it is in.

The functions here use an attribute and a method of ipykernel that other kernels may not have; then
they do nothing.
"""

from __future__ import annotations

import sys
from typing import Any

MOST = 20_000
"""Messages that may wait for one reader: about fifty labs. Frames do not pile up, since a page that
has not painted the last ones is sent no further ones."""


def let_messages_wait() -> None:
    """Let more messages wait for a slow reader before any is dropped. Call it at any time.

    It holds for readers that are connected already, and for those to come. A larger limit of the
    user's is kept.
    """
    module: Any = sys.modules.get("ipykernel.kernelbase")  # absent outside a kernel
    if module is None or not module.Kernel.initialized():
        return
    thread: Any = getattr(module.Kernel.instance(), "iopub_thread", None)
    if hasattr(thread, "schedule"):
        thread.schedule(lambda: _raise_limit(thread.socket))  # a socket is used by its thread alone


def _raise_limit(socket: Any) -> None:  # noqa: ANN401 of pyzmq, or of a kernel in this process
    limit = getattr(socket, "sndhwm", 0)
    if 0 < limit < MOST:  # 0 is no limit
        socket.sndhwm = MOST
