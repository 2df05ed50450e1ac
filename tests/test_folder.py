"""The folder of a recorder: its files, their names, their market, and who may write there."""

from __future__ import annotations

import subprocess
import sys

import pytest
from days_tools import connection, recorded
from exchange_tools import SECOND
from recording_tools import write

from obi_widgets.errors import RecordingError, RecordingWarning
from obi_widgets.feeds.recording.folder import (
    Lock,
    choose,
    file_name,
    files_in,
    head_of,
    is_recorded,
    markets_in,
    new_recorder,
    place_of,
)

T = 1_795_716_000 * SECOND


def test_names_sort_by_time():
    assert file_name(T) == "2026-11-26T18-00-00.000Z.gz"
    times = [T + at * 1_000_000 for at in (0, 1, 999, 1000, 59_999, 60_000, 86_400_000)]
    names = [file_name(time) for time in times]
    assert names == sorted(set(names))


def test_two_files_of_one_moment_have_two_names(tmp_path):
    recorders = [new_recorder(tmp_path, "lmex", "BTC-PERP", T) for _ in range(3)]
    names = [recorder.path.name for recorder in recorders]
    assert names == [file_name(T), file_name(T + 1_000_000), file_name(T + 2_000_000)]
    for recorder in recorders:
        recorder.close()


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC-PERP", "lmex_BTC-PERP"),
        ("BTC/USDT:USDT", "lmex_BTC%2FUSDT%3AUSDT"),
        ("../x", "lmex_..%2Fx"),
    ],
)
def test_a_symbol_cannot_leave_its_folder(tmp_path, symbol, name):
    place = place_of(tmp_path, "lmex", symbol)
    assert place.parent == tmp_path
    assert place.name == name


def test_a_file_says_its_market_and_its_begin(tmp_path):
    (path,) = recorded(tmp_path, connection(10, 12))
    head = head_of(path)
    assert head.market == "lmex:BTC-PERP"
    assert head.begin == connection(10, 12)[0].time
    assert head_of(write(tmp_path / "empty.gz", [])) is None


def test_markets_are_told_apart_by_what_files_say_not_by_names(tmp_path):
    place = tmp_path / "anything"
    place.mkdir()
    late = write(place / "a.gz", connection(500, 510))
    early = write(place / "b.gz", connection(10, 12))
    other = write(place / "c.gz", connection(10, 12), symbol="ETH-PERP")
    (place / "notes.gz").write_bytes(b"not a recording")
    assert markets_in(tmp_path) == {"lmex:BTC-PERP": [early, late], "lmex:ETH-PERP": [other]}
    assert markets_in(place) == markets_in(tmp_path)
    assert files_in(tmp_path, "lmex:ETH-PERP") == [other]


def test_a_recording_whose_beginning_is_damaged_is_told(tmp_path):
    good, damaged = recorded(tmp_path, connection(10, 12), connection(500, 510))
    damaged.write_bytes(bytes(40) + damaged.read_bytes()[40:])
    place = good.parent
    (place / file_name(T)).touch()  # a recorder has just made it
    write(place / file_name(T + SECOND), [])
    with pytest.warns(RecordingWarning) as told:
        assert markets_in(tmp_path) == {"lmex:BTC-PERP": [good]}
    text = f"{damaged} is damaged at its beginning, so it is left out."
    assert [str(one.message) for one in told] == [text]


def test_a_market_must_be_chosen_if_there_are_several(tmp_path):
    markets = ["sim:ETH-PERP", "sim:BTC-PERP"]
    assert choose(tmp_path, markets[:1], None) == "sim:ETH-PERP"
    assert choose(tmp_path, markets, "sim:BTC-PERP") == "sim:BTC-PERP"
    cases = {
        (tuple(markets), None): (
            f"{tmp_path} holds several markets: sim:BTC-PERP, sim:ETH-PERP. "
            "Choose one: market='sim:BTC-PERP'."
        ),
        (tuple(markets), "sim:ETH-PREP"): (
            f"{tmp_path} holds no recording of sim:ETH-PREP. Did you mean 'sim:ETH-PERP'?"
        ),
    }
    for (known, market), text in cases.items():
        with pytest.raises(RecordingError) as error:
            choose(tmp_path, [*known], market)
        assert str(error.value) == text


@pytest.mark.parametrize("market", ["SIM:btc-perp", "sim:BTC/USDT", "Binance-USDM:btc-usdt"])
def test_a_market_of_a_folder_may_be_spelled_in_any_common_way(tmp_path, market):
    markets = ["sim:ETH-PERP", "sim:BTC-PERP", "binance-usdm:BTCUSDT"]
    meant = "sim:BTC-PERP" if market[0] in "Ss" else "binance-usdm:BTCUSDT"
    assert choose(tmp_path, markets, market) == meant


@pytest.mark.parametrize("market", ["sim:SOL-PERP", "nowhere:BTC", "BTC-PERP", ""])
def test_a_market_that_a_folder_does_not_have_is_told_as_it_was_given(tmp_path, market):
    with pytest.raises(RecordingError, match=f"holds no recording of {market}\\. "):
        choose(tmp_path, ["sim:ETH-PERP", "sim:BTC-PERP"], market)


def test_one_recorder_at_a_time(tmp_path):
    with Lock(tmp_path):
        assert is_recorded(tmp_path)
        with pytest.raises(RecordingError, match=r"is being recorded into already\. End the other"):
            Lock(tmp_path).__enter__()
    assert not is_recorded(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_its_process(tmp_path):
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from obi_widgets.feeds.recording.folder import Lock\n"
        "with Lock(Path(sys.argv[1])):\n    print('locked', flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "locked\n"
        assert is_recorded(tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert not is_recorded(tmp_path)
