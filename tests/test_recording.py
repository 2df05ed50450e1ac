"""Recordings: what is written is read again, whatever became of the writer."""

import asyncio
import gzip
import signal
import subprocess
import sys

import pytest
from exchange_tools import SECOND, WatchedMarket, live, lmex_book, lmex_summary, lost, running

import obi_widgets as obi
from obi_widgets.errors import RecordingError
from obi_widgets.feeds.live import SimulatorFeed
from obi_widgets.feeds.simulator import SimulatedMarket
from obi_widgets.recording import Record, Recorder, Recording
from obi_widgets.venues import make_venue

T0 = 1_700_000_000 * SECOND

RECORDS = [
    Record(T0, "answer", "summary", lmex_summary(contract_size=0.01), 200),
    Record(T0 + 1, "open", "book", ""),
    Record(T0 + 2, "frame", "book", lmex_book("snapshot", 10, [(100.0, 5)], [(101.0, 3)])),
    Record(T0 + 3, "frame", "book", "pong"),
    Record(T0 + 4, "frame", "book", "two\nlines\r\nand a third"),
    Record(T0 + 5, "frame", "book", "@frame is not what this is"),
    Record(T0 + 6, "frame", "book", " spaces and 多字节 \u2028 \x85 \x00 🙂 "),
    Record(T0 + 7, "frame", "book", ""),
    Record(T0 + 8, "close", "book", "it was closed\nat once: “why”"),
    Record(T0 + 9, "answer", "picture", "<html>\n", 502),
    Record(T0 + 10, "answer", "picture", "timed out", 0),
]


def write(path, records=RECORDS, *, venue="lmex", symbol="BTC-PERP"):
    recorder = Recorder(path, venue, symbol)
    for record in records:
        recorder.write(record)
    recorder.close()
    return path


def put(path, text):
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


HEADER = '{"format":"obi-recording","version":1,"venue":"lmex","symbol":"BTC-PERP"}\n'


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


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_recording_is_never_overwritten(tmp_path, name):
    path = write(tmp_path / name)
    before = path.read_bytes()
    with pytest.raises(RecordingError) as caught:
        Recorder(path, "lmex", "BTC-PERP")
    assert str(caught.value) == (
        f"{path} exists. Recordings are not overwritten: choose another name."
    )
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    path = tmp_path / "nowhere" / "a.gz"
    with pytest.raises(RecordingError) as caught:
        Recorder(path, "lmex", "BTC-PERP")
    assert str(caught.value) == (
        f"{path} cannot be written: No such file or directory. Choose another place."
    )


def test_closing_twice_is_closing_once(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    recorder.write(RECORDS[0])
    recorder.close()
    recorder.close()
    assert list(Recording(recorder.path)) == RECORDS[:1]


# -- cut off -------------------------------------------------------------------------------


def test_a_plain_file_that_was_cut_off_keeps_its_whole_lines(tmp_path):
    path = write(tmp_path / "a.txt")
    data = path.read_bytes()
    ends = [index for index, byte in enumerate(data) if byte == ord("\n")]
    for cut in range(ends[0] + 1, len(data)):
        path.write_bytes(data[:cut])
        whole = sum(end < cut for end in ends) - 1  # the first is the header
        assert list(Recording(path)) == RECORDS[:whole]


def test_a_gzip_that_was_cut_off_keeps_what_can_be_unpacked(tmp_path, caplog):
    many = [Record(T0 + step, "frame", "book", f'{{"step":{step}}}') for step in range(20_000)]
    path = write(tmp_path / "a.gz", many)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    kept = list(Recording(path))
    assert kept == many[: len(kept)]
    assert 5_000 < len(kept) < 15_000
    assert "was cut off" in caplog.text


KILLED = """
import os, signal, sys
from obi_widgets.recording import Record, Recorder
recorder = Recorder(sys.argv[1], "lmex", "BTC-PERP")
for step in range(1001):
    recorder.write(Record(step * 10_000_000, "frame", "book", f"frame {step}"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("name", "lost"), [("a.gz", 101), ("a.txt", 0)])
def test_a_process_that_is_killed_loses_the_last_second_at_most(tmp_path, name, lost):
    path = tmp_path / name
    done = subprocess.run([sys.executable, "-c", KILLED, path], check=False)
    assert done.returncode == -signal.SIGKILL
    kept = list(Recording(path))
    assert [record.text for record in kept] == [f"frame {step}" for step in range(len(kept))]
    assert 1001 - lost <= len(kept) <= 1001


# -- what is not a recording ---------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["nothing", "", "17", "17 ", "x frame", "17 @frame {", "17 @what []", "17 @open []"],
)
@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_line_that_is_not_a_record_is_named(tmp_path, name, line):
    path = put(tmp_path / name, f"{HEADER}16 pong\n{line}\n18 pong\n")
    with pytest.raises(RecordingError) as caught:
        list(Recording(path))
    assert str(caught.value) == (
        f"Line 3 of {name} is not a record: {line!r}. A record is '<receive time in ns> <frame>'."
    )
    assert (caught.value.path, caught.value.line) == (path, 3)


@pytest.mark.parametrize(
    "header", ['{"format":"else","version":1}', "{", '{"lastUpdateId":1}', "{[]}"]
)
def test_a_file_of_another_format_is_refused(tmp_path, header):
    path = put(tmp_path / "a.txt", f"{header}\n16 pong\n")
    with pytest.raises(RecordingError) as caught:
        Recording(path)
    assert str(caught.value) == (
        f"a.txt is not a recording: its first line is {header!r}. "
        "Give a file that obi.record made, or lines of '<time in ns> <frame>'."
    )


def test_a_newer_version_is_refused(tmp_path):
    path = put(tmp_path / "a.gz", HEADER.replace('"version":1', '"version":2'))
    with pytest.raises(RecordingError) as caught:
        Recording(path)
    assert str(caught.value) == (
        "a.gz is a recording of version 2, and this package reads 1. "
        "Update with: pip install -U obi-widgets."
    )


def test_a_capture_that_does_not_say_its_venue_asks_for_it(tmp_path):
    frames = [record.text for record in RECORDS[2:4]]
    path = put(tmp_path / "capture.gz", "".join(f"{T0} {frame}\n" for frame in frames))
    with pytest.raises(RecordingError) as caught:
        Recording(path)
    assert str(caught.value) == (
        "capture.gz does not say which venue it was recorded at. Give it: market='venue:SYMBOL'."
    )
    told = Recording(path, market="lmex:BTC-PERP")
    assert [record.text for record in told] == frames
    assert told.make_venue().symbol == "BTC-PERP"


def test_a_missing_file_and_no_file_are_said(tmp_path):
    with pytest.raises(RecordingError) as caught:
        Recording(tmp_path / "a.gz")
    assert str(caught.value) == f"There is no file {tmp_path / 'a.gz'}. Check the path."
    with pytest.raises(RecordingError, match=r"^No recording was given. Give the path of one.$"):
        Recording([])


def test_a_damaged_gzip_is_said_with_its_line(tmp_path):
    path = write(tmp_path / "a.gz")
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # of the checksum
    path.write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        list(Recording(path))
    assert caught.value.line == len(RECORDS) + 2
    assert str(caught.value).startswith("a.gz cannot be read after line 12: CRC check failed ")
    assert caught.value.advice == "It is damaged, or of another kind than its name says."


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_damage_anywhere_is_never_passed_over(tmp_path, place):
    frames = (f"{T0 + step} {{{step * 7919 % 10007}}}\n" for step in range(20_000))
    path = put(tmp_path / "a.gz", HEADER + "".join(frames))
    data = bytearray(path.read_bytes())
    at = int(place * len(data))
    data[at : at + 50] = bytes(50)
    path.write_bytes(data)
    with pytest.raises(RecordingError, match=r"a\.gz"):
        list(Recording(path))


@pytest.mark.parametrize(("name", "data"), [("a.gz", b"plain text"), ("a.txt", b"\x1f\x8b\xff")])
def test_a_file_of_another_kind_than_its_name_says_is_said(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data + b"\n")
    with pytest.raises(RecordingError, match=rf"^{name} cannot be read after line 0: ") as caught:
        Recording(path)
    assert caught.value.advice == "It is damaged, or of another kind than its name says."


# -- as a history --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([], ""),
        (RECORDS[:2], " The last thing it says: Waiting for the first snapshot."),
        (
            [Record(T0, "answer", "summary", "", 451)],
            " The last thing it says: LMEX refuses this location (HTTP 451).",
        ),
    ],
)
def test_a_recording_without_a_book_says_why(tmp_path, records, why):
    path = write(tmp_path / "a.gz", records)
    with pytest.raises(RecordingError) as caught:
        obi.load(path)
    assert str(caught.value) == (
        f"a.gz has no book of BTC-PERP.{why} "
        "A recording must hold a snapshot of the book, and the changes after it."
    )


def test_a_recorded_market_is_the_same_however_often_it_is_loaded(tmp_path):
    path = obi.record("sim:ETH-PERP", tmp_path / "a.gz", seconds=1, seed=3, warmup=30)
    first, second = (obi.load(path, interval=0) for _ in range(2))
    assert first.sha256() == second.sha256()
    assert len(first) > 300
    assert first.gaps == 0
    assert first.instrument.venue == "sim"
    assert obi.load(path, interval=0.1).sha256() != first.sha256()


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
