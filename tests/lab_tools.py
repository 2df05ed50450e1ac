"""What the tests of ``obi-widgets lab`` share: the command as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import httpx


class LabProcess:
    """A running ``obi-widgets lab``; all that it started ends with the context.

    Parameters
    ----------
    folder : Path
        Empty; its folders are made in there, and everybody may search them.
    environment : dict, optional
        Added to that of the process.
    """

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder, self.work = folder, folder / "work"
        for name in ("home", "tmp", "runtime", "work"):
            (folder / name).mkdir(mode=0o755, exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
        places = {
            "HOME": "home",
            "TMPDIR": "tmp",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "IPYTHONDIR": "ipython",
        }
        kept |= {name: str(folder / place) for name, place in places.items()} | environment
        self.process = subprocess.Popen(
            [sys.executable, "-m", "obi_widgets.cli.main", "lab", *arguments],
            cwd=self.work,
            env=kept,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._spoke = threading.Condition()
        self._over = False
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.wait()
        finally:
            for number in self.left():
                os.kill(number, signal.SIGKILL)
            self.process.wait()
            self._listener.join()
            self.process.stdout.close()

    def _listen(self) -> None:
        for line in self.process.stdout:
            with self._spoke:
                self.said.append(line.rstrip("\n"))
                self._spoke.notify_all()
        with self._spoke:
            self._over = True
            self._spoke.notify_all()

    def until(self, pattern: str, within: float = 240) -> str:
        """Wait for a line that matches; return it. Never, or not in time, is a failure."""

        def found() -> str | None:
            return next((line for line in self.said if re.search(pattern, line)), None)

        with self._spoke:
            self._spoke.wait_for(lambda: found() is not None or self._over, within)
            line = found()
        assert line is not None, "\n".join(self.said)
        return line

    def wait(self, within: float = 120) -> int:
        """Wait until it ends; return its exit code."""
        return self.process.wait(within)

    def left(self, within: float = 0) -> list[int]:
        """Return the processes that work in its folder, once there are none or time is up."""
        until = time.monotonic() + within
        while (found := self._processes()) and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def _processes(self) -> list[int]:
        found = []
        for one in Path("/proc").iterdir():
            if one.name.isdigit():
                try:
                    if (one / "cwd").readlink().is_relative_to(self.folder):
                        found.append(int(one.name))
                except OSError:
                    continue  # it has ended meanwhile
        return found

    @property
    def address(self) -> str:
        """What it printed, once it is running."""
        return self.until(r"^http")

    @property
    def root(self) -> str:
        return self.address.partition("lab/tree/")[0]

    @property
    def token(self) -> str:
        return self.address.partition("?token=")[2]

    def ask(self, route: str) -> Any:
        """Return what the owner is told over HTTP."""
        headers = {"Authorization": f"token {self.token}"}
        answer = httpx.get(f"{self.root}{route}", headers=headers, trust_env=False, timeout=30)
        return answer.raise_for_status().json()
