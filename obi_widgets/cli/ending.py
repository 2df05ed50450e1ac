"""How a command is ended from outside: Ctrl-C, ``kill`` and a closed terminal all do the same."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt within the context, as Ctrl-C does.

    A signal that is ignored stays so: a closed terminal ends nothing under ``nohup``, nor does
    Ctrl-C what a shell has put in the background. SIGTERM always ends it.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may do this
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in names}
    for number, handler in before.items():
        if number == signal.SIGTERM or handler != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # None: not set by Python
                signal.signal(number, handler)
