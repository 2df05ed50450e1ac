"""A sealed test in a session: followed without a widget, broken by settings, kept, exported."""

from __future__ import annotations

import dataclasses
import json
import runpy
import shutil

import pytest
from session_tools import following, wait_for

import obi_widgets as obi
from obi_widgets.calibration import sealed as module
from obi_widgets.errors import SealError
from obi_widgets.session import sealing

QUICK = {"hold_seconds": 0.3, "threshold": 0.05}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A minute of the simulated exchange."""
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=2, warmup=60.0, seed=1)


@pytest.fixture(scope="module")
def slowly(tmp_path_factory):
    """Five seconds, which are played as slowly as they came."""
    path = tmp_path_factory.mktemp("recordings") / "slowly.gz"
    return obi.record("sim:BTC-PERP", path, seconds=5, warmup=1.0, seed=1)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick():
    return obi.Settings(**QUICK)


def ended(session):
    return session.market.state == "closed"


def test_a_live_market_is_judged_without_anybody_looking(quick, tmp_path):
    with following("sim:BTC-PERP", settings=quick, seed=1, warmup=30.0) as session:
        session.wait(290)
        assert session.sealed is None
        test = session.seal()
        assert session.sealed is test
        wait_for(lambda: len(test.trades) >= 3, "trades")
        assert test.seal.source == "simulated"
        assert all(trade.entry_time > test.seal.sealed_at for trade in test.trades)
        wait_for(lambda: len(obi.SealedTest.load(test.path).trades) >= 3, "the file")
    (kept,) = (tmp_path / "seals").iterdir()
    again = obi.SealedTest.load(kept)
    assert kept.name.startswith("sim-BTC-PERP-")
    assert again.trades == test.trades
    judged = session.history[: int((session.history.time <= test.seen.time).sum())]
    entries = obi.entries(_after(judged, test.seal.sealed_at), quick)
    held = entries[entries["ended"] == "held"]
    assert [one.net_bps for one in test.trades] == held["net_bps"].tolist()


def _after(history, time):
    return history[int((history.time <= time).sum()) :]


def test_a_recording_is_judged_to_its_end(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        wait_for(lambda: ended(session), "the end")
    loaded = obi.load(recording)
    held = obi.entries(_after(loaded, test.seal.sealed_at), quick)
    held = held[held["ended"] == "held"]
    assert test.to_frame()["net_bps"].tolist() == held["net_bps"].tolist() != []
    assert "whoever sealed may have known" in test.summary().reason


def test_a_session_that_ends_half_way_is_gone_on_with(slowly, quick):
    """The same recording again: nothing was missed, and it comes to the same to the last bit."""
    with following(slowly, settings=quick, speed=None) as session:
        whole = session.seal("whole.json")
        wait_for(lambda: ended(session), "the end")
    with following(slowly, settings=quick, speed=4) as session:
        part = session.seal("half.json")
        wait_for(lambda: part.trades, "the first part")
    assert 0 < len(part.trades) < len(whole.trades)
    with following(slowly, settings=quick, speed=None) as session:
        test = session.seal("half.json")
        assert test.trades == part.trades
        wait_for(lambda: ended(session), "the end")
    assert (test.unseen, test.lost, test.seen) == ([], whole.lost, whole.seen)
    assert test.trades == whole.trades
    again, once = (obi.SealedTest.load(name) for name in ("half.json", "whole.json"))
    assert again.reason == once.reason
    assert again.mean.mean == once.mean.mean == whole.mean.mean


def test_what_came_while_nothing_ran_is_not_judged(quick):
    with following("sim:BTC-PERP", settings=quick, seed=1, warmup=10.0) as session:
        session.wait(90)
        before = session.seal("a.json")
        wait_for(lambda: before.trades, "a trade")
    with following("sim:BTC-PERP", settings=quick, seed=2, warmup=0.0) as session:
        session.wait(3)
        test = session.seal("a.json")
        assert test.trades == before.trades
        wait_for(lambda: len(test.trades) > len(before.trades), "another trade")
        ((start, end),) = test.unseen
        assert start == before.seen.time
        assert test.trades[len(before.trades)].entry_time >= end


# -- broken ------------------------------------------------------------------------------------

OTHERS = {
    "decay": 0.2, "depth": None, "band_bps": 5.0, "weighting": "notional", "threshold": 0.06,
    "hold_seconds": 0.4, "price": "mid", "fee_bps": 4.0, "threshold_is": "quantile",
    "signal": "smooth(imbalance)", "fees": "okx", "latency_ms": 20.0, "slippage_bps": 3.0,
    "size": 0.5, "execution": "post_only", "wait_seconds": 2.0, "maker_fee_bps": 1.0,
}  # fmt: skip


def test_each_setting_is_tried():
    # Of a threshold that is a value, the window of a quantile is no setting.
    assert {*OTHERS, "quantile_window"} == set(obi.Settings().parameters.as_dict())


@pytest.mark.parametrize("name", OTHERS)
def test_another_setting_breaks_the_seal_and_what_was_found_stays(recording, quick, name):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        wait_for(lambda: ended(session) and test.trades, "the end")
        found = test.trades.copy()
        was = {**quick.parameters.as_dict(), "signal": quick.signal.name}[name]
        setattr(quick, name, OTHERS[name])
        setattr(quick, name, was)
        assert f": {name} changed from {was!r} to {OTHERS[name]!r}." in test.broken
        assert test.broken.startswith("Broken at 20")
        wait_for(lambda: "The sealed test has ended. Broken at" in session.publisher.note, "it")
        wait_for(lambda: obi.SealedTest.load("a.json").broken == test.broken, "the file")
        assert obi.SealedTest.load("a.json").trades == test.trades
        assert test.trades[: len(found)] == found
        assert test.update(session.history) == 0
        with pytest.raises(SealError, match=r"a\.json: Broken at .* Seal again, in another file"):
            session.seal("a.json")


def test_what_is_looked_at_breaks_nothing(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        wait_for(lambda: ended(session), "the end")
        times = session.history.time
        session.look_at(60)
        session.pause()
        session.select(int(times[0]), int(times[-1]))
        session.select()
        session.resume()
        quick.threshold = quick.threshold
        session.tell("a note")
        session.sealing.follow()
        assert test.broken == ""


def test_to_seal_anew_ends_the_one_before(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        one = session.seal("a.json")
        two = session.seal("b.json")
        assert "the settings were sealed again" in obi.SealedTest.load("a.json").broken
        assert (one.seal.number, two.seal.number) == (1, 2)
        assert "number 2 of 2 sealed tests" in two.summary().reason
        quick.decay = 0.3
        assert "decay" not in one.broken
        assert "decay changed" in two.broken


def test_a_session_that_is_closed_hears_of_no_setting(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
    quick.decay = 0.3
    assert test.broken == ""
    with pytest.raises(SealError, match="The session was closed"):
        session.seal("b.json")


# -- going on, refused -------------------------------------------------------------------------


def test_what_was_sealed_otherwise_is_not_gone_on_with(recording, quick, tmp_path):
    with following(recording, settings=quick, speed=None) as session:
        session.seal("a.json")
    cases = [
        ({}, {"decay": 0.2}, "decay is 0.2, not 0.1"),
        ({"levels": 20}, {}, "levels is 20, not 50"),
        ({"interval": 0.2}, {}, "interval is 0.2, not 0.1"),
        ({"strict": True}, {}, "strict is True, not False"),
    ]
    good = (tmp_path / "a.json").read_bytes()
    for options, changed, said in cases:
        settings = obi.Settings(**QUICK | changed)
        with following(recording, settings=settings, speed=None, **options) as session:
            with pytest.raises(SealError) as error:
                session.seal("a.json")
            assert str(error.value).startswith(f"a.json was sealed with other values: {said}.")
            assert session.sealed is None
    with following(recording, settings=quick, speed=None) as session:
        with pytest.raises(SealError, match="clip_bps is 7, not"):
            session.seal("a.json", clip_bps=7)
        shutil.copy("a.json", "b.json")
        text = (tmp_path / "b.json").read_text()
        (tmp_path / "b.json").write_text(text[:-30])
        with pytest.raises(SealError, match=r"b\.json is damaged"):
            session.seal("b.json")
    assert (tmp_path / "a.json").read_bytes() == good
    assert (tmp_path / "b.json").read_text() == text[:-30]


def test_a_disk_that_is_full_is_told_of_and_nothing_is_lost(recording, quick, monkeypatch):
    monkeypatch.setattr(sealing, "TRY_AGAIN", 0.05)
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        with monkeypatch.context() as patch:
            patch.setattr(module.SealedTest, "save", _full)
            wait_for(lambda: "No space" in session.publisher.note and ended(session), "the note")
    assert obi.SealedTest.load("a.json").trades == test.trades != []


def _full(self, path=None):
    raise SealError("No space.", "Make room.")


def test_what_cannot_be_judged_ends_the_test_and_not_the_session(
    recording, quick, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("boom")

    with following(recording, settings=quick, speed=None) as session:
        monkeypatch.setattr(module.SealedTest, "update", fail)
        test = session.seal("a.json")
        wait_for(lambda: "RuntimeError('boom')" in test.broken, "the end of the test")
        wait_for(lambda: ended(session), "the end")
    assert "A sealed test failed." in caplog.text


# -- exports -----------------------------------------------------------------------------------


def test_every_export_tells_of_it(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        assert obi.Settings.load(session.export("none.toml")).sealed is None
        session.seal("a.json")
        test = session.seal("b.json")
        wait_for(lambda: ended(session) and test.trades, "the end")
        session.sealing.follow()
        told = test.summary()
        assert (told.seals_opened, told.trades) == (2, len(test.trades))
        for name in ("x.toml", "x.json"):
            loaded = obi.Settings.load(session.export(name))
            assert loaded.sealed == told
            assert obi.Settings.load(loaded.save(f"again-{name}")).sealed == told
        loaded = obi.load(recording)
        obi.export_strategy("none.py", quick, loaded)
        assert runpy.run_path("none.py")["SEALED_TEST"] == {}
        path = session.export("x.py")
        facts = runpy.run_path(str(path))["SEALED_TEST"]
        assert facts == {
            k: v for k, v in dataclasses.asdict(told).items() if v is not None and k != "reason"
        }
        head = path.read_text().partition("SEALED_TEST")[0]
        words = head.replace("\n# ", " ")
        assert f"Sealed test: {told.verdict}. {told.reason}" in words
        quick.threshold = 0.5
        broken = obi.Settings.load(session.export("y.toml")).sealed
        assert broken.broken == test.broken != ""
        assert broken.trades == told.trades


def test_seals_of_other_sessions_in_the_folder_count(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        with following(recording, settings=obi.Settings(), speed=None) as other:
            assert other.seal("b.json").seal.number == 2
        assert session.sealing.findings().seals_opened == 2
        assert test.summary().seal_number == 1
    assert json.loads(test.save().read_text())["seals_opened"] == 2
