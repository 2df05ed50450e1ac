"""Recordings: what is written is read again, whatever became of the writer."""

import asyncio

import pytest
from exchange_tools import SECOND, WatchedMarket, live, lost, running
from recording_tools import RECORDS, T0, capture, put, write

import obi_widgets as obi
from obi_widgets.errors import RecordingError, RecordingWarning
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record, Recorder, Recording
from obi_widgets.feeds.recording.lines import frames_of
from obi_widgets.feeds.replay import ReplayFeed
from obi_widgets.feeds.simulation.simulator import SimulatedMarket
from obi_widgets.feeds.simulator_feed import SimulatorFeed
from obi_widgets.market_data.venues import make_venue

# -- there and back ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_records_come_back_as_they_were(tmp_path, name):
    path = write(tmp_path / name)
    recording = Recording(path)
    assert (recording.venue_name, recording.symbol) == ("lmex", "BTC-PERP")
    assert list(recording) == RECORDS
    assert list(recording) == RECORDS  # as often as it is read


def test_several_files_are_read_one_after_the_other(tmp_path):
    paths = [write(tmp_path / "a.gz", RECORDS[:5]), write(tmp_path / "b.txt", RECORDS[5:])]
    assert list(Recording(paths)) == RECORDS


LINES = [
    b'{"format":"obi-recording","version":1,"venue":"lmex","symbol":"X"}', b"", b" ", b"1", b"\r",
    b"1700000000000000001 {}", b"1700000000000000001", b"1700000000000000001 ", b"a" * 19 + b" {}",
    b"170000000000000000 {}", b"17000000000000000012 {}", b"9999999999999999999 {}",
    b"0000000000000000001 {}", b"1700000000000000002\t{}", b"-700000000000000002 {}",
    b"1700000000000000003 @pong [\"book\"]", b"1700000000000000004 \xff",
    "1700000000000000005 ü".encode(),
]  # fmt: skip


@pytest.mark.parametrize("last", range(len(LINES)))
def test_plain_lines_are_frames_and_all_others_came_at_0(last):
    """Whichever line is the last: nothing is read beyond it."""
    lines = [*LINES[last + 1 :], *LINES[: last + 1]]
    frames = frames_of(b"".join(line + b"\n" for line in lines))
    assert frames.places.shape == (3, len(lines))
    for at, line in enumerate(lines):
        received, frame = frames[at]
        stamp, space, rest = line[:19], line[19:20], line[20:]
        if stamp.isdigit() and len(stamp) == 19 and space == b" " and int(stamp) < 2**63:
            assert (received, frame) == (int(stamp), rest)
        else:
            assert received <= 0  # before any that is believed


@pytest.mark.parametrize("data", [b"\n", b"a\n", b"\n\n", b"1700000000000000001\n"])
def test_data_shorter_than_a_receive_time_hold_no_frame(data):
    assert frames_of(data).places[0].tolist() == [0] * data.count(b"\n")


# -- as a history --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], ""),
        (RECORDS[:2], " Its last state: Waiting for the first snapshot."),
        (
            [Record(T0, "answer", "summary", "", 451)],
            " Its last state: LMEX refuses this location (HTTP 451).",
        ),
    ],
)
def test_a_recording_without_a_book_says_why(tmp_path, records, why):
    path = write(tmp_path / "a.gz", records)
    with pytest.raises(RecordingError) as caught:
        obi.load(path)
    assert str(caught.value) == (
        f"a.gz has no book of BTC-PERP.{why} "
        "A recording needs a snapshot of the book, and the changes after it."
    )


@pytest.mark.slow
def test_a_recorded_market_is_the_same_however_often_it_is_loaded(tmp_path):
    path = obi.record("sim:ETH-PERP", tmp_path / "a.gz", seconds=0.05, seed=3, warmup=120)
    first, second = (obi.load(path, interval=0) for _ in range(2))
    assert first.sha256() == second.sha256()
    assert first.time[-1] - first.time[0] > 117 * SECOND, "the past, however long it took to come"
    assert first.gaps == 0
    assert first.instrument.venue == "sim"
    assert obi.load(path, interval=0.1).sha256() != first.sha256()


@pytest.mark.slow
def test_a_recording_gives_the_history_that_was_seen_live(tmp_path):
    market = WatchedMarket(make_venue("sim", "BTC-PERP"))
    recorder = Recorder(tmp_path / "a.gz", "sim", "BTC-PERP")
    feed = SimulatorFeed(market, SimulatedMarket(seed=3), warmup=20, recorder=recorder)

    async def follow():
        async with running(feed):
            for fault in ("drop", "cross"):
                await market.until(live)
                feed.exchange.inject(fault)
                await market.until(lost)
            await market.until(live)

    asyncio.run(follow())
    recorder.close()
    market.end("", "")
    with pytest.warns(RecordingWarning, match="it was lost 2 times, "):
        seen, loaded = market.history(), obi.load(recorder.path)
    assert seen.gaps == 2
    assert loaded.sha256() == seen.sha256()
    assert list(loaded.received) == list(seen.received)


def test_recording_a_recording_is_refused(tmp_path):
    path = write(tmp_path / "a.gz")
    with pytest.raises(RecordingError, match=r"is a recording already\. Copy the file\.$"):
        obi.record(str(path), tmp_path / "b.gz", seconds=1)
    assert not (tmp_path / "b.gz").exists()


def test_files_that_are_not_in_the_order_of_time_are_refused(tmp_path):
    early, late = (
        write(tmp_path / f"{name}.gz", [Record(T0 + at, "frame", "book", "{}")])
        for name, at in (("early", 0), ("late", 10))
    )
    assert len(list(Recording([early, late]))) == 2
    with pytest.raises(RecordingError, match=r"early\.gz begins before the file before it ends"):
        list(Recording([late, early]))


# -- a clock that was set while it was recorded --------------------------------------------


def stepped(shift, *, told=True):
    """Return the lines of a capture in whose middle the clock here was set."""
    whole = capture(200)
    middle = int(whole[100][:19])
    told_of = [f"{middle} @clock [{shift}]\n"] if told else []
    later = [f"{int(line[:19]) + shift}{line[19:]}" for line in whole[100:]]
    return [*whole[:100], *told_of, *later]


@pytest.mark.parametrize("shift", [3600 * SECOND, -3600 * SECOND])
def test_a_clock_that_was_set_is_no_silence_in_a_replay(tmp_path, shift):
    whole = obi.load(put(tmp_path / "a.txt", "".join(capture(200))), interval=0)
    path = put(tmp_path / "b.txt", "".join(stepped(shift)))
    history = obi.load(path, interval=0)
    assert history.sha256() == whole.sha256()
    assert (len(history), history.gaps) == (201, 0)
    assert history.received[-1] - whole.received[-1] == shift
    recording = Recording(path)
    market = Market(recording.make_venue(), interval=0)
    feed = ReplayFeed(market, recording, speed=20.0)
    asyncio.run(asyncio.wait_for(feed.run(), timeout=90))  # an hour at that speed takes 180 s
    assert market.history().sha256() == whole.sha256()
    assert feed.now() == history.received[-1]
    assert market.history().notes == history.notes == market.notes


def test_seconds_without_a_book_are_those_of_a_clock_that_was_not_set(tmp_path):
    lines = stepped(3600 * SECOND)
    del lines[99]  # the book is lost, and the clock is set while it is
    with pytest.warns(RecordingWarning) as told:
        obi.load(put(tmp_path / "a.txt", "".join(lines)), interval=0)
    assert " 10 of 20 s were not used" in str(told[0].message)


def test_a_recording_that_does_not_say_that_the_clock_was_set_is_read(tmp_path):
    path = put(tmp_path / "a.txt", "".join(stepped(3600 * SECOND, told=False)))
    history = obi.load(path, interval=0)
    assert (len(history), history.gaps) == (201, 0)
    assert history.notes == (
        "Event times are 3,619 s behind the times of receipt, and the recording does not say which "
        "clock was wrong.",
    )
