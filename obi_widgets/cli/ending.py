"""How a command is ended from outside: Ctrl-C, ``kill`` and a closed terminal all do the same.

A command that is there for what it prints also ends once nobody reads that.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def interruptible(*, while_read: bool = False) -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt within the context, as Ctrl-C does.

    A signal that is ignored stays so: a closed terminal ends nothing under ``nohup``, nor does
    Ctrl-C what a shell has put in the background. SIGTERM always ends it.

    Parameters
    ----------
    while_read : bool
        Whether it also ends once whoever read standard output has left, as ``head`` does after some
        lines. A write would find that out by itself, but the next one may come in an hour.

    Raises
    ------
    BrokenPipeError
        If the reader has left.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may do this
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number, handler in before.items():
        if number == signal.SIGTERM or handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    reader = _Reader(_piped() if while_read else None)
    try:
        yield
    except KeyboardInterrupt:
        if reader.has_left:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        raise
    finally:
        reader.close()
        for number, handler in before.items():
            if handler is not None:  # None: not set by Python
                signal.signal(number, handler)


def _piped() -> int | None:
    """Return the descriptor of standard output if it is a pipe whose reader can be watched."""
    if not hasattr(select, "poll"):  # on Windows
        return None
    with suppress(AttributeError, OSError, ValueError):  # there is none, or it is no file
        file = sys.stdout.fileno()
        mode = os.fstat(file).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return file
    return None


class _Reader:
    """Whoever reads a pipe. Once it leaves, the main thread gets SIGTERM.

    Parameters
    ----------
    file : int or None
        Descriptor of the pipe's end that is written to; None watches nothing.

    Attributes
    ----------
    has_left : bool
        Whether that has happened.
    """

    def __init__(self, file: int | None) -> None:
        self.has_left = self._closed = False
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        if file is None:
            return
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(
            target=self._watch, args=(file,), name="obi-reader", daemon=True
        )
        self._thread.start()

    def _watch(self, file: int) -> None:
        poll = select.poll()
        poll.register(file, 0)  # errors and hang-ups are told in any case
        poll.register(self._woken, select.POLLIN)
        poll.poll()
        with self._lock:
            if not self._closed:
                self.has_left = True
                main = threading.main_thread().ident
                assert main is not None
                signal.pthread_kill(main, signal.SIGTERM)

    def close(self) -> None:
        """Stop watching."""
        if self._thread is None:
            return
        with self._lock:
            self._closed = True
        os.write(self._wake, b"\n")
        self._thread.join()
        os.close(self._wake)
        os.close(self._woken)
