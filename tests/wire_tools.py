"""What goes to the browser."""

from __future__ import annotations

import json
from typing import Any


class Wire:
    """Counts what goes to the browser, and keeps the custom messages.

    Attributes
    ----------
    sizes : list of int
        Bytes of each message.
    sent : list of tuple
        Content and buffers of each custom message.
    """

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []

    def __call__(self, _, msg_type, data=None, metadata=None, buffers=None, **more) -> None:
        size = len(json.dumps(data, default=str))
        self.sizes.append(size + sum(memoryview(one).nbytes for one in buffers or ()))
        if data and data.get("method") == "custom":
            self.sent.append((data["content"], list(buffers or ())))
