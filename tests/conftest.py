"""What tests share: captured data, and that no test leaves anything behind."""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import comm
import hypothesis
import numpy as np
import pytest
from wire_tools import Wire

import obi_widgets as obi
from obi_widgets.kernels import loader

# A machine that is shared may take its time.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "brief", hypothesis.settings.get_profile("shared"), max_examples=10
)
hypothesis.settings.load_profile("shared")

DATA = Path(__file__).parents[2] / "shared" / "data"
SYMBOLS = ["btcusdt", pytest.param("ethusdt", marks=pytest.mark.slow)]
"""Captured symbols: a quick run takes one."""

BROWSER = "tests/browser/"
"""What the names of tests in a browser begin with."""

GRACE = 10.0  # seconds that what is ending may take to end


BRIEF = 2
"""Cases of a test that run in each other Python."""


def pytest_addoption(parser):
    parser.addoption(
        "--brief",
        action="store_true",
        help=f"what another version of Python may change: the first {BRIEF} cases of each test, "
        "no captured data, few random examples",
    )


def pytest_configure(config):
    if config.option.brief:
        hypothesis.settings.load_profile("brief")
    # A shell without job control starts what it puts in the background with SIGINT ignored, and
    # so would the processes be that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def wire(monkeypatch):
    """What goes to the browser."""
    wire = Wire()
    monkeypatch.setattr(
        comm.DummyComm, "publish_msg", lambda self, *args, **more: wire(self, *args, **more)
    )
    return wire


def pytest_sessionstart(session):
    """Compile before any test: that may take longer than a test may, and all workers can use it."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        compile_kernels()


def compile_kernels() -> bool:
    for name in obi.__all__:
        getattr(obi, name)  # imports what registers kernels
    return loader.wait()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each worker of pytest-xdist whole files; one worker gets all tests in a browser.

    Not by its groups: pytest 9.2 ignores those of pytest-xdist 3.8, and each test went anywhere.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return BROWSER if nodeid.startswith(BROWSER) else nodeid.partition("::")[0]

    return Files(config, log)


@pytest.hookimpl(trylast=True)  # once `-m` has chosen
def pytest_collection_modifyitems(config, items):
    """Let workers begin with the tests in a browser, which take longest, and the largest files."""
    if config.option.brief:
        items[:] = _brief(config, items)
    if hasattr(config, "workerinput"):
        sizes = Counter(item.path for item in items)
        items.sort(key=lambda one: (not one.nodeid.startswith(BROWSER), -sizes[one.path], one.path))


def _brief(config, items):
    """Return the tests that are worth their time in each other Python.

    Captured data tell of venues and numbers, which are the same in all of them, and so do further
    cases of a test. What has the mark `every_case` is spared.
    """
    seen, kept, left = Counter(), [], []
    for item in items:
        test = item.nodeid.partition("[")[0]
        seen[test] += 1
        wanted = seen[test] <= BRIEF and "data" not in item.fixturenames
        (kept if wanted or item.get_closest_marker("every_case") else left).append(item)
    config.hook.pytest_deselected(items=left)
    return kept


_FIRST = pytest.StashKey[bool]()


def pytest_runtest_setup(item):
    """Let a browser, which a busy machine makes slow, come before what other workers compute."""
    stash = item.config.stash
    if hasattr(item.config, "workerinput") and stash.setdefault(_FIRST, True):
        stash[_FIRST] = False
        if not item.nodeid.startswith(BROWSER) and hasattr(os, "nice"):
            os.nice(10)


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"there are no captures: {DATA} is not there")
    return DATA


@pytest.fixture(scope="session")
def captures(data) -> dict[str, list[Path]]:
    """The two contiguous days of each symbol, by symbol."""
    return {
        symbol: sorted((data / "binance_usdm").glob(f"{symbol}_*.gz"))
        for symbol in ("btcusdt", "ethusdt")
    }


@pytest.fixture(scope="session")
def loaded(captures):
    """Load a symbol's capture, once: fixtures with parameters are made anew for each file."""
    return functools.cache(lambda symbol: obi.load(captures[symbol]))


@pytest.fixture(scope="session", params=SYMBOLS)
def history(request, loaded) -> obi.History:
    """About eight minutes of Binance USD-M futures."""
    return loaded(request.param)


@pytest.fixture(scope="session")
def broken(history):
    """The capture with the book lost now and then, for one state or many, and one side missing."""
    columns = [history.prices(+1), history.sizes(+1), history.prices(-1), history.sizes(-1)]
    columns = [column[:, :10].astype(float) for column in columns]
    random = np.random.default_rng(3)
    for at in random.integers(0, len(history), 40):
        rows = slice(at, at + random.integers(1, 30))
        for column in columns:
            column[rows] = np.nan
    for at in random.integers(0, len(history), 300):
        columns[2 * random.integers(2)][at] = np.nan
    return obi.History.from_arrays(history.time, *columns)


@pytest.fixture(scope="session", autouse=True)
def compiled():
    """Have the kernels first: the compiler's thread is nobody's leak."""
    assert compile_kernels()


@pytest.fixture(scope="session", autouse=True)
def little_to_search(compiled):
    """Leave what is there before the first test out of every search for garbage.

    A session that closes looks for garbage. Among the million objects of pytest's thousands of
    tests that takes half a second, which was most of the time that many tests took.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_is_left_behind(request):
    """Fail a test that leaves a thread, a task, an open socket or a widget."""
    if request.node.get_closest_marker("browser") or request.node.get_closest_marker("notebook"):
        yield  # whole processes and their helpers
        return
    before = _all_there_is()
    yield
    until = time.monotonic() + GRACE
    while (left := _left(before)) and time.monotonic() < until:
        time.sleep(0.02)
    if left:
        pytest.fail(f"The test left behind: {'; '.join(left)}", pytrace=False)


def _left(before: dict[str, set]) -> list[str]:
    after = _all_there_is()
    return [f"{kind} {one}" for kind in after for one in after[kind] - before[kind]]


def _all_there_is() -> dict[str, set]:
    return {
        "thread": {thread for thread in threading.enumerate() if thread.is_alive()},
        "task": _tasks(),
        "socket": _sockets(),
        "widget": _widgets(),
    }


def _tasks() -> set[str]:
    # Tasks of every loop and thread, which asyncio.all_tasks does not tell of.
    known = [getattr(asyncio.tasks, name, None) for name in ("_all_tasks", "_scheduled_tasks")]
    tasks = [task for some in known if some is not None for task in list(some)]
    if all(some is None for some in known):
        tasks = [one for one in gc.get_objects() if isinstance(one, asyncio.Task)]
    return {f"{task.get_name()} ({id(task)})" for task in tasks if not task.done()}


def _sockets() -> set[str]:
    """Sockets and event loops' selectors that this process has open."""
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        return set()
    found = set()
    for one in descriptors.iterdir():
        try:
            target = os.readlink(one)  # noqa: PTH115  (Path.readlink drops nothing, but is slower)
        except OSError:
            continue  # the listing's own
        if target.startswith("socket:"):
            found.add(target)
        elif "eventpoll" in target:
            found.add(f"{target} {one.name}")
    return found


def _widgets() -> set[str]:
    module = sys.modules.get("ipywidgets.widgets.widget")
    instances = getattr(module, "_instances", {})
    return {f"{type(widget).__name__} {key}" for key, widget in list(instances.items())}
