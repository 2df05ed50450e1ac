"""A history that was saved is the same when it is loaded; a file that is not whole is refused."""

from __future__ import annotations

import builtins
import json
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from exchange_tools import captured
from hypothesis import example, given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.errors import HistoryError, RecordingError, SettingsError
from obi_widgets.history import parquet
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Liquidation, Mark, Trade
from obi_widgets.signals.registry import find

T0 = 1_700_000_000 * 10**9
MARKET = Instrument("sim", "X", "A label", "USDT", tick_size=0.1, contract_size=0.001)


def written(states=300, levels=3, *, seed=0, capacity=None):
    """Return a history of random books with trades, marks and gaps."""
    random = np.random.default_rng(seed)
    writer = HistoryWriter(MARKET, levels=levels, interval=0, capacity=capacity)
    book, at = Book(), T0
    for number in range(states):
        bid = 1000 + int(random.integers(-5, 6))
        away = np.cumsum(random.integers(1, 300, (2, levels)), axis=1) - 1
        bids, asks = (
            [((bid + sign * (offset + int(one))) / 10, float(random.integers(1, 999)) / 7)
             for one in row]
            for sign, offset, row in ((-1, 0, away[0]), (+1, 1, away[1]))
        )  # fmt: skip
        book.replace(bids, asks, limit=levels)
        for _ in range(int(random.integers(0, 3))):
            at += 11
            size, side = float(random.integers(1, 10**6)) / 1000, int(random.choice([-1, 1]))
            writer.tape.trade(Trade(at - 7, at, bid / 10, size, side, number), at)
        if number % 10 == 0:
            at += 3
            mark = Mark(at - 1, at, bid / 10, bid / 9, 1e-5 * number, long_short_ratio=number / 7)
            writer.tape.mark(mark, at)
            if number % 3 == 0:
                side = 1 if number % 60 else -1
                forced = Liquidation(at - 2, at, bid / 10, (number + 1) / 3, side)
                writer.tape.liquidation(forced, at)
        at += int(random.integers(1, 10**9))
        writer.append(at, at + 5, book)
        if number % 97 == 96:
            writer.gap(at + 6)
    return writer.history(notes=("A note, with ünïcode.",))


def assert_same(found, expected):
    """Assert that all that a history knows is the same, to the bit."""
    for one in fields(obi.History):
        if one.name in ("blocks", "offset", "trades", "context", "flow", "depth", "large_levels"):
            continue
        value, other = getattr(found, one.name), getattr(expected, one.name)
        if isinstance(value, np.ndarray):
            assert value.dtype == other.dtype, one.name
            assert np.ascontiguousarray(value).tobytes() == other.tobytes(), one.name
        else:
            assert value == other, one.name
    assert (found.flow is None) == (expected.flow is None)
    if found.flow is not None:
        assert found.flow.lot_size == expected.flow.lot_size
        for name in ("order_flow", "events"):
            value, other = getattr(found.flow, name), getattr(expected.flow, name)
            assert value.dtype == other.dtype
            assert np.array_equal(value, other)
    for name in ("sha256", "provenance"):
        assert getattr(found, name) == getattr(expected, name) or found.sha256() == (
            expected.sha256()
        )
    for table in ("trades", "context"):
        one, other = getattr(found, table), getattr(expected, table)
        assert one.sha256() == other.sha256()
        assert one.stamps.tolist() == other.stamps.tolist()
    assert found.depth.sha256() == expected.depth.sha256()
    assert found.large_levels.sha256() == expected.large_levels.sha256()
    for one, other in ((found, expected), (found[1:], expected[1:])):  # the same states'
        assert one.depth.received.tolist() == other.depth.received.tolist()
        # Of each second, the first state is sampled: a slice within a second may have no sample.
        assert len(one.depth) > 0 or len(np.unique(other.time // 10**9)) < 2
    assert found.trades.amounts.dtype == expected.trades.amounts.dtype
    assert repr(found) == repr(expected)
    assert repr(found.trades) == repr(expected.trades)
    assert found.trades.start == expected.trades.start


def back(history, folder):
    return obi.load(history.save(folder / "x.parquet"))


@pytest.mark.parametrize("states", [1, 300, BLOCK, BLOCK + 1])
def test_what_is_saved_is_loaded_the_same(states, tmp_path):
    history = written(states)
    assert_same(back(history, tmp_path), history)


def test_several_row_groups_are_one_history(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "GROUP_ROWS", 128)
    history = written(1000)
    assert_same(back(history, tmp_path), history)
    file = pyarrow.parquet.ParquetFile(tmp_path / "x.parquet")
    assert file.num_row_groups > 7


@settings(max_examples=25)
@given(st.integers(0, 400), st.integers(0, 400))
@example(298, 302)  # its second to last states are of one second, which an earlier one begins
def test_a_slice_is_saved_as_it_is(tmp_path_factory, first, last):
    whole = SLICED or SLICED.append(written(400)) or SLICED
    part = whole[0][first:last]
    found = back(part, tmp_path_factory.mktemp("slice"))
    assert_same(found, part)
    for name in ("funding_rate", "long_short_ratio"):
        values = part.context.at(part, name)
        assert np.array_equal(found.context.at(found, name), values, equal_nan=True)


SLICED: list[obi.History] = []


@pytest.mark.slow
def test_what_was_dropped_before_still_counts(tmp_path):
    history = written(4 * BLOCK, 1, capacity=BLOCK)
    assert history.start > 0
    found = back(history, tmp_path)
    assert_same(found, history)
    signal = find("trade_imbalance")
    values = signal(history, window=20.0)
    assert np.isfinite(values).any()
    assert np.array_equal(signal(found, window=20.0), values, equal_nan=True)


def test_arrays_without_trades_stay_without(tmp_path):
    history = obi.History.from_arrays([T0], [1.0], [1.0], [2.0], [1.0])
    found = back(replace(history, strict=True), tmp_path)
    assert_same(found, replace(history, strict=True))
    assert not found.trades.streamed


@pytest.mark.parametrize("symbol", ["btc", pytest.param("eth", marks=pytest.mark.slow)])
@pytest.mark.parametrize("interval", [0, 0.1])
def test_a_capture_comes_back_to_the_bit(symbol, interval, tmp_path):
    days = [captured(f"binance_usdm/{symbol}usdt_202407{day}.gz") for day in (18, 19)]
    history = obi.load(days, interval=interval)
    found = back(history, tmp_path)
    assert_same(found, history)
    assert obi.imbalance(found).tobytes() == obi.imbalance(history).tobytes()
    assert np.array_equal(found.taken.bought_steps, history.taken.bought_steps)


def test_any_reader_of_parquet_shows_the_columns(tmp_path):
    history = written(50)
    table = pyarrow.parquet.read_table(history.save(tmp_path / "x.parquet")).to_pandas()
    assert len(table) == len(history)
    assert str(table["time"].dt.tz) == "UTC"
    assert table["bid"].to_numpy().tobytes() == history.bid.tobytes()
    assert sum(map(len, table["trades"])) == len(history.trades)
    first = next(one for one in table["trades"] if len(one))[0]
    assert first["lots"] == history.trades.amounts[1, 0]


# -- what is not taken -------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    return written(2000).save(tmp_path / "x.parquet")


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(share * len(data))])
    with pytest.raises(
        RecordingError, match=r"x\.parquet is a truncated or damaged Parquet file.*Save it again"
    ):
        obi.load(saved)


@pytest.mark.parametrize("place", range(3, 100, 4))
def test_a_byte_that_changed_is_noticed_or_changes_nothing(saved, place):
    expected, data = obi.load(saved), bytearray(saved.read_bytes())
    data[place * len(data) // 100] ^= 0xFF
    saved.write_bytes(data)
    if place < 90:
        with pytest.raises(RecordingError, match="damaged"):
            obi.load(saved)
        return
    # Some of what stands at the end is only for other readers.
    with suppress(RecordingError):
        assert_same(obi.load(saved), expected)


@pytest.mark.parametrize("opened", [obi.Lab, obi.Session])
def test_a_lab_of_a_saved_history_shows_it(saved, opened):
    shown = opened(saved)
    try:
        assert_same(shown.history, obi.load(saved))
    finally:
        shown.close()


def test_saved_histories_and_recordings_are_not_loaded_in_one(saved):
    recording = Path(__file__).parent / "data" / "lmex.txt"
    for paths in ([saved, recording], [recording, saved]):
        with pytest.raises(RecordingError) as error:
            obi.load(paths)
        assert str(error.value) == (
            "x.parquet is a Parquet table, and lmex.txt is not. Load each by itself, and join them "
            "by obi.History.concat."
        )


def test_other_tables_say_what_to_do(tmp_path):
    path = tmp_path / "other.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"price": [1.0]}), path)
    with pytest.raises(RecordingError, match=r"History\.save did not write.*read_parquet"):
        obi.load(path)


def changed(path, **facts):
    """Write a file anew with other facts, whose checksum is right."""
    table = pyarrow.parquet.read_table(path)
    said = json.loads(table.schema.metadata[b"obi"]) | facts
    del said["checksum"]
    said["checksum"] = parquet._sum(said)
    meta = {b"obi": json.dumps(said)}
    pyarrow.parquet.write_table(table.replace_schema_metadata(meta), path)
    return path


def test_a_later_version_and_wrong_facts_are_refused(saved):
    with pytest.raises(RecordingError, match=r"version 2.*pip install -U"):
        obi.load(changed(saved, version=2))
    with pytest.raises(RecordingError, match="damaged: its contents differ"):
        obi.load(changed(saved, version=1, tick_size=0.2))
    with pytest.raises(RecordingError, match="truncated or damaged"):
        obi.load(changed(saved, tick_size=0.1, levels=7))


def test_what_a_file_was_not_saved_with_is_refused(saved):
    assert obi.load(saved, levels=3, interval=0, market="sim:X", strict=True).strict
    with pytest.raises(SettingsError, match="saved with levels=3, so levels=5 is not possible"):
        obi.load(saved, levels=5)
    with pytest.raises(SettingsError, match=r"interval=0\.0, so interval=1 is not"):
        obi.load(saved, interval=1)
    with pytest.raises(RecordingError, match="is of sim:X, not of sim:Y"):
        obi.load(saved, market="sim:Y")


EARLIER = {
    "without_depth": "depth by price bin and large levels",
    "without_large_levels": "large levels",
}
"""Files that earlier versions wrote: 60 states of ``obi.simulate(seconds=20, seed=1, levels=3)``,
by the code of the commits 685e89c and c8bd89d; and what they lack."""


@pytest.mark.parametrize("name", EARLIER)
def test_a_file_of_an_earlier_version_is_loaded_with_empty_tables(name, tmp_path):
    path = Path(__file__).parent / "data" / f"{name}.parquet"
    written_by = pyarrow.parquet.read_schema(path)
    assert "large_levels" not in written_by.names
    history = obi.load(path)
    assert history.sha256() == "c7cd0706e928848aa4b82f460a3dcd06df90e82fd30d6f43c6bc6a1afee15e81"
    assert history.trades.sha256() == (
        "65a6012d08b3c01e71d7c035d4a2037ac919bcf660d37b70b385e57be4e18321"
    )
    assert (len(history), len(history.trades)) == (60, 67)
    assert history.flow is not None
    assert len(history.large_levels) == 0
    assert len(history.depth) == (7 if "depth" in written_by.names else 0)
    assert history.notes == (
        f"{name}.parquet was saved by an earlier version, so its {EARLIER[name]} are unknown, "
        "not empty.",
    )
    # What follows takes the empty tables.
    part = history[10:40]
    assert len(part.large_levels) == 0
    assert history.large_levels.to_frame().empty
    assert history.depth.to_frame().empty == (name == "without_depth")
    again = back(history, tmp_path)
    assert (again.sha256(), again.notes) == (history.sha256(), history.notes)
    assert again.depth.sha256() == history.depth.sha256()
    later = obi.simulate("sim:BTC-PERP", seconds=60, seed=1, levels=3)[100:]
    joined = obi.History.concat([history, later])
    assert joined.large_levels.price.tolist() == later.large_levels.price.tolist()
    assert len(joined.depth) == len(history.depth) + len(later.depth)
    posted = obi.Settings(
        depth=3, threshold=0.1, hold_seconds=0.5, execution="post_only", wait_seconds=0.5
    )
    assert len(obi.entries(history, posted)) > 0


def test_several_files_are_joined(tmp_path):
    history = written(200)
    paths = [
        history[rows].save(tmp_path / f"{name}.parquet")
        for name, rows in (("a", slice(0, 80)), ("b", slice(80, None)))
    ]
    joined = obi.load(paths)
    assert len(joined) == len(history) + 1
    assert joined.trades.sha256() == history.trades.sha256()


def test_a_save_that_fails_leaves_what_was_there(saved, monkeypatch, tmp_path):
    before = saved.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet.os, "fsync", full)
    with pytest.raises(HistoryError, match="No space left on device"):
        written(10).save(saved)
    assert saved.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["x.parquet"]


def test_another_ending_and_a_missing_folder_are_refused(tmp_path):
    with pytest.raises(HistoryError, match=r"does not end in \.parquet"):
        written(5).save(tmp_path / "x.csv")
    with pytest.raises(HistoryError, match=r"cannot be written.*Make its folder first"):
        written(5).save(tmp_path / "none" / "x.parquet")


def test_without_pyarrow_it_says_what_to_install(saved, monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *rest)

    history = written(5)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(HistoryError, match=r"pip install 'obi-widgets\[parquet\]'"):
        history.save(saved)
    with pytest.raises(HistoryError, match=r"pip install 'obi-widgets\[parquet\]'"):
        obi.load(saved)
