"""A sealed test in a session: judged without a widget, ended by settings, saved, exported."""

from __future__ import annotations

import dataclasses
import json
import runpy
import shutil

import pytest
from session_tools import following, wait_for

import obi_widgets as obi
from obi_widgets.calibration import sealed as module
from obi_widgets.calibration.track_record import worst
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
    """Five seconds of the simulated exchange."""
    path = tmp_path_factory.mktemp("recordings") / "slowly.gz"
    return obi.record("sim:BTC-PERP", path, seconds=5, warmup=1.0, seed=1)


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def quick():
    return obi.Settings(**QUICK)


def ended(session):
    return session.market.state == "closed"


@pytest.mark.slow
def test_a_live_market_is_judged_without_a_widget(quick, tmp_path):
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


@pytest.mark.slow
def test_a_recording_is_judged_to_its_end(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        wait_for(lambda: ended(session), "the end")
    loaded = obi.load(recording)
    held = obi.entries(_after(loaded, test.seal.sealed_at), quick)
    held = held[held["ended"] == "held"]
    assert test.to_frame()["net_bps"].tolist() == held["net_bps"].tolist() != []
    assert "whoever sealed may have known" in test.summary().reason


@pytest.mark.slow
def test_a_later_session_continues_the_test_of_an_earlier_one(slowly, quick):
    """Played again from the start: no data are missing, and all results are the same to the bit."""
    with following(slowly, settings=quick, speed=None) as session:
        whole = session.seal("whole.json")
        wait_for(lambda: ended(session), "the end")
    with following(slowly, settings=quick, speed=4) as session:
        part = session.seal("half.json")
        wait_for(lambda: part.trades, "the first part")
    assert 0 < len(part.trades) < len(whole.trades)
    with following(slowly, settings=quick, speed=None) as session:
        test = session.seal("half.json")
        assert test.trades[: len(part.trades)] == part.trades  # more may have come already
        wait_for(lambda: ended(session), "the end")
    assert (test.unseen, test.lost, test.seen) == ([], whole.lost, whole.seen)
    assert test.trades == whole.trades
    again, once = (obi.SealedTest.load(name) for name in ("half.json", "whole.json"))
    assert again.reason == once.reason
    assert (
        worst(again.records).mean.mean
        == worst(once.records).mean.mean
        == worst(whole.records).mean.mean
    )


def test_data_between_two_sessions_are_not_judged(quick):
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
    "entry_rule": "crossing", "exit_fade": 0.5, "exit_flip": "on", "exit_deceleration": 0.5,
    "stop_bps": 3.0, "target_bps": 4.0, "size_by": "strength",
    "most_per_hour": 3,
    "gates": obi.Gates({"spread": {"quantile": 0.8}}),
}  # fmt: skip


def test_the_changes_below_cover_every_setting():
    # What only matters beside another setting, which is not chosen here, breaks nothing.
    unused = {"quantile_window", "transition_seconds", "deceleration_seconds"}
    unused |= {"stop_by", "least_weight"}
    assert {*OTHERS} | unused == set(obi.Settings().parameters.as_dict())


@pytest.mark.parametrize("name", OTHERS)
def test_a_changed_setting_ends_the_test_and_keeps_its_results(recording, quick, name):
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


def test_looking_at_data_does_not_end_the_test(recording, quick):
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


def test_sealing_again_ends_the_earlier_test(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        one = session.seal("a.json")
        two = session.seal("b.json")
        assert "the settings were sealed again" in obi.SealedTest.load("a.json").broken
        assert (one.seal.number, two.seal.number) == (1, 2)
        assert "number 2 of 2 sealed tests" in two.summary().reason
        quick.decay = 0.3
        assert "decay" not in one.broken
        assert "decay changed" in two.broken


def test_a_closed_session_ignores_settings(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
    quick.decay = 0.3
    assert test.broken == ""
    with pytest.raises(SealError, match="The session was closed"):
        session.seal("b.json")


# -- continued or refused ----------------------------------------------------------------------


def test_a_test_with_other_sealed_values_is_not_continued(recording, quick, tmp_path):
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


def test_a_full_disk_is_reported_and_nothing_is_lost(recording, quick, monkeypatch):
    monkeypatch.setattr(sealing, "TRY_AGAIN", 0.05)
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        with monkeypatch.context() as patch:
            patch.setattr(module.SealedTest, "save", _full)
            wait_for(lambda: "No space" in session.publisher.note and ended(session), "the note")
    assert obi.SealedTest.load("a.json").trades == test.trades != []


def _full(self, path=None):
    raise SealError("No space.", "Make room.")


def test_an_error_in_judging_ends_the_test_and_not_the_session(
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


def test_every_export_has_the_sealed_test(recording, quick):
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


def test_tests_of_other_sessions_in_the_folder_count(recording, quick):
    with following(recording, settings=quick, speed=None) as session:
        test = session.seal("a.json")
        with following(recording, settings=obi.Settings(), speed=None) as other:
            assert other.seal("b.json").seal.number == 2
        assert session.sealing.findings().seals_opened == 2
        assert test.summary().seal_number == 1
    assert json.loads(test.save().read_text())["seals_opened"] == 2
