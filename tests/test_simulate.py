"""The simulated exchange by itself, read by other processes as LMEX."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from session_tools import wait_for

from obi_widgets.cli import main
from obi_widgets.errors import SettingsError, SourceError
from obi_widgets.feeds import blocking
from obi_widgets.feeds.simulation.alone import serve
from obi_widgets.feeds.simulation.served import FAULTS

PATIENCE = 120  # seconds for a process on a busy machine; far more than it needs


@contextmanager
def serving(*symbols: str, **options):
    """Serve in a thread; give the addresses, and the faults so far."""
    found, faults, stop = [], [], threading.Event()
    thread = threading.Thread(
        target=serve, args=(symbols, found.append, stop),
        kwargs={"seed": 3, "failed": faults.append, **options},
    )  # fmt: skip
    thread.start()
    try:
        wait_for(lambda: found, "the addresses")
        yield dict(found[0]), faults
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def given(urls: dict[str, str]) -> list[str]:
    return [text for name, url in urls.items() for text in ("--url", f"{name}={url}")]


def test_each_market_is_read_by_its_addresses(capsys):
    with serving("BTC-PERP", "ETH-PERP") as (urls, _):
        assert all("//127.0.0.1:" in url for url in urls.values())
        for symbol in ("BTC-PERP", "ETH-PERP"):
            assert main.main(["watch", f"lmex:{symbol}", *given(urls), "--rows", "1"]) == 0
            assert f"1. Source: lmex:{symbol}, LMEX, live." in capsys.readouterr().out


def test_faults_come_and_rows_go_on(capsys):
    with serving("BTC-PERP", faults_every=0.5) as (urls, faults):
        arguments = ["watch", "lmex:BTC-PERP", *given(urls), "--json", "--every", "0.1"]
        assert main.main([*arguments, "--rows", "8"]) == 0
        wait_for(lambda: faults, "a fault")
    assert set(faults) <= set(FAULTS)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(row["type"] == "row" for row in rows) == 8


def test_what_it_cannot_serve_is_refused(capsys):
    nothing = threading.Event()
    with pytest.raises(SourceError, match="The simulator lists no symbol 'BTC'"):
        serve(["BTC"], print, nothing, seed=1)
    with pytest.raises(SettingsError, match="faults = 0 is not possible"):
        serve(["BTC-PERP"], print, nothing, seed=1, faults_every=0)
    assert main.main(["simulate", "BTC"]) == 1
    assert "Did you mean 'BTC-PERP'?" in capsys.readouterr().err


def test_an_interruption_before_it_waits_ends_the_work_too(monkeypatch):
    class Interrupted(ThreadPoolExecutor):
        def submit(self, *arguments):
            super().submit(*arguments)
            raise KeyboardInterrupt

    monkeypatch.setattr(blocking, "ThreadPoolExecutor", Interrupted)
    stop, ended = threading.Event(), []
    with pytest.raises(KeyboardInterrupt):
        blocking.run_and_wait(lambda: ended.append(stop.wait(30)), cancel=stop.set)
    assert ended == [True]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--json"], []])
def test_the_command_prints_addresses_and_ends_by_sigterm(arguments):
    # As in the background, where Ctrl-C is ignored.
    start = (
        "import signal, sys; from obi_widgets.cli.main import main; "
        "signal.signal(signal.SIGINT, signal.SIG_IGN); sys.exit(main())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", start, "simulate", "--seed", "7", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        first = process.stdout.readline()
        second = "" if arguments else process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, wrong = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, wrong) == (130, "\n")
    if arguments:
        assert json.loads(first)["urls"].keys() == {"book", "trades", "rest"}
    else:
        assert first == "Serving BTC-PERP, seed 7. Stop it with Ctrl-C. Read it with:\n"
        assert second.startswith("obi-widgets watch lmex:BTC-PERP --url book=ws://127.0.0.1:")
