"""Pages are heard by a real kernel, whichever other page has used a widget before and is gone."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager
from queue import Empty

import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_core.utils import ensure_event_loop
from session_tools import wait_for

from obi_widgets.session import kernel_parent

LAB = """
import obi_widgets as obi
lab = obi.Lab("sim:BTC-PERP", seed=1, warmup=10)
lab.wait(50)
"""

COMMS = {
    "page": "lab._page",
    "line": "lab.status._line",
    "decay": "lab.controls['decay'].control",
    "opener": "lab._opener",
}


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Return a function that installs a release of ipykernel aside, and says where."""

    def install(version):
        folder = tmp_path_factory.mktemp(f"ipykernel-{version}")
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", folder]
        done = subprocess.run(
            [*command, f"ipykernel=={version}"], capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            if os.environ.get("CI"):
                pytest.fail(done.stderr)
            pytest.skip(f"ipykernel {version} cannot be installed here.")
        return str(folder)

    return install


class Kernel:
    """A kernel with a lab, and pages that speak to it as JupyterLab's do."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        """Run a cell; return what it printed."""
        said = []

        def note(message):
            content = message["content"]
            assert message["msg_type"] != "error", content
            said.append(content.get("text", "") if message["msg_type"] == "stream" else "")

        self.client.execute_interactive(code, timeout=120, output_hook=note)
        return "".join(said).strip()

    def until(self, expression):
        wait_for(lambda: self.run(f"print(bool({expression}))") == "True", expression)

    def control(self, kind, **content):
        message = self.client.session.msg(kind, content)
        self.client.control_channel.send(message)
        while True:
            answer = self.client.control_channel.get_msg(timeout=60)
            if answer["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                return answer["content"]

    def say(self, to, subshell, **data):
        """Send what a page does, on its subshell."""
        message = self.client.session.msg("comm_msg", {"comm_id": self.comms[to], "data": data})
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def press(self, to, subshell, **content):
        self.say(to, subshell, method="custom", content=content)

    def move(self, to, subshell, value):
        self.say(to, subshell, method="update", state={"value": value}, buffer_paths=[])

    def refusals(self):
        """Return what the kernel did not take."""
        found = []
        while True:
            try:
                content = self.client.shell_channel.get_msg(timeout=0.3)["content"]
            except Empty:
                return found
            if content.get("status") == "error":
                found.append(content)


@contextmanager
def kernel(path=""):
    """A kernel that shows a lab; with another ipykernel before the installed one."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([p for p in (path, *sys.path) if p])}
    manager, client = start_new_kernel(kernel_name="python3", env=env)
    try:
        one = Kernel(client)
        one.run(LAB)
        ids = ", ".join(f"{widget}.comm.comm_id" for widget in COMMS.values())
        one.comms = dict(zip(COMMS, one.run(f"print({ids})").split(), strict=True))
        yield one
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        ensure_event_loop().close()  # which the blocking client made for this thread
        asyncio.set_event_loop(None)


def use_and_leave(kernel, first, second):
    """Let one page use everything and a cell set something; the other is then heard."""
    kernel.press("page", first, view="A", seen=True, frame=0)
    kernel.press("page", second, view="B", seen=True, frame=0)
    kernel.until("len(lab._page._views) == 2 and lab._page.frame > 2")
    kernel.move("decay", first, 0.3)
    kernel.until("lab.settings.decay == 0.3")
    kernel.press("opener", first, event="click")
    kernel.until("lab.calibrating")
    kernel.run("lab.settings.decay = 0.2")
    if first is not None:
        assert kernel.control("delete_subshell_request", subshell_id=first)["status"] == "ok"
    kernel.press("page", second, view="B", seen=True, frame=1000)
    kernel.until("lab._page._views['B'].painted == 1000")
    kernel.move("decay", second, 0.4)
    kernel.until("lab.settings.decay == 0.4")
    kernel.press("opener", second, event="click")
    kernel.until("not lab.calibrating")
    kernel.press("line", second, do="pause")
    kernel.until("lab.session.paused")
    assert kernel.refusals() == []


def with_subshells(one):
    first, second = (one.control("create_subshell_request")["subshell_id"] for _ in "AB")
    use_and_leave(one, first, second)
    # A slider that a cell has set is heard while a cell runs: it is not tied to the cell's shell.
    one.run("lab.settings.decay = 0.5")
    one.move("decay", second, 0.6)
    heard = "lab.settings.decay == 0.6"
    waits = f"import time\nuntil = time.monotonic() + 30\nwhile not ({heard}):\n"
    waits += "    assert time.monotonic() < until\n    time.sleep(0.02)\n"
    said = one.run(f"{waits}print({heard})")
    assert said == "True"


@pytest.mark.slow
def test_a_page_is_heard_after_another_has_gone():
    with kernel() as one:
        with_subshells(one)


@pytest.mark.slow
def test_by_a_kernel_older_than_the_one_that_remembers(older):
    with kernel(older("7.1.0")) as one:
        assert one.run("import ipykernel; print(ipykernel.__version__)") == "7.1.0"
        with_subshells(one)


@pytest.mark.slow
def test_by_a_kernel_without_subshells(older):
    with kernel(older("6.29.5")) as one:
        assert one.run("import ipykernel; print(ipykernel.__version__)") == "6.29.5"
        use_and_leave(one, None, None)


def test_frames_belong_to_no_request():
    with kernel() as one:
        one.press("page", None, view="A", seen=True, frame=0)
        one.until("lab._page.frame > 2")
        parents = set()
        for _ in range(400):
            message = one.client.get_iopub_msg(timeout=10)
            if message["msg_type"] == "comm_msg":
                parents.add(message["parent_header"].get("msg_id"))
            if None in parents:
                break
        assert parents == {None}


def test_outside_a_kernel_nothing_is_done():
    kernel_parent.forget_parent()
    comm = object()
    kernel_parent.deliver_as_addressed(comm)  # it has no such name, and takes none
    assert not hasattr(comm, "_reply_subshell_for")
