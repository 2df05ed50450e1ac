"""The command ``obi-widgets lab``: how it comes up, what it waits for, and that it ends whole."""

import json
import queue
import re
import signal
import socket
import time
from unittest.mock import Mock

import httpx
import pytest
from jupyter_client.session import Session
from lab_tools import LabProcess

from obi_widgets.cli import jupyter_server
from obi_widgets.cli.jupyter_server import JupyterServer
from obi_widgets.errors import ObiError

pytestmark = pytest.mark.notebook


def answers(address: str) -> bool:
    try:
        httpx.get(address, trust_env=False)
    except httpx.HTTPError:
        return False
    return True


@pytest.fixture
def taken():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def at_start_of_kernels(folder, code):
    """Have every kernel run code before it answers."""
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text(code)


def test_it_runs_the_notebook_before_it_opens_it_and_ctrl_c_ends_it_whole(tmp_path, taken):
    at_start_of_kernels(tmp_path, "import time\ntime.sleep(7)\n")
    with LabProcess(tmp_path, "sim:ETH-PERP", "--no-browser", "--port", str(taken)) as lab:
        form = r"http://127\.0\.0\.1:\d+/lab/tree/obi-lab\.ipynb\?token=\w{32}$"
        assert re.match(form, lab.address)
        assert f":{taken}/" not in lab.address  # a port that is taken is passed over
        # A kernel that takes its time is waited for, and that is said.
        assert re.fullmatch(
            r"Waiting for the kernel to start \(\d+ s\)…", lab.until("the kernel to start")
        )
        notebook = json.loads((lab.work / "obi-lab.ipynb").read_text())
        outputs = [output for cell in notebook["cells"] for output in cell["outputs"]]
        still, shown = outputs[:2]
        assert "obi-still" in "".join(still["data"]["text/html"])
        assert next(iter(shown["data"])) == "application/vnd.jupyter.widget-view+json"
        assert lab.ask("api/kernels")[0]["execution_state"] == "idle"
        ends_whole(lab, signal.SIGINT, 0)


def ends_whole(lab, by, code):
    lab.process.send_signal(by)
    assert lab.wait() == code
    assert lab.left(within=10) == []
    assert not answers(lab.address)


def test_jupyterlab_asks_for_nothing_unless_its_user_has_chosen_otherwise_and_ends_whole(tmp_path):
    name = "@jupyterlab/apputils-extension"
    chosen = (
        tmp_path / "home/.jupyter/lab/user-settings" / name / "notification.jupyterlab-settings"
    )
    chosen.parent.mkdir(parents=True)
    chosen.write_text('{"fetchNews": "true"}')
    with LabProcess(tmp_path, "--no-browser", "--port", "18888") as lab:
        settings = lab.ask(f"lab/api/settings/{name}:notification")
        defaults = settings["schema"]["properties"]
        assert defaults["fetchNews"]["default"] == "false"
        assert defaults["checkForUpdates"]["default"] is False
        assert settings["settings"] == {"fetchNews": "true"}
        ends_whole(lab, signal.SIGTERM, 143)
    assert chosen.read_text() == '{"fetchNews": "true"}'
    assert [path.name for path in chosen.parent.iterdir()] == [chosen.name]


def test_ctrl_c_while_it_waits_leaves_nothing(tmp_path):
    at_start_of_kernels(tmp_path, "import time\ntime.sleep(600)\n")
    with LabProcess(tmp_path, "--no-browser", "--port", "18888") as lab:
        lab.until("Waiting for the kernel to start")
        assert len(lab.left()) == 3  # the command, the server and the kernel
        lab.process.send_signal(signal.SIGINT)
        assert lab.wait() == 130
        assert lab.left(within=10) == []
        assert not [line for line in lab.said if "Traceback" in line]


def test_a_kernel_that_ends_while_it_starts_is_one_line(tmp_path):
    at_start_of_kernels(tmp_path, "import os\nos._exit(3)\n")
    with LabProcess(tmp_path, "--no-browser", "--port", "18888") as lab:
        assert lab.wait(240) == 1
        assert lab.until("^obi-widgets: ") == (
            "obi-widgets: JupyterLab's kernel did not run the notebook: its process has ended. "
            "Run 'jupyter lab' and the cells by hand to see why."
        )
        assert lab.left(within=10) == []


def test_a_kernel_that_ends_while_it_runs_the_cells_is_one_line(tmp_path):
    at_start_of_kernels(
        tmp_path,
        "import os, threading\n"
        "from IPython import get_ipython\n"
        "get_ipython().events.register('pre_run_cell', lambda info: os._exit(3))\n",
    )
    with LabProcess(tmp_path, "--no-browser", "--port", "18888") as lab:
        assert lab.wait(240) == 1
        assert re.search(
            r"did not run the notebook: its process (has ended|ended, and was restarted)\.",
            lab.until("^obi-widgets: "),
        )
        assert lab.left(within=10) == []


class SilentlyRestarted:
    """A client of a kernel that was restarted unnoticed: it sends nothing unasked."""

    def __init__(self):
        self.session, self._new = Session(), Session()
        self.shell_channel, self.control_channel = Mock(), Mock()
        self.control_channel.send.side_effect = self._answer
        self._said = queue.Queue()

    def _answer(self, request):
        self._said.put(self._new.msg("status", {"execution_state": "busy"}, parent=request))

    def get_iopub_msg(self, timeout):
        return self._said.get_nowait()


def test_a_kernel_that_was_started_anew_unheard_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(JupyterServer, "_find_address", lambda _: "http://127.0.0.1/")
    monkeypatch.setattr(JupyterServer, "_check_alive", lambda *_: None)  # its process lives
    server, client = JupyterServer(Mock(), "token"), SilentlyRestarted()
    with pytest.raises(ObiError, match="its process ended, and was restarted"):
        server._execute(client, "kernel", client.session.session, 0, "1 + 1")


def test_a_server_that_cannot_start_is_one_line(tmp_path):
    (tmp_path / "home" / ".jupyter").mkdir(parents=True)
    (tmp_path / "home" / ".jupyter" / "jupyter_server_config.py").write_text(
        "raise SystemExit(2)\n"
    )
    with LabProcess(tmp_path, "--no-browser", "--port", "18888") as lab:
        assert lab.wait(240) == 1
        assert lab.until("^obi-widgets: ") == (
            "obi-widgets: JupyterLab did not come up. Run 'jupyter lab' to see why."
        )


def test_what_is_waited_for_is_said_until_it_is_there(monkeypatch, capsys):
    monkeypatch.setattr(jupyter_server, "REPORT_EVERY", 0.02)
    with jupyter_server.waiting_for("the tide"):
        said = ""
        while said.count("\n") < 2:
            said += capsys.readouterr().err
            time.sleep(0.01)
    assert said.splitlines()[0] == "Waiting for the tide (0 s)…"
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == ""
