"""Arrays of events of hftbacktest, of its version 1 and its version 2."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from formats_tools import SECOND, T0, book_events, captured_trades, load, refused, states

EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
LATE = 5_000_000  # ns from exchange to receipt

V2 = np.dtype(
    [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8"),
     ("order_id", "u8"), ("ival", "i8"), ("fval", "f8")], align=True
)  # fmt: skip
V2_SMALL = np.dtype([("ev", "i8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f4"),
                     ("qty", "f4")])  # fmt: skip

# Kind, side, seconds after the beginning, price, size.
EVENTS = [
    (CLEAR, +1, 0, 99.5, 0), (SNAPSHOT, +1, 0, 100.0, 1), (SNAPSHOT, +1, 0, 99.5, 2),
    (CLEAR, -1, 0, 101.0, 0), (SNAPSHOT, -1, 0, 100.5, 3), (SNAPSHOT, -1, 0, 101.0, 4),
    (TRADE, -1, 1, 100.0, 1), (TRADE, +1, 1, 100.5, 0.75),
    (DEPTH, +1, 1, 100.0, 0), (DEPTH, -1, 1, 100.5, 2.25),
    (DEPTH, +1, 2, 99.1, 7), (BBO, +1, 2, 99.5, 2),
]  # fmt: skip
STATES = [
    (T0, [100, 99.5, -1], [1, 2, 0], [100.5, 101, -1], [3, 4, 0]),
    (T0 + SECOND, [99.5, -1, -1], [2, 0, 0], [100.5, 101, -1], [2.25, 4, 0]),
    (T0 + 2 * SECOND, [99.5, 99.1, -1], [2, 7, 0], [100.5, 101, -1], [2.25, 4, 0]),
]


def version_2(events=EVENTS, dtype=V2, flags=EXCH | LOCAL):
    array = np.zeros(len(events), dtype)
    for row, (kind, side, second, price, size) in zip(array, events, strict=True):
        time = T0 + round(second * SECOND)
        row["ev"] = kind | flags | {1: BUY, -1: SELL, 0: 0}[side]
        row["exch_ts"], row["local_ts"] = time, time + LATE
        row["px"], row["qty"] = price, size
    return array


def version_1(events=EVENTS, unit=1000):
    rows = version_2(events)
    return np.stack(
        [[one[0] for one in events], rows["exch_ts"] // unit, rows["local_ts"] // unit,
         [one[1] for one in events], rows["px"], rows["qty"]], axis=1,
    ).astype(float)  # fmt: skip


MAKE = {"2": version_2, "2 with float32": lambda: version_2(dtype=V2_SMALL), "1": version_1,
        "1 in ms": lambda: version_1(unit=10**6)}  # fmt: skip


@pytest.mark.parametrize("version", MAKE)
@pytest.mark.parametrize("pack", ["a.npz", "stored.npz", "a.npy"])
def test_each_version_gives_the_same_states(tmp_path, version, pack):
    path, array = tmp_path / pack, MAKE[version]()
    if pack.endswith("npy"):
        np.save(path, array)
    else:
        (np.savez_compressed if pack[0] == "a" else np.savez)(path, data=array)
    history, told = load(path, levels=3)
    assert states(history) == STATES
    assert (history.received - history.time == LATE).all()
    assert not told
    table = history.trades
    assert (table.side.tolist(), table.price.tolist()) == ([-1, 1], [100.0, 100.5])
    assert table.size.tolist() == [1, 0.75]
    assert history.trade_ends.tolist() == [0, 0, 2]  # received with the second state
    notes = " ".join(history.notes)
    assert "The market is not in the file" in notes
    assert "The tick size is not in the file" in notes
    assert "event 5 1" in notes  # best prices, which are not used


def save(path, array):
    np.savez_compressed(path, data=array)
    return path


def test_what_only_the_exchange_saw_is_left_out(tmp_path):
    """A late event is there twice: where the exchange had it, and where it was received."""
    array = version_2([*EVENTS, EVENTS[-2]])
    array[-1]["ev"] = DEPTH | BUY | EXCH
    array[-1]["px"] = 98
    history, _ = load(save(tmp_path / "a.npz", array), levels=3)
    assert states(history) == STATES


def test_an_event_without_a_time_at_the_exchange_has_that_of_its_receipt(tmp_path):
    array = version_1()
    array[-2, 1] = -1
    history, _ = load(save(tmp_path / "a.npz", array), levels=3)
    assert history.time[-1] == T0 + 2 * SECOND + LATE
    assert "1 events of a.npz have no exchange time" in " ".join(history.notes)


def test_the_market_is_that_of_the_argument(tmp_path):
    history, _ = load(save(tmp_path / "a.npz", version_2()), market="bybit:BTCUSDT", levels=3)
    assert (history.instrument.venue, history.instrument.symbol) == ("bybit", "BTCUSDT")


def test_a_snapshot_of_its_own_has_the_time_of_the_file_after_it(tmp_path):
    snapshot = version_2([one for one in EVENTS if one[0] == SNAPSHOT])
    snapshot["exch_ts"] = snapshot["local_ts"] = 0
    changes = version_2(EVENTS[6:])
    paths = [save(tmp_path / "s.npz", snapshot), save(tmp_path / "d.npz", changes)]
    history, told = load(paths, levels=3)
    assert not told
    assert [one[1:] for one in states(history)] == [one[1:] for one in STATES]
    assert history.time[0] == history.received[0] == T0 + SECOND + LATE
    assert "s.npz is a snapshot without a time" in str(refused(paths[0]))
    assert "d.npz has no book of any market" in str(refused(paths[1]))


def test_a_side_that_is_emptied_without_a_snapshot_is_a_gap(tmp_path):
    events = [*EVENTS, (CLEAR, +1, 3, 0, 0), (DEPTH, +1, 4, 99, 1), *[
        (kind, side, second + 5, price, size) for kind, side, second, price, size in EVENTS[:6]
    ]]  # fmt: skip
    history, told = load(save(tmp_path / "a.npz", version_2(events)), levels=3)
    assert [one[0] for one in states(history)] == [T0 + s * SECOND for s in (0, 1, 2, 5)]
    assert history.gaps == 1
    assert "The file empties the book." in told


def test_a_message_may_lie_across_two_batches(tmp_path, monkeypatch):
    path = save(tmp_path / "a.npz", version_2())
    for batch in (1, 2, 5):
        monkeypatch.setattr("obi_widgets.feeds.formats.hftbacktest.BATCH", batch)
        assert states(load(path, levels=3)[0]) == STATES


@pytest.mark.parametrize(
    ("row", "field", "value", "what"),
    [
        (8, "local_ts", 17, "event 8: it has a time in another unit"),
        (8, "local_ts", T0, "event 8: it is out of order"),
        (8, "px", np.nan, "event 8: it has no price"),
        (8, "px", -1, "event 8: it has no price"),
        (8, "qty", np.nan, "event 8: it has no size"),
        (0, "local_ts", 17, "event 0: it has a time between 2000 and 2100 in no unit"),
    ],
)
def test_a_bad_event_is_refused_with_its_number(tmp_path, row, field, value, what):
    array = version_2()
    array[row][field] = value
    error = refused(save(tmp_path / "a.npz", array))
    assert f"a.npz, {what}" in str(error)
    assert error.path.name == "a.npz"


def test_a_trade_without_a_side_is_told(tmp_path):
    events = [*EVENTS, (TRADE, 0, 3, 100, 1)]
    history, _ = load(save(tmp_path / "a.npz", version_2(events)), levels=3)
    assert len(history.trades) == 2
    assert "trade whose taker is unknown 1" in " ".join(history.notes)


@pytest.mark.parametrize("store", [np.savez, np.savez_compressed])
def test_a_file_that_is_cut_off_keeps_what_is_whole(tmp_path, store):
    random = np.random.default_rng(1)
    events = [*EVENTS[:6], *((DEPTH, +1, 1 + n, 99.0, random.integers(1, 10**6) / 64)
                             for n in range(5000))]  # fmt: skip
    path = tmp_path / "a.npz"
    store(path, data=version_2(events))
    whole, _ = load(path, levels=3)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not zipfile.is_zipfile(path)
    history, told = load(path, levels=3)
    assert 500 < len(history) < 4500
    assert states(history) == states(whole)[: len(history)]
    assert f"a.npz is cut off after event {len(history) + 5:,} of 5,006." in told


@pytest.mark.parametrize("store", [np.savez, np.savez_compressed, lambda path, data: np.savez(
    path, other=data, more=np.zeros(3))], ids=["stored", "packed", "of two"])  # fmt: skip
def test_a_number_that_differs_from_what_was_stored_is_told(tmp_path, store):
    path = tmp_path / "a.npz"
    store(path, data=version_2())
    _, told = load(path, levels=3)
    assert "checksum" not in told
    data = bytearray(path.read_bytes())
    at = data.index(np.float64(2.25).tobytes()) if store is not np.savez_compressed else 0
    if at:
        data[at + 4] ^= 1
    else:  # of the packed one, the checksum of the archive is another, in both its places
        with zipfile.ZipFile(path) as archive:
            right = archive.infolist()[0].CRC.to_bytes(4, "little")
        data = data.replace(right, bytes(4))
    path.write_bytes(data)
    _, told = load(path, levels=3)
    assert told == "a.npz does not match its checksum: a number may be wrong."


def test_other_arrays_are_no_events(tmp_path):
    for number, array in enumerate((np.zeros((3, 5)), np.zeros(6), np.zeros(3, [("px", "f8")]))):
        assert "is a NumPy archive" in str(refused(save(tmp_path / f"{number}.npz", array)))
    candles = np.array([[T0 / 1e9 + n, 100, 101, 99, 100, 5] for n in range(3)])
    assert "is a NumPy archive" in str(refused(save(tmp_path / "candles.npz", candles)))
    objects = np.empty(2, dtype=[(name, object) for name in ("ev", "exch_ts", "local_ts", "px",
                                                             "qty")])  # fmt: skip
    assert "it has objects of Python" in str(refused(save(tmp_path / "o.npz", objects)))


# -- against captures ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_capture_in_this_format_gives_the_states_of_the_capture(tmp_path, captures):
    rows = []
    for received, snapshot, event in book_events(captures["btcusdt"]):
        kind, time = (SNAPSHOT if snapshot else DEPTH), event["T"] * 10**6
        for side, levels in ((BUY, event["b"]), (SELL, event["a"])):
            if snapshot:
                rows.append((CLEAR | side, time, received, float(levels[-1][0]), 0))
            rows += [(kind | side, time, received, float(p), float(q)) for p, q in levels]
    rows += [
        (TRADE | (SELL if one["m"] else BUY), one["T"] * 10**6, received, float(one["p"]),
         float(one["q"])) for received, one in captured_trades(captures["btcusdt"])
    ]  # fmt: skip
    array = np.zeros(len(rows), V2)
    for name, column in zip(("ev", "exch_ts", "local_ts", "px", "qty"), zip(*rows, strict=True),
                            strict=True):  # fmt: skip
        array[name] = column
    array["ev"] |= EXCH | LOCAL
    array = array[np.argsort(array["local_ts"], kind="stable")]
    history, told = load(save(tmp_path / "a.npz", array), levels=20)
    frames, _ = load(captures["btcusdt"], levels=20)
    assert len(history) == len(frames) > 9000
    assert history.sha256() == frames.sha256()
    assert np.array_equal(history.flow.order_flow, frames.flow.order_flow)
    for column in ("time", "price", "size", "side"):
        assert np.array_equal(getattr(history.trades, column), getattr(frames.trades, column))
    assert not told
