"""Drives a real JupyterLab in a real (headless) Chromium. Nothing of the user's leaks in."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Page, sync_playwright

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]
APPUTILS = "@jupyterlab/apputils-extension"

PANEL = """(() => { for (const w of window.jupyterapp.shell.widgets('main'))
    if (w.sessionContext && w.content && w.content.model) return w; return null; })()"""
"""The notebook's panel; `window.jupyterapp` is there because of expose_app_in_browser."""

LATE = "[anywidget] Failed to initialize model."
"""What anywidget says of a script that took more than two seconds, as it may on a busy machine. The
page makes up for it, see `test_frames.py`."""

OUTPUT_WIDTH = """[...document.querySelectorAll('.jp-OutputArea-output, .jp-InputArea-editor')]
    .map(node => node.getBoundingClientRect().width).find(width => width > 0) ?? 0"""
"""Width of the first one that is shown: the editor of a text, which is rendered, is hidden."""


def chromium() -> str | None:
    """Return the browser's path: of OBI_CHROMIUM, or what is installed; None without one."""
    wanted = os.environ.get("OBI_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
    return wanted if Path(wanted).is_file() else None


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of code cells with the ids ``cell-0``, ``cell-1``, …"""
    document = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }
    path.write_text(json.dumps(document))


def wait_for(what: str, ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait until a process that was started is ready."""
    deadline = time.monotonic() + 60
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not start")
        time.sleep(0.05)


class JupyterLab:
    """A private JupyterLab server on 127.0.0.1, and a browser to look at it.

    Parameters
    ----------
    root : Path
        The folder of its notebooks.
    theme : str
        What it starts with.
    env : dict, optional
        Added to the server's and so to the kernels' environment.
    settings : dict, optional
        JupyterLab's, by plugin.
    extensions : sequence of str
        Modules that its server loads as extensions, beside those that are installed.
    """

    def __init__(
        self,
        root: Path,
        *,
        theme: str = "JupyterLab Light",
        env: dict[str, str] | None = None,
        settings: dict[str, dict[str, Any]] | None = None,
        extensions: Mapping[str, bool] | None = None,
    ) -> None:
        self.root, self.env, self.token = root, env or {}, secrets.token_hex(8)
        self.extensions = dict(extensions or {})
        defaults: dict[str, dict[str, Any]] = {
            f"{APPUTILS}/notification": {
                "fetchNews": "false",
                "checkForUpdates": False,
                "doNotDisturbMode": True,
            },
            f"{APPUTILS}/themes": {"theme": theme},
            "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
        }
        self.settings = defaults | (settings or {})
        self._stack = contextlib.ExitStack()
        self._written = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:  # undone if anything below fails
            home = Path(
                stack.enter_context(
                    tempfile.TemporaryDirectory("", "lab-", ignore_cleanup_errors=True)
                )
            )
            self._start_server(home, stack)
            self._start_browser(home, stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _start_server(self, home: Path, stack: contextlib.ExitStack) -> None:
        for name, value in self.settings.items():
            file = home / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(value))
        enabled = {"ServerApp": {"jpserver_extensions": self.extensions}}
        (home / "CONFIG").mkdir()
        (home / "CONFIG" / "jupyter_server_config.json").write_text(json.dumps(enabled))
        env = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "IPYTHON"))}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
        env |= {f"JUPYTER_{k}_DIR": str(home / k) for k in ("CONFIG", "DATA", "RUNTIME")}
        env |= {f"JUPYTERLAB_{k}_DIR": str(home / k.lower()) for k in ("SETTINGS", "WORKSPACES")}
        env |= {"IPYTHONDIR": str(home / "ipython")} | self.env
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--port-retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--ServerApp.log_level=ERROR",
            "--allow-root",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",  # if it is installed
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        with (home / "server.log").open("wb") as log:
            server = subprocess.Popen(
                command, cwd=self.root, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.server = server
        stack.callback(end, server)
        runtime = home / "RUNTIME"  # the server writes this file when it listens
        wait_for("JupyterLab", lambda: any(runtime.glob("jpserver-*.json")), server)

    def _start_browser(self, home: Path, stack: contextlib.ExitStack) -> None:
        """Start Chromium ourselves.

        A page launched by Playwright has its focus emulated and is never hidden. Over CDP without
        the defaults, a tab behind another one is hidden.
        """
        executable = chromium()
        if executable is None:
            raise RuntimeError("There is no Chromium.")
        browser = subprocess.Popen(
            [
                executable,
                "--headless",
                *CHROMIUM_ARGS,
                "--remote-debugging-port=0",
                f"--user-data-dir={home / 'chromium'}",
                "--window-size=1440,1100",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(end, browser)
        file = home / "chromium" / "DevToolsActivePort"
        wait_for("Chromium", lambda: file.exists() and "\n" in file.read_text(), browser)
        port, path = file.read_text().split("\n")[:2]
        playwright = stack.enter_context(sync_playwright())
        connected = playwright.chromium.connect_over_cdp(
            f"ws://127.0.0.1:{port}{path}", no_defaults=True, is_local=True
        )
        self.context = connected.contexts[0]

    @contextlib.contextmanager
    def open(
        self,
        notebook: str,
        *,
        mode: str = "doc",
        width: int = 1240,
        height: int = 1000,
        window: bool = False,
        url: str | None = None,
    ) -> Iterator[Notebook]:
        """Open a notebook; ``mode`` is ``doc`` (single document) or ``lab`` (tabs).

        In a window of its own it hides no other page. ``url`` is a way to the server.
        """
        page = self._new_window() if window else self.context.new_page()
        try:
            nb = Notebook(page)
            page.set_viewport_size({"width": width + 183, "height": height})
            page.goto(f"{url or self.url}/{mode}/tree/{notebook}?reset&token={self.token}")
            nb.ready()
            nb.set_output_width(width, height)
            yield nb
        finally:
            page.close()

    def _new_window(self) -> Page:
        browser = self.context.browser
        assert browser is not None
        session = browser.new_browser_cdp_session()
        with self.context.expect_page() as opened:
            session.send("Target.createTarget", {"url": "about:blank", "newWindow": True})
        session.detach()
        return opened.value

    @contextlib.contextmanager
    def notebook(self, cells: Sequence[str], **options: Any) -> Iterator[Notebook]:
        """Write a notebook, open it, and shut its kernel down in the end."""
        self._written += 1
        name = f"notebook-{self._written}.ipynb"
        write_notebook(self.root / name, cells)
        with self.open(name, **options) as nb:
            nb.name = name
            try:
                yield nb
            finally:
                nb.shut_down()


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started."""
    process.terminate()  # SIGTERM: the server shuts its kernels down
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Notebook:
    """One notebook in one browser page."""

    def __init__(self, page: Page) -> None:
        self.page, self._front, self.console = page, page, list[str]()
        self.name = ""
        page.on("console", lambda m: self.console.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: self.console.append(f"pageerror: {e}"))
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("Performance.enable")

    def panel(self, script: str, arg: Any = None) -> Any:
        """Evaluate the JavaScript expression ``script`` of the panel ``p`` and of ``a``."""
        return self.page.evaluate(f"async (a) => {{ const p = {PANEL}; return {script}; }}", arg)

    def command(self, name: str, *, wait: bool = True, timeout: float = 90, **args: Any) -> None:
        """Execute a command of JupyterLab, and wait until it has ended."""
        # The page keeps how it ended: Chromium may drop a promise that only Playwright awaits.
        self.page.evaluate(
            """([name, args]) => {
                const run = window.obiCommand = {};
                window.jupyterapp.commands.execute(name, args).then(
                    () => { run.ended = "well"; }, error => { run.ended = String(error); });
            }""",
            [name, args],
        )
        if wait:
            ended = "window.obiCommand?.ended"  # by a timer, as no frames come in a hidden page
            self.page.wait_for_function(ended, timeout=1000 * timeout, polling=20)
            if (how := self.page.evaluate(ended)) != "well":
                raise RuntimeError(f"{name}: {how}")

    def execute(self, code: str) -> None:
        """Run code in the kernel outside any cell, and wait for it."""
        self._request({"code": code})

    def value(self, expression: str) -> Any:
        """Evaluate a Python expression in the kernel outside any cell; what JSON can say."""
        wanted = {"it": f"__import__('json').dumps({expression})"}
        content = self._request(
            {"code": "", "silent": True, "store_history": False, "user_expressions": wanted}
        )["user_expressions"]["it"]
        if content["status"] != "ok":
            raise RuntimeError(f"{expression}: {content['ename']}: {content['evalue']}")
        return json.loads(ast.literal_eval(content["data"]["text/plain"]))

    def _request(self, request: dict[str, Any]) -> dict[str, Any]:
        content: dict[str, Any] = self.panel(
            "(await p.sessionContext.session.kernel.requestExecute(a).done).content", request
        )
        if content["status"] != "ok":
            trace = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(content.get("traceback", [])))
            raise RuntimeError(f"{content.get('ename')}: {content.get('evalue')}\n{trace}")
        return content

    def until(self, expression: str, timeout: float = 30, *, every: float = 0.1) -> None:
        """Wait until a Python expression is true in the kernel."""
        deadline = time.monotonic() + timeout
        while not self.value(f"bool({expression})"):
            if time.monotonic() > deadline:
                raise AssertionError(f"not true after {timeout} s: {expression}")
            self.page.wait_for_timeout(1000 * every)

    def ready(self) -> None:
        """Wait until the notebook is there, and its kernel idle."""
        self.page.wait_for_function(f"window.jupyterapp && {PANEL}", timeout=60_000)
        self.panel("(await p.context.ready, await p.sessionContext.ready, 0)")
        self.wait_idle()
        self.page.evaluate(
            "window.jupyterapp.shell.collapseLeft(), window.jupyterapp.shell.collapseRight()"
        )

    def wait_idle(self, timeout: float = 60) -> None:
        """Wait until the kernel is idle."""
        self.page.wait_for_function(
            f"{PANEL}?.sessionContext.session?.kernel?.status === 'idle'", timeout=timeout * 1000
        )

    def run_all(self, *, wait: bool = True, timeout: float = 90) -> None:
        """Run all cells."""
        self.command("notebook:run-all-cells", wait=wait, timeout=timeout)

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell."""
        self.panel("(p.content.activeCellIndex = a, p.content.deselectAll(), 0)", index)
        self.command("notebook:run-cell", wait=wait)

    def restart(self) -> None:
        """Restart the kernel, without the dialogue."""
        self.panel("(await p.sessionContext.restartKernel(), 0)")
        self.wait_idle()

    def restart_run_all(self) -> None:
        """Restart the kernel, and run all cells."""
        self.restart()
        self.run_all()

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        self.ready()

    def shut_down(self) -> None:
        """End the kernel."""
        if not self.page.is_closed():
            self.panel("(await p?.sessionContext.shutdown(), 0)")

    def theme(self, *, dark: bool, contrast: bool = False) -> None:
        """Switch the running page (for the start there is ``JupyterLab(theme=...)``)."""
        name = f"JupyterLab {'Dark' if dark else 'Light'}{' High Contrast' * contrast}"
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_function("a => document.body.dataset.jpThemeName === a", arg=name)
        self.page.wait_for_function(f"document.body.dataset.jpThemeLight === '{not dark}'"
                                    ".toLowerCase()")  # fmt: skip
        # Its splash takes 200 ms to fade. Another one before that would be removed twice: an error.
        self.page.wait_for_function("!document.getElementById('jupyterlab-splash')")

    def hide(self) -> None:
        """Put another tab in front: document.hidden becomes true and frames stop."""
        self._front = self.page.context.new_page()
        self._front.bring_to_front()
        self.page.wait_for_function("document.hidden", polling=100)

    def show(self) -> None:
        """Put this tab in front again."""
        self.page.bring_to_front()
        self._front.close()
        self.page.wait_for_function("!document.hidden", polling=100)

    def outputs(self) -> list[list[dict[str, Any]]]:
        """Return the outputs of each cell, as in the notebook's format."""
        found: list[list[dict[str, Any]]] = self.panel(
            "[...p.content.model.cells].map(c => c.outputs?.toJSON() ?? [])"
        )
        return found

    def text(self, cell: int) -> str:
        """Return what a cell has printed."""
        streams = [o["text"] for o in self.outputs()[cell] if o["output_type"] == "stream"]
        return "".join(t if isinstance(t, str) else "".join(t) for t in streams)

    def errors(self) -> list[str]:
        """Return the errors in the outputs, and what the page complained of."""
        found = [
            f"{o['ename']}: {o['evalue']}"
            for cell in self.outputs()
            for o in cell
            if o["output_type"] == "error"
        ]
        complaints = [c for c in self.console if c.startswith(("error", "pageerror"))]
        found += [c for c in complaints if LATE not in c]
        for error in found:
            print(error)  # whole: an assertion cuts long texts off
        return found

    def set_output_width(self, width: int, height: int = 1000) -> float:
        """Size the window so that a cell's output is ``width`` px wide; return what it is."""
        for _ in range(4):
            got, size = float(self.page.evaluate(OUTPUT_WIDTH)), self.page.viewport_size
            assert size is not None
            if abs(width - got) < 0.5 and size["height"] == height:
                break
            new = {"width": round(size["width"] + width - got), "height": height}
            self.page.set_viewport_size(new)  # type: ignore[arg-type]
            self.page.wait_for_timeout(400)  # bqplot lays out 300 ms after a change
        return float(self.page.evaluate(OUTPUT_WIDTH))

    def metrics(self) -> dict[str, float]:
        """Return Nodes, JSHeapUsedSize (bytes), TaskDuration (s), …, after garbage collection."""
        for _ in range(2):
            self.cdp.send("HeapProfiler.collectGarbage")
        return {m["name"]: m["value"] for m in self.cdp.send("Performance.getMetrics")["metrics"]}
