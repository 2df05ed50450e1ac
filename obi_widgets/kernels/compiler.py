"""Compiling in a process of its own, at low priority.

numba compiles in Python, under the interpreter's lock: in a thread it would take the time of
whoever computes by NumPy meanwhile, and of the thread that reads the feed. What the process has
compiled stands in numba's cache, from which the asker loads it in moments.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from obi_widgets.kernels.compiled_cache import folder_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import IO

NICE = 10
"""How much less the process counts than others: on a busy core it gets a tenth of the time."""

START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from obi_widgets.kernels import compiler, loader; "
    "compiler.serve(loader.module_of, lambda name: loader.Kernels(name).compile())"
)
"""What the process runs; its modules are found where they are here."""


class CompilerProcess:
    """The process; it is started when it is first asked, and ends when it is closed.

    If this process ends first, it ends too, once the kernel that it works on is done. One thread
    asks it; any may give it up.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._given_up = False

    def compile(self, name: str) -> None:
        """Have a module compiled, and wait for that. Return early if the process was given up.

        Parameters
        ----------
        name : str
            Name of a module of compiled functions.
        """
        try:
            with self._lock:
                if self._given_up:
                    return
                if self._process is None:
                    self._process = _started()
                process = self._process
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            if not process.stdout.readline():  # it has ended, and is not started again
                self.give_up()
        except OSError:  # processes cannot be started here, or it has ended
            self.give_up()

    def give_up(self) -> None:
        """Stop what it does at once: whoever waits for it returns, and asks it for nothing more."""
        with self._lock:
            self._given_up = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process. Only the thread that asks may call this."""
        self.give_up()
        if self._process is not None:
            with self._process:  # closes the pipes, and waits
                pass
            self._process = None


def _started() -> subprocess.Popen[str]:
    paths = json.dumps([path for path in sys.path if path])
    below = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)  # of Windows
    return subprocess.Popen(
        [sys.executable, "-P", "-c", START, paths],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, creationflags=below,
    )  # fmt: skip


def serve(find: Callable[[str], ModuleType], compile_module: Callable[[str], object]) -> None:
    """Compile each module whose name comes, and answer with a line. This is the process.

    Parameters
    ----------
    find, compile_module : callable
        Take the name of a module of compiled functions; return it, or compile it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted cell goes on compiling
    if hasattr(os, "nice"):
        os.nice(NICE)
    for line in sys.stdin:
        name = line.strip()
        held = _alone(find, name)
        compile_module(name)
        if held is not None:
            held.close()
        sys.stdout.write(f"{name}\n")
        sys.stdout.flush()


def _alone(find: Callable[[str], ModuleType], name: str) -> IO[str] | None:
    """Wait until no other process compiles kernels of the same room; return what holds the place.

    None where it cannot be told. Two may do the same work then: numba replaces files whole.
    """
    try:
        import fcntl

        folder = folder_of(find(name))
        if folder is None:
            return None
        folder.mkdir(parents=True, exist_ok=True)
        held = (folder / "obi-compiler.lock").open("w")
    except Exception:  # noqa: BLE001  (no such lock, folder or module here: compiling tells)
        return None
    fcntl.flock(held, fcntl.LOCK_EX)
    return held
