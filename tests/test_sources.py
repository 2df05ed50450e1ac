"""What a session and `obi.record` follow; what they refuse, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

import obi_widgets as obi
from obi_widgets.errors import (
    RecordingError,
    RecordingWarning,
    SettingsError,
    SourceError,
    VenueError,
)
from obi_widgets.feeds import record as recording_of
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.simulation.simulator import LISTINGS
from obi_widgets.feeds.sources import find
from obi_widgets.market_data.venues import VENUES

NEITHER = "is neither a venue's symbol nor a file."


@pytest.mark.parametrize(
    ("source", "text"),
    [
        *(
            (
                source,
                f"{source!r} {NEITHER} Give venue:SYMBOL with one of the venues "
                f"{', '.join(VENUES)}, or a path.",
            )
            for source in ("foo:BAR", "missing.gz", "BTC-PERP", "C:\\tape.gz")
        ),
        (
            "sim:NOPE",
            f"The simulator lists no symbol 'NOPE'. It lists {', '.join(LISTINGS)}.",
        ),
        (
            "sim:BTC-PREP",
            "The simulator lists no symbol 'BTC-PREP'. Did you mean 'BTC-PERP'? "
            f"It lists {', '.join(LISTINGS)}.",
        ),
        ("lmex:", "'lmex:' names no symbol. Give venue:SYMBOL."),
        ("sim:", "'sim:' names no symbol. Give venue:SYMBOL."),
    ],
)
def test_a_source_that_is_none_is_refused(source, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for take in (find, obi.Session, lambda s: obi.record(s, tmp_path / "x.gz", seconds=1)):
        with pytest.raises(SourceError) as error:
            take(source)
        assert str(error.value) == text
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_is_not_there_is_refused(tmp_path):
    for source in (tmp_path / "no.gz", [tmp_path / "no.gz"]):
        with pytest.raises(RecordingError) as error:
            obi.Session(source)
        assert str(error.value) == f"There is no file {tmp_path / 'no.gz'}. Check the path."


def test_a_file_may_have_a_name_with_a_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = obi.record("sim:BTC-PERP", "foo:BAR", seconds=0.1, warmup=2.0)
    assert path == Path("foo:BAR")
    assert len(obi.Session("foo:BAR").feed.recording.paths) == 1


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [("lmex", "WHAT-EVER"), ("btse", "WHAT-EVER"), ("binance-usdm", "WHATEVER")],
)
def test_only_the_venue_knows_what_it_lists(venue, symbol):
    assert find(f"{venue}:{symbol}").opened == (venue, symbol)


NAN = float("nan")


@pytest.mark.parametrize(
    ("option", "values", "advice"),
    [
        ("levels", [0, -1, 1001, 2.5, NAN], "Give 1 to 1,000."),
        ("interval", [-1, -0.001, 3601, NAN], "Give 0 to 3,600 seconds."),
        ("history_seconds", [9, 0, 2_592_001, NAN], "Give 10 to 2,592,000 seconds."),
        ("warmup", [-1, 86_401, NAN], "Give 0 to 86,400 seconds."),
        ("edge", [99, -99, NAN], "At this volatility give at most ±5.5 bps."),
    ],
)
def test_a_number_out_of_its_range_is_refused(option, values, advice):
    for value in values:
        with pytest.raises(SettingsError) as error:
            obi.Session("sim:BTC-PERP", **{option: value})
        assert str(error.value) == f"{option} = {value!r} is not possible. {advice}"


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim.gz"
    return obi.record("sim:BTC-PERP", path, seconds=0.1, warmup=5.0)


@pytest.mark.parametrize("speed", [0, -1, NAN, float("inf"), 100_001])
def test_a_speed_that_is_none_is_refused(tape, speed):
    with pytest.raises(SettingsError) as error:
        obi.Session(tape, speed=speed)
    assert str(error.value) == (
        f"speed = {speed!r} is not possible. Give a number above 0, up to 100,000; "
        "or None for at once."
    )


@pytest.mark.parametrize(
    ("option", "value", "advice"),
    [("levels", 0, "Give 1 to 1,000."), ("interval", -1, "Give 0 to 3,600 seconds.")],
)
def test_loading_refuses_the_same_numbers(tape, option, value, advice):
    with pytest.raises(SettingsError) as error:
        obi.load(tape, **{option: value})
    assert str(error.value) == f"{option} = {value!r} is not possible. {advice}"


# -- recording ---------------------------------------------------------------------------------


def test_what_was_recorded_is_loaded(tape):
    history = obi.load(tape)
    assert (history.instrument.venue, history.instrument.symbol) == ("sim", "BTC-PERP")
    assert history.tick_size == 0.5
    assert history.gaps == 0
    assert len(history) > 30
    assert (history.bid < history.ask).all()


def test_a_recording_is_not_overwritten(tape):
    before = tape.read_bytes()
    with pytest.raises(RecordingError) as error:
        obi.record("sim:BTC-PERP", tape, seconds=1)
    assert str(error.value) == (
        f"{tape} exists. A recording is not overwritten. Choose another name."
    )
    assert tape.read_bytes() == before


def test_a_recording_is_not_recorded(tape, tmp_path):
    with pytest.raises(RecordingError) as error:
        obi.record(str(tape), tmp_path / "again.gz", seconds=1)
    assert str(error.value) == f"{str(tape)!r} is a recording already. Copy the file."


def test_a_place_that_is_none_is_told(tmp_path):
    path = tmp_path / "not" / "there.gz"
    with pytest.raises(RecordingError) as error:
        obi.record("sim:BTC-PERP", path, seconds=1)
    assert str(error.value) == (f"There is no folder {path.parent} for there.gz. Create it first.")


@pytest.mark.parametrize("seconds", [-1, NAN, float("inf")])
def test_a_length_that_is_none_is_refused(tmp_path, seconds):
    with pytest.raises(SettingsError) as error:
        obi.record("sim:BTC-PERP", tmp_path / "x.gz", seconds=seconds)
    assert (
        str(error.value) == f"seconds = {seconds!r} is not possible. Give 0 to 2,592,000 seconds."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_market_that_gives_no_book_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(recording_of, "FIRST_BOOK", 0.0)
    with pytest.raises(VenueError) as error:
        obi.record("sim:BTC-PERP", tmp_path / "x.gz", seconds=1)
    label = VENUES["sim"].label
    assert str(error.value).startswith(f"{label} gave no book of BTC-PERP.")
    assert list(tmp_path.iterdir()) == []


def test_recording_goes_on_when_decoding_fails(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("seqNum")

    monkeypatch.setattr(VENUES["sim"], "received", fail)
    with pytest.warns(RecordingWarning, match=r"^Decoding failed \d+ times while recording\."):
        path = obi.record("sim:BTC-PERP", tmp_path / "x.gz", seconds=1)
    frames = [record.text for record in Recording(path) if record.kind == "frame"]
    deltas = [frame for frame in frames if '"type":"delta"' in frame]
    assert len(deltas) > 5


def test_a_feed_that_fails_otherwise_raises(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("seqNum")

    monkeypatch.setattr(VENUES["sim"], "start", fail)
    with pytest.raises(ExceptionGroup) as error:
        obi.record("sim:BTC-PERP", tmp_path / "x.gz", seconds=1)
    assert error.value.subgroup(KeyError) is not None


@pytest.mark.parametrize("seconds", [None, "60", True, [1]])
def test_a_length_that_is_no_number_is_refused(tmp_path, seconds):
    with pytest.raises(SettingsError) as error:
        obi.record("sim:BTC-PERP", tmp_path / "x.gz", seconds=seconds)
    assert str(error.value) == (
        f"seconds = {seconds!r} is not possible. Give 0 to 2,592,000 seconds."
    )
    assert list(tmp_path.iterdir()) == []


def test_more_states_than_memory_holds_are_refused():
    with pytest.raises(SettingsError, match=r"3,600,000,000,000 states, and 30,000,000 are poss"):
        obi.Session("sim:BTC-PERP", interval=1e-9)
