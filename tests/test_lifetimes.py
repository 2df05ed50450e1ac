"""What ends when: closed labs, dropped sessions, labs that nobody looks at and nothing holds."""

from __future__ import annotations

import asyncio
import functools
import gc
import threading
import time
import types
import weakref
from concurrent.futures import ThreadPoolExecutor

import ipywidgets
import pytest
from session_tools import View, freed, wait_for
from shown_tools import shown

import obi_widgets as obi
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.thread import FeedThread
from obi_widgets.session import lifecycle
from obi_widgets.widgets import panel, reachability
from obi_widgets.widgets.page import PageWidget
from obi_widgets.widgets.reachability import registry


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=0.3, warmup=30.0, seed=1)


def references(session):
    """Return weak references to a session and what it is made of."""
    market, feed = session.market, session.feed
    made = [session, feed, market, market._writer, session.calibrator, session._life.reader]
    return [weakref.ref(one) for one in made]


def ours_running():
    return [one.name for one in threading.enumerate() if one.name in ("obi-feed", "obi-publisher")]


# -- closed labs -------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["at once", "with data", "looked at", "calibrating", "a recording"])
def test_a_closed_lab_is_freed_whole(way, recording):
    before = set(registry())

    def open_and_close():
        source = recording if way == "a recording" else "sim:BTC-PERP"
        lab = obi.Lab(source, **({} if way == "a recording" else {"warmup": 20.0}))
        if way != "at once":
            lab.wait(50)
        if way in ("looked at", "calibrating"):
            lab.calibrating = way == "calibrating"
            lab._page._hear(None, {"view": "one", "seen": True, "frame": 0}, None)
            wait_for(lambda: lab._page.frame > 2, "frames")
        if way == "calibrating":
            wait_for(lambda: lab.report is not None, "a report")
        widgets = [weakref.ref(one) for key, one in registry().items() if key not in before]
        assert len(widgets) > 100
        made = references(lab.session) + widgets
        lab.close()
        return made

    freed(*open_and_close())
    assert set(registry()) == before


def test_settings_that_outlive_a_lab_hold_nothing_of_it():
    settings = obi.Settings()

    def open_and_close():
        lab = obi.Lab("sim:BTC-PERP", settings=settings, warmup=5.0)
        lab.wait(10)
        made = references(lab.session)
        lab.close()
        return made

    freed(*open_and_close())
    settings.decay = 2.0  # and nobody is told


@pytest.mark.slow
def test_as_many_objects_are_there_after_many_labs():
    def one():
        lab = obi.Lab("sim:BTC-PERP", seed=1, warmup=1.0)
        lab.wait(5)
        lab.close()

    def count():
        gc.collect()
        return len(gc.get_objects())

    for _ in range(3):
        one()
    before = count()
    for _ in range(6):
        one()
    assert count() - before < 600  # a lab has 20,000


@pytest.mark.slow
def test_many_frames_leave_no_object():
    lab = obi.Lab("sim:BTC-PERP", seed=1, warmup=30.0)
    lab.add_signal("order_flow_imbalance", window=10)
    lab.add_signal("queue_imbalance")
    lab.listing = True
    lab.wait(250)
    lab.pause()
    publisher = lab.session.publisher

    def count(frames):
        for number in range(frames):  # nobody looks, so that its own thread makes none
            lab.settings.threshold = 0.3 + 0.01 * (number % 10)
            lab.show(publisher.frame(lab.session.shown(), lab.settings.parameters))
        gc.collect()
        return len(gc.get_objects())

    before, sent = count(40), lab._page.frame
    grown = count(300) - before
    assert lab._page.frame - sent > 250
    lab.close()
    assert grown < 150, "fewer than one for each other frame"


def test_the_page_is_given_text():
    """Of a path, anywidget would hold every widget for ever."""
    kinds = [PageWidget, *panel.StateWidget.__subclasses__()]
    texts = [getattr(one, name) for one in kinds for name in ("_esm", "_css")]
    assert len(texts) >= 12
    assert [one for one in texts if hasattr(one, "changed")] == []


# -- dropped sessions --------------------------------------------------------------------------


def started(source="sim:BTC-PERP", *views, **options):
    session = obi.Session(source, **options)
    for view in views:
        session.attach(view)
    session.start()
    session.wait(10)
    return session


@pytest.mark.parametrize("way", ["plain", "looked at", "paused", "calibrating", "a recording"])
def test_a_dropped_session_is_collected_and_its_threads_end(way, recording):
    views = [View()] if way == "looked at" else []

    def drop():
        if way == "a recording":
            session = started(recording, speed=1.0)
        else:
            session = started("sim:BTC-PERP", *views, warmup=20.0)
        if views:
            wait_for(lambda: views[0].frames, "a frame")
        if way == "paused":
            session.pause()
        if way == "calibrating":
            session.calibrator.ask(session.history, session.settings.parameters)
        assert sorted(ours_running()) == ["obi-feed", "obi-publisher"]
        return references(session), session.history

    made, history = drop()
    freed(*made[:1])
    wait_for(lambda: not ours_running(), "its threads to end")
    freed(*made)
    assert len(history) >= 10
    assert all(view.frames for view in views)


def test_many_dropped_sessions_leave_no_object():
    settings = obi.Settings()  # of which each is told, and which lives on

    def there():
        gc.collect()
        kinds = (obi.Session, FeedThread, Market)
        # By its type: of a weak proxy `isinstance` asks what it stands for.
        return [one for one in gc.get_objects() if issubclass(type(one), kinds)]

    before = len(there())
    for number in range(5):
        started(settings=settings, seed=number, warmup=5.0)
    wait_for(lambda: not ours_running(), "the threads to end")
    assert len(there()) == before
    listeners = [one for kinds in settings._trait_notifiers.values() for one in kinds.values()]
    assert not any(listeners)


def test_closed_labs_are_freed_though_python_looks_for_none():
    def there():
        kinds = (obi.Session, Market)
        return {id(one) for one in gc.get_objects() if issubclass(type(one), kinds)}

    gc.collect()
    before = there()
    gc.disable()
    try:
        for _ in range(5):
            lab().close()
        assert len(there() - before) <= 2, "those of the last"
    finally:
        gc.enable()


def test_a_market_that_cannot_be_closed_leaves_the_others_of_its_thread_going_on():
    """As when there is no memory for its last state."""

    class Made:
        def __init__(self, *, fails):
            self.fails, self.told, self.release = fails, "", threading.Event()

        async def run(self):
            if self.fails:
                raise ValueError("it failed")
            while not self.release.is_set():  # noqa: ASYNC110 it is set by another thread
                await asyncio.sleep(0.01)

        def end(self, detail, advice):
            if self.fails:
                raise MemoryError
            self.told = detail

    failing, other = Made(fails=True), Made(fails=False)
    reader = FeedThread([failing, other], lambda: None)
    reader.thread.start()
    try:
        assert reader._over[failing].wait(60)
        assert not reader._over[other].wait(0.1)
        assert reader.thread.is_alive()
        reader.stop("Stopped.", "", other)
        reader.join(other, 60)
        assert other.told == "Stopped."
    finally:
        other.release.set()
        reader.thread.join(60)


def test_a_session_that_was_never_started_is_collected():
    made = references(obi.Session("sim:BTC-PERP"))
    freed(*made)


def test_a_session_that_is_used_is_not_dropped():
    session = started(warmup=5.0)
    gc.collect()
    count = len(session.history)
    wait_for(lambda: len(session.history) > count, "it to go on")
    session.close()


def test_the_market_of_a_dropped_session_says_that_it_is_closed():
    def drop():
        return started(warmup=5.0).market

    market = drop()
    gc.collect()
    wait_for(lambda: market.state == "closed", "the feed's end")
    assert market.detail == "The session was closed."


# -- nobody looks and nothing holds it ---------------------------------------------------------

FORGOTTEN = (
    "The feed was stopped: nobody looked for 10 minutes, and no variable refers to it. "
    "Run the cell again to start again."
)


@pytest.fixture
def hasty(monkeypatch):
    """Ten minutes are a tenth of a second; what is left open is closed."""
    monkeypatch.setattr(lifecycle, "UNSEEN", 0.1)
    monkeypatch.setattr(lifecycle, "ASK_AGAIN", 0.2)
    before = set(registry())
    yield
    close_new(before)


def close_new(before):
    new = [one for key, one in registry().items() if key not in before]
    sessions = {one.session for one in new if isinstance(one, panel.Part) and one.session}
    for session in sessions:
        session.close()
    for one in new:
        panel.close_tree(one, one.close)


def lab(**options):
    return obi.Lab("sim:BTC-PERP", warmup=2.0, **options)


class Holder:
    """Something of the user's."""


def goes_on(session):
    """Whether a session of which a weak reference is given goes on for several questions."""
    asked = session()._life.ask_at
    wait_for(lambda: session().closed or session()._life.ask_at > asked + 0.6, "questions")
    return not session().closed


def ends(session):
    wait_for(lambda: session().closed and not ours_running(), "it to end")
    return True


def test_a_lab_that_nothing_holds_ends_and_says_so(hasty):
    def seen():
        one = lab()
        one.wait(5)  # held meanwhile, by this function
        return weakref.ref(one.session), weakref.ref(one)

    session, one = seen()
    assert ends(session)
    state = shown(one().status._line)  # the page that is shown again gets this
    assert (state["state"], state["message"], state["tone"]) == ("closed", FORGOTTEN, "")
    assert one().comm is not None
    assert len(one().history) > 0


@pytest.mark.slow
def test_a_lab_that_is_looked_at_goes_on(hasty, monkeypatch):
    monkeypatch.setattr(lifecycle, "UNSEEN", 600.0)  # until it is looked at
    session = weakref.ref(lab().session)
    page = next(one for one in registry().values() if isinstance(one, PageWidget))

    def painted(count):
        page._hear(None, {"view": "one", "seen": True, "frame": 10**6}, None)
        return page.frame > count

    painted(0)
    monkeypatch.setattr(lifecycle, "UNSEEN", 1.0)
    asked = session()._life.ask_at
    wait_for(lambda: painted(25), "frames")
    assert session()._life.ask_at == asked, "nobody asks who holds it"
    page._hear(None, {"view": "one", "seen": False, "frame": 10**6}, None)
    assert ends(session)


def in_a_list(one):
    return [[one]]


def in_an_object(one):
    holder = Holder()
    holder.lab = one
    return holder


def in_a_module(one):
    module = types.ModuleType("mine")
    module.lab = one
    return module


def in_a_closure(one):
    return lambda: one


def as_a_method(one):
    return one.wait


def in_a_partial(one):
    return functools.partial(print, one)


def in_a_generator(one):
    def steps():
        yield one
        yield one

    paused = steps()
    next(paused)
    return paused


def in_a_box(one):
    return ipywidgets.VBox([one])


def as_a_part(one):
    return one.price


def as_its_session(one):
    return one.session


HOLDERS = [
    in_a_list, in_an_object, in_a_module, in_a_closure, as_a_method, in_a_partial,
    in_a_generator, in_a_box, as_a_part, as_its_session,
]  # fmt: skip


@pytest.mark.parametrize("hold", HOLDERS, ids=lambda hold: hold.__name__)
def test_what_can_still_be_reached_goes_on_and_then_ends(hasty, hold):
    def make():
        one = lab()
        return weakref.ref(one.session), hold(one)

    session, keeper = make()
    assert goes_on(session)
    del keeper
    assert ends(session)


def test_what_a_running_function_holds_goes_on(hasty):
    release, sessions = threading.Event(), []

    def work():
        one = lab()
        sessions.append(weakref.ref(one.session))
        release.wait(90)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        wait_for(lambda: sessions)
        assert goes_on(sessions[0])
    finally:
        release.set()
        worker.join()
    assert ends(sessions[0])


@pytest.mark.parametrize("what", ["settings", "history"])
def test_a_value_of_it_does_not_keep_it(hasty, what):
    def make():
        one = lab()
        one.wait(5)
        return weakref.ref(one.session), getattr(one, what)

    session, value = make()
    assert ends(session)
    if what == "settings":
        value.decay = 2.0
    else:
        assert len(value) >= 5


def test_a_part_alone_ends_as_a_lab_does(hasty):
    def shown():
        session = obi.Session("sim:BTC-PERP", warmup=2.0)
        obi.BookWidget(session)
        obi.StatusWidget(session)
        return weakref.ref(session)

    assert ends(shown())


def test_a_session_with_a_view_of_the_users_own_goes_on(hasty):
    session = started("sim:BTC-PERP", View(looked_at=False), warmup=2.0)
    assert goes_on(weakref.ref(session))
    session.close()


def test_a_hidden_view_is_shown_that_its_session_is_closed():
    view = View(looked_at=False)
    session = started("sim:BTC-PERP", view, warmup=2.0)
    assert view.frames == []
    session.close()
    assert [frame.state for frame in view.frames] == ["closed"]


def test_in_doubt_it_goes_on(hasty, monkeypatch, caplog):
    def fail(self):
        raise RuntimeError("who knows")

    monkeypatch.setattr(obi.Lab, "held", fail)
    session = weakref.ref(lab().session)
    wait_for(lambda: "Could not find out what refers to a view." in caplog.text, "its message")
    assert goes_on(session)


def test_one_search_runs_at_a_time(monkeypatch):
    """What another search refers to meanwhile would look like variables."""
    running, together = [], []

    def get_referrers(*objects):
        running.append(objects)
        together.append(len(running))
        time.sleep(0.05)
        running.pop()
        return []

    stand_in = types.SimpleNamespace(
        collect=int, get_referents=gc.get_referents, get_referrers=get_referrers
    )
    monkeypatch.setattr(reachability, "gc", stand_in)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: reachability.held((View(),)), range(3)))
    assert set(together) == {1}


# -- in a kernel -------------------------------------------------------------------------------

SETUP = """
import gc, threading, time
import obi_widgets as obi
from obi_widgets.session import lifecycle
from obi_widgets.widgets.reachability import registry
lifecycle.UNSEEN, lifecycle.ASK_AGAIN = 600.0, 0.2

def running():
    return [one.name for one in threading.enumerate() if one.name in ("obi-feed", "obi-publisher")]

def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)

def kinds():
    gc.collect()
    return [type(one) for one in gc.get_objects()]
"""


class Kernel:
    """Runs cells as JupyterLab does."""

    def __init__(self, client):
        self.client = client

    def run(self, code, cell=""):
        """Run a cell; return what it prints."""
        session = self.client.session
        content = {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": True,
        }  # fmt: skip
        message = session.msg("execute_request", content, metadata={"cellId": cell})
        self.client.shell_channel.send(message)
        said = []
        while True:
            told = self.client.get_iopub_msg(timeout=120)
            if told["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = told["content"]
            if told["msg_type"] == "stream":
                said.append(content["text"])
            elif told["msg_type"] == "error":
                pytest.fail("\n".join(content["traceback"]))
            elif content.get("execution_state") == "idle":
                return "".join(said).strip()


@pytest.fixture
def kernel():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(startup_timeout=120)
    try:
        one = Kernel(client)
        one.run(SETUP)
        yield one
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


# zmq's sockets are closed when they are collected.
in_a_kernel = [
    pytest.mark.notebook,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


def marked(test):
    for mark in in_a_kernel:
        test = mark(test)
    return test


@pytest.mark.slow
@marked
def test_a_cell_that_is_run_again_and_again_leaves_one_lab(kernel):
    def run(times):
        for _ in range(times):
            kernel.run("obi.Lab('sim:BTC-PERP', warmup=2.0)", "the cell")
        kernel.run("1", "another")
        return kernel.run(
            "k = kinds(); print([k.count(one) for one in (obi.Lab, obi.Session)], running(), "
            "len(registry()))"
        )

    once = run(2)
    assert once.startswith("[1, 1] ['obi-feed', 'obi-publisher'] ")
    assert run(5) == once
    assert kernel.run("print([n for n, o in Out.items() if isinstance(o, obi.Lab)])") != "[]"
    kernel.run("next(o for o in Out.values() if isinstance(o, obi.Lab)).close()")
    assert (
        kernel.run("k = kinds(); print(k.count(obi.Lab), running(), len(registry()))") == "0 [] 0"
    )
    kernel.run("assert not [o for o in Out.values() if isinstance(o, obi.Lab)]")


@pytest.mark.slow
@marked
def test_in_a_notebook_only_a_variable_holds_a_lab(kernel):
    """What `Out` and `_` hold does not count."""
    kernel.run("obi.Lab('sim:BTC-PERP', warmup=2.0)", "shown")
    kernel.run("lab = obi.Lab('sim:ETH-PERP', warmup=2.0)\nlab", "kept")
    kernel.run("[obi.Lab('sim:SOL-PERP', warmup=2.0)]", "in a list that is shown")
    labs = kernel.run("labs = len(running()); lifecycle.UNSEEN = 0.1; print(labs)")
    assert labs == "6"
    kernel.run("wait_for(lambda: len(running()) == 2); time.sleep(1)")
    told = kernel.run(
        "print(len(running()), sorted((o.session.market.instrument.symbol, o.session.closed) "
        "for o in list(registry().values()) if isinstance(o, obi.Lab)))"
    )
    assert told == "2 [('BTC-PERP', True), ('ETH-PERP', False), ('SOL-PERP', True)]"
    kernel.run("del lab; wait_for(lambda: not running())")
