"""A session follows a source, and leaves nothing behind."""

from __future__ import annotations

import itertools
import math
import runpy
import threading
import weakref
from dataclasses import asdict

import pytest
from session_tools import View, at_rest, following, freed, wait_for

import obi_widgets as obi
from obi_widgets.calibration import calibrate as calibration
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.settings.provenance import to_table


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Half a minute of the simulated exchange."""
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=0.5, warmup=30.0, seed=1)


def threads_of(session):
    return [thread for thread in session._life.threads if thread.is_alive()]


def test_the_simulator_is_followed_live():
    view = View()
    with following("sim:BTC-PERP", view, seed=1, warmup=10.0) as session:
        wait_for(lambda: len(view.frames) >= 5 and view.frames[-1].states > 50)
        # Also of one that a busy machine kept behind: the rate is known once the past is over.
        frame = wait_for(
            lambda: next(
                (f for f in view.frames if f.state == "live" and math.isfinite(f.rate)), None
            )
        )
        wait_for(lambda: session.market.state == view.frames[-1].state == "live")
        assert frame.instrument.symbol == "BTC-PERP"
        assert frame.tick_size == 0.5
        assert frame.spread >= 0.5
        assert all(map(math.isfinite, (frame.mid, frame.signal, frame.age, frame.rate)))
        states = [frame.states for frame in view.frames]
        assert states == sorted(states)
        assert states[-1] > 50
        past = [frame for frame in view.frames if 0 < frame.states < 50]
        assert all(frame.state == "syncing" and math.isnan(frame.mid) for frame in past)


def test_a_recording_is_followed_to_its_end(recording):
    view = View()
    with following(recording, view, speed=None) as session:
        loaded = obi.load(recording)
        wait_for(lambda: view.frames and view.frames[-1].states == len(loaded))
        wait_for(lambda: view.frames[-1].state == "closed")
        frame = view.frames[-1]
        assert frame.detail == "The recording has ended."
        assert frame.advice == "Run the cell again to see it again."
        assert math.isnan(frame.age)
        assert session.history.sha256() == loaded.sha256()
        assert frame.mid == loaded.mid[-1]
        assert frame.signal == obi.imbalance(loaded, Parameters())[-1]


def test_its_history_goes_to_pandas_with_its_settings(recording):
    with following(recording, View(), speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        session.settings.decay = 3.0
        frame = session.to_frame()
        signal = obi.imbalance(session.history, Parameters(decay=3.0))
        assert frame["imbalance"].tolist() == signal.tolist()


def test_provenance_says_what_the_settings_were_tuned_on(recording, tmp_path):
    with following(recording, View(), speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        history = session.history
        session.settings.depth = None
        loaded = obi.Settings.load(session.export(tmp_path / "btc.toml"))
        assert loaded == session.settings
        tuned = loaded.provenance
        assert (tuned.venue, tuned.symbol, tuned.states) == ("sim", "BTC-PERP", len(history))
        assert tuned.sha256 == history.sha256()
        assert tuned.start == f"{history.time[0].astype('datetime64[ns]')}Z"
        assert tuned.end == f"{history.time[-1].astype('datetime64[ns]')}Z"
        assert tuned.package == f"obi-widgets {obi.__version__}"
        tried = loaded.findings.tried
        assert 1 <= tried <= len(session.tried)  # the screen may have shown some since
        found = obi.calibrate(history, session.settings, tried=tried)
        assert loaded.findings == found.findings
        others = [session.export(tmp_path / "btc.toml", replace=False).name for _ in range(3)]
        assert others == ["btc-2.toml", "btc-3.toml", "btc-4.toml"]
        strategy = runpy.run_path(str(session.export(tmp_path / "btc.py")))
        assert (strategy["LEVELS"], strategy["DEPTH"]) == (history.levels, None)
        assert strategy["CALIBRATION"]["verdict"] == found.verdict
        assert strategy["TUNED_ON"] == {**to_table(tuned), "price": "touch", "fee_bps": 5.0}


def test_what_is_selected_is_what_is_judged(recording, tmp_path):
    with following(recording, View(), speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        history = session.history
        first, last = history.time[[20, 60]].tolist()
        session.select(first, last)
        found = obi.Settings.load(session.export(tmp_path / "btc.json")).findings
        assert found.states == 41
        assert found.start == f"{history.time[20].astype('datetime64[ns]')}Z"
        session.select()
        assert session.findings().states == len(history)
        assert session.findings().tried == len(session.tried) == 2  # another time, another test


@pytest.mark.parametrize("name", ["btc.toml", "btc.py"])
def test_what_is_exported_is_of_one_moment(recording, tmp_path, monkeypatch, name):
    """Data stream, and a slider moves, while calibration computes."""
    with following(recording, View(), speed=None) as session:
        wait_for(lambda: session.market.state == "closed")
        whole, states = session.history, itertools.count(100)
        monkeypatch.setattr(session, "shown", lambda: whole[: next(states)])

        def calibrate(*args, **options):
            session.settings.decay = 3.0
            return obi.calibrate(*args, **options)

        monkeypatch.setattr(calibration, "calibrate", calibrate)
        path = session.export(tmp_path / name)
        assert session.settings.decay == 3.0
        if name.endswith(".py"):
            told = runpy.run_path(str(path))
            tuned, found = told["TUNED_ON"], told["CALIBRATION"]
            assert told["DECAY"] == 0.1
        else:
            loaded = obi.Settings.load(path)
            tuned, found = asdict(loaded.provenance), asdict(loaded.findings)
            assert loaded.decay == 0.1
        assert tuned["states"] == found["states"]
        assert tuned["sha256"] == whole[: tuned["states"]].sha256()


def test_before_the_first_state_a_file_goes_on_with_what_it_told(recording, tmp_path):
    history = obi.load(recording)
    found = obi.calibrate(history, obi.Settings()).findings
    loaded = obi.Settings.load(obi.Settings().save(tmp_path / "a.toml", findings=found))
    session = obi.Session(recording, settings=loaded)
    assert obi.Settings.load(session.export(tmp_path / "b.toml")).findings == found
    session.close()


def test_provenance_of_nothing_yet(recording):
    session = obi.Session(recording)
    assert session.findings() is None
    assert session.provenance() is None
    session.close()


# -- pausing -----------------------------------------------------------------------------------


def test_while_paused_the_screen_stands_still_and_the_history_goes_on():
    view = View()
    with following("sim:BTC-PERP", view, seed=1, warmup=10.0) as session:
        wait_for(lambda: view.frames and view.frames[-1].states > 60)
        session.pause()
        frozen = wait_for(lambda: view.frames[-1].paused and view.frames[-1])
        more = frozen.states + 10
        wait_for(lambda: len(session.history) > more)
        session.settings.decay = 9.0
        changed = wait_for(lambda: view.frames[-1].parameters.decay == 9.0 and view.frames[-1])
        assert changed.paused
        assert (changed.states, changed.mid) == (frozen.states, frozen.mid)
        assert changed.window == frozen.window
        assert session.provenance().states == frozen.states
        assert len(session.history) > frozen.states
        session.pause()  # once more changes nothing
        assert session.provenance().states == frozen.states
        session.resume()
        wait_for(lambda: not view.frames[-1].paused and view.frames[-1].states > more)
        assert not session.paused


def test_paused_before_there_is_anything_it_stays_empty(recording):
    view = View()
    with following(recording, speed=None) as session:
        session.pause()
        session.attach(view)
        wait_for(lambda: view.frames and view.frames[-1].state == "closed")
        assert {frame.states for frame in view.frames} == {0}
        assert len(session.history) > 0
        session.resume()
        wait_for(lambda: view.frames[-1].states == len(session.history))


# -- looking at --------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.5, 0, -1, float("nan"), float("inf"), 604_801])
def test_a_window_out_of_its_range_is_refused(recording, seconds):
    session = obi.Session(recording)
    with pytest.raises(SettingsError) as error:
        session.look_at(seconds)
    assert str(error.value) == (
        f"A window of {seconds!r} s is not possible. Give 1 to 604,800 seconds."
    )
    assert session.time_range.seconds == 300.0
    session.close()


def test_the_window_that_is_looked_at_is_shown(recording):
    view = View()
    with following(recording, view, speed=None) as session:
        for seconds in (1, 604_800, 60):
            session.look_at(seconds)
            wait_for(
                lambda wanted=seconds: view.frames and view.frames[-1].window_seconds == wanted
            )
            window = view.frames[-1].window
            assert window.end - window.start == pytest.approx(seconds * 1e9, rel=1e-6)


# -- closing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["sim:BTC-PERP", "recording"])
def test_closing_ends_threads_and_may_be_repeated(recording, source):
    view = View()
    session = obi.Session(recording) if source == "recording" else obi.Session(source, warmup=5.0)
    session.attach(view)
    wait_for(lambda: view.frames and view.frames[-1].states > 0)
    assert len(threads_of(session)) == 2
    assert not session.closed
    session.close()
    session.close()
    assert session.closed
    assert threads_of(session) == []
    assert session.market.state == "closed"
    assert session.market.detail == "The session was closed."
    assert len(session.history) > 0
    shown = len(view.frames)
    session.settings.decay = 2.0
    session.resume()
    assert len(view.frames) == shown


def test_closing_what_was_never_started():
    session = obi.Session("sim:BTC-PERP")
    session.close()
    assert threads_of(session) == []
    assert len(session.history) == 0


@pytest.mark.parametrize("attempt", range(8))
def test_closing_at_once_leaves_nothing(attempt):
    session = obi.Session("sim:BTC-PERP", warmup=1.0)
    session.start()
    if attempt % 2:
        wait_for(lambda: session._life.reader._running)
    session.close()
    assert threads_of(session) == []
    assert session.market.state == "closed"


def test_many_may_close_it_at_once():
    session = obi.Session("sim:BTC-PERP", warmup=5.0)
    session.start()
    wait_for(lambda: session.market.state == "live")
    closers = [threading.Thread(target=session.close) for _ in range(4)]
    for closer in closers:
        closer.start()
    for closer in closers:
        closer.join()
    wait_for(lambda: not threads_of(session))


def test_a_view_may_close_it():
    class Closer(View):
        def show(self, frame):
            super().show(frame)
            session.close()

    session, view = obi.Session("sim:BTC-PERP", warmup=1.0), Closer()
    session.attach(view)
    wait_for(lambda: session.closed and not threads_of(session))
    assert len(view.frames) == 1


def test_settings_that_outlive_their_session_are_let_go(recording):
    settings = obi.Settings()
    sessions = []
    for _ in range(3):
        with following(recording, View(), settings=settings, speed=None) as session:
            sessions.append(weakref.ref(session))
    del session
    freed(*sessions)


# -- failing -----------------------------------------------------------------------------------


def test_a_feed_that_fails_is_told_of(recording, monkeypatch, caplog):
    async def fail():
        raise RuntimeError("boom")

    view = View()
    session = obi.Session(recording)
    monkeypatch.setattr(session.feed, "run", fail)
    session.attach(view)
    wait_for(lambda: view.frames and view.frames[-1].state == "closed")
    assert view.frames[-1].detail == "The feed failed: RuntimeError('boom')."
    assert view.frames[-1].advice == "Run the cell again, and report this error."
    assert "The feed failed." in caplog.text
    session.close()
    assert session.market.detail == "The feed failed: RuntimeError('boom')."


def test_a_live_feed_that_fails_is_told_of_by_the_one_error(monkeypatch, caplog):
    session = obi.Session("sim:BTC-PERP", warmup=1.0)

    def fail(*_):
        raise KeyError("seqNum")

    monkeypatch.setattr(session.market.venue, "connected", fail)
    session.start()
    wait_for(lambda: session.market.state == "closed")
    assert session.market.detail == "The feed failed: KeyError('seqNum')."
    session.close()


def test_a_decoder_that_fails_does_not_end_the_feed(monkeypatch):
    session = obi.Session("sim:BTC-PERP", warmup=1.0)

    def fail(*_):
        raise KeyError("seqNum")

    with monkeypatch.context() as patch:
        patch.setattr(session.market.venue, "received", fail)
        session.start()
        wait_for(lambda: session.market.refused["failed: KeyError"])
    wait_for(lambda: session.market.state == "live")
    session.close()


# -- what a fast reader found ------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("speed", [50.0, 1000.0, None])
def test_a_replay_is_the_same_at_every_speed(tmp_path_factory, speed):
    """Silence is judged by the recording's clock, however long this process was held up."""
    path = tmp_path_factory.mktemp("speed") / "minute.gz"
    obi.record("sim:BTC-PERP", path, seconds=0.5, warmup=60.0, seed=5)
    view = View()
    with following(path, view, speed=speed) as session:
        pow(3, 400_000)  # holds the interpreter for a while
        at_rest(view)
        assert session.history.sha256() == obi.load(path).sha256()


def test_a_session_that_is_closed_shows_that_it_is():
    view = View()
    with following("sim:BTC-PERP", view, seed=1, warmup=5.0):
        wait_for(lambda: view.frames and view.frames[-1].state == "live")
    assert view.frames[-1].state == "closed"


def test_options_are_checked_by_name_and_by_what_they_are_for(recording):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'sed'"):
        obi.Session("sim:BTC-PERP", sed=3)
    with pytest.raises(obi.ObiError, match="edge = 0 is for the simulated exchange"):
        obi.Session(recording, edge=0)


def test_waiting_for_states_returns_or_says_why():
    with following("sim:BTC-PERP", warmup=10.0) as session:
        session.wait(50)
        assert len(session.history) >= 50
        with pytest.raises(obi.ObiError, match="of 20,000 states came"):
            session.wait(20_000, timeout=0.1)
