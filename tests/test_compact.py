"""Parquet files of the days of a folder."""

from __future__ import annotations

import numpy as np
import pytest
from days_tools import DAY, connection, recorded, time_of
from test_load_days import STEPS, near

import obi_widgets as obi
from obi_widgets.feeds.recording import Record
from obi_widgets.feeds.recording.folder import Lock, file_name

DAYS = DAY // STEPS


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two days that follow each other."""
    recorded(tmp_path, connection(near(-400), near(60)), connection(near(0), near(600)))
    return tmp_path


def raw(folder):
    return sorted(folder.glob("*/*.gz"))


def test_each_day_is_a_parquet_file_that_is_the_same(folder):
    days = [day.sha256() for day in obi.load_days(folder)]
    paths = obi.compact(folder)
    assert [path.name for path in paths] == ["2023-11-14.parquet", "2023-11-15.parquet"]
    assert [path.parent.name for path in paths] == ["lmex_BTC-PERP"] * 2
    assert [obi.load(path).sha256() for path in paths] == days
    assert len(raw(folder)) == 2, "recordings are never removed unless asked for"
    assert [day.sha256() for day in obi.load_days(folder)] == days


def test_a_parquet_file_is_read_in_place_of_the_recordings_if_it_fits(folder):
    obi.compact(folder, levels=4, interval=0.5)
    for path in raw(folder):  # what is read of them would be missed
        data = path.read_bytes()
        path.write_bytes(data[:200].ljust(len(data), b"\0"))
    fits = obi.load_days(folder, levels=4, interval=0.5)
    assert [len(day) for day in fits] == [40, 61]
    with pytest.raises(obi.ObiError):
        obi.load_days(folder, levels=5, interval=0.5)[0]


def test_a_day_that_grew_is_written_again(folder):
    first = obi.compact(folder)
    written = [path.stat().st_mtime_ns for path in first]
    assert obi.compact(folder) == first
    assert [path.stat().st_mtime_ns for path in first] == written
    recorded(folder, connection(near(700), near(800)))
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        obi.compact(folder)
    assert first[0].stat().st_mtime_ns == written[0]
    assert first[1].stat().st_mtime_ns > written[1]
    assert obi.load(first[1]).gaps == 1


def test_recordings_are_removed_if_asked_for_and_the_folder_is_still_one_history(folder):
    whole = obi.load(folder)
    obi.compact(folder, remove=True)
    assert raw(folder) == []
    days = obi.load_days(folder)
    assert [len(day) for day in days] == [200, 301]
    history = obi.load(folder)
    assert history.gaps == 1, "between two Parquet files"
    assert history.time[~np.isnan(history.bid)].tolist() == whole.time.tolist()
    assert obi.compact(folder, remove=True) == sorted(folder.glob("*/*.parquet"))
    session = obi.Session(folder)
    session.start()
    assert session.history.sha256() == history.sha256()
    session.close()
    # Recorded on: the new days are read from recordings, the old ones from Parquet.
    recorded(folder, connection(near(DAYS + 50), near(DAYS + 100)))
    more = obi.load(folder)
    assert more.gaps == 2
    assert len(obi.load_days(folder)) == 3
    assert more.time[-1] > history.time[-1]
    with pytest.raises(obi.ObiError, match="was saved with levels=50"):
        obi.load(folder, levels=10)


def set_clock(monkeypatch, number):
    """Set the computer's clock to the time of a change."""
    from obi_widgets.feeds.days import compact

    monkeypatch.setattr(compact.time, "time_ns", lambda: time_of(number))


def test_a_day_that_is_being_recorded_waits(tmp_path, monkeypatch):
    (path, *_) = recorded(tmp_path, connection(near(-400), near(60)), connection(near(0), near(9)))
    set_clock(monkeypatch, near(9))
    with Lock(path.parent):
        (written,) = obi.compact(tmp_path, remove=True)
    assert written.name == "2023-11-14.parquet"
    assert len(raw(tmp_path)) == 2, "the first one still says how the second day begins"
    assert len(obi.compact(tmp_path, remove=True)) == 2
    assert len(raw(tmp_path)) == 2, "the second day is not over"
    set_clock(monkeypatch, near(DAYS))
    assert len(obi.compact(tmp_path, remove=True)) == 2
    assert raw(tmp_path) == []


def states(history):
    """Return the times at which there is a book."""
    return history.time[~history.lost].tolist()


def test_an_afternoon_is_joined_to_the_morning_of_which_only_parquet_is_left(tmp_path):
    first, second, third = (
        connection(near(begin), near(begin + 300)) for begin in (100, 400, 2000)
    )
    (morning,) = recorded(tmp_path, first)
    obi.compact(tmp_path)
    recorded(tmp_path, second, third)
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        whole = obi.load(tmp_path)
    morning.unlink()  # as an earlier version, or the user, removed it
    joined = sorted([*states(whole), time_of(near(400))])  # the last state of the morning as well
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        assert states(obi.load(tmp_path)) == joined
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        assert states(obi.load_days(tmp_path)[0]) == joined
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        (path,) = obi.compact(tmp_path, remove=True)
    history = obi.load(path)
    assert raw(tmp_path) == []
    assert states(history) == joined
    assert history.trades.id.tolist() == whole.trades.id.tolist()
    assert history.gaps == whole.gaps + 1, "where the two were joined"
    assert obi.load(tmp_path).sha256() == history.sha256()


def test_removing_every_day_keeps_how_each_day_begins(tmp_path, monkeypatch):
    connections = [
        connection(near(begin), near(end))
        for begin, end in ((-400, 60), (0, 300), (DAYS - 300, DAYS + 60), (DAYS, DAYS + 300))
    ]
    (first, second, *_) = recorded(tmp_path, *connections[:2])
    recorded(tmp_path / "all", *connections)
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        whole = obi.load(tmp_path / "all")
    (tmp_path / "all").rename(tmp_path.with_name("all"))
    set_clock(monkeypatch, near(300))
    with Lock(first.parent):
        obi.compact(tmp_path, remove=True)
    assert raw(tmp_path) == [first, second]
    *_, third, fourth = recorded(tmp_path, *connections[2:])
    set_clock(monkeypatch, near(DAYS + 300))
    with Lock(first.parent), pytest.warns(obi.RecordingWarning, match="There is no book for"):
        obi.compact(tmp_path, remove=True)
    assert raw(tmp_path) == [third, fourth]
    assert states(obi.load(tmp_path)) == states(whole)
    assert len(obi.load_days(tmp_path)[0]) == 200
    set_clock(monkeypatch, near(2 * DAYS))
    obi.compact(tmp_path, remove=True)
    assert raw(tmp_path) == []
    assert states(obi.load(tmp_path)) == states(whole)
    assert obi.load(tmp_path).trades.id.tolist() == whole.trades.id.tolist()


def test_the_newest_file_of_a_recorder_that_runs_is_never_removed(folder):
    with Lock(raw(folder)[0].parent):
        obi.compact(folder, remove=True)
    assert len(raw(folder)) == 2, "both hold some of the last day"


@pytest.mark.parametrize(("levels", "interval"), [(5, 0.0), (3, 0.1), (5, 0.5)])
def test_a_parquet_file_keeps_its_levels_and_its_interval_or_gets_finer(folder, levels, interval):
    first = obi.compact(folder, levels=levels, interval=interval)
    before = obi.load(first[1])
    obi.compact(folder, levels=4, remove=True)
    after = obi.load(first[1])
    assert raw(folder) == []
    assert after.levels == max(levels, 4)
    assert after.interval == min(interval, 0.1)
    if levels > 4 and interval < 0.1:
        assert after.sha256() == before.sha256()


@pytest.mark.slow
def test_a_recording_that_was_damaged_later_takes_nothing_from_a_parquet_file(folder):
    paths = obi.compact(folder)
    before = [obi.load(path).sha256() for path in paths]
    whole = states(obi.load(folder))
    last = raw(folder)[1]
    data = last.read_bytes()
    last.write_bytes(data[: len(data) // 2])
    with pytest.warns(obi.RecordingWarning, match="cut off"):
        assert states(obi.load(folder)) == whole
    with pytest.warns(obi.RecordingWarning, match="cut off"):
        obi.compact(folder, remove=True)
    assert [obi.load(path).sha256() for path in paths] == before


def test_a_day_without_a_book_is_left_out_and_the_others_go_on(folder):
    begin = connection(near(DAYS), near(DAYS + 1))[0].time
    closes = [Record(begin + at, "close", "book", "No network.") for at in range(3)]
    (empty,) = recorded(folder, closes)
    recorded(folder, connection(near(3 * DAYS), near(3 * DAYS + 20)))
    with pytest.warns(obi.RecordingWarning, match=r"no book of lmex:BTC-PERP.*It is left out\.$"):
        paths = obi.compact(folder, remove=True)
    assert [path.stem for path in paths] == ["2023-11-14", "2023-11-15", "2023-11-18"]
    assert raw(folder) == [empty], "what is in no Parquet file is not removed"
    with pytest.warns(obi.RecordingWarning, match="has no book"):
        assert obi.load(folder).time[-1] == time_of(near(3 * DAYS + 20))


def test_files_of_the_user_are_left_alone(folder):
    own = folder / "lmex_BTC-PERP" / "results.parquet"
    own.write_bytes(b"PAR1")
    obi.compact(folder, remove=True)
    assert own.read_bytes() == b"PAR1"
    assert len(obi.load_days(folder)) == 2
    assert file_name(0) == "1970-01-01T00-00-00.000Z.gz"
