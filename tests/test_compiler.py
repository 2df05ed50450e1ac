"""Kernels are compiled by a process of low priority, which is said; who waits has them here."""

from __future__ import annotations

import sys
import threading
import types

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.kernels import compiler, loader
from obi_widgets.signals import imbalance_sweep

SMALL = """
import os
from pathlib import Path

import numba

if hasattr(os, "nice"):
    with Path(__file__).with_suffix(".nice").open("a") as told:
        told.write(f"{os.nice(0)} ")

@numba.njit(cache=True)
def size(value):
    return value * 2

def compile_all():
    size(1)
"""


@pytest.fixture
def kernels(monkeypatch):
    """Make kernels that are forgotten after the test, and what runs for them ends."""
    made = []

    def make(name):
        code = types.ModuleType(name)
        code.__file__ = f"{name}.py"
        code.compile_all = lambda: None
        monkeypatch.setitem(sys.modules, name, code)
        made.append(loader.Kernels(name, types.ModuleType("twin")))
        return made[-1]

    before = list(loader.registered)
    yield make
    for one in made:
        one.wait()
    loader.registered[:] = before


class Slow:
    """Stands for the process: it compiles until it is told to go on, or given up."""

    def __init__(self):
        self.asked, self.go_on, self.working = [], threading.Event(), threading.Event()
        self.given_up = False

    def compile(self, name):
        self.asked.append(name)
        self.working.set()
        assert self.go_on.wait(10)

    def give_up(self):
        self.given_up = True
        self.go_on.set()

    close = give_up


@pytest.fixture
def slow(monkeypatch):
    slow = Slow()
    monkeypatch.setattr(loader, "CompilerProcess", lambda: slow)
    monkeypatch.setattr(loader, "is_compiled", lambda *_: False)
    monkeypatch.setattr(loader, "mark_compiled", lambda *_: None)
    monkeypatch.setattr(loader, "_drop_stale", lambda: None)
    yield slow
    slow.go_on.set()


def until_idle(*all_kernels):
    for one in all_kernels:
        assert one._done.wait(10)


def test_what_is_compiled_is_said_once_and_numpy_works_meanwhile(kernels, slow, capsys):
    one, other = kernels("first_numba"), kernels("second_numba")
    assert loader.sentence() == ""
    with loader._lock:  # so that the second is in the queue when the first begins
        one._requested = other._requested = True
        loader._waiting.extend([one, other])
        loader._compiling, loader._process, loader._told = True, slow, False
    worker = threading.Thread(target=loader._work)
    worker.start()
    try:
        assert slow.working.wait(10)
        assert one.current() is one.numpy
        assert loader.busy()
        assert loader.sentence() == (
            "Compiling 2 parts of the program, once for this installation. All works "
            "meanwhile, but more slowly."
        )
    finally:
        slow.go_on.set()
        worker.join(10)
    until_idle(one, other)
    assert slow.asked == ["first_numba", "second_numba"]
    assert one.code.__name__ == "first_numba"
    assert loader.sentence() == ""
    assert slow.given_up  # the process was closed
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "obi_widgets: compiling first, second, once for this installation. All works "
        "meanwhile, but more slowly.\n"
    )


def test_a_widget_that_shows_it_is_enough(kernels, slow, capsys):
    class Shows:
        pass

    widget = Shows()
    loader.shown_by(widget)
    try:
        one = kernels("first_numba")
        one.start()
        assert slow.working.wait(10)
        assert loader.sentence().startswith("Compiling 1 part of the program, once")
    finally:
        loader.shown_by(widget, shows=False)
        slow.go_on.set()
    until_idle(one)
    assert capsys.readouterr().err == ""


def test_who_waits_does_not_wait_for_the_slow_process(kernels, slow, capsys):
    one, other = kernels("first_numba"), kernels("second_numba")
    one.start()
    assert slow.working.wait(10)
    assert other.wait(aloud=True)
    assert slow.given_up
    assert slow.asked == ["first_numba"]
    assert one.code.__name__ == "first_numba"
    assert capsys.readouterr().err.splitlines()[1:] == [
        "obi_widgets: compiling second, once for this installation. The result waits for it."
    ]
    third = kernels("third_numba")  # nobody waits any more
    slow.working.clear()
    slow.go_on.clear()
    third.start()
    assert slow.working.wait(10)
    slow.go_on.set()
    until_idle(third)


def test_a_process_that_ends_is_not_started_again(monkeypatch):
    monkeypatch.setattr(compiler, "START", "raise SystemExit")
    process = compiler.CompilerProcess()
    try:
        process.compile("obi_widgets.market_data.book_numba")
        monkeypatch.setattr(compiler, "_started", pytest.fail)
        process.compile("obi_widgets.market_data.book_numba")
    finally:
        process.close()


def test_where_no_process_can_be_started_there_is_none(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    process = compiler.CompilerProcess()
    process.compile("obi_widgets.market_data.book_numba")
    process.close()


@pytest.mark.slow
def test_what_the_process_has_compiled_is_loaded(tmp_path, monkeypatch):
    (tmp_path / "small_numba.py").write_text(SMALL)
    monkeypatch.syspath_prepend(tmp_path)
    process = compiler.CompilerProcess()
    try:
        process.compile("small_numba")
        process.compile("no_such_numba")  # which is no end of the process
        process.compile("small_numba")
        assert process._process is not None
        assert process._process.poll() is None
    finally:
        process.close()
    before = list(loader.registered)
    try:
        import small_numba

        assert loader.is_compiled(small_numba, loader.stamp_of(loader.PACKAGE.rglob("*_numba.py")))
        here = loader.Kernels("small_numba")
        here.compile()
        assert here.code is small_numba
    finally:
        loader.registered[:] = before
        sys.modules.pop("small_numba", None)
    assert sum(small_numba.size.stats.cache_hits.values()) == 1
    told = tmp_path / "small_numba.nice"
    if told.is_file():
        there, here_too = map(int, told.read_text().split())
        assert there == min(here_too + compiler.NICE, 19)


def test_a_small_sweep_does_not_wait_for_the_compiler(monkeypatch):
    history = obi.simulate("sim:BTC-PERP", seconds=60, levels=10, edge=4.0, seed=2)
    grid = {"decay": [0.05, 0.2], "depth": [3, 10], "threshold": [0.2, 0.5], "hold_seconds": [1, 5]}
    assert imbalance_sweep.KERNELS.wait()
    compiled = obi.sweep(history, **grid).to_frame()
    waited = []
    monkeypatch.setattr(imbalance_sweep.KERNELS, "code", None)
    monkeypatch.setattr(
        imbalance_sweep.KERNELS, "wait", lambda **how: bool(waited.append(how)), raising=False
    )
    by_numpy = obi.sweep(history, **grid).to_frame()
    assert not waited
    assert 100 < compiled.entries.sum() <= imbalance_sweep.most_entries(history, grid) < 1200
    np.testing.assert_array_equal(compiled.entries, by_numpy.entries)
    np.testing.assert_allclose(compiled.mean_gross_bps, by_numpy.mean_gross_bps, rtol=1e-9)
    monkeypatch.setattr(imbalance_sweep, "BY_NUMPY", 0)
    obi.sweep(history, **grid)
    assert waited == [{"aloud": True}]
