"""Days that are loaded one by one: the same result, whoever computes and however many they are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, is_dataclass, replace
from functools import partial
from itertools import pairwise, product
from pathlib import Path
from threading import Event, Lock

import numpy as np
import pandas as pd
import pytest
from days_tools import BEGIN, DAY, connection, recorded, time_of
from history_tools import SECOND

import obi_widgets as obi
from obi_widgets.calibration import workers
from obi_widgets.calibration.record import Record
from obi_widgets.calibration.workers import Task, crew, results
from obi_widgets.errors import (
    ArgumentError,
    CancelledError,
    HistoryError,
    ObiError,
    RecordingError,
    SettingsError,
    WorkerError,
)
from obi_widgets.feeds.days.load_days import DayLoader
from obi_widgets.history.loaders import Given, Loaded
from obi_widgets.history.trades import Trades
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import registry

AXES = {"decay": [0.1, 0.3], "threshold": [0.2, 0.4, 0.6], "hold_seconds": [1.0, 5.0]}
FREE = obi.Settings(price="mid", fee_bps=0.0, threshold=0.3)


@pytest.fixture(scope="module")
def whole():
    return obi.simulate("sim:BTC-PERP", seconds=150, seed=3, levels=10)


@pytest.fixture(scope="module")
def parts(whole):
    """Return four unequal parts, one of a single state."""
    size = len(whole)
    cuts = [0, size // 5, size // 5 + 1, size // 2, size]
    return [whole[a:b] for a, b in pairwise(cuts)]


def saved(folder, parts):
    place = folder / "sim_BTC-PERP"
    place.mkdir()
    for number, part in enumerate(parts):
        part.save(place / f"2026-01-0{number + 1}.parquet")
    return folder


@pytest.fixture
def folder(tmp_path, parts):
    return saved(tmp_path, parts)


class LastFirst(ThreadPoolExecutor):
    """An executor that gives back what was finished last first, as a cluster may."""

    def __init__(self):
        super().__init__(1)
        self.held = []
        self.most = 0

    def submit(self, function, *args):
        future = Future()
        self.held.append((future, function, args))
        self.most = max(self.most, len(self.held))
        workers._packed.clear()  # as another process, it has the payload alone
        super().submit(self._finish_last)
        return future

    def _finish_last(self):
        Event().wait(0.02)  # until others have come
        future, function, args = self.held.pop()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(*args))
            except ObiError as error:
                future.set_exception(error)


@pytest.fixture
def threads():
    """Return a function that opens executors in this process, which end with the test."""
    with ExitStack() as stack:
        yield lambda count: stack.enter_context(ThreadPoolExecutor(count) if count else LastFirst())


# -- the same result -------------------------------------------------------------------------


def test_a_sweep_of_days_is_that_of_the_histories(folder, parts, threads):
    days = obi.load_days(folder)
    wanted = obi.sweep(parts, **AXES)
    assert wanted.entries.max() > 5
    for executor in (None, threads(0), threads(3)):
        found = obi.sweep(days, **AXES, executor=executor)
        assert found.parts.tobytes() == wanted.parts.tobytes()
        assert found.origins == wanted.origins
        assert found.interval == wanted.interval


def test_a_proposal_of_days_is_that_of_the_histories(folder, parts, threads, monkeypatch):
    """And they are never joined."""
    paid = FREE.parameters.replace(fee_bps=-20.0)
    axes = {"threshold": [0.1, 0.2], "hold_seconds": [1.0], "settings": paid, "folds": 3}
    wanted = obi.propose(parts, **axes)
    assert wanted.settings is not None
    monkeypatch.setattr(obi.History, "concat", None)
    for executor in (None, threads(0), threads(3)):
        assert obi.propose(obi.load_days(folder), **axes, executor=executor) == wanted


@pytest.mark.parametrize("lost", list(product([False, True], repeat=5)))
def test_a_record_has_the_times_and_gaps_of_the_joined_history(lost):
    """Wherever the book was lost: no time passes between two histories then."""
    book = np.where(lost, np.nan, 1.0)[:, None]
    time = BEGIN + np.array([0, 1, 3, 10, 12]) * SECOND
    first, second = (
        obi.History.from_arrays(time[rows], 9 * book[rows], book[rows], 10 * book[rows], book[rows])
        for rows in (slice(3), slice(3, 5))
    )
    record = Record.of([Given(second), Given(first)])
    joined = obi.History.concat([first, second])
    assert record.begins[:2] == joined.elapsed[[0, 4]].tolist()
    assert record.elapsed == joined.elapsed[-1]
    assert (record.origin.gaps, record.origin.states) == (joined.gaps, len(joined))


def test_histories_without_a_state_are_refused(parts):
    with pytest.raises(HistoryError, match=r"^None of the histories has a state\."):
        obi.calibrate([parts[0][:0], parts[1][:0]], FREE, horizons=(1,))
    found = obi.calibrate([parts[0], parts[1][:0]], FREE, horizons=(1,))
    check_same(found, obi.calibrate(parts[0], FREE, horizons=(1,)))


def test_a_sweep_has_few_tasks_under_way(parts, threads):
    executor = threads(0)
    obi.sweep([parts[1]] * 40, threshold=[0.3], executor=executor)
    assert 1 < executor.most <= 2  # twice the workers


def test_recorded_days_are_swept_as_their_parquet_files(tmp_path, threads):
    midnight = (DAY - time_of(0) % DAY) // 50_000_000  # the number of the change at it
    recorded(tmp_path, connection(midnight - 700, midnight + 700))
    axes = {"threshold": [0.05, 0.1], "hold_seconds": [1.0]}
    days = obi.load_days(tmp_path)
    found = obi.sweep(days, **axes, executor=threads(0))
    obi.compact(tmp_path, levels=days[0].levels)
    saved = obi.sweep(obi.load_days(tmp_path), **axes)
    assert len(found.origins) == 2
    assert found.origins == saved.origins
    assert found.parts.tobytes() == saved.parts.tobytes()
    assert found.entries.min() > 0


def test_the_estimate_loads_one_day(folder, monkeypatch):
    loaded, load = [], DayLoader.load
    monkeypatch.setattr(DayLoader, "load", lambda self: loaded.append(self.name) or load(self))
    assert obi.sweep_seconds(obi.load_days(folder), **AXES) > 0
    assert loaded == ["sim:BTC-PERP on 2026-01-01"]


def test_walking_forward_over_days_is_that_of_the_histories(folder, parts, threads):
    days = obi.load_days(folder)
    wanted = obi.walk_forward(parts[::-1], folds=3, **AXES, settings=FREE)
    assert (wanted.entries > 0).all()
    for executor in (None, threads(0)):
        found = obi.walk_forward(days, folds=3, **AXES, settings=FREE, executor=executor)
        pd.testing.assert_frame_equal(found, wanted, check_exact=True)
        assert found.attrs == wanted.attrs
    joined = obi.History.concat(parts)
    once = obi.walk_forward(joined, folds=3, **AXES, settings=FREE)
    pd.testing.assert_frame_equal(wanted, once, rtol=1e-12)
    told, of_one = wanted.attrs["tuned_on"], once.attrs["tuned_on"]
    assert {k: v for k, v in told.items() if k != "sha256"} == {
        k: v for k, v in of_one.items() if k != "sha256"
    }


@pytest.mark.parametrize("folds", [1, 7, 40])
def test_folds_may_be_longer_and_shorter_than_days(parts, folds):
    axes = {"threshold": [0.2, 0.3], "hold_seconds": [1.0, 2.0]}
    found = obi.walk_forward(parts, folds=folds, embargo=1, **axes, settings=FREE)
    joined = obi.History.concat(parts)
    once = obi.walk_forward(joined, folds=folds, embargo=1, **axes, settings=FREE)
    pd.testing.assert_frame_equal(found, once, rtol=1e-12)


def figures(report):
    """Return all that a report says, those of its parts included, and without its data's hash."""
    found = {}
    for name, value in vars(report).items():
        if name == "origin":
            found[name] = replace(value, sha256="")
        elif is_dataclass(value) and not isinstance(value, Parameters):
            found |= {f"{name}.{key}": one for key, one in figures(value).items()}
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            for number, one in enumerate(value):
                found |= {f"{name}[{number}].{key}": at for key, at in figures(one).items()}
        else:
            found[name] = value
    return found


def check_same(found, wanted, rtol=0.0):
    found, wanted = figures(found), figures(wanted)
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(value, wanted[name], rtol=rtol, atol=rtol, err_msg=name)
        else:
            assert value == wanted[name] or (value != value and wanted[name] != wanted[name]), name


def backwards(history):
    return -obi.imbalance(history)


def early(history):
    return np.append(np.diff(history.mid) / history.mid[:-1], 0.0)


SIGNALS = {
    "imbalance": (FREE, {}),
    "levels that are not kept": (obi.Settings(depth=30), {}),
    "a size": (FREE, {"size": 0.5}),
    "post-only": (FREE, {"execution": "post_only"}),
}


@pytest.mark.parametrize("name", SIGNALS)
def test_a_calibration_of_days_is_that_of_the_histories(folder, parts, threads, name):
    settings, more = SIGNALS[name]
    settings = Parameters.of(settings).replace(**more)
    days = obi.load_days(folder)
    joined = obi.calibrate(obi.History.concat(parts), settings, horizons=(1, 5))
    for executor in (None, threads(0)):
        found = obi.calibrate(days, settings, horizons=(1, 5), executor=executor)
        wanted = obi.calibrate(parts[::-1], settings, horizons=(1, 5))
        check_same(found, wanted)
        assert found.origin == wanted.origin
        check_same(found, joined)  # the signal looks at one state alone
    assert (joined.beyond != "") == ("not kept" in name)
    assert joined.means.n.min() > 20 or joined.beyond


def test_a_signal_that_looks_back_is_that_of_each_day(folder, parts, threads):
    settings = obi.Settings(signal="zscore(imbalance)", window=5, threshold=1)
    wanted = obi.calibrate(parts, settings, horizons=(1, 5))
    days = obi.load_days(folder)
    check_same(obi.calibrate(days, settings, horizons=(1, 5), executor=threads(0)), wanted)
    joined = obi.calibrate(obi.History.concat(parts), settings, horizons=(1, 5))
    assert joined.means.n.min() > 20
    check_same(wanted, joined, rtol=1e-6)  # running sums begin elsewhere


def test_other_signals_of_days(folder, parts, threads):
    days, joined = obi.load_days(folder), obi.History.concat(parts)
    found = obi.calibrate(days, FREE, signal=backwards, horizons=(1,), executor=threads(0))
    check_same(found, obi.calibrate(joined, FREE, signal=backwards, horizons=(1,)))
    found = obi.calibrate(days, FREE, signal=early, horizons=(1,))
    assert found.looks_ahead.startswith("at 00:00:")
    values = obi.imbalance(joined, FREE)
    found = obi.calibrate(parts, FREE, signal=values, horizons=(1,))
    check_same(found, obi.calibrate(joined, FREE, signal=values, horizons=(1,)))
    with pytest.raises(SettingsError, match=r"^An array of a signal does not say of which days"):
        obi.calibrate(days, FREE, signal=values)


def test_threads_compute_with_the_signal_itself(parts, threads):
    def named_twice(history):
        return obi.imbalance(history)

    named_twice.__module__ = "__main__"  # as in a notebook
    old = obi.signal(named_twice)
    settings = obi.Settings(signal=old, threshold=0.3)
    wanted = obi.sweep(parts, settings=settings)
    assert wanted.entries > 5
    new = obi.signal(lambda history: 0 * history.mid, name="named_twice")
    found = obi.sweep(parts, settings=settings, executor=threads(2))
    assert found.parts.tobytes() == wanted.parts.tobytes()
    assert registry.find("named_twice") is new


def times(factor):
    @obi.signal(range=(-1, 1), name=f"times_{factor}")
    def scaled(history):
        return factor / 10 * obi.imbalance(history)

    return scaled


@obi.signal(range=(-1, 1))
def halved(history):
    return obi.imbalance(history) / 2


def test_workers_get_a_signal_that_their_modules_do_not_define(parts, monkeypatch):
    class Elsewhere(LastFirst):
        """An executor that has imported the modules, and nothing else, as a new process."""

        def submit(self, function, *args):
            monkeypatch.setattr(registry, "_user_signals", {"halved": halved})
            return super().submit(function, *args)

    for mine in (times(5), obi.smooth(times(6), window=1.0), halved):
        settings = obi.Settings(signal=mine, threshold=0.1)
        wanted = obi.sweep(parts, settings=settings)
        with Elsewhere() as executor:
            found = obi.sweep(parts, settings=settings, executor=executor)
        assert found.entries > 5
        assert found.parts.tobytes() == wanted.parts.tobytes()
    assert registry.find("halved") is halved  # sent by the name of its module


# -- what is told ----------------------------------------------------------------------------


def test_progress_counts_days(folder, threads):
    told = []
    obi.sweep(obi.load_days(folder), **AXES, progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
    told.clear()
    obi.sweep(obi.load_days(folder), **AXES, progress=told.append, executor=threads(2))
    assert told == [0.25, 0.5, 0.75, 1.0]


def test_a_day_that_cannot_be_read_is_named(folder, threads):
    path = folder / "sim_BTC-PERP" / "2026-01-03.parquet"
    days = obi.load_days(folder)
    path.write_bytes(path.read_bytes()[:-5000])
    for executor in (None, threads(2)):
        with pytest.raises(RecordingError, match=r"^sim:BTC-PERP on 2026-01-03: ") as error:
            obi.sweep(days, **AXES, executor=executor)
        assert error.value.path == path
        with pytest.raises(RecordingError, match=r"^sim:BTC-PERP on 2026-01-03: "):
            obi.walk_forward(days, **AXES, executor=executor)


def test_a_day_that_does_not_fit_the_settings_is_named(tmp_path, parts):
    nothing = {"trades": Trades.none(), "trade_ends": np.zeros(len(parts[2]), np.int64)}
    without = replace(parts[2], **nothing)
    days = obi.load_days(saved(tmp_path, [*parts[:2], without]))
    with pytest.raises(SettingsError, match=r"^sim:BTC-PERP on 2026-01-03: Post-only fills"):
        obi.sweep(days[2:], **AXES, settings=obi.Settings(execution="post_only"))


@dataclass(frozen=True)
class Day:
    """A loader of a user's own."""

    name: str
    path: Path
    market: str = ""
    deadly: Path | None = None
    states = None

    def load(self):
        if self.deadly is not None and self.deadly.exists():
            if self.deadly.read_text() == "once":
                self.deadly.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if not self.path.exists():
            return Loaded(None, (f"{self.name} has no book.",))
        history = obi.load(self.path)
        if self.market:
            venue, symbol = self.market.split(":")
            instrument = obi.Instrument(venue, symbol, tick_size=history.tick_size)
            history = replace(history, instrument=instrument)
        return Loaded(history)


class Days:
    """Days of a user's own."""

    market = "sim:BTC-PERP"

    def __init__(self, *loaders):
        self.loaders = loaders


def calibrate(histories, executor=None, **_):
    return obi.calibrate(histories, FREE, horizons=(1,), executor=executor)


@pytest.fixture
def path(tmp_path, parts):
    return parts[2].save(tmp_path / "day.parquet")


def test_days_of_different_markets_are_named(path):
    days = Days(Day("Monday", path), Day("Tuesday", path, "lmex:ETH-PERP"))
    with pytest.raises(HistoryError) as error:
        obi.sweep(days, **AXES)
    assert str(error.value) == (
        "Tuesday is of lmex:ETH-PERP, and Monday of sim:BTC-PERP. Give days of one market."
    )


def test_workers_end_with_an_error_though_a_notebook_keeps_its_frames(path, threads, monkeypatch):
    ended = []
    monkeypatch.setattr(workers.Crew, "close", lambda self: ended.append(self))
    days = Days(Day("Monday", path), Day("Tuesday", path, "lmex:ETH-PERP"))
    with pytest.raises(HistoryError) as kept:
        obi.sweep(days, **AXES, executor=threads(1))
    assert kept.traceback  # it holds what was running
    assert len(ended) == 1


def test_a_day_without_a_book_is_left_out_with_a_warning(path, parts, threads):
    days = Days(Day("Monday", path), Day("Tuesday", path.with_name("none.parquet")))
    for executor in (None, threads(2)):
        with pytest.warns(obi.RecordingWarning, match=r"^Tuesday has no book\.$"):
            found = obi.sweep(days, **AXES, executor=executor)
        assert found.parts.tobytes() == obi.sweep(parts[2], **AXES).parts.tobytes()
    for compute in (obi.sweep, obi.walk_forward, calibrate):
        with (
            pytest.warns(obi.RecordingWarning),
            pytest.raises(HistoryError, match=r"^None of the "),
        ):
            compute(Days(days.loaders[1]), **AXES)
        with pytest.raises(HistoryError, match=r"^There is no day of sim:BTC-PERP\. "):
            compute(Days(), **AXES)


def test_a_cancelled_sweep_of_days_stops(folder, threads):
    cancel = Event()
    cancel.set()
    for executor in (None, threads(1)):
        with pytest.raises(CancelledError):
            obi.sweep(obi.load_days(folder), **AXES, cancel=cancel, executor=executor)


# -- who computes ----------------------------------------------------------------------------


class Cluster:
    """Of Dask, a cluster is no client."""

    def get_client(self):
        raise AssertionError


@pytest.mark.parametrize(
    ("executor", "text"),
    [
        ("two", "executor is a str. Give a number of processes, a client of a Dask cluster, or"),
        (True, "executor is a bool. Give a number of processes"),
        (0, "executor = 0 is not possible. Give 1 to 512 processes."),
        (Cluster(), "executor is a Cluster. Give a client of the cluster: cluster.get_client()."),
    ],
)
def test_what_is_no_executor_is_refused(parts, executor, text):
    for compute in (obi.sweep, obi.walk_forward, calibrate):
        with pytest.raises((ArgumentError, SettingsError)) as error:
            compute(parts, threshold=[0.3], executor=executor)
        assert str(error.value).startswith(text)


def test_an_executor_that_has_ended_is_refused(parts, threads):
    executor = threads(1)
    executor.shutdown()
    with pytest.raises(WorkerError, match=r"^The executor takes no task: cannot schedule new fut"):
        obi.sweep(parts, **AXES, executor=executor)


class Closed:
    """A client of a Dask cluster that closes while it computes."""

    status = "closed"

    def __init__(self, executor, threads):
        self.executor, self.threads = executor, threads

    def get_executor(self, pure):
        return self.executor

    def nthreads(self):
        if self.threads is None:
            raise OSError("Timed out")
        return self.threads


class Gone(ThreadPoolExecutor):
    """An executor that cancels what it has taken."""

    def submit(self, function, *args):
        future = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_workers_that_are_lost_meanwhile_are_told(parts, threads, monkeypatch):
    monkeypatch.setattr(workers, "_client", lambda where: where)
    for executor in (Closed(threads(1), None), Closed(threads(1), {"one": 1}), Gone(1)):
        with pytest.raises(WorkerError, match=r"^The connection to the workers was lost, or they"):
            obi.sweep(parts, **AXES, executor=executor)


def test_what_cannot_be_sent_is_told(path, threads):
    days = Days(Day("Monday", path, deadly=Lock()))
    with pytest.raises(ArgumentError, match=r"^A task cannot be sent to a worker process: .*lock"):
        obi.sweep(days, **AXES, executor=threads(1))


@pytest.mark.slow
def test_a_process_that_dies_is_replaced(tmp_path, path, parts):
    deadly = tmp_path / "deadly"
    deadly.write_text("once")
    days = Days(*[Day(f"day {n}", path, deadly=deadly if n == 1 else None) for n in range(3)])
    found = obi.sweep(days, **AXES, executor=2)
    assert not deadly.exists()
    assert found.parts.tobytes() == obi.sweep([parts[2]] * 3, **AXES).parts.tobytes()


@pytest.mark.slow
def test_a_process_that_dies_while_nothing_is_asked_of_it_is_replaced():
    """As when it is killed for its memory while this process adds up what came before."""
    tasks = [Task("", partial(pow, number, 2)) for number in range(4)]
    with crew(1) as workers:
        found = results(tasks, workers, lambda: None)
        assert next(found) == 0
        (process,) = workers.executor._processes.values()
        process.kill()
        process.join(30)
        for _ in range(300):  # until the executor has noticed
            if workers.executor._broken:
                break
            Event().wait(0.1)
        assert list(found) == [1, 4, 9]


@pytest.mark.slow
def test_a_day_over_which_each_process_dies_is_named(tmp_path, path):
    deadly = tmp_path / "deadly"
    deadly.write_text("always")
    days = Days(Day("Monday", path, deadly=deadly))
    with pytest.raises(WorkerError, match=r"^A worker process died over Monday\. It may have run"):
        obi.sweep(days, threshold=[0.3], executor=1)


DASK = """
import os, signal, sys, threading, time
import numpy as np
import obi_widgets as obi
from distributed import Client, LocalCluster
from obi_widgets.errors import WorkerError

AXES = {"decay": np.linspace(0.05, 0.5, 10), "threshold": [0.2, 0.4], "hold_seconds": [1.0, 5.0]}
WALK = {"folds": 2, "threshold": [0.3], "hold_seconds": [1.0]}

if __name__ == "__main__":

    @obi.signal(needs="touch")
    def tilt(history, *, power: obi.Number(1, 3) = 2):  # as in a cell of a notebook
        sizes = history.sizes(+1)[:, 0], history.sizes(-1)[:, 0]
        return np.sign(sizes[0] - sizes[1]) * abs((sizes[0] - sizes[1]) / sum(sizes)) ** power

    mine = obi.Settings(signal=obi.smooth(tilt, window=2.0), threshold=0.1, hold_seconds=2)
    days = obi.load_days(sys.argv[1])
    options = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1"}
    with LocalCluster(**options, dashboard_address=None) as cluster, Client(cluster) as client:
        before = client.run(os.getpid)
        killed = []

        def told(done):
            if done >= 0.3 and not killed:
                killed.append(next(iter(before.values())))
                os.kill(killed[0], signal.SIGKILL)

        found = obi.sweep(days, **AXES, executor=client, progress=told)
        walked = obi.walk_forward(days, **WALK, executor=client)
        own = obi.sweep(days, settings=mine, power=[1, 2], executor=client)
        print("killed", len(killed))
    try:
        obi.sweep(days, **AXES, executor=client)
    except WorkerError as error:
        print(error)
    wanted = obi.sweep(days, **AXES)
    print("same", found.parts.tobytes() == wanted.parts.tobytes(), found.origins == wanted.origins)
    own_wanted = obi.sweep(days, settings=mine, power=[1, 2])
    print("same", own.parts.tobytes() == own_wanted.parts.tobytes(), own.entries.sum() > 0)
    print("same", walked.equals(obi.walk_forward(days, **WALK)), walked.entries.min() > 0)
"""


@pytest.mark.slow
def test_a_dask_cluster_that_loses_a_worker_comes_to_the_same(tmp_path, whole):
    size = len(whole) // 8
    folder = saved(tmp_path, [whole[n * size : (n + 1) * size] for n in range(8)])
    # In a process of its own: distributed leaves threads behind.
    script = tmp_path / "cluster.py"
    script.write_text(textwrap.dedent(DASK))
    done = subprocess.run(
        [sys.executable, script, folder], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "killed 1",
        "The Dask client is closed. Open a new one.",
        "same True True",
        "same True True",
        "same True True",
    ], done.stderr
