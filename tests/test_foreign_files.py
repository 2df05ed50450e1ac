"""Files of other markets, of several, or of no recording: refused by what they are."""

import gzip
import heapq
import io
import json

import numpy as np
import pandas as pd
import pytest
import zstandard
from recording_tools import HEADER, T0, capture, put, write

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, RecordingError, SourceError
from obi_widgets.feeds.recording import Recording
from obi_widgets.market_data.venues import VENUES

ARRAYS = "obi.History.from_arrays(time_ns, bid_price, bid_size, ask_price, ask_size)"
BTC, ETH = "binance-usdm:BTCUSDT", "binance-usdm:ETHUSDT"


def refused(path, **how):
    with pytest.raises(RecordingError) as caught:
        obi.load(path, **how)
    return str(caught.value)


# -- of other markets ----------------------------------------------------------------------


@pytest.mark.parametrize("market", [ETH, "lmex:BTC-PERP"])
def test_a_capture_of_another_market_is_refused_with_its_name(tmp_path, market):
    path = put(tmp_path / "btc.gz", "".join(capture()))
    assert refused(path, market=market) == (
        f"btc.gz is of {BTC}, not of {market}. Give market='{BTC}', or another file."
    )
    for own in (BTC, "Binance-USDM:btc/usdt"):
        assert len(obi.load(path, market=own, interval=0)) == 201


@pytest.mark.parametrize("market", ["lmex:ETH-PERP", "sim:BTC-PERP"])
def test_a_recording_of_another_market_is_refused_with_its_name(tmp_path, market):
    assert refused(write(tmp_path / "a.gz"), market=market) == (
        f"a.gz is of lmex:BTC-PERP, not of {market}. Give market='lmex:BTC-PERP', or another file."
    )


def test_each_file_is_looked_at(tmp_path):
    btc = put(tmp_path / "btc.gz", "".join(capture()))
    eth = put(tmp_path / "eth.gz", "".join(capture(symbol="ETHUSDT", price=3_000.0)))
    assert refused([btc, eth], market=BTC).startswith(f"eth.gz is of {ETH}, not of {BTC}.")
    assert refused([btc, eth]) == (
        f"These files hold several markets: {BTC} and {ETH}. Choose one: market='{BTC}'."
    )


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        (
            '{"stream":"ethusdt@depth","data":{"e":"depthUpdate","E":1,"s":"ETHUSDT","U":1,"u":2}}',
            "binance-spot:ETHUSDT",
        ),
        (
            '{"stream":"ethusd_perp@depth","data":{"e":"depthUpdate","E":1,"T":1,'
            '"s":"ETHUSD_PERP","ps":"ETHUSD","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
            "binance-coinm:ETHUSD_PERP",
        ),
        (
            '{"stream":"ethusdt@depth","data":{"e":"depthUpdate","E":1,"T":1,'
            '"s":"ETHUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}',
            ETH,
        ),
    ],
)
def test_a_market_of_binance_is_not_taken_for_another(tmp_path, frame, name):
    path = put(tmp_path / "eth.gz", f"{T0} {frame}\n")
    assert Recording(path).market == name
    for other in ("binance-spot:ETHUSDT", ETH, "binance-coinm:ETHUSD_PERP"):
        if other != name:
            told = refused(path, market=other)
            assert told.startswith(f"eth.gz is of {name}, not of {other}.")


def test_a_recording_of_a_venue_that_is_not_decoded_is_refused(tmp_path):
    header = HEADER.replace("lmex", "nowhere")
    assert refused(put(tmp_path / "a.gz", header)) == (
        f"a.gz is of nowhere:BTC-PERP, a venue that this package does not decode. It decodes "
        f"{', '.join(VENUES)}. Give books of another to {ARRAYS}."
    )


def test_a_capture_that_does_not_say_its_venue_asks_for_it(tmp_path):
    lines = [f"{T0} pong\n", f'{T0} {{"topic":"update:ETH-PERP_0","data":{{}}}}\n']
    path = put(tmp_path / "a.gz", lines[0])
    assert refused(path) == (
        "a.gz does not say which venue it was recorded at. Give it: market='venue:SYMBOL'."
    )
    assert Recording(path, market="lmex:BTC-PERP").make_venue().symbol == "BTC-PERP"
    path = put(tmp_path / "b.gz", "".join(lines))
    assert refused(path) == (
        "b.gz is of ETH-PERP, and does not say which venue it was recorded at. "
        "Give it: market='lmex:ETH-PERP', or another of lmex, btse, sim."
    )
    assert Recording(path, market="btse:ETH-PERP").make_venue().name == "btse"
    with pytest.raises(RecordingError, match=r"^b\.gz is of lmex:ETH-PERP, not of btse:BTC-PERP"):
        Recording(path, market="btse:BTC-PERP")


@pytest.mark.parametrize("market", ["BTCUSDT", ":BTCUSDT", "binance-usdm:", "", 3])
def test_a_market_that_is_none_is_refused(tmp_path, market):
    path = put(tmp_path / "a.gz", "".join(capture()))
    with pytest.raises(ArgumentError) as caught:
        obi.load(path, market=market)
    assert str(caught.value) == f"market = {market!r} names no market. Give 'venue:SYMBOL'."


def test_a_venue_that_is_none_is_refused(tmp_path):
    path = put(tmp_path / "a.gz", "".join(capture()))
    with pytest.raises(SourceError, match=r"^There is no venue 'binance-usd'\. Did you mean"):
        obi.load(path, market="binance-usd:BTCUSDT")


# -- of several ----------------------------------------------------------------------------


def both(order):
    btc, eth = capture(), capture(symbol="ETHUSDT", price=3_000.0)
    mixed = {
        "mixed": heapq.merge(btc, eth, key=lambda line: int(line[:19])),
        "one after the other": [*btc, *eth],
    }
    return "".join(mixed[order]), {BTC: btc, ETH: eth}


@pytest.mark.parametrize("order", ["mixed", "one after the other"])
@pytest.mark.parametrize("market", [BTC, ETH])
def test_a_file_of_two_markets_gives_the_one_that_was_asked_for(tmp_path, order, market):
    text, alone = both(order)
    history = obi.load(put(tmp_path / "both.gz", text), market=market, interval=0)
    single = obi.load(put(tmp_path / "one.gz", "".join(alone[market])), interval=0)
    assert history.sha256() == single.sha256()
    assert history.gaps == 0
    other = ETH if market == BTC else BTC
    # The snapshot that names no market is recognised by its prices.
    assert history.notes == (f"202 lines are of {other} and were left out.",)


def test_a_file_of_two_markets_is_refused_when_none_was_asked_for(tmp_path):
    assert refused(put(tmp_path / "both.gz", both("mixed")[0])) == (
        f"both.gz holds several markets: {BTC} and {ETH}. Choose one: market='{BTC}'."
    )
    longer = "".join([*capture(2_000), *capture(10, symbol="ETHUSDT")])  # it begins far behind
    assert refused(put(tmp_path / "later.gz", longer)) == (
        f"later.gz holds several markets: {BTC}, and from line 2,003 on {ETH}. "
        f"Choose one: market='{BTC}'."
    )


def test_a_snapshot_that_may_be_of_either_is_left_out_and_told(tmp_path):
    one, other = capture(), capture(symbol="BTCUSDC", price=60_010.0)
    text = "".join([one[0], other[0], *one[1:]])
    assert "The snapshot in line 3 of a.gz does not name its market, and was left" in (
        refused(put(tmp_path / "a.gz", text), market=BTC)
    )


def test_recordings_of_two_markets_behind_each_other(tmp_path):
    other = HEADER.replace("BTC-PERP", "ETH-PERP")
    text = f"{HEADER}{T0} one\n{other}{T0} two\n{T0} three\n{HEADER}{T0} four\n"
    path = put(tmp_path / "a.gz", text)
    recording = Recording(path, market="lmex:BTC-PERP")
    assert [record.text for record in recording] == ["one", "four"]
    assert recording.skipped.of_other_markets == ["2 lines are of lmex:ETH-PERP and were left out."]
    recording = Recording(path, market="lmex:ETH-PERP")
    assert [record.text for record in recording] == ["two", "three"]
    with pytest.raises(
        RecordingError, match=r"a\.gz holds several markets: lmex:BTC-PERP and lmex"
    ):
        Recording(path)


# -- headers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (
            '{"format":"obi-recording","version":2,"venue":"lmex","symbol":"X"}',
            "a.gz is a recording of version 2, and this package reads 1. "
            "Update with: pip install -U obi-widgets.",
        ),
        (
            '{"format":"obi-recording","version":1}',
            "The first line of a.gz does not name its market. It needs a venue and a symbol.",
        ),
        (
            '{"format":"obi-recording","version":1,"venue":[1],"symbol":{}}',
            "The first line of a.gz does not name its market. It needs a venue and a symbol.",
        ),
        (
            '{"format":"obi-recording","version":1,"venue":"nope","symbol":"X"}',
            "a.gz is of nope:X, a venue that this package does not decode. It decodes "
            f"{', '.join(VENUES)}. Give books of another to {ARRAYS}.",
        ),
    ],
)
def test_a_header_that_cannot_be_used_is_said(tmp_path, header, said):
    assert refused(put(tmp_path / "a.gz", f"{header}\n{T0} pong\n")) == said


# -- of no recording -----------------------------------------------------------------------

DEPTH = '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","s":"BTCUSDT","pu":0}}'

FOREIGN = {
    "BTCUSDT-bookDepth-2024-01-01.csv": (
        "timestamp,percentage,depth,notional\n2024-01-01 00:00:09,-5,9148.6,3.7e8\n",
        "a CSV file of Binance's bookDepth",
    ),
    "numbers.csv": ("1,2,3,4,5\n", "a table of numbers (CSV)"),
    "mine.csv": ("time,bid,ask\n1,2,3\n", "a table (CSV) whose columns are time,bid,ask"),
    "a.parquet": (b"PAR1" + bytes(40), "a truncated or damaged Parquet file"),
    "a.feather": (b"ARROW1\0\0", "an Arrow (Feather) table"),
    "a.h5": (b"\x89HDF\r\n", "an HDF5 file"),
    "a.npy": (b"\x93NUMPY\x01\0", "a NumPy array"),
    "a.xz": (b"\xfd7zXZ\0", "packed with xz"),
    "a.bz2": (b"BZh9", "packed with bzip2"),
    "utf16.txt": (f"{T0} x".encode("utf-16"), "text in UTF-16"),
    "dump.1.0": (
        f"wss://stream.example/ws <-> 1626992740.1\n1626992741.08: {DEPTH}\n",
        "a dump of cryptofeed's raw messages",
    ),
    "dump.jsonl": (
        '{"t":"header","format":2,"exchange":"BITFINEX"}\n',
        "a raw file of cryptofeed, recorded at BITFINEX, a venue that is not known here yet",
    ),
    "snapshot.json": (
        '{"lastUpdateId":5,"E":1,"T":1,"bids":[["1","1"]],"asks":[["2","1"]]}',
        "a single snapshot of a book",
    ),
    "frames.jsonl": (f"{DEPTH}\n{DEPTH}\n", "JSON without receive times: its first line is"),
    "page.html": ("<!DOCTYPE html><html>404</html>", "a web page"),
    "settings.toml": ("[signal]\ndepth = 5\n", "a settings file (TOML)"),
    "lab.ipynb": ('{\n "cells": [],\n "nbformat": 4\n}', "a notebook"),
    "cut.txt": (HEADER[:30], "cut off or damaged in its first line"),
    "other.txt": ("once upon a time\n", "not a recording: its first line is 'once upon a time'"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("how", [{}, {"market": BTC}])
def test_a_foreign_file_is_refused_by_what_it_is(tmp_path, name, how):
    data, what = FOREIGN[name]
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    said = refused(path, **how)
    assert said.startswith(f"{name} is {what}")
    assert said.endswith(".")
    if isinstance(data, str):  # and packed, too
        (tmp_path / "packed.gz").write_bytes(gzip.compress(data.encode()))
        packed = refused(tmp_path / "packed.gz", **how)
        assert packed.startswith("packed.gz is ")
        assert packed.removeprefix("packed.gz") == said.removeprefix(name)


def test_the_way_in_is_named(tmp_path):
    np.savez(tmp_path / "b.npz", mine=np.zeros(3))
    assert refused(tmp_path / "b.npz").endswith(f"and give its columns to {ARRAYS}.")


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        ("1700000000.5", "are seconds, such as 1700000000.5. Multiply them by 1,000,000,000"),
        ("1700000000000", "are milliseconds, such as 1700000000000. Multiply them by 1,000,000"),
        ("1700000000000000", "are microseconds, such as 1700000000000000. Multiply them by 1,000"),
        ("17", ", such as 17, are not between 1980 and now. A recording has nanoseconds since"),
        ("9" * 24, f", such as {'9' * 24}, are not between 1980 and now."),
    ],
)
def test_receive_times_in_another_unit_are_refused_with_the_unit_that_fits(tmp_path, stamp, said):
    text = "".join(f"{stamp} {json.dumps({'n': n})}\n" for n in range(3))
    assert said in refused(put(tmp_path / "a.gz", text), market=BTC)


def test_an_empty_file_and_a_folder_and_nothing_are_said(tmp_path):
    (tmp_path / "a.gz").touch()
    assert refused(tmp_path / "a.gz") == (
        "a.gz is empty. Give a file that obi.record made, "
        "or lines of '<receive time in ns> <frame>'."
    )
    assert refused(tmp_path) == (
        f"{tmp_path} is a folder without a recording of obi.record. "
        "Give files of other kinds as a list, in the order of time."
    )
    assert refused(tmp_path / "b.gz") == f"There is no file {tmp_path / 'b.gz'}. Check the path."
    assert refused([]) == "No recording was given. Give the path of one."
    for what, said in (
        (3, "A int is no recording"),
        (b"a.gz", "A bytes is not a path"),
        (io.BytesIO(), "A BytesIO is not a path"),
    ):
        with pytest.raises(ArgumentError, match=f"^{said}"):
            obi.load(what)


def test_what_is_packed_twice_is_to_be_unpacked(tmp_path):
    table = pd.DataFrame({"a": [1]}).to_parquet()
    for name, data, said in (
        ("a.gz", gzip.compress(b"1700000000000000000 {}\n"), "packed with gzip"),
        ("a.zst", zstandard.compress(b"1700000000000000000 {}\n"), "packed with Zstandard"),
        ("a.parquet.gz", table, "a Parquet table, not a recording"),
    ):
        (tmp_path / name).write_bytes(gzip.compress(data))
        assert refused(tmp_path / name) == (
            f"{name} is packed, and its contents are {said}. Unpack it first."
        )


def test_a_file_that_may_not_be_read_is_said(tmp_path, monkeypatch):
    path = write(tmp_path / "a.gz")
    monkeypatch.setattr(
        type(path), "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Not permitted"))
    )
    assert refused(path) == f"{path} cannot be read: Not permitted. Check the file."
