"""A JupyterLab and a browser for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from browser.jupyterlab import JupyterLab, chromium
from browser.screen import Screen

HERE = Path(__file__).parent
NOWHERE = "http://127.0.0.1:9"  # the port "discard": nothing listens there

WHOLE = ('import obi_widgets as obi\nlab = obi.Lab("sim:BTC-PERP", seed=3, edge=2)\nlab',)
"""The cells of a notebook that shows the lab, with as much of the past as its window is long."""

LAB = (WHOLE[0].replace("edge=2", "edge=2, warmup=60"),)
"""The same with a minute of the past, which is there sooner."""


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


# Of the package, not of the session: Playwright's event loop runs in this thread while it is
# open, and tests of other folders need one of their own.
@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory):
    if chromium() is None:
        why = "There is no Chromium: install it, or set OBI_CHROMIUM to its path."
        if os.environ.get("CI"):
            pytest.fail(f"{why} Browser tests are not skipped in CI.")
        pytest.skip(why)
    # No test here needs the network, and one needs that there is none.
    nowhere = {f"{name}_proxy": NOWHERE for name in ("http", "https", "ws", "wss", "all")}
    nowhere |= {name.upper(): url for name, url in nowhere.items()}
    env = {**nowhere, "no_proxy": "127.0.0.1,localhost", "NO_PROXY": "127.0.0.1,localhost"}
    env["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))  # presets are kept there
    with JupyterLab(tmp_path_factory.mktemp("lab"), env=env) as running:
        yield running


@pytest.fixture(scope="session")
def artefacts():
    """Where pictures go."""
    folder = HERE.parents[1] / ".ci" / "artefacts"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def notebook(jupyterlab):
    """A page and a kernel for the labs that the tests of each file share."""
    with jupyterlab.notebook(WHOLE) as nb:
        yield nb


@pytest.fixture(scope="module")
def shared_lab(notebook):
    """One lab for the tests of a file that leave it as they find it."""
    nb = notebook
    nb.page.bring_to_front()
    nb.theme(dark=False)
    nb.set_output_width(1240)
    nb.run_all()
    screen = Screen(nb)
    screen.wait_for_state("live")
    nb.until("len(lab.history) > 2900")  # the past is there
    yield screen
    nb.execute("lab.close()")


@pytest.fixture
def screen(shared_lab):
    """That lab, as it is when it is new."""
    nb = shared_lab.nb
    nb.page.bring_to_front()
    nb.execute("lab.settings.update(obi.Settings()); lab.resume(); lab.session.look_at(300)")
    nb.execute("lab.session.pin(); lab.listing = False")
    nb.console.clear()
    shared_lab.wait_for_state("live")
    yield shared_lab
    assert nb.errors() == []


@pytest.fixture
def lab(jupyterlab):
    """A lab in a notebook of its own, live, for tests that end it or spoil its page."""
    with jupyterlab.notebook(LAB) as nb:
        nb.run_all()
        screen = Screen(nb)
        screen.wait_for_state("live")
        yield screen
