"""A JupyterLab server in a child process, and a client that runs a notebook's cells in its kernel.

Run as a module, this file is the server process. It reads its token from standard input, because
a command line can be read by every user of the machine.
"""

from __future__ import annotations

import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from obi_widgets.errors import ObiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PATIENCE = 600.0
"""Timeout, seconds, for the server to start, for the kernel to start, and for each cell: a busy
machine is slow."""

REPORT_EVERY = 5.0
"""Seconds between two lines that say what is being waited for."""

CHECK_EVERY = 1.0
"""Seconds between two checks of whether the kernel is alive."""

ADDED = Path(__file__).with_name("jupyterlab")
"""Folder of what is added to JupyterLab: defaults of its settings, and a small extension."""

END_WITHIN = 30.0
"""Seconds that the server has to end its kernels and itself, before it is killed."""


class JupyterServer:
    """A running JupyterLab that listens on this machine's loopback address.

    Attributes
    ----------
    address : str
        Its URL, with a slash at the end.
    token : str
        The server's secret: whoever has it can run code as this user.
    """

    def __init__(self, process: subprocess.Popen[str], token: str) -> None:
        self._process = process
        self.token = token
        self.address = self._find_address()

    def wait(self) -> int:
        """Wait until the server ends; return its exit code."""
        return self._process.wait()

    def _request(self, method: str, route: str, body: object = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.address}{route}",
            json=body,
            headers={"Authorization": f"token {self.token}"},
            timeout=PATIENCE,
            trust_env=False,
        )

    def _find_address(self) -> str:
        from jupyter_server.serverapp import list_running_servers

        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            for server in list_running_servers():
                if server["pid"] == self._process.pid:
                    return str(server["url"])
            time.sleep(0.1)
        raise ObiError("JupyterLab did not come up.", "Run 'jupyter lab' to see why.")

    # -- the notebook's kernel -------------------------------------------------------------

    def run(self, path: Path, cells: Sequence[str]) -> list[list[Any]]:
        """Start a notebook's kernel and run cells in it; return the outputs of each cell.

        Parameters
        ----------
        path : Path
            Path of the notebook, relative to the server's folder.
        cells : sequence of str
            Code of the cells; cell ``n`` has the id ``lab-n``.

        Raises
        ------
        ObiError
            If the server refuses, if it or the kernel ends, or if `PATIENCE` runs out.
        """
        try:
            kernel, client = self._start_kernel(path)
            try:
                with waiting_for("the kernel to start"):
                    session = self._await_kernel(client, kernel)
                with waiting_for("the notebook's cells to run"):
                    return [
                        self._execute(client, kernel, session, number, cell)
                        for number, cell in enumerate(cells)
                    ]
            finally:
                client.stop_channels()
        except (httpx.HTTPError, OSError) as error:
            raise _failed(str(error) or type(error).__name__) from error

    def _start_kernel(self, path: Path) -> tuple[str, Any]:
        """Start a kernel; return its id, and a client connected to it."""
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import find_connection_file

        body = {
            "path": str(path),
            "name": path.name,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        with waiting_for("the server to start a kernel"):
            response = self._request("POST", "api/sessions", body).raise_for_status()
        kernel = response.json()["kernel"]["id"]
        client = BlockingKernelClient(connection_file=find_connection_file(kernel))
        client.load_connection_file()
        client.start_channels()
        return kernel, client

    def _await_kernel(self, client: Any, kernel: str) -> str:  # noqa: ANN401
        """Wait until a kernel answers on both channels; return its process's session id."""
        deadline = time.monotonic() + PATIENCE
        while True:
            # Request again each time: a kernel that was restarted has lost the first request.
            client.kernel_info()
            with suppress(queue.Empty):
                reply = client.get_shell_msg(timeout=CHECK_EVERY)
                client.get_iopub_msg(timeout=CHECK_EVERY)
                return str(reply["header"]["session"])
            self._check_alive(kernel, deadline)

    def _check_alive(self, kernel: str, deadline: float) -> None:
        """Raise an ObiError if the server or the kernel has ended, or the deadline has passed."""
        if self._process.poll() is not None:
            raise _failed("the server has ended")
        if time.monotonic() > deadline:
            raise _failed(f"it did not answer within {PATIENCE:,.0f} s")
        # Ask the server, which watches the process: a late heartbeat may only mean a busy kernel.
        with suppress(httpx.TransportError):
            response = self._request("GET", f"api/kernels/{kernel}")
            if response.status_code == 404 or response.json().get("execution_state") == "dead":
                raise _failed("its process has ended")

    def _execute(
        self,
        client: Any,  # noqa: ANN401
        kernel: str,
        session: str,
        number: int,
        code: str,
    ) -> list[Any]:
        """Run one cell as JupyterLab does, with the cell's id; return its outputs.

        By that id the kernel recognises a cell that is run again, and closes the lab of its
        earlier run.
        """
        from nbformat import v4

        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        cell = {"cellId": f"lab-{number}"}
        request = client.session.msg("execute_request", content, metadata=cell)
        client.shell_channel.send(request)
        outputs: list[Any] = []
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                message = client.get_iopub_msg(timeout=CHECK_EVERY)
            except queue.Empty:
                self._check_alive(kernel, deadline)
                # A restarted kernel sends nothing unasked. The control channel is answered even
                # while a cell runs, and the answer's session id shows a restart.
                client.control_channel.send(client.session.msg("kernel_info_request"))
                continue
            kind, content = message["msg_type"], message["content"]
            if message["header"]["session"] != session:
                raise _failed("its process ended, and was restarted")
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                return outputs
            if kind in ("execute_result", "display_data", "stream", "error"):
                outputs.append(v4.output_from_msg(message))


def _failed(why: str) -> ObiError:
    return ObiError(
        f"JupyterLab's kernel did not run the notebook: {why}.",
        "Run 'jupyter lab' and the cells by hand to see why.",
    )


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Print what is being waited for every `REPORT_EVERY` seconds, while inside the context."""
    began, done = time.monotonic(), threading.Event()

    def report() -> None:
        while not done.wait(REPORT_EVERY):
            waited = time.monotonic() - began
            print(f"Waiting for {what} ({waited:.0f} s)…", file=sys.stderr, flush=True)

    reporter = threading.Thread(target=report, name="obi-waiting", daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


@contextmanager
def serving(port: int, root: Path) -> Iterator[JupyterServer]:
    """Run JupyterLab on this machine's loopback address, with a folder as its root.

    The server and its kernels end when the context is left, also when this process receives
    SIGTERM or SIGHUP.

    Parameters
    ----------
    port : int
        First port to try.
    root : Path
        Folder of the notebooks.
    """
    import zmq

    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": root,
        "ServerApp.allow_root": True,
        "ServerApp.allow_unauthenticated_access": False,
        "Application.log_level": "ERROR",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    if zmq.has("curve"):
        # Without encryption every user of the machine can read what a kernel publishes.
        options["KernelManager.transport_encryption"] = "auto"
    command = [sys.executable, "-m", "obi_widgets.cli.jupyter_server"]
    command += [f"--{name}={value}" for name, value in options.items()]
    token = secrets.token_hex(16)
    with _signals_exit():
        # Its own process group: Ctrl-C reaches only this process, which then ends the server. Only
        # extensions print to its standard output: nbclassic, a banner with an address of its own.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, process_group=0,
            env=_environment(),
        )  # fmt: skip
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin:  # JupyterServer reports an early end
                process.stdin.write(token)
            with waiting_for("JupyterLab to start"):
                server = JupyterServer(process, token)
            yield server
        finally:
            process.terminate()  # its kernels end with it
            try:
                process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()  # its kernels end by themselves when their parent is gone
                process.wait()


def _environment() -> dict[str, str]:
    """Return this process's environment, with `ADDED` last on Jupyter's two paths.

    The user's own settings and folders are read before it, and nothing is written to them.
    """
    paths = {"JUPYTER_CONFIG_PATH": ADDED / "config", "JUPYTER_PATH": ADDED / "data"}
    return dict(os.environ) | {
        name: os.pathsep.join(filter(None, [os.environ.get(name), str(path)]))
        for name, path in paths.items()
    }


@contextmanager
def _signals_exit() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that contexts and ``finally`` blocks run."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    leave: Callable[..., None] = lambda number, _: sys.exit(128 + number)  # noqa: E731
    previous = {name: signal.signal(getattr(signal, name), leave) for name in names}
    try:
        yield
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)


def _serve(arguments: list[str]) -> None:
    """Run the server in this process."""
    from jupyterlab.labapp import LabApp

    # Extensions without their own access rule need the token, as allow_unauthenticated_access
    # demands: the server warns of each of them.
    warnings.filterwarnings("ignore", "Extension endpoints without")
    token = sys.stdin.read()
    server = LabApp.initialize_server(
        [*arguments, f"--IdentityProvider.token={token}"],
        no_browser_open_file=True,  # that file holds the token, and every user can read it
    )
    server.start()


if __name__ == "__main__":
    _serve(sys.argv[1:])
