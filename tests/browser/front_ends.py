"""Front ends beside JupyterLab that its server offers: Notebook 7, the classic notebook, Voila."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

from playwright.sync_api import Page

from browser.jupyterlab import PANEL, JupyterLab, end, wait_for, write_notebook
from browser.screen import PATIENCE

PATHS = {"notebook": "notebooks", "nbclassic": "nbclassic/notebooks", "voila": "voila/render"}

OWN_COMPLAINTS = {
    # Its commands of files come late.
    "notebook": ["reading 'schema'", "'filebrowser:open-path' not registered"],
    # It asks for scripts of Voila and of ipywidgets 4.
    "nbclassic": ["nbextensions/voila", "nbextensions/widgets", "status of 404"],
    # It wants an icon font from a CDN, and an extension of Notebook 7 does not fit in it.
    "voila": ["net::ERR", "shared module"],
    "marimo": [],
}
"""What a front end complains of by itself."""


class FrontEnd:
    """A notebook in a front end, in a page of its own."""

    def __init__(self, name: str, page: Page) -> None:
        self.name, self.page, self.console = name, page, list[str]()
        page.on("console", lambda m: self.console.append(f"{m.type}: {m.text}"))
        page.on("pageerror", lambda e: self.console.append(f"pageerror: {e}"))

    def errors(self) -> list[str]:
        """Return what the page complained of, without what is the front end's own."""
        return [
            line
            for line in self.console
            if line.startswith(("error", "pageerror"))
            and not any(known in line for known in OWN_COMPLAINTS[self.name])
        ]

    def run(self) -> None:
        """Run the first cell. Voila has run all of them."""
        wait = 1000 * PATIENCE
        if self.name == "notebook":
            self.page.wait_for_function(f"window.jupyterapp && {PANEL}", timeout=wait)
            self.page.evaluate(
                f"""async () => {{
                    const panel = {PANEL};
                    await panel.context.ready;
                    await panel.sessionContext.ready;
                    await window.jupyterapp.commands.execute('notebook:run-all-cells');
                }}"""
            )
        elif self.name == "nbclassic":
            self.page.wait_for_function(
                "window.Jupyter?.notebook?.kernel?.is_connected()"
                " && Jupyter.notebook.kernel.widget_manager",
                timeout=wait,
            )
            # Its manager of widgets first asks which there are. What is opened before the answer
            # has come is lost, so wait for an answer to a later question.
            self.page.evaluate(
                "new Promise(done => Jupyter.notebook.kernel.comm_info('jupyter.widget', done))"
            )
            self.page.evaluate("Jupyter.notebook.execute_all_cells()")

    def theme(self, *, dark: bool) -> None:
        """Switch the theme of Notebook 7."""
        theme = f"JupyterLab {'Dark' if dark else 'Light'}"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        self.page.wait_for_function(
            f"document.body.dataset.jpThemeLight === '{str(not dark).lower()}'"
        )


MARIMO = """import marimo
app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import obi_widgets as obi
    session = obi.Session("sim:BTC-PERP", seed=3)
    parts = [{parts}]
    mo.vstack([mo.ui.anywidget(one) for part in parts for one in part.anywidgets()])
    return

if __name__ == "__main__":
    app.run()
"""


@contextlib.contextmanager
def marimo(jupyterlab: JupyterLab, parts: str) -> Iterator[FrontEnd]:
    """Run a notebook of marimo that shows parts, in the browser of a JupyterLab."""
    file = jupyterlab.root / "parts.py"
    file.write_text(MARIMO.replace("{parts}", parts))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "-q", "run", str(file), "--headless", "--no-token"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    env = {**os.environ, **jupyterlab.env}
    server = subprocess.Popen(command, cwd=jupyterlab.root, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    page = None
    try:
        wait_for("marimo", lambda: _listens(port), server)
        page = jupyterlab.context.new_page()
        page.set_viewport_size({"width": 1240, "height": 1600})
        opened = FrontEnd("marimo", page)
        page.goto(f"http://127.0.0.1:{port}")
        yield opened
    finally:
        if page is not None:
            page.close()
        end(server)


def _listens(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def front_end(
    jupyterlab: JupyterLab, name: str, cells: Sequence[str], *, options: str = ""
) -> Iterator[FrontEnd]:
    """Open a notebook in a front end, run it, and end its kernel at last."""
    file = f"{name}.ipynb"
    write_notebook(jupyterlab.root / file, cells)
    before = {one["id"] for one in _kernels(jupyterlab)}
    page = jupyterlab.context.new_page()
    try:
        page.set_viewport_size({"width": 1600, "height": 1200})
        opened = FrontEnd(name, page)
        page.goto(f"{jupyterlab.url}/{PATHS[name]}/{file}?token={jupyterlab.token}{options}")
        opened.run()
        yield opened
    finally:
        page.close()
        for one in _kernels(jupyterlab):
            if one["id"] not in before:
                _ask(jupyterlab, f"kernels/{one['id']}", "DELETE")


def _kernels(jupyterlab: JupyterLab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_ask(jupyterlab, "kernels"))
    return found


def _ask(jupyterlab: JupyterLab, path: str, method: str = "GET") -> bytes:
    header = {"Authorization": f"token {jupyterlab.token}"}
    request = urllib.request.Request(f"{jupyterlab.url}/api/{path}", headers=header, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        body: bytes = answer.read()
    return body
