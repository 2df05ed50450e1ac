"""Writing recordings: at once on disk, never twice, whole whatever the disk does."""

import asyncio
import gzip
import json
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from exchange_tools import SECOND
from recording_tools import HEADER, RECORDS, T0, write

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, RecordingError, RecordingWarning
from obi_widgets.feeds.dialling import LARGEST_FRAME
from obi_widgets.feeds.recording import Record, Recorder, Recording
from obi_widgets.feeds.recording import recorder as recorder_module
from obi_widgets.feeds.recording.lines import LONGEST
from obi_widgets.feeds.recording.recorder import FLUSH_EVERY, MEMBER_SIZE


def frame(number, *, size=0):
    return Record(T0 + number, "frame", "book", json.dumps({"n": number, "x": "x" * size}))


def numbers(path):
    return [json.loads(record.text)["n"] for record in Recording(path)]


def until(holds, seconds=60.0):
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


# -- where to ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_recording_is_never_overwritten(tmp_path, name):
    path = write(tmp_path / name)
    before = path.read_bytes()
    with pytest.raises(RecordingError) as caught:
        Recorder(path, "lmex", "BTC-PERP")
    assert str(caught.value) == (
        f"{path} exists. A recording is not overwritten. Choose another name."
    )
    assert path.read_bytes() == before


def test_two_recorders_never_write_to_one_file(tmp_path):
    first = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    with pytest.raises(RecordingError, match=r"a\.gz exists\."):
        Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    first.write(frame(0))
    first.close()
    assert numbers(first.path) == [0]


def test_places_that_cannot_be_written_are_said(tmp_path):
    cases = {
        tmp_path / "nowhere" / "a.gz": (
            f"There is no folder {tmp_path / 'nowhere'} for a.gz. Create it first."
        ),
        tmp_path: f"{tmp_path} is a folder. Give the name of a file in it.",
        tmp_path / ("a" * 300): (
            f"{tmp_path / ('a' * 300)} cannot be written: File name too long. Choose another place."
        ),
    }
    for path, said in cases.items():
        with pytest.raises(RecordingError) as caught:
            Recorder(path, "lmex", "BTC-PERP")
        assert str(caught.value) == said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="there is no read-only folder here")
def test_a_read_only_folder_is_said():
    with pytest.raises(RecordingError, match=r"^/sys/a\.txt cannot be written: .+ Choose another"):
        Recorder("/sys/a.txt", "lmex", "BTC-PERP")


@pytest.mark.parametrize("path", [None, 3, b"a.gz", "a\0b"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ArgumentError) as caught:
        Recorder(path, "lmex", "BTC-PERP")
    what = r"'a\x00b'" if path == "a\0b" else f"A {type(path).__name__}"
    assert (
        str(caught.value) == f"{what} is not a path. Give the name of a file that does not exist."
    )


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".zst", ".json", ".zip"])
def test_a_name_that_promises_another_format_is_refused(tmp_path, ending):
    with pytest.raises(RecordingError) as caught:
        obi.record("sim:BTC-PERP", tmp_path / f"a{ending}", seconds=1)
    assert str(caught.value) == (
        f"a{ending} ends in {ending}, but a recording is text. "
        "Choose a name that ends in .gz (compressed) or .txt."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.log", "a.GZ"])
def test_other_names_that_are_fine(tmp_path, name):
    assert list(Recording(write(tmp_path / name))) == RECORDS


# -- at once -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_the_header_is_on_disk_at_once(tmp_path, name):
    recorder = Recorder(tmp_path / name, "lmex", "BTC-PERP")
    recording = Recording(recorder.path)
    assert (recording.venue_name, recording.symbol) == ("lmex", "BTC-PERP")
    recorder.close()
    unpack = gzip.open if name == "a.gz" else open
    with unpack(recorder.path, "rt") as file:
        assert file.read() == HEADER


def test_what_is_written_is_on_disk_without_another_record(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    for number in range(9):
        recorder.write(frame(number))
    until(lambda: numbers(recorder.path) == list(range(9)))
    recorder.write(frame(9))
    until(lambda: numbers(recorder.path) == list(range(10)))
    recorder.close()


def test_a_clock_that_goes_back_does_not_stop_it(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    recorder.write(frame(0)._replace(time=T0 + 3600 * SECOND))
    recorder.write(frame(1))
    until(lambda: numbers(recorder.path) == [0, 1])
    recorder.close()


def test_without_a_thread_for_a_timer_it_is_written_at_once(tmp_path, monkeypatch):
    def fail(_):
        raise RuntimeError("can't start new thread")

    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    monkeypatch.setattr(threading.Timer, "start", fail)
    recorder.write(frame(0))
    assert numbers(recorder.path) == [0]
    recorder.close()


KILLED = """
import json, sys, time
from obi_widgets.feeds.recording import Record, Recorder, recorder as module

module.FLUSH_EVERY, written, flush = 0.1, -1, Recorder._flush

def flush_and_tell(self, **how):
    number = written
    flush(self, **how)
    print(number, flush=True)

Recorder._flush = flush_and_tell
recorder = Recorder(sys.argv[1], "lmex", "BTC-PERP")
for number in range(100_000):
    recorder.write(Record(time.time_ns(), "frame", "book", json.dumps({"n": number})))
    written = number
    if sys.argv[1].endswith(".txt"):
        print(number, flush=True)  # it is on disk at once
    time.sleep(0.15 if number % 50 == 49 else 0.001)
"""


@pytest.mark.parametrize("moment", range(6))
def test_a_process_that_is_killed_keeps_all_that_was_flushed(tmp_path, moment):
    """That is all but the last second."""
    assert FLUSH_EVERY < 1.0
    path = tmp_path / ("a.gz" if moment % 2 else "a.txt")
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True
    )
    try:
        told = [process.stdout.readline() for _ in range(1 + moment)]
        time.sleep(random.Random(moment).uniform(0.0, 0.3))
    finally:
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
    told += rest.splitlines(keepends=True)
    flushed = max(int(line) for line in told if line.endswith("\n"))
    kept = numbers(path)
    assert kept == list(range(len(kept)))
    assert len(kept) > flushed


def test_closing_twice_is_closing_once_and_the_end(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    recorder.write(RECORDS[0])
    recorder.close()
    recorder.close()
    assert list(Recording(recorder.path)) == RECORDS[:1]
    with pytest.raises(RecordingError, match=r"a\.gz was closed\. Record to another file\.$"):
        recorder.write(RECORDS[1])


def test_a_long_recording_is_many_members(tmp_path):
    count = 3 * MEMBER_SIZE // 1000 + 1
    path = tmp_path / "a.gz"
    recorder = Recorder(path, "lmex", "BTC-PERP")
    for number in range(count):
        recorder.write(frame(number, size=1000))
        if number % 500 == 499:
            recorder._flush()  # as the timer does
    recorder.close()
    assert path.read_bytes().count(b"\x1f\x8b\x08") >= 3
    assert numbers(path) == list(range(count))


def test_a_record_that_could_not_be_read_is_not_written(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    with pytest.raises(RecordingError, match=r"A record of 16,777,2\d\d bytes is not written"):
        recorder.write(frame(0, size=LONGEST))
    recorder.write(frame(1))
    recorder.close()
    assert numbers(recorder.path) == [1]
    assert (recorder.records, recorder.too_long) == (1, 1)


@pytest.mark.parametrize("text", ["\n" + '"' * LARGEST_FRAME, "\n" + "多" * (LARGEST_FRAME // 3)])
def test_a_frame_that_is_received_and_too_long_as_a_line_is_counted(tmp_path, text):
    recorder = Recorder(tmp_path / "a.txt", "lmex", "BTC-PERP")
    with suppress(RecordingError):
        recorder.write(Record(T0, "frame", "book", text))
    recorder.close()
    assert recorder.records + recorder.too_long == 1
    assert len(list(Recording(recorder.path))) == recorder.records == (0 if '"' in text else 1)


def test_records_that_are_too_long_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "LONGEST", 2_000)  # bytes: fewer than a snapshot has
    with pytest.warns(RecordingWarning, match=r"records were too long for .+a\.txt and are not in"):
        path = obi.record("sim:BTC-PERP", tmp_path / "a.txt", seconds=0.5, seed=3)
    kept = list(Recording(path))
    assert kept
    assert not any('"type":"snapshot"' in record.text.replace(" ", "") for record in kept)


# -- when the disk is full -----------------------------------------------------------------


@contextmanager
def full_disk(size):
    """Let no file of this process grow beyond some bytes; pytest's own output is one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_full_disk_loses_nothing_and_leaves_whole_lines(tmp_path, name):
    noise = random.Random(1)
    recorder = Recorder(tmp_path / name, "lmex", "BTC-PERP")
    taken = []

    def put(number):
        record = frame(number)._replace(
            text=json.dumps({"n": number, "x": noise.randbytes(500).hex()})
        )
        before = recorder.records
        try:
            recorder.write(record)
            recorder._flush()  # as the timer does
        finally:
            if recorder.records > before:
                taken.append(number)

    with full_disk(20_000):
        with pytest.raises(RecordingError) as caught:
            list(map(put, range(100)))
        assert str(caught.value) == (
            f"{recorder.path} cannot be written: File too large. "
            "What was recorded before is kept. Make room, or choose another place."
        )
        assert recorder.error is caught.value
        first = len(taken)
        assert 5 < first < 50
        assert numbers(recorder.path) == taken[:-1]  # the last one is yet to be written
        for number in range(100, 105):  # still full: such records are not taken
            with pytest.raises(RecordingError):
                put(number)
        assert len(taken) == first
    for number in range(200, 230):
        put(number)
    assert recorder.error is None
    recorder.close()
    assert numbers(recorder.path) == taken
    assert taken[-30:] == list(range(200, 230))
    recording = Recording(recorder.path)
    assert len(list(recording)) == len(taken)
    assert recording.skipped.damage == []


def test_a_disk_that_stays_full_is_said_at_the_end_too(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    recorder.write(frame(0))
    recorder._flush()
    with full_disk(recorder.path.stat().st_size):
        recorder.write(frame(1))  # the compressor has room
        with pytest.raises(RecordingError, match=r"File too large"):
            recorder.close()
    recorder.close()
    assert numbers(recorder.path) == [0]


def test_a_full_disk_from_the_start_leaves_no_file(tmp_path):
    with full_disk(10), pytest.raises(RecordingError, match=r"cannot be written: File too large"):
        Recorder(tmp_path / "a.txt", "lmex", "BTC-PERP")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_recording_ends_when_the_disk_is_full(tmp_path, name, monkeypatch):
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 0.05)
    full = rf"{name} cannot be written: File too large"
    with full_disk(6_000), pytest.raises(RecordingError, match=full):
        obi.record("sim:BTC-PERP", tmp_path / name, seconds=60, seed=3)
    assert len(list(Recording(tmp_path / name))) > 3


@pytest.mark.parametrize("name", ["a.gz", "a.txt"])
def test_a_file_that_was_removed_is_said(tmp_path, name, monkeypatch):
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 0.02)
    recorder = Recorder(tmp_path / name, "lmex", "BTC-PERP")
    recorder.write(frame(0))
    recorder.path.unlink()
    recorder.path.write_text("another")
    time.sleep(0.05)  # the file is looked at as often as it is flushed
    with pytest.raises(RecordingError) as caught:
        recorder.write(frame(1))
    assert str(caught.value) == (
        f"{recorder.path} was removed or replaced while it was written. "
        "Leave it alone until the recording ends."
    )
    recorder.write(frame(2))
    assert recorder.error is caught.value, "a later record does not make it good"
    recorder.close()
    assert recorder.error is caught.value
    assert recorder.path.read_text() == "another"


def test_recording_ends_when_its_file_is_removed(tmp_path):
    path = tmp_path / "a.gz"
    remover = threading.Timer(0.3, lambda: (until(path.exists), path.unlink()))
    remover.start()
    try:
        with pytest.raises(RecordingError, match=r"was removed or replaced"):
            obi.record("sim:BTC-PERP", path, seconds=60, seed=3)
    finally:
        remover.join()


def test_a_recorder_is_written_to_by_several_threads(tmp_path):
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")

    def put(first):
        for number in range(first, first + 500):
            recorder.write(frame(number, size=200))

    async def all_at_once():
        await asyncio.gather(*(asyncio.to_thread(put, 500 * which) for which in range(4)))

    asyncio.run(all_at_once())
    recorder.close()
    assert sorted(numbers(recorder.path)) == list(range(2000))


class SlowDisk:
    """A file whose writes wait until a test lets them go on."""

    def __init__(self, file):
        self.file, self.asked, self.go_on = file, threading.Event(), threading.Event()

    def write(self, data):
        self.asked.set()
        assert self.go_on.wait(60)
        return self.file.write(data)

    def __getattr__(self, name):
        return getattr(self.file, name)


def test_a_disk_that_is_slow_for_a_while_delays_nobody_and_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 0.02)
    path = tmp_path / "slow.gz"
    recorder = Recorder(path, "lmex", "BTC-PERP")
    disk = recorder._file = SlowDisk(recorder._file)
    records = [frame(number) for number in range(2000)]
    try:
        recorder.write(records[0])
        assert disk.asked.wait(60)
        for record in records[1:]:  # while the disk does not answer: none of these waits
            recorder.write(record)
        assert recorder.size < 500
        assert len([one for one in threading.enumerate() if one.name == "obi-flush"]) == 1
        disk.go_on.set()
        until(lambda: recorder._timer is None)
        assert numbers(path) == [*range(2000)], "before it is closed"
    finally:
        disk.go_on.set()
        recorder.close()
    assert numbers(path) == [*range(2000)]


def test_what_waits_for_a_slow_disk_is_bounded_and_then_the_caller_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 0.02)
    monkeypatch.setattr(recorder_module, "MOST_WAITING", 1000)
    recorder = Recorder(tmp_path / "slow.gz", "lmex", "BTC-PERP")
    disk = recorder._file = SlowDisk(recorder._file)
    noise = random.Random(1)
    written = []

    def write():
        for number in range(40):
            text = "".join(noise.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=60_000))
            recorder.write(Record(T0 + number, "frame", "book", f'"{text}"'))
            written.append(number)

    writer = threading.Thread(target=write, daemon=True)
    try:
        writer.start()
        assert disk.asked.wait(60)
        writer.join(1.0)
        assert len(written) < 40
    finally:
        disk.go_on.set()
        writer.join(60)
        recorder.close()
    assert len(written) == len([*Recording(recorder.path)]) == 40
