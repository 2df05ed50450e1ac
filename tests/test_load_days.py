"""A folder day by day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from days_tools import DAY, connection, recorded, time_of
from exchange_tools import SECOND
from recording_tools import write

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, RecordingError

FIRST = -(-time_of(0) // DAY) * DAY  # a midnight
STEPS = 50_000_000  # ns between two changes


def near(number):
    """Return the number of the change at a midnight, plus some."""
    return (FIRST - time_of(0)) // STEPS + number


@pytest.fixture
def folder(tmp_path):
    """Return a folder with three days: two that follow each other, and one after a pause."""
    day = DAY // STEPS
    recorded(
        tmp_path,
        connection(near(-400), near(60)),
        connection(near(0), near(600)),
        connection(near(2 * day + 100), near(2 * day + 300)),
    )
    return tmp_path


def test_each_day_has_its_states(folder):
    days = obi.load_days(folder, interval=0)
    first = date.fromordinal(date(1970, 1, 1).toordinal() + FIRST // DAY)
    assert days.market == "lmex:BTC-PERP"
    assert [(one - first).days for one in days.dates] == [-1, 0, 2]
    histories = list(days)
    assert [len(one) for one in histories] == [400, 601, 201]
    for one, begin in zip(histories, (FIRST - DAY, FIRST, FIRST + 2 * DAY), strict=True):
        assert begin <= one.time[0]
        assert one.time[-1] < begin + DAY
        assert one.gaps == 0
    assert histories[1].time[0] == FIRST


def test_together_the_days_are_the_whole(folder):
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        whole = obi.load(folder, interval=0)
    states = whole.time[~np.isnan(whole.bid)]
    days = obi.load_days(folder, interval=0)
    assert np.concatenate([day.time for day in days]).tolist() == states.tolist()
    ids = np.concatenate([np.asarray(day.trades.id) for day in days])
    assert ids.tolist() == np.asarray(whole.trades.id).tolist()


def test_a_day_is_loaded_when_it_is_asked_for(folder):
    (folder / "lmex_BTC-PERP").joinpath("2023-11-15T00-00-00.000Z.gz").exists()
    days = obi.load_days(folder, levels=3)
    assert repr(days) == f"<Days lmex:BTC-PERP 3 from {days.dates[0]} to {days.dates[-1]} UTC>"
    last = sorted((folder / "lmex_BTC-PERP").iterdir())[-1]
    last.unlink()
    assert len(days[1:]) == 2
    assert days[0].levels == 3
    with pytest.raises(RecordingError, match="There is no file"):
        days[-1]
    with pytest.raises(IndexError):
        days[3]


def test_a_file_of_several_days_is_on_each_of_them(tmp_path):
    records = connection(near(-100), near(100))
    long = [*records, *(one._replace(time=one.time + 2 * DAY) for one in records[-1:])]
    recorded(tmp_path, long)
    assert len(obi.load_days(tmp_path).dates) == 4


def test_several_markets_and_other_places_are_told(folder, tmp_path):
    other = tmp_path / "lmex_ETH-PERP"
    other.mkdir()
    write(other / "a.gz", connection(10, 12), symbol="ETH-PERP")
    with pytest.raises(RecordingError, match=r"holds several markets: lmex:BTC-PERP, lmex:ETH-PER"):
        obi.load_days(folder)
    assert len(obi.load_days(folder, market="lmex:BTC-PERP")) == 3
    assert len(obi.load_days(folder / "lmex_BTC-PERP")) == 3
    with pytest.raises(RecordingError, match=r"^There is no folder .+nowhere\. Give the folder"):
        obi.load_days(tmp_path / "nowhere")
    with pytest.raises(ArgumentError, match="is not a path"):
        obi.load_days(3)


def test_a_day_without_a_book_is_told(tmp_path):
    records = connection(near(-10), near(-1))
    end = records[-1]._replace(kind="frame", name="book", text="pong", time=FIRST + 5 * SECOND)
    recorded(tmp_path, [*records, end])
    days = obi.load_days(tmp_path)
    with pytest.raises(RecordingError, match=r"There is no book of lmex:BTC-PERP on 2023-11-15\."):
        days[1]
    with pytest.warns(obi.RecordingWarning, match=r"on 2023-11-15\. It is left out\.$"):
        assert [len(day) for day in days] == [5]
