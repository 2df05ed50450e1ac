"""The command ``obi-widgets``."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import httpx
import pytest

import obi_widgets as obi
from obi_widgets import cli, jupyter
from obi_widgets.errors import ObiError

COMMAND = [sys.executable, "-m", "obi_widgets.cli"]


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"obi-widgets {obi.__version__}\n"


def test_record_writes_a_recording_and_says_where(tmp_path, capsys):
    path = tmp_path / "market.gz"
    assert cli.main(["record", "sim:SOL-PERP", str(path), "--seconds", "1"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert len(obi.load(path)) > 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "nowhere.gz"], "'nowhere.gz' is neither a venue's symbol nor a file."),
        (
            ["lab", "sim:BTC"],
            "The simulator lists no symbol 'BTC'. It lists BTC-PERP, ETH-PERP, SOL-PERP.",
        ),
        (["record", "foo:BTC", "x.gz"], "'foo:BTC' is neither a venue's symbol nor a file."),
    ],
)
def test_a_wrong_source_is_one_line_and_exit_code_1(arguments, said, capsys):
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"obi-widgets: {said}")
    assert error.count("\n") == 1


def test_a_notebook_of_somebody_else_is_never_overwritten(tmp_path):
    path = tmp_path / "obi-lab.ipynb"
    path.write_text("{}")
    assert jupyter._free_path(path) == tmp_path / "obi-lab-2.ipynb"
    jupyter._write(tmp_path / "obi-lab-2.ipynb", ["1"], [[]])
    assert jupyter._free_path(path) == tmp_path / "obi-lab-2.ipynb"  # made by the command itself


@pytest.mark.notebook
@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_lab_runs_the_notebook_before_it_opens_it(tmp_path, end, code):
    """The whole of it: a server, a kernel, a live lab, and an end that leaves no process."""
    command = [*COMMAND, "lab", "sim:ETH-PERP", "--no-browser", "--port", "18888"]
    environment = {**os.environ, "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = next(line for line in process.stdout if line.startswith("http")).strip()
        assert re.match(r"http://127\.0\.0\.1:\d+/lab/tree/obi-lab\.ipynb\?token=\w{32}$", address)
        notebook = json.loads((tmp_path / "obi-lab.ipynb").read_text())
        outputs = [output for cell in notebook["cells"] for output in cell["outputs"]]
        assert next(iter(outputs[0]["data"])) == "application/vnd.jupyter.widget-view+json"
        process.send_signal(end)
        assert process.wait(30) == code
    until = time.monotonic() + 10
    while _answers(address) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _answers(address)


@pytest.mark.parametrize(
    ("error", "says"),
    [(queue.Empty(), "notebook: Empty."), (httpx.ConnectError("no route"), "notebook: no route.")],
)
def test_a_kernel_that_does_not_answer_is_one_line(tmp_path, monkeypatch, error, says):
    def fail(*_):
        raise error

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(jupyter, "_server", lambda *_: nullcontext((None, "http://127.0.0.1/")))
    monkeypatch.setattr(jupyter, "_run", fail)
    with pytest.raises(ObiError, match=re.escape(f"JupyterLab's kernel did not run the {says}")):
        jupyter.open_lab("sim:BTC-PERP", browser=False)


def _answers(address: str) -> bool:
    try:
        httpx.get(address, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
