"""What another user of the machine can see and do of a lab that `obi-widgets lab` opened."""

import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from lab_tools import LabProcess

pytestmark = pytest.mark.notebook

NOBODY = 65534
BROWSER = """#!/bin/sh
printf '%s\\n' "$@" > "$BROWSER_SAW"
exec sleep 600 > /dev/null 2>&1
"""


def processes() -> list[str]:
    return [one.name for one in Path("/proc").iterdir() if one.name.isdigit()]


@pytest.fixture(scope="module")
def lab():
    folder = Path(tempfile.mkdtemp(prefix="obi-test-"))  # pytest's own is closed to others
    folder.chmod(0o755)
    browser, saw = folder / "browser", folder / "browser-saw"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    how = {"BROWSER": f"{browser} %s &", "BROWSER_SAW": str(saw)}
    try:
        with LabProcess(folder, "--port", "18988", **how) as lab:
            assert lab.address
            until = time.monotonic() + 120
            while not (saw.exists() and saw.read_text()):
                assert time.monotonic() < until
                time.sleep(0.05)
            yield lab
    finally:
        shutil.rmtree(folder)


def places(lab) -> list[str]:
    """Return what a curious user would look into."""
    found = [f"/proc/{one}/{name}" for one in processes() for name in ("cmdline", "environ")]
    return [*found, str(lab.folder)]


def find(lab, secret: str, **who) -> set[str]:
    """Return the places where a secret can be read."""
    command = ["grep", "--recursive", "--files-with-matches", "--no-messages", "--text"]
    done = subprocess.run(
        [*command, "--fixed-strings", "--file=-", *places(lab)],
        input=secret,
        capture_output=True,
        text=True,
        check=False,
        **who,
    )
    return set(done.stdout.split())


def test_the_token_is_on_no_command_line_and_in_no_file_that_others_may_read(lab):
    held = find(lab, lab.token)
    assert any("runtime/jpserver-" in one for one in held)  # the search does find it
    assert not [one for one in held if one.endswith("cmdline")]
    for place in held:
        if place.startswith("/proc"):
            assert "environ" not in place
        else:
            assert stat.S_IMODE(Path(place).stat().st_mode) == 0o600, place


def test_the_browser_is_led_there_by_a_page_that_its_owner_can_read(lab):
    opened = (lab.folder / "browser-saw").read_text().split()
    assert len(opened) == 1
    assert opened[0].startswith("file:///")
    assert lab.token not in opened[0]
    page = Path(opened[0].removeprefix("file://"))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert f'content="0; url={lab.address}"' in page.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_reads_no_token(lab):
    readable = lab.folder / "work" / "readable"
    readable.write_text("0123456789abcdef")
    readable.chmod(0o644)
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    assert find(lab, "0123456789abcdef", **other) == {str(readable)}  # the search does find
    assert find(lab, lab.token, **other) == set()


CLOSED = [
    *["lab", "lab/tree/obi-lab.ipynb", "doc", "tree", "tree/work", "notebooks/obi-lab.ipynb"],
    *["edit/obi-lab.ipynb", "view/obi-lab.ipynb", "files/obi-lab.ipynb", "nbconvert/html/x.ipynb"],
    *["api/contents", "api/contents/obi-lab.ipynb", "api/contents/x/checkpoints"],
    *["api/kernels", "api/kernels/{kernel}", "api/kernels/{kernel}/channels"],
    *["api/kernels/{kernel}/interrupt", "api/kernels/{kernel}/restart"],
    *["api/sessions", "api/sessions/{session}", "api/kernelspecs", "kernelspecs/python3/logo.png"],
    *["api/terminals", "api/terminals/1", "terminals/websocket/1", "terminals/new/1"],
    *["api/config/notebook", "api/status", "api/me", "api/events", "api/events/subscribe"],
    *["api/nbconvert", "api/shutdown", "api/spec.yaml", "metrics", "lsp/status", "lsp/ws/x"],
    *["lab/api/settings", "lab/api/workspaces", "lab/api/translations/", "lab/api/listings/x"],
    *["lab/api/build", "lab/api/extensions", "lab/api/news", "custom/custom.css", "logout/x"],
    *["nothing/of/the/kind"],
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_without_the_token_every_route_is_closed(lab, method):
    known = {"kernel": lab.ask("api/kernels")[0]["id"], "session": lab.ask("api/sessions")[0]["id"]}
    for token in (None, "", "0" * 32, lab.token[:-1]):
        sent = {} if token is None else {"token": token}
        with httpx.Client(base_url=lab.root, trust_env=False, params=sent) as client:
            for route in CLOSED:
                answer = client.request(method, route.format_map(known))
                led = answer.headers.get("location", "")
                # 405: what is there does not know the method.
                closed = answer.status_code in (403, 405) or led.startswith("/login?next=")
                assert closed, (route, answer.status_code, led)
                assert lab.token not in answer.text
    assert lab.ask("api/kernels")[0]["id"] == known["kernel"]


def test_without_the_token_there_is_no_websocket_to_the_kernel(lab):
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    headers = {"Authorization": f"token {lab.token}"}
    kernel = lab.ask("api/kernels")[0]["id"]
    for route in (
        f"api/kernels/{kernel}/channels",
        "terminals/websocket/1",
        "api/events/subscribe",
    ):
        url = f"{lab.root.replace('http', 'ws')}{route}"
        for sent in ({}, {"Authorization": "token 0"}):
            with pytest.raises(InvalidStatus, match=r"HTTP (403|200)$"):  # 200: the login
                connect(url, additional_headers=sent, proxy=None)
    channels = f"{lab.root.replace('http', 'ws')}api/kernels/{kernel}/channels"
    with connect(channels, additional_headers=headers, proxy=None) as opened:
        assert opened.response.status_code == 101


def test_what_the_kernel_publishes_can_be_read_by_nobody_else(lab):
    import zmq
    from jupyter_client.blocking.client import BlockingKernelClient

    if not zmq.has("curve"):
        pytest.skip("this libzmq cannot encrypt")
    file = next((lab.folder / "runtime").glob("kernel-*.json"))
    port = json.loads(file.read_text())["iopub_port"]
    client = BlockingKernelClient(connection_file=str(file))
    client.load_connection_file()
    client.start_channels()
    context = zmq.Context()
    listening = context.socket(zmq.SUB)
    try:
        listening.subscribe(b"")
        listening.connect(f"tcp://127.0.0.1:{port}")
        assert client.execute_interactive("1", timeout=60)["content"]["status"] == "ok"
        assert listening.poll(1000) == 0
    finally:
        listening.close(0)
        context.term()
        client.stop_channels()
