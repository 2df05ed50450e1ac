"""What only a process of its own can show: what is imported, and what an interrupt does."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time

import pytest

import obi_widgets as obi


def run(code, *args):
    """Run code in a fresh interpreter in which a warning is an error; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=0.1, warmup=5.0)


HEAVY = (
    "{'numba', 'ipywidgets', 'bqplot', 'anywidget', 'IPython', 'pandas', "
    "'nest_asyncio', 'nest_asyncio2'}"
)


def test_importing_the_package_imports_nothing_heavy():
    code = f"""
        import sys
        import obi_widgets
        heavy = {HEAVY} | {{'numpy', 'traitlets', 'httpx', 'websockets', 'asyncio'}}
        print(sorted(heavy & set(sys.modules)))
    """
    assert run(code) == "[]\n"


def test_loading_and_computing_imports_no_widgets_and_no_pandas(tape):
    code = f"""
        import sys
        import obi_widgets as obi
        history = obi.load(sys.argv[1])
        assert len(obi.imbalance(history, obi.Settings())) > 30
        print(sorted({HEAVY} & set(sys.modules) - {{"numba"}}))  # the compiler's thread has that
    """
    assert run(code, tape) == "[]\n"


def test_what_a_recording_is_judged_by_is_there_without_a_network():
    code = """
        import sys
        from obi_widgets import History, Settings, entries, imbalance, load
        print(sorted({"asyncio", "httpx", "websockets", "numba", "pandas"} & set(sys.modules)))
    """
    assert run(code) == "[]\n"


def test_everything_but_the_widgets_works_without_them(tape, tmp_path):
    code = """
        import sys, time
        for name in ("ipywidgets", "bqplot", "anywidget", "IPython"):
            sys.modules[name] = None  # importing it raises ImportError
        import obi_widgets as obi
        from obi_widgets import (
            calibration, checks, cli, errors, feeds, history, kernels, market_data, parameters,
            presentation, session, settings, signals, trading,
        )
        from obi_widgets.feeds import blocking, live, record, recording, replay, simulation
        from obi_widgets.market_data import book, events, venues
        from obi_widgets.presentation.reading import analysis
        from obi_widgets.presentation.charts import downsampling
        from obi_widgets.presentation.frames import frame
        from obi_widgets.presentation.tear_sheet import tear_sheet

        class View:
            looked_at, may_look, frame = True, True, None
            def show(self, frame):
                self.frame = frame
            def keep_alive(self):
                pass
            def end(self):
                pass

        session, view = obi.Session(sys.argv[1], speed=None), View()
        session.attach(view)
        whole = len(obi.load(sys.argv[1]))
        while view.frame is None or (view.frame.state, view.frame.states) != ("closed", whole):
            time.sleep(0.01)
        session.close()
        print(view.frame.note == "")
    """
    assert run(code, tape) == "True\n"


def test_recording_outside_of_an_event_loop_patches_nothing(tmp_path):
    code = """
        import sys
        import obi_widgets as obi
        obi.record("sim:BTC-PERP", sys.argv[1], seconds=0.1, warmup=1.0)
        print("nest_asyncio2" in sys.modules)
    """
    assert run(code, tmp_path / "x.gz") == "False\n"


@pytest.mark.slow
def test_recording_within_a_running_event_loop_lets_it_and_sessions_go_on(tmp_path):
    """As in a notebook's cell: the kernel's loop runs, and a lab is followed meanwhile."""
    code = """
        import asyncio, os, sys, time
        import obi_widgets as obi

        def wait_for(condition):
            until = time.monotonic() + 60
            while not condition():
                assert time.monotonic() < until
                time.sleep(0.01)

        def sockets():
            links = []
            for one in os.listdir("/proc/self/fd"):
                try:
                    links.append(os.readlink(f"/proc/self/fd/{one}"))
                except OSError:
                    pass
            return sum(link.startswith("socket:") or "eventpoll" in link for link in links)

        before = sockets()
        session = obi.Session("sim:BTC-PERP", warmup=2.0)
        session.start()
        wait_for(lambda: len(session.history) > 5)
        assert "nest_asyncio2" not in sys.modules

        async def cell():
            ticks = 0

            async def tick():
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.02)
                    ticks += 1

            ticking = asyncio.create_task(tick())
            for name in sys.argv[1:3]:
                obi.record("sim:ETH-PERP", name, seconds=0.4, warmup=2.0)
            ticking.cancel()
            assert ticks > 10, ticks

        asyncio.run(cell())
        assert "nest_asyncio2" in sys.modules
        count = len(session.history)
        wait_for(lambda: len(session.history) > count)
        assert session.market.state == "live", session.market.detail
        session.close()

        # The patch stays: what comes later has to live with it, and to close its loops.
        for _ in range(2):
            later = obi.Session("sim:SOL-PERP", warmup=2.0)
            later.start()
            wait_for(lambda: len(later.history) > 5)
            later.close()
        print(len(obi.load(sys.argv[1])) > 10, len(obi.load(sys.argv[2])) > 10, sockets() - before)
    """
    assert run(code, tmp_path / "1.gz", tmp_path / "2.gz") == "True True 0\n"


@pytest.mark.slow
@pytest.mark.parametrize("held", ["session = ", ""])
def test_a_process_ends_while_a_session_runs(held):
    code = f"""
        import obi_widgets as obi

        def start():
            session = obi.Session("sim:BTC-PERP", warmup=2.0)
            session.wait(10)
            return session

        {held}start()
        print("ended")
    """
    assert run(code) == "ended\n"


def test_interrupting_a_recording_ends_it_and_keeps_what_there_is(tmp_path):
    path = tmp_path / "x.gz"
    code = f"""
        import obi_widgets as obi
        try:
            obi.record("sim:BTC-PERP", {str(path)!r}, seconds=600, warmup=5.0)
        except KeyboardInterrupt:
            print("interrupted")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    try:
        until = time.monotonic() + 120
        while not (path.exists() and path.stat().st_size > 5_000):
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
        process.wait()
    assert said == "interrupted\n"
    assert len(obi.load(path)) > 5
