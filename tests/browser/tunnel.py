"""A network that can be cut: every byte between browser and server goes through it."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Self


class Tunnel:
    """Forwards connections on 127.0.0.1 to a port, until it is cut.

    Parameters
    ----------
    port : int
        Where to.

    Attributes
    ----------
    port : int
        Where it listens itself.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._cut = self._ended = False
        self._lock = threading.Lock()
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="tunnel", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended = True
        self._thread.join(10)
        self.cut()
        self._listener.close()
        self._selector.close()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        self._cut = True
        with self._lock:
            for one in list(self._pairs):
                self._end(one)

    def mend(self) -> None:
        """Let new connections through."""
        self._cut = False

    def _run(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._forward(key.fileobj)  # type: ignore[arg-type]

    def _accept(self) -> None:
        here, _ = self._listener.accept()
        if self._cut:
            here.close()
            return
        there = socket.create_connection(("127.0.0.1", self._to))
        with self._lock:
            for one, other in ((here, there), (there, here)):
                self._pairs[one] = other
                self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, one: socket.socket) -> None:
        with self._lock:
            other = self._pairs.get(one)
            if other is None:
                return  # ended meanwhile
            try:
                data = one.recv(1 << 16)
                if data:
                    other.sendall(data)
                    return
            except OSError:
                pass  # as at an end
            self._end(one)

    def _end(self, one: socket.socket) -> None:
        for end in (one, self._pairs.pop(one, one)):
            self._pairs.pop(end, None)
            if end.fileno() != -1:
                self._selector.unregister(end)
                end.close()
