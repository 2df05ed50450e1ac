"""Opening JupyterLab with the lab already running: no cell has to be run first.

A server is started, a notebook is run in a kernel of its, and only then is the browser sent
there: JupyterLab finds the notebook's kernel at work, and shows its widgets.
"""

from __future__ import annotations

import queue
import secrets
import signal
import subprocess
import sys
import time
import webbrowser
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from obi_widgets.errors import ObiError
from obi_widgets.feeds import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTEBOOK = "obi-lab.ipynb"
MADE_HERE = "obi_widgets"
"""A key of the notebook's metadata: without it, a file of that name is somebody's own."""

PATIENCE = 90.0
"""Seconds for the server, and for the notebook, to come up."""


def open_lab(source: str, *, port: int = 8888, browser: bool = True) -> int:
    """Open JupyterLab in the current folder, on a notebook that shows a lab, live.

    Parameters
    ----------
    source : str
        ``venue:SYMBOL``, or the path of a recording.
    port : int
        The first port to try.
    browser : bool
        Whether to open a browser; the address is printed in any case.

    Returns
    -------
    int
        0, once it has been stopped.

    Raises
    ------
    SourceError
        A source that is neither a known venue nor a file.
    ObiError
        When JupyterLab is not installed, or does not come up.
    """
    resolve(source)
    try:
        import jupyterlab  # noqa: F401
    except ImportError:
        raise ObiError(
            "JupyterLab is not installed.", "Install it with: pip install 'obi-widgets[lab]'."
        ) from None
    path = _free_path(Path(NOTEBOOK))
    cells = ["import obi_widgets as obi", f"lab = obi.Lab({source!r})\nlab"]
    _write(path, cells, [[], []])
    token = secrets.token_hex(16)
    with _server(port, token) as (process, address):
        try:
            outputs = _run(address, token, path, cells)
        except (httpx.HTTPError, queue.Empty, RuntimeError, OSError) as error:
            why = str(error) or type(error).__name__
            raise ObiError(
                f"JupyterLab's kernel did not run the notebook: {why}.",
                "Run 'jupyter lab' and the cells by hand, to see why.",
            ) from error
        _write(path, cells, outputs)
        url = f"{address}lab/tree/{path}?token={token}"
        print(f"The lab is running. Stop it with Ctrl-C.\n{url}", flush=True)
        if browser:
            webbrowser.open(url)
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0


def _free_path(path: Path) -> Path:
    """Return a name that is not of somebody's own notebook."""
    import nbformat

    first, number = path, 1
    while path.exists():
        with suppress(nbformat.reader.NotJSONError, nbformat.ValidationError):
            if MADE_HERE in nbformat.read(path, as_version=4).metadata:
                return path
        number += 1
        path = first.with_stem(f"{first.stem}-{number}")
    return path


def _write(path: Path, cells: list[str], outputs: list[list[Any]]) -> None:
    """Write the notebook, and sign it: JupyterLab shows no widget of one it does not trust."""
    from nbformat import v4, write
    from nbformat.sign import NotebookNotary

    notebook = v4.new_notebook(
        cells=[
            v4.new_code_cell(cell, id=f"lab-{number}", outputs=output, execution_count=number + 1)
            for number, (cell, output) in enumerate(zip(cells, outputs, strict=True))
        ],
        metadata={
            MADE_HERE: {},
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
        },
    )
    write(notebook, path)
    NotebookNotary().sign(notebook)


@contextmanager
def _server(port: int, token: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run JupyterLab on this machine's loopback; yield it and its address."""
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": Path.cwd(),
        "Application.log_level": "ERROR",
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    command = [sys.executable, "-m", "jupyterlab"]
    command += [f"--{name}={value}" for name, value in options.items()]
    # A process that is told to end does what it would do at Ctrl-C: no server stays behind.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield process, _await_address(process)
    finally:
        process.terminate()  # its kernels end with it
        process.wait(timeout=30)
        signal.signal(signal.SIGTERM, before)


def _await_address(process: subprocess.Popen[bytes]) -> str:
    from jupyter_server.serverapp import list_running_servers

    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        for server in list_running_servers():
            if server["pid"] == process.pid:
                return str(server["url"])
        time.sleep(0.1)
    raise ObiError("JupyterLab did not come up.", "Run 'jupyter lab' to see why.")


def _run(address: str, token: str, path: Path, cells: list[str]) -> list[list[Any]]:
    """Run cells in a kernel that belongs to the notebook; return their outputs."""
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.connect import find_connection_file

    body = {"path": str(path), "name": path.name, "type": "notebook", "kernel": {"name": "python3"}}
    headers = {"Authorization": f"token {token}"}
    with httpx.Client(headers=headers, timeout=PATIENCE, trust_env=False) as server:
        answer = server.post(f"{address}api/sessions", json=body).raise_for_status()
    kernel = answer.json()["kernel"]["id"]
    client = BlockingKernelClient(connection_file=find_connection_file(kernel))
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        return [_execute(client, f"lab-{n}", cell) for n, cell in enumerate(cells)]
    finally:
        client.stop_channels()


def _execute(client: Any, cell: str, code: str) -> list[Any]:  # noqa: ANN401
    """Run one cell as JupyterLab would: with its id, by which running it again replaces it."""
    from nbformat import v4

    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
    request = client.session.msg("execute_request", content, metadata={"cellId": cell})
    client.shell_channel.send(request)
    outputs: list[Any] = []
    while True:
        message = client.get_iopub_msg(timeout=PATIENCE)
        if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
            continue
        kind, said = message["msg_type"], message["content"]
        if kind == "status" and said["execution_state"] == "idle":
            return outputs
        if kind in ("execute_result", "display_data", "stream", "error"):
            outputs.append(v4.output_from_msg(message))
