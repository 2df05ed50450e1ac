"""A JupyterLab server of our own, and the kernel in it that runs a notebook's cells.

Run as a module it is the server's process. Its token comes by standard input: what stands on a
command line can be read by every user of the machine.
"""

from __future__ import annotations

import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from obi_widgets.errors import ObiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

PATIENCE = 600.0
"""Seconds for the server, and then for the kernel, to come up: a busy machine takes its time."""

TELL_EVERY = 5.0
"""Seconds from one line that says what is waited for to the next."""

LOOK_EVERY = 1.0
"""Seconds from one look at whether the kernel lives to the next."""

END_WITHIN = 30.0
"""Seconds that the server has to end its kernels, and itself."""


class JupyterServer:
    """A JupyterLab on this machine's loopback.

    Attributes
    ----------
    address : str
        Its URL, with a slash at the end.
    token : str
        Whoever has it may do everything.
    """

    def __init__(self, process: subprocess.Popen[str], token: str) -> None:
        self._process = process
        self.token = token
        self.address = self._find_address()

    def wait(self) -> int:
        """Wait until it ends; return its exit code."""
        return self._process.wait()

    def _ask(self, method: str, route: str, body: object = None) -> httpx.Response:
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

        until = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < until:
            for server in list_running_servers():
                if server["pid"] == self._process.pid:
                    return str(server["url"])
            time.sleep(0.1)
        raise ObiError("JupyterLab did not come up.", "Run 'jupyter lab' to see why.")

    # -- the notebook's kernel -------------------------------------------------------------

    def run(self, path: Path, cells: Sequence[str]) -> list[list[Any]]:
        """Run cells in a kernel that belongs to a notebook; return their outputs.

        Parameters
        ----------
        path : Path
            Of the notebook, from the server's folder.
        cells : sequence of str
            Their code; cell ``n`` has the id ``lab-n``.

        Raises
        ------
        ObiError
            When the server refuses, or it or the kernel ends meanwhile, or `PATIENCE` does.
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
        """Return the id of a new kernel, and a client of it."""
        from jupyter_client.blocking.client import BlockingKernelClient
        from jupyter_client.connect import find_connection_file

        body = {
            "path": str(path),
            "name": path.name,
            "type": "notebook",
            "kernel": {"name": "python3"},
        }
        with waiting_for("the server to start a kernel"):
            answer = self._ask("POST", "api/sessions", body).raise_for_status()
        kernel = answer.json()["kernel"]["id"]
        client = BlockingKernelClient(connection_file=find_connection_file(kernel))
        client.load_connection_file()
        client.start_channels()
        return kernel, client

    def _await_kernel(self, client: Any, kernel: str) -> str:  # noqa: ANN401
        """Wait until a kernel answers on both channels; return the session of its process."""
        until = time.monotonic() + PATIENCE
        while True:
            # Asked again each time: one that was started anew has not heard it.
            client.kernel_info()
            with suppress(queue.Empty):
                answer = client.get_shell_msg(timeout=LOOK_EVERY)
                client.get_iopub_msg(timeout=LOOK_EVERY)
                return str(answer["header"]["session"])
            self._look_at(kernel, until)

    def _look_at(self, kernel: str, until: float) -> None:
        """Raise an ObiError when there is nothing to wait for any more."""
        if self._process.poll() is not None:
            raise _failed("the server has ended")
        if time.monotonic() > until:
            raise _failed(f"it did not answer within {PATIENCE:,.0f} s")
        # The server knows whether the process lives. A heartbeat that is late does not.
        with suppress(httpx.TransportError):
            answer = self._ask("GET", f"api/kernels/{kernel}")
            if answer.status_code == 404 or answer.json().get("execution_state") == "dead":
                raise _failed("its process has ended")

    def _execute(
        self,
        client: Any,  # noqa: ANN401
        kernel: str,
        session: str,
        number: int,
        code: str,
    ) -> list[Any]:
        """Run one cell as JupyterLab would: with its id, by which running it again replaces it."""
        from nbformat import v4

        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        cell = {"cellId": f"lab-{number}"}
        request = client.session.msg("execute_request", content, metadata=cell)
        client.shell_channel.send(request)
        outputs: list[Any] = []
        until = time.monotonic() + PATIENCE
        while True:
            try:
                message = client.get_iopub_msg(timeout=LOOK_EVERY)
            except queue.Empty:
                self._look_at(kernel, until)
                # One that was started anew while nobody listened says nothing by itself; on this
                # channel it answers at once, and one that still runs the cell does so too.
                client.control_channel.send(client.session.msg("kernel_info_request"))
                continue
            kind, said = message["msg_type"], message["content"]
            if message["header"]["session"] != session:
                raise _failed("its process ended, and was started anew")
            if message["parent_header"].get("msg_id") != request["header"]["msg_id"]:
                continue
            if kind == "status" and said["execution_state"] == "idle":
                return outputs
            if kind in ("execute_result", "display_data", "stream", "error"):
                outputs.append(v4.output_from_msg(message))


def _failed(why: str) -> ObiError:
    return ObiError(
        f"JupyterLab's kernel did not run the notebook: {why}.",
        "Run 'jupyter lab' and the cells by hand, to see why.",
    )


@contextmanager
def waiting_for(what: str) -> Iterator[None]:
    """Say what is waited for, every few seconds, as long as the context is entered."""
    began, over = time.monotonic(), threading.Event()

    def tell() -> None:
        while not over.wait(TELL_EVERY):
            waited = time.monotonic() - began
            print(f"Waiting for {what} ({waited:.0f} s)…", file=sys.stderr, flush=True)

    teller = threading.Thread(target=tell, name="obi-waiting", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


@contextmanager
def serving(port: int, root: Path) -> Iterator[JupyterServer]:
    """Run JupyterLab on this machine's loopback, with the notebooks of a folder.

    It ends with the context, and its kernels with it, also when this process is told to end.
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
        # What a kernel publishes can otherwise be read by every user of the machine.
        options["KernelManager.transport_encryption"] = "auto"
    command = [sys.executable, "-m", "obi_widgets.cli.jupyter_server"]
    command += [f"--{name}={value}" for name, value in options.items()]
    token = secrets.token_hex(16)
    with _ending_as_at_ctrl_c():
        # In a group of its own: Ctrl-C is for this process, which ends the server.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, process_group=0)
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError), process.stdin:  # one that has ended is told of next
                process.stdin.write(token)
            with waiting_for("JupyterLab to start"):
                server = JupyterServer(process, token)
            yield server
        finally:
            process.terminate()  # its kernels end with it
            try:
                process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()  # its kernels notice
                process.wait()


@contextmanager
def _ending_as_at_ctrl_c() -> Iterator[None]:
    """Let a process that is told to end, or whose terminal is closed, leave its contexts."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    end: Callable[..., None] = lambda number, _: sys.exit(128 + number)  # noqa: E731
    before = {name: signal.signal(getattr(signal, name), end) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _serve(arguments: list[str]) -> None:
    """Be the server's process."""
    from jupyterlab.labapp import LabApp

    # Handlers of extensions that do not say who may ask: nobody may without the token, then.
    warnings.filterwarnings("ignore", "Extension endpoints without")
    token = sys.stdin.read()
    server = LabApp.initialize_server(
        [*arguments, f"--IdentityProvider.token={token}"],
        no_browser_open_file=True,  # which holds the token, and which all can read
    )
    server.start()


if __name__ == "__main__":
    _serve(sys.argv[1:])
