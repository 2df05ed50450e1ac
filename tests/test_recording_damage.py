"""Reading damaged recordings: what can be read is read, what was left out is counted and told."""

import asyncio
import gzip
import json
import random
import subprocess
import sys
import zlib

import pytest
import zstandard
from exchange_tools import SECOND
from recording_tools import HEADER, RECORDS, T0, capture, put, write

import obi_widgets as obi
from obi_widgets.errors import RecordingError, RecordingWarning
from obi_widgets.feeds.loading import Player
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record, Recorder, Recording
from obi_widgets.feeds.recording import recorder as recorder_module
from obi_widgets.feeds.recording.recorder import MEMBER_SIZE
from obi_widgets.feeds.replay import ReplayFeed

NAMES = ["a.gz", "a.txt", "a.zst"]


def read(path, **how):
    """Return the records of a file, and what was left out, in words."""
    recording = Recording(path, **how)
    return list(recording), recording.skipped.damage


def some(count, first=0):
    return [Record(T0 + n, "frame", "book", f'{{"n":{n}}}') for n in range(first, first + count)]


def lines(records):
    return "".join(f"{record.time} {record.text}\n" for record in records)


# -- lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_blank_lines_and_other_ends_and_a_mark_are_nothing(tmp_path, name):
    text = HEADER + lines(some(5))
    for other in (
        text.replace("\n", "\n\n"),
        text + "\n\n",
        text.replace("\n", "\r\n"),
        "\ufeff" + text,
        text.replace("\n", "\n  \t\n"),
        text.rstrip("\n"),
    ):
        assert read(put(tmp_path / name, other)) == (some(5), [])


def test_a_mark_before_a_capture_is_nothing(tmp_path):
    path = put(tmp_path / "a.txt", "\ufeff" + "".join(capture()))
    assert len(obi.load(path, interval=0)) == 201


BAD = [
    "nothing",
    f"{T0}",
    f"{T0} ",
    "x frame",
    f"{T0} @frame {{",
    f"{T0} @what []",
    f"{T0} @",
    f"{T0} @open []",
    f'{T0} @open ["a"]',
    f'{T0} @close ["a",null]',
    f"{T0} @pong []",
    f"{T0} @clock []",
    f"{T0} @clock [1.5]",
    f"{T0} @clock [{10**30}]",
    f'{T0} @answer ["a",200]',
    f'{T0} @answer ["a",200,"b",1,2]',
    f'{T0} @answer ["a",1e30,"b"]',
    f'{T0} @answer ["a","1_0","b"]',
    f'{T0} @answer ["a",200,null]',
    f'{T0} @answer ["a",200,"b","now"]',
    f'{T0} @answer {{"a":1}}',
    f'{T0} {{"cut":',
    f'{T0} {{"deep":' + "[" * 200_000 + "]" * 200_000 + "}",
    f"{T0} @frame " + "[" * 5000,
    "\0" * 50,
    "-5 pong",
    f"+{T0} pong",
    f"{T0:_} pong",
    "16 pong",
    "9223372036854775808 pong",
    "9223372036854775807 pong",
    "9" * 5000 + " pong",
    "{",
    '{"format":"else"}',
]


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_line_that_is_not_a_record_is_left_out_and_counted(tmp_path, line):
    text = HEADER + lines(some(3)) + f"{line}\n" + lines(some(3, 3)) + f"{line}\n"
    assert read(put(tmp_path / "a.txt", text)) == (
        some(6),
        ["2 lines could not be read and were left out; the first is line 5 of a.txt."],
    )


def test_a_line_that_is_no_text_is_left_out(tmp_path):
    damaged = HEADER.encode() + f"{T0} ".encode() + b"\xff\xfe\n" + lines(some(3)).encode()
    assert read(put(tmp_path / "a.gz", damaged)) == (
        some(3),
        ["One line could not be read and was left out: line 2 of a.gz."],
    )


def test_answers_of_before_had_no_date(tmp_path):
    text = f'{HEADER}{T0} @answer ["a",200,"b"]\n{T0} @answer ["a",200,"b",null]\n'
    records, damage = read(put(tmp_path / "a.txt", text))
    assert records == 2 * [Record(T0, "answer", "a", "b", 200)]
    assert damage == []


def test_where_nothing_is_a_record_any_more_reading_ends(tmp_path):
    path = put(tmp_path / "a.gz", HEADER + lines(some(3)) + 150_000 * "\n")
    with pytest.raises(RecordingError) as caught:
        list(Recording(path))
    assert str(caught.value) == (
        "a.gz is no recording from line 5 on: 100,000 lines in a row are not records. "
        "Cut it off there."
    )


@pytest.mark.parametrize("unreadable", ["xx", '{"bad":', "\0\0\0\0"])
def test_one_line_in_a_thousand_gives_all_else(tmp_path, unreadable):
    whole = capture(5_000)
    damaged = list(whole)
    for at in range(4_000, 0, -1_000):
        damaged.insert(at, f"{unreadable}\n")
    path = put(tmp_path / "a.gz", "".join(damaged))
    with pytest.warns(RecordingWarning) as told:
        history = obi.load(path, interval=0)
    said = "4 lines could not be read and were left out; the first is line 1,001 of a.gz."
    assert [str(one.message) for one in told] == [said]
    assert history.notes[-1] == said
    assert history.sha256() == obi.load(put(tmp_path / "b.gz", "".join(whole)), interval=0).sha256()


def test_a_damaged_change_of_the_book_is_a_gap_by_itself(tmp_path):
    whole = capture(200)
    whole[100] = "xx\n"
    path = put(tmp_path / "a.gz", "".join(whole))
    with pytest.warns(RecordingWarning) as told:
        history = obi.load(path, interval=0)
    assert len(history) == 100  # the snapshot, 98 changes, and a gap
    assert history.gaps == 1
    assert len(told) == 1
    assert history.notes[:2] == (
        "One line could not be read and was left out: line 101 of a.gz.",
        "The book was lost at 00:00:10, and no snapshot follows: the last 10 of 20 s were not "
        "used.",
    )
    assert history.notes[2].startswith(
        "Why it was lost the first time: The book was thrown away: event "
    )


# -- files ---------------------------------------------------------------------------------


def test_a_plain_file_that_was_cut_off_keeps_its_whole_lines(tmp_path):
    path = write(tmp_path / "a.txt")
    data = path.read_bytes()
    ends = [index for index, byte in enumerate(data) if byte == ord("\n")]
    for cut in [*range(ends[0] + 1, len(data), 7), *ends[1:-1]]:
        path.write_bytes(data[:cut])
        whole = sum(end < cut for end in ends) - 1  # the first is the header
        records, damage = read(path)
        closed = cut in ends and data[cut - 1 : cut] in (b"]", b"}")  # only its end is missing
        assert records == RECORDS[: whole + closed]
        at_end = closed or cut - 1 in ends
        assert damage == ([] if at_end else [f"a.txt is cut off after line {whole + 1}."])


@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_a_packed_file_that_was_cut_off_keeps_what_can_be_unpacked(tmp_path, name):
    noise = random.Random(1)
    many = [
        Record(T0 + n, "frame", "book", f'{{"n":{n},"x":"{noise.randbytes(20).hex()}"}}')
        for n in range(20_000)
    ]
    path = put(tmp_path / name, HEADER + lines(many))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    kept, damage = read(path)
    assert kept == many[: len(kept)]
    assert 8_000 < len(kept) < 12_000
    assert damage == [f"{name} is cut off after line {len(kept) + 1:,}."]


@pytest.mark.parametrize("cut", [3, 11, 30])
def test_a_packed_file_that_ends_in_its_beginning_is_refused(tmp_path, cut):
    path = write(tmp_path / "a.gz")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RecordingError, match=r"^a\.gz (is cut off|has bytes)"):
        Recording(path)


def test_what_is_packed_is_told_by_the_bytes(tmp_path):
    data = (HEADER + lines(some(5))).encode()
    for name, packed in (
        ("a.txt", gzip.compress(data)),
        ("b.gz", data),
        ("c.zst", gzip.compress(data)),
        ("d.gz", zstandard.compress(data)),
    ):
        (tmp_path / name).write_bytes(packed)
        assert read(tmp_path / name) == (some(5), [])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_packed_files_behind_each_other_are_one(tmp_path, pack):
    parts = (HEADER + lines(some(3)), lines(some(3, 3)), HEADER + lines(some(3, 6)))
    path = tmp_path / "a.gz"
    path.write_bytes(b"".join(pack(part.encode()) for part in parts))
    assert read(path) == (some(9), [])


def test_a_header_of_gzip_with_everything_in_it_is_read(tmp_path):
    raw = zlib.compressobj(wbits=-15)
    data = (HEADER + lines(some(3))).encode()
    body = raw.compress(data) + raw.flush()
    fields = b"\x02\0ab" + b"name\0" + b"comment\0" + b"\0\0"
    trailer = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    path = tmp_path / "a.gz"
    path.write_bytes(b"\x1f\x8b\x08\x1e\0\0\0\0\0\x03" + fields + body + trailer)
    assert read(path) == (some(3), [])


def test_what_stands_behind_gzip_is_told_unless_it_is_zeros(tmp_path):
    path = write(tmp_path / "a.gz")
    data = path.read_bytes()
    path.write_bytes(data + bytes(4096))
    assert read(path) == (RECORDS, [])
    path.write_bytes(data + b"garbage")
    last = len(RECORDS) + 1
    assert read(path) == (RECORDS, [f"a.gz has bytes after line {last} that are not gzip."])


def test_a_wrong_checksum_is_told(tmp_path):
    path = put(tmp_path / "a.gz", HEADER + lines(some(9)))
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    assert read(path) == (
        some(9),
        ["a.gz does not match its checksum: a number up to line 10 may be wrong."],
    )


@pytest.mark.parametrize("place", [0.2, 0.5, 0.8])
def test_damage_in_gzip_is_told_and_what_is_before_and_behind_it_is_read(
    tmp_path, place, monkeypatch
):
    monkeypatch.setattr(recorder_module, "FLUSH_EVERY", 1e6)  # s: what is packed is always the same
    noise = random.Random(1)
    many = [
        Record(T0 + n, "frame", "book", json.dumps({"n": n, "x": noise.randbytes(200).hex()}))
        for n in range(20_000)
    ]
    recorder = Recorder(tmp_path / "a.gz", "lmex", "BTC-PERP")
    for number, record in enumerate(many):
        recorder.write(record)
        if number % 100 == 99:
            recorder._flush()  # as the timer would
    recorder.close()
    data = bytearray(recorder.path.read_bytes())
    at = int(place * len(data))
    data[at : at + 50] = bytes(50)
    recorder.path.write_bytes(data)
    kept, damage = read(recorder.path)
    assert damage
    assert all("a.gz" in one for one in damage)
    lost, wrong = set(many) - set(kept), set(kept) - set(many)
    member = MEMBER_SIZE / len(many[0].text)  # records; others of it may be copies of what is wrong
    assert len(wrong) < member
    assert 0 < len(lost) < 2.5 * member
    before = next(n for n, record in enumerate(many) if record in lost)
    assert place - 0.05 < before / len(many) < place + 0.05
    assert many[-1] in kept or place > 0.95


@pytest.mark.slow
def test_a_flipped_bit_is_always_told(tmp_path):
    path = put(tmp_path / "a.gz", HEADER + lines(some(2_000)))
    data, noise = path.read_bytes(), random.Random(2)
    for _ in range(200):
        at = noise.randrange(20, len(data))
        damaged = bytearray(data)
        damaged[at] ^= 1 << noise.randrange(8)
        path.write_bytes(damaged)
        try:
            records, damage = read(path)
        except RecordingError:
            assert at < 200  # the header was hit
        else:
            assert damage
            assert records[:5] == some(5) or at < 200


BOMBS = {
    "one line": "[header, stamp, *200 * [b'a' * 2**20]]",
    "long lines": "[header, *6 * [stamp + b'[' + 15 * 2**20 * b'1' + b']\\n']]",
    "nested": "[header, *6 * [stamp + 15 * 2**20 * b'[' + b'\\n']]",
    "zeros": "[header, *200 * [bytes(2**20)]]",
    "short lines": "[header, *100 * [2**19 * b'x\\n']]",
}

BOMB = """
import gc, sys, warnings, zlib, zstandard
from pathlib import Path
from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording import Recording

header, stamp = sys.argv[1].encode(), b"1700000000000000000 "
path = Path(sys.argv[3])
gz = path.suffix == ".gz"
pack = zlib.compressobj(wbits=31) if gz else zstandard.ZstdCompressor(19).compressobj()
with path.open("wb") as file:
    for part in eval(sys.argv[2]):
        file.write(pack.compress(part))
    file.write(pack.flush())
assert path.stat().st_size < 1_100_000
del pack, part
gc.collect()

def kilobytes(name):
    return next(int(line.split()[1]) for line in open("/proc/self/status") if name in line)

Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = kilobytes("VmRSS")
told = ""
try:
    recording = Recording(path)
    for record in recording:
        pass
    told = " ".join(recording.skipped.damage)
except RecordingError as error:
    told = str(error)
print((kilobytes("VmHWM") - before) // 1024, told)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", ["a.gz", "a.zst"])
def test_a_bomb_costs_little_memory(tmp_path, bomb, name):
    command = [sys.executable, "-c", BOMB, HEADER, BOMBS[bomb], str(tmp_path / name)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    megabytes, _, told = done.stdout.partition(" ")
    assert int(megabytes) < 100
    if bomb != "long lines":
        assert "left out" in told or "no recording from line" in told


# -- as a history --------------------------------------------------------------------------


def test_a_lost_event_is_told(tmp_path):
    whole = capture(3_000)
    del whole[100]
    path = put(tmp_path / "a.txt", "".join(whole))
    with pytest.warns(
        RecordingWarning,
        match=r"^The book was lost at 00:00:10, and no snapshot follows: the last 290 of 300 s",
    ):
        history = obi.load(path)
    assert "event" in history.notes[1]


def test_seconds_without_a_book_are_told(tmp_path):
    whole = capture(200)
    del whole[100]
    opened = f'{T0 + 60 * SECOND} @open ["book",""]\n'
    later = [f"{int(line[:19]) + 60 * SECOND}{line[19:]}" for line in capture(200)]
    path = put(tmp_path / "a.txt", "".join([*whole, opened, *later]))
    with pytest.warns(RecordingWarning) as told:
        obi.load(path, interval=0)
    assert str(told[0].message).startswith(
        "There is no book for 50.1 of 80 s: it was lost once, first at 00:00:10. "
    )


def test_a_book_that_begins_late_is_told(tmp_path):
    whole = capture(200)
    late = [f"{int(whole[0][:19]) - 30 * SECOND}{whole[0][19:]}", *whole]
    path = put(tmp_path / "a.txt", "".join(late))
    with pytest.warns(RecordingWarning) as told:
        obi.load(path, interval=0)
    assert str(told[0].message) == (
        "The book begins at 00:00:30: no snapshot came before, so nothing before was used."
    )


def test_frames_of_other_kinds_are_noted_and_no_alarm(tmp_path):
    whole = capture(50)
    ticker = '{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":1,"s":"BTCUSDT"}}'
    whole[10:10] = 3 * [f"{T0 + SECOND // 2} {ticker}\n"]
    history = obi.load(put(tmp_path / "a.txt", "".join(whole)), interval=0)
    assert len(history) == 51
    assert history.notes == ("Frames that were not used: bookTicker 3.",)


def test_a_clean_recording_has_no_note(tmp_path):
    path = put(tmp_path / "a.txt", "".join(capture()))
    assert obi.load(path).notes == ()


@pytest.mark.parametrize("speed", [None, 10_000.0])
def test_a_replay_goes_on_behind_a_damaged_line_and_says_so_at_its_end(tmp_path, speed):
    whole = capture(100)
    whole.insert(50, "xx\n")
    recording = Recording(put(tmp_path / "a.gz", "".join(whole)))
    market = Market(recording.make_venue(), interval=0)
    asyncio.run(ReplayFeed(market, recording, speed).run())
    assert len(market.history()) == 101
    assert market.detail == (
        "The recording has ended. One line could not be read and was left out: line 51 of a.gz."
    )
    note = "One line could not be read and was left out: line 51 of a.gz."
    assert market.history().notes == (note,)
    assert market.venue.can_ask is False


def test_a_player_takes_the_short_way_around_damage(tmp_path, monkeypatch):
    whole = capture(1_000)
    whole.insert(500, "xx\n")
    recording = Recording(put(tmp_path / "a.gz", "".join(whole)))
    market = Market(recording.make_venue(), interval=3600)
    player = Player(market)
    slow = []

    def noting(read_line):
        return lambda number, line: slow.append(number) or read_line(number, line)

    for chunk in recording.chunks():
        monkeypatch.setattr(chunk.reader, "read", noting(chunk.reader.read))
        player.play(chunk)
    assert len(slow) < 10
    assert player.messages == 1_002
